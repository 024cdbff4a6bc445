"""Simulated lines and their driver thread."""

from __future__ import annotations

import threading

import pytest

from kioskd.lines.lines import open_lines
from kioskd.lines.naming import LineError
from kioskd.lines.simulated import SimulatedSource

PATIENCE_S = 5.0


def test_the_header_ends_where_a_real_one_ends() -> None:
    source = SimulatedSource()
    assert source.factory("GPIO27", moves=True)[0] == "simulated"
    with pytest.raises(LineError, match="GPIO0 to GPIO27"):
        source.factory("GPIO28", moves=True)
    source.close()


def test_no_thread_runs_before_something_is_pressed() -> None:
    lines = open_lines("simulated", None)
    lines.button("GPIO17", "up", 0.0, lambda at: None, lambda at: None)
    assert not [thread for thread in threading.enumerate() if thread.name == "lines-simulated"]
    lines.close()


def test_pressing_does_not_wait_for_the_callback() -> None:
    lines = open_lines("simulated", None)
    go, done = threading.Event(), threading.Event()

    def slow(at: float) -> None:
        go.wait(PATIENCE_S)
        done.set()

    lines.button("GPIO17", "up", 0.0, slow, lambda at: None)
    lines.press("GPIO17")
    assert not done.is_set()
    go.set()
    assert done.wait(PATIENCE_S)
    lines.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "lines-simulated"]


def test_a_line_that_cannot_be_driven_does_not_end_the_thread(caplog) -> None:
    lines = open_lines("simulated", None)
    pressed = threading.Event()
    lines.button("GPIO17", "up", 0.0, lambda at: pressed.set(), lambda at: None)
    relay = lines.relay("GPIO27", "high")
    source = lines._source
    source.drive(relay.device.pin, True)  # an output is not the world's to drive
    lines.press("GPIO17")
    assert pressed.wait(PATIENCE_S)
    assert source.errors == 1 and "could not be driven" in caplog.text
    assert lines.snapshot()["callback_errors"] == 1
    lines.close()


def test_what_is_no_simulated_pin_is_refused() -> None:
    source = SimulatedSource()
    with pytest.raises(LineError, match="is no simulated pin"):
        source.drive("GPIO17", True)
    source.close()
