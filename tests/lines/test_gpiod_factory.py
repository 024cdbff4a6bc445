"""Our pin factory, asked as gpiozero asks: its own devices work on it."""

from __future__ import annotations

import threading

import gpiozero
import pytest

from kioskd.lines.gpiod_factory import GpiodFactory
from kioskd.lines.naming import LineError

PATIENCE_S = 5.0


@pytest.fixture
def factory(board):
    made = GpiodFactory(board.seen())
    yield made
    made.close()


def test_gpiozeros_own_led_and_button_work_on_it(board, factory) -> None:
    pressed = threading.Event()
    led = gpiozero.LED("GPIO10", pin_factory=factory)
    button = gpiozero.Button("GPIO17", pin_factory=factory, bounce_time=0.001)
    button.when_pressed = pressed.set
    led.on()
    board.line("GPIO17").drive(False)
    assert pressed.wait(PATIENCE_S)
    assert board.line("GPIO10").level and button.is_pressed
    led.close()
    button.close()


def test_a_dimmed_led_is_refused_in_gpiozeros_own_words(factory) -> None:
    with pytest.raises(gpiozero.exc.PinPWMUnsupported):
        gpiozero.PWMLED("GPIO10", pin_factory=factory)


@pytest.mark.parametrize("active_high, driven", [(True, [False, True, False]), (False, [True, False, True])])
def test_an_output_never_shows_a_level_that_nobody_asked_for(board, factory, active_high, driven) -> None:
    device = gpiozero.OutputDevice("GPIO27", active_high=active_high, initial_value=False, pin_factory=factory)
    device.on()
    device.off()
    assert board.line("GPIO27").driven == driven
    device.close()
    assert board.line("GPIO27").driven == driven


def test_a_pin_is_the_same_object_every_time(factory) -> None:
    assert factory.pin("GPIO17") is factory.pin("GPIO17")
    assert factory.pin("pcf8574:3") is factory.pin("pcf8574:3")
    assert repr(factory.pin("pcf8574:3")) == "pcf8574:3"


def test_an_input_that_becomes_an_output_keeps_its_level(board, factory) -> None:
    pin = factory.pin("GPIO5")
    pin.input_with_pull("up")
    assert pin.pull == "up" and pin.state
    pin.function = "output"
    assert pin.function == "output" and board.line("GPIO5").driven == [True]
    pin.state = 0
    assert not pin.state
    pin.function = "input"
    assert pin.function == "input"


def test_wishes_that_make_no_sense_are_refused(factory) -> None:
    pin = factory.pin("GPIO5")
    pin.function = "input"
    with pytest.raises(gpiozero.exc.PinSetInput):
        pin.state = 1
    with pytest.raises(gpiozero.exc.PinInvalidPull):
        pin.pull = "sideways"
    with pytest.raises(gpiozero.exc.PinInvalidFunction):
        pin.function = "alt5"
    pin.output_with_state(0)
    with pytest.raises(gpiozero.exc.PinFixedPull):
        pin.pull = "up"


@pytest.mark.parametrize("edges, heard", [("rising", [True]), ("falling", [False]), ("both", [False, True])])
def test_only_the_edges_that_were_asked_for_are_reported(board, factory, edges, heard) -> None:
    levels, done = [], threading.Event()

    def changed(ticks: float, level: bool) -> None:
        levels.append(level)
        if len(levels) == len(heard):
            done.set()

    pin = factory.pin("GPIO17")
    pin.input_with_pull("up")
    pin.edges = edges
    pin.when_changed = changed
    assert pin.edges == edges and pin.when_changed is changed
    board.line("GPIO17").drive(False)
    board.line("GPIO17").drive(True)
    assert done.wait(PATIENCE_S)
    assert levels == heard


def test_the_driver_is_asked_to_debounce_when_bounce_is_set(board, factory) -> None:
    pin = factory.pin("GPIO17")
    pin.input_with_pull("up")
    pin.bounce = 0.01
    pin.when_changed = lambda ticks, level: None
    assert pin.bounce == 0.01
    assert board.line("GPIO17").settings.debounce_period.total_seconds() == 0.01
    pin.when_changed = None
    assert board.line("GPIO17").settings.debounce_period.total_seconds() == 0


def test_a_closed_pin_gives_its_line_back_and_can_be_used_again(board, factory) -> None:
    pin = factory.pin("GPIO17")
    pin.input_with_pull("up")
    pin.when_changed = lambda ticks, level: None
    pin.close()
    pin.close()
    assert board.line("GPIO17").request is None
    pin.output_with_state(1)
    assert board.line("GPIO17").level


def test_two_devices_on_one_pin_are_refused(factory) -> None:
    first = gpiozero.OutputDevice("GPIO5", pin_factory=factory)
    with pytest.raises(gpiozero.exc.GPIOPinInUse):
        gpiozero.InputDevice("GPIO5", pin_factory=factory)
    first.close()


def test_a_chip_that_is_pulled_out_is_told_to_who_listens(board, factory) -> None:
    told, sentences = threading.Event(), []
    pin = factory.pin("pcf8574:3")
    pin.input_with_pull("up")
    pin.when_lost = lambda sentence: (sentences.append(sentence), told.set())
    pin.when_changed = lambda ticks, level: None
    board.chips["/dev/gpiochip1"].unplug()
    assert told.wait(PATIENCE_S)
    assert sentences == ["pcf8574:3 (pcf8574 line 3): the chip is gone; plug it in again and restart kioskd."]
    with pytest.raises(LineError, match="the chip is gone"):
        pin.state


def test_time_is_the_kernels_monotonic_clock(factory) -> None:
    assert factory.ticks_diff(factory.ticks(), factory.ticks()) <= 0
