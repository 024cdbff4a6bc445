"""A relay's second thread: it releases what stays on too long, and nothing else."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from kioskd.lines import fuse
from kioskd.lines.fuse import Fuse

PATIENCE_S = 10.0
# A pulse, and what a test waits for to see that nothing happens. The product's grace is too long for that.
PULSE_S, GRACE_S = 0.05, 0.05


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuse, "GRACE_S", GRACE_S)
    monkeypatch.setattr(fuse, "RETRY_S", 0.01)


class Line:
    """A line that can be released, perhaps not at the first time."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.tried: list[float] = []
        self.released = threading.Event()

    def release(self) -> None:
        self.tried.append(time.monotonic())
        if len(self.tried) <= self.failures:
            raise OSError("the bus is busy")
        self.released.set()


def ended(one: Fuse) -> None:
    """Closed, and all has been said."""
    one.close()
    one._thread.join(PATIENCE_S)
    assert not one._thread.is_alive()


def test_a_line_that_stays_on_is_released_after_its_longest_time_and_a_grace(caplog: pytest.LogCaptureFixture) -> None:
    line = Line()
    one = Fuse("GPIO27", PULSE_S, line.release)
    armed_at = time.monotonic()
    one.arm()
    assert line.released.wait(PATIENCE_S)
    assert line.tried[0] - armed_at >= PULSE_S + GRACE_S
    ended(one)
    assert "GPIO27 was on for more than 0.05 s and was released by its fuse" in caplog.text and one.blown == 1


def test_a_line_that_was_released_in_time_is_left_alone() -> None:
    line = Line()
    one = Fuse("GPIO27", PULSE_S, line.release)
    one.arm()
    one.disarm()
    assert not line.released.wait(4 * (PULSE_S + GRACE_S)) and one.blown == 0
    one.close()


def test_a_second_energising_does_not_put_the_deadline_off() -> None:
    line = Line()
    one = Fuse("GPIO27", 0.3, line.release)
    armed_at = time.monotonic()
    one.arm()
    time.sleep(0.2)
    one.arm()
    assert line.released.wait(PATIENCE_S)
    assert one._due is None, "it was one deadline"
    assert line.tried[0] - armed_at >= 0.3 + GRACE_S
    one.close()


def test_a_release_that_fails_is_tried_until_it_is_done(caplog: pytest.LogCaptureFixture) -> None:
    line = Line(failures=3)
    one = Fuse("GPIO27", PULSE_S, line.release)
    with caplog.at_level(logging.ERROR):
        one.arm()
        assert line.released.wait(PATIENCE_S)
        ended(one)
    assert len(line.tried) == 4 and caplog.text.count("(the bus is busy); it is tried again") == 3
    assert caplog.text.count("Traceback") == 1 and one.failed_in_a_row == 0


def test_a_line_that_can_never_be_released_is_tried_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuse, "QUICK_TRIES", 2)
    monkeypatch.setattr(fuse, "SELDOM_S", 0.2)
    line = Line(failures=3)
    one = Fuse("GPIO27", PULSE_S, line.release)
    one.arm()
    assert line.released.wait(PATIENCE_S)
    ended(one)
    first, second, third, fourth = line.tried
    assert second - first >= 0.01 and third - second >= 0.2 and fourth - third >= 0.2


def test_a_driver_that_does_not_return_shows_for_how_long_it_hangs() -> None:
    entered, over = threading.Event(), threading.Event()

    def hang() -> None:
        entered.set()
        over.wait(PATIENCE_S)

    one = Fuse("GPIO27", PULSE_S, hang)
    assert one.hangs_s == 0.0
    one.arm()
    assert entered.wait(PATIENCE_S)
    before = one.hangs_s
    time.sleep(0.02)
    assert one.hangs_s >= before + 0.02
    over.set()
    ended(one)
    assert one.hangs_s == 0.0


def test_a_fuse_that_is_closed_ends_its_thread_and_may_be_closed_again() -> None:
    one = Fuse("GPIO27", PULSE_S, lambda: None)
    one.close()
    ended(one)


@pytest.mark.parametrize("longest_s", [0.0, -1.0, float("nan")])
def test_a_line_that_may_never_be_on_has_no_fuse(longest_s: float) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        Fuse("GPIO27", longest_s, lambda: None)
