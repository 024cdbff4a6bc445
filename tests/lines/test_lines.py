"""The contract of the lines: one suite over simulated lines, over libgpiod with a behaving chip, and over lgpio.

And over libgpiod with lines of a kernel, where the appliance runs it (tests/appliance/test_lines.py).
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time

import pytest

from kioskd.lines.lines import open_lines
from kioskd.lines.naming import LineError

PATIENCE_S = 5.0


class Heard:
    """What a button reported, and in which thread."""

    def __init__(self) -> None:
        self.facts: queue.SimpleQueue[tuple[str, float, int]] = queue.SimpleQueue()

    def press(self, at: float) -> None:
        self.facts.put(("press", at, threading.get_ident()))

    def release(self, at: float) -> None:
        self.facts.put(("release", at, threading.get_ident()))

    def next(self) -> tuple[str, float, int]:
        return self.facts.get(timeout=PATIENCE_S)


# -- buttons -------------------------------------------------------------------------------------


@pytest.mark.parametrize("pull, pressed", [("up", False), ("down", True)])
def test_a_button_reports_press_and_release_from_a_driver_thread_in_monotonic_time(rig, pull, pressed) -> None:
    heard = Heard()
    button = rig.lines.button("GPIO17", pull, 0.0, heard.press, heard.release)
    before = time.monotonic()
    assert not button.is_pressed
    rig.drive("GPIO17", pressed)
    what, down_at, thread = heard.next()
    assert what == "press" and thread != threading.get_ident()
    assert button.is_pressed
    rig.drive("GPIO17", not pressed)
    what, up_at, _ = heard.next()
    assert what == "release"
    assert before <= down_at <= up_at <= time.monotonic()


def test_two_buttons_do_not_hear_each_other(rig) -> None:
    one, two = Heard(), Heard()
    rig.lines.button("GPIO5", "up", 0.0, one.press, one.release)
    rig.lines.button("GPIO6", "up", 0.0, two.press, two.release)
    rig.drive("GPIO6", False)
    assert two.next()[0] == "press"
    assert one.facts.empty()


def test_a_callback_that_fails_does_not_make_the_button_deaf(rig) -> None:
    heard, failures = Heard(), []

    def fail(at: float) -> None:
        failures.append(at)
        raise RuntimeError("out of order")

    rig.lines.button("GPIO17", "up", 0.0, fail, heard.release)
    rig.drive("GPIO17", False)
    rig.drive("GPIO17", True)
    assert heard.next()[0] == "release"
    assert len(failures) == 1
    assert rig.lines.snapshot()["callback_errors"] == 1


def test_a_closed_button_is_silent(rig) -> None:
    closed, other = Heard(), Heard()
    button = rig.lines.button("GPIO17", "up", 0.0, closed.press, closed.release)
    rig.lines.button("GPIO18", "up", 0.0, other.press, other.release)
    button.close()
    button.close()
    if rig.name == "gpiod":
        rig.drive("GPIO17", False)
    rig.drive("GPIO18", False)
    assert other.next()[0] == "press"
    assert closed.facts.empty()


def test_a_button_may_ask_the_driver_to_drop_short_changes(rig) -> None:
    heard = Heard()
    rig.lines.button("GPIO17", "up", 0.005, heard.press, heard.release)
    rig.drive("GPIO17", False)
    assert heard.next()[0] == "press"


# -- relays --------------------------------------------------------------------------------------


@pytest.mark.parametrize("active, off", [("high", False), ("low", True)])
def test_a_relay_is_released_from_the_start_and_moves_with_its_polarity(rig, active, off) -> None:
    relay = rig.lines.relay("GPIO27", active)
    assert rig.wire("GPIO27") == off and not relay.is_on
    relay.on()
    assert rig.wire("GPIO27") != off and relay.is_on
    relay.off()
    relay.off()
    assert rig.wire("GPIO27") == off and not relay.is_on
    assert relay.name == "GPIO27"


@pytest.mark.parametrize("active", ["high", "low"])
def test_make_safe_releases_every_relay_from_any_thread_and_they_work_afterwards(rig, active) -> None:
    relays = [rig.lines.relay(pin, active) for pin in ("GPIO22", "GPIO23")]
    for relay in relays:
        relay.on()
    thread = threading.Thread(target=rig.lines.make_safe)
    thread.start()
    thread.join(PATIENCE_S)
    assert not any(relay.is_on for relay in relays)
    relays[0].on()
    assert relays[0].is_on


def test_a_relay_of_closed_lines_can_be_released_but_never_energised(rig) -> None:
    relay = rig.lines.relay("GPIO27", "high")
    relay.on()
    rig.lines.close()
    relay.off()
    assert not relay.is_on
    with pytest.raises(LineError, match="GPIO27 is closed"):
        relay.on()


def test_a_lamp_whose_driver_fails_at_the_end_keeps_no_other_line(rig, caplog) -> None:
    class Broken(Exception):
        """As lgpio's own error: no OSError."""

    def fail() -> None:
        raise Broken("unknown handle")

    lamp, relay = rig.lines.lamp("GPIO5", None, None, None, "high"), rig.lines.relay("GPIO27", "high")
    lamp.channels["single"].off = fail
    rig.lines.close()
    assert relay.device.closed and relay.fuse._closed
    assert "unknown handle" in caplog.text


def test_closing_twice_is_closing_once(rig) -> None:
    rig.lines.relay("GPIO27", "high")
    rig.lines.close()
    rig.lines.close()


# -- inputs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("pull, active_level", [("up", False), ("down", True), ("none", True)])
def test_an_input_reads_its_level_with_polarity(rig, pull, active_level) -> None:
    line = rig.lines.input("GPIO6", pull)
    assert not line.active
    rig.drive("GPIO6", active_level)
    end = time.monotonic() + PATIENCE_S
    while not line.active and time.monotonic() < end:
        time.sleep(0.002)
    assert line.active
    assert line.name == "GPIO6"


# -- lamps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("active, lit", [("high", True), ("low", False)])
def test_a_lamp_of_three_lines_shows_each_channel(rig, active, lit) -> None:
    lamp = rig.lines.lamp(None, "GPIO10", "GPIO11", "GPIO12", active)
    levels = [rig.wire(pin) == lit for pin in ("GPIO10", "GPIO11", "GPIO12")]
    assert levels == [False, False, False]
    lamp.set(1.0, 0.0, 1.0)
    assert [rig.wire(pin) == lit for pin in ("GPIO10", "GPIO11", "GPIO12")] == [True, False, True]


def test_a_single_lamp_shows_the_largest_channel(rig) -> None:
    lamp = rig.lines.lamp("GPIO10", None, None, None, "high")
    lamp.set(0.0, 0.0, 1.0)
    assert rig.wire("GPIO10")
    lamp.set(0.0, 0.0, 0.0)
    assert not rig.wire("GPIO10")


def test_a_lamp_can_be_dimmed_or_is_on_and_full_and_dark_still_work_afterwards(rig) -> None:
    lamp = rig.lines.lamp("GPIO10", None, None, None, "high")
    lamp.set(0.0, 0.3, 0.0)
    if rig.name != "lgpio":  # there the duty goes to the driver, see test_line
        assert rig.wire("GPIO10") == (0.3 if rig.name == "simulated" else 1)
    lamp.set(0.0, 1.0, 0.0)
    assert rig.wire("GPIO10") == 1
    lamp.set(0.0, 0.3, 0.0)
    lamp.set(0.0, 0.0, 0.0)
    assert rig.wire("GPIO10") == 0


# -- names, doubles, status ----------------------------------------------------------------------


def test_a_line_of_another_chip_is_named_by_label_and_offset(rig) -> None:
    heard = Heard()
    rig.lines.button("pcf8574:3", "up", 0.0, heard.press, heard.release)
    relay = rig.lines.relay("pcf8574:4", "low")
    relay.on()
    assert relay.is_on
    rig.drive("pcf8574:3", False)
    assert heard.next()[0] == "press"


def test_a_line_that_is_used_twice_is_refused_in_a_sentence(rig) -> None:
    rig.lines.relay("GPIO27", "high")
    with pytest.raises(LineError, match="GPIO27 is used twice in the configuration: it already is the relay"):
        rig.lines.button("GPIO27", "up", 0.0, lambda at: None, lambda at: None)


@pytest.mark.parametrize("pin", ["GPIO99", "nochip:3", "17", "GPIO", "GPIO07", ":3", ""])
def test_a_line_that_does_not_exist_is_refused_by_name(rig, pin) -> None:
    if rig.name == "simulated" and ":" in pin[1:]:
        return  # a simulated board has every expander
    with pytest.raises(LineError, match=pin or "''"):
        rig.lines.relay(pin, "high")


def test_the_snapshot_says_what_every_line_is_and_who_serves_it(rig) -> None:
    rig.lines.relay("GPIO27", "low").on()
    rig.lines.input("GPIO6", "up")
    rig.lines.lamp("GPIO10", None, None, None, "high")
    shown = rig.lines.snapshot()
    moves = "gpiod" if rig.name == "lgpio" else rig.name
    assert shown["lines"] == {
        "GPIO27": {"role": "relay", "factory": moves, "function": "output", "value": 1},
        "GPIO6": {"role": "input", "factory": rig.name, "function": "input", "value": 0},
        "GPIO10": {"role": "lamp single", "factory": rig.name, "function": "output", "value": 0},
    }
    assert shown["why"]
    rig.lines.close()
    assert rig.lines.snapshot()["lines"]["GPIO27"]["function"] == "closed"


# -- the simulated world, and facts --------------------------------------------------------------


def test_only_simulated_lines_can_be_pressed_from_outside(rig) -> None:
    heard = Heard()
    rig.lines.button("GPIO17", "up", 0.0, heard.press, heard.release)
    if rig.name == "simulated":
        rig.lines.press("GPIO17")
        rig.lines.release("GPIO17")
        assert [heard.next()[0], heard.next()[0]] == ["press", "release"]
    else:
        with pytest.raises(LineError, match="set panel.pins: simulated"):
            rig.lines.press("GPIO17")


def test_a_pin_without_input_cannot_be_pressed(rig) -> None:
    rig.lines.relay("GPIO27", "high")
    with pytest.raises(LineError, match="GPIO27 is neither a button nor an input"):
        rig.lines.press("GPIO27")


def test_the_facts_name_every_relay_with_its_polarity_and_replace_the_old_ones_whole(rig, tmp_path) -> None:
    path = tmp_path / "pins.json"
    rig.lines.relay("GPIO27", "low")
    rig.lines.write_facts(str(path))
    rig.lines.relay("pcf8574:4", "high")
    rig.lines.write_facts(str(path))
    facts = json.loads(path.read_text())
    real = rig.name != "simulated"
    assert facts == {
        "pins": "gpio" if real else "simulated",
        "relays": [
            {"pin": "GPIO27", "place": "pinctrl-bcm2711:27" if real else None, "active": "low"},
            {"pin": "pcf8574:4", "place": "pcf8574:4" if real else None, "active": "high"},
        ],
    }
    assert [entry.name for entry in tmp_path.iterdir()] == ["pins.json"]


def test_make_safe_goes_on_when_one_relay_cannot_be_released_and_says_so(board, caplog) -> None:
    lines = open_lines("gpio", None, board.seen())
    broken, sound = lines.relay("pcf8574:4", "high"), lines.relay("GPIO27", "high")
    broken.on()
    sound.on()
    board.chips["/dev/gpiochip1"].unplug()
    lines.make_safe()
    assert not sound.is_on
    assert lines.safe_failures == 1 and "pcf8574:4 could not be released" in caplog.text
    assert "the chip is gone" in lines.snapshot()["lines"]["pcf8574:4"]["reason"]
    lines.close()


def test_a_driver_that_does_not_return_from_releasing_is_told(board, monkeypatch) -> None:
    from kioskd.lines import fuse, lines as room

    monkeypatch.setattr(fuse, "GRACE_S", 0.0)
    monkeypatch.setattr(room, "HANGS_S", 0.05)
    lines = open_lines("gpio", None, board.seen())
    relay = lines.relay("GPIO27", "high", longest_s=0.01)
    entered, over = threading.Event(), threading.Event()

    def hang(level: bool) -> None:
        if not level:
            entered.set()
            over.wait(PATIENCE_S)

    relay.on()
    monkeypatch.setattr(board.line("GPIO27"), "write", hang)
    assert entered.wait(PATIENCE_S)
    time.sleep(0.06)
    assert lines.hanging() == "the driver of GPIO27 hangs while the relay should be released"
    over.set()
    relay.fuse.close()
    relay.fuse._thread.join(PATIENCE_S)
    assert lines.hanging() == ""
    lines.close()


def test_pins_of_an_unknown_kind_are_refused() -> None:
    with pytest.raises(LineError, match="write gpio or simulated"):
        open_lines("usb", None)


def test_libraries_are_loaded_when_they_are_needed() -> None:
    code = (
        "import sys; from kioskd.lines.lines import open_lines; "
        "assert not {'gpiozero', 'gpiod', 'lgpio'} & set(sys.modules); open_lines('simulated', None); "
        "assert 'gpiozero' in sys.modules and not {'gpiod', 'lgpio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
