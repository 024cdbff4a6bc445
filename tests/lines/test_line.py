"""The lines that other rooms hold: what they do when the driver does not."""

from __future__ import annotations

import threading
import time

import pytest

from kioskd.lines import fuse
from kioskd.lines.line import LOCK_S, ButtonLine, speaking_of
from kioskd.lines.lines import open_lines
from kioskd.lines.naming import LineError


def test_a_relay_is_released_although_another_thread_is_stuck_in_it(board) -> None:
    lines = open_lines("gpio", None, board.seen())
    relay = lines.relay("GPIO27", "high")
    relay.on()
    relay._lock.acquire()
    started = time.monotonic()
    lines.make_safe()
    assert not board.line("GPIO27").level
    assert time.monotonic() - started < LOCK_S + 1
    with pytest.raises(LineError, match="another thread is stuck in it"):
        relay.on()
    relay._lock.release()
    lines.close()


def test_a_relay_whose_own_thread_is_stuck_is_released_by_its_fuse(board, monkeypatch, soon) -> None:
    monkeypatch.setattr(fuse, "GRACE_S", 0.0)
    lines = open_lines("gpio", None, board.seen())
    relay, wire = lines.relay("GPIO27", "low", longest_s=0.05), board.line("GPIO27")
    relay.on()
    assert wire.level is False
    held = next(iter(lines._source._gpiod._pins.values()))._held
    assert relay._lock.acquire(timeout=1) and held._lock.acquire(timeout=1)  # a driver that never came back
    assert soon(lambda: wire.level and relay.fuse.blown == 1)
    assert lines.snapshot()["fuses_blown"] == 1
    relay._lock.release()
    held._lock.release()
    lines.close()


@pytest.mark.parametrize("blown_before", [True, False])
def test_a_driver_that_energises_too_late_does_not_leave_the_line_without_a_fuse(
    board, monkeypatch, soon, blown_before: bool
) -> None:
    """A bus that hangs while the line is energised, and comes back when the line has been released in vain."""
    monkeypatch.setattr(fuse, "GRACE_S", 0.0)
    lines = open_lines("gpio", None, board.seen())
    relay, wire = lines.relay("GPIO27", "high", longest_s=0.05 if blown_before else 0.5), board.line("GPIO27")
    entered, go, energise = threading.Event(), threading.Event(), relay.device.on

    def late() -> None:
        entered.set()
        go.wait(5)
        energise()

    monkeypatch.setattr(relay.device, "on", late)
    thread = threading.Thread(target=relay.on, daemon=True)
    thread.start()
    assert entered.wait(5)
    if blown_before:
        assert soon(lambda: relay.fuse.blown == 1)
    else:
        relay.off()  # as a stop does; it cannot wait for the driver
    go.set()
    thread.join(5)
    assert wire.level, "so late"
    assert soon(lambda: not wire.level), "whoever energised it: its fuse releases it"
    lines.close()


def test_a_relay_that_is_released_in_time_keeps_its_fuse(board, monkeypatch, soon) -> None:
    monkeypatch.setattr(fuse, "GRACE_S", 0.0)
    lines = open_lines("gpio", None, board.seen())
    relay = lines.relay("GPIO27", "high", longest_s=0.05)
    for _ in range(3):
        relay.on()
        relay.off()
    time.sleep(0.1)
    assert relay.fuse.blown == 0
    lines.close()
    assert soon(lambda: not relay.fuse._thread.is_alive())


def test_many_threads_may_move_one_relay_and_the_last_word_counts(board) -> None:
    lines = open_lines("gpio", None, board.seen())
    relay = lines.relay("GPIO27", "low")
    threads = [threading.Thread(target=lambda: [relay.on(), relay.off()]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    relay.off()
    assert not relay.is_on
    lines.close()


def test_a_lost_line_says_so_whatever_is_asked_of_it(board) -> None:
    lines = open_lines("gpio", None, board.seen())
    relay, sensor = lines.relay("pcf8574:1", "high"), lines.input("pcf8574:2", "up")
    button = lines.button("pcf8574:3", "up", 0.0, lambda at: None, lambda at: None)
    lamp = lines.lamp("pcf8574:4", None, None, None, "high")
    board.chips["/dev/gpiochip1"].unplug()
    asked = [relay.on, relay.off, lambda: relay.is_on, lambda: sensor.active, lambda: button.is_pressed]
    for ask in [*asked, lambda: lamp.set(1.0, 0.0, 0.0)]:
        with pytest.raises(LineError, match="the chip is gone"):
            ask()
    lines.close()


@pytest.mark.parametrize("ticks", [1_700_000_000.0, -1.0, 0.0])
def test_a_stamp_of_another_clock_is_replaced_by_now(ticks) -> None:
    if time.monotonic() < 61:  # just after boot 0.0 is a possible stamp
        ticks = -1.0
    heard: list[float] = []
    button = ButtonLine("GPIO17", None, True, heard.append, heard.append)
    before = time.monotonic()
    button._changed(ticks, 0)
    assert before <= heard[0] <= time.monotonic()


def test_a_stamp_of_our_clock_is_kept() -> None:
    heard: list[float] = []
    at = time.monotonic() - 0.25
    ButtonLine("GPIO17", None, True, heard.append, heard.append)._changed(at, 0)
    assert heard == [at]


def test_the_driver_dims_where_it_can_and_is_left_alone_for_on_and_off(raspberry, tmp_path, board) -> None:
    lines = open_lines("gpio", str(tmp_path), board.seen())
    lamp = lines.lamp("GPIO10", None, None, None, "low")
    lamp.set(1.0, 0.0, 0.0)
    assert raspberry.pwm == {}
    lamp.set(0.25, 0.0, 0.0)
    assert raspberry.pwm[10] == (100.0, 75)
    lamp.set(0.0, 0.0, 0.0)
    assert raspberry.pwm[10] == (0, 0) and raspberry.gpio_read(0, 10) == 1
    lines.close()


def test_levels_beyond_the_scale_are_cut_to_it() -> None:
    lines = open_lines("simulated", None)
    lamp = lines.lamp("GPIO10", None, None, None, "high")
    lamp.set(7.0, 0.0, 0.0)
    assert lamp.channels["single"].pin.state == 1.0
    lines.close()


def test_a_closed_lamp_is_dark(board) -> None:
    lines = open_lines("gpio", None, board.seen())
    lamp = lines.lamp("GPIO10", None, None, None, "high")
    lamp.set(1.0, 0.0, 0.0)
    lamp.close()
    lamp.close()
    assert board.line("GPIO10").driven[-1] is False


def test_what_a_driver_raises_becomes_a_sentence_about_the_line() -> None:
    with pytest.raises(LineError, match="GPIO5: broken pipe"):
        with speaking_of("GPIO5"):
            raise OSError("broken pipe")
    with pytest.raises(ZeroDivisionError):
        with speaking_of("GPIO5"):
            raise ZeroDivisionError
