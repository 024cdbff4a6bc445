"""Status never waits for a driver."""

from __future__ import annotations

import threading
import time
from typing import Mapping

from kioskd.lines.glance import PATIENCE_S, Glance

PATIENT_S = 10.0


class Driver:
    """Reads how a line stands; may be told to hang."""

    def __init__(self) -> None:
        self.value = 0
        self.reads = 0
        self.go = threading.Event()
        self.go.set()
        self.thread = ""

    def read(self) -> Mapping[str, object]:
        self.reads += 1
        self.thread = threading.current_thread().name
        self.go.wait(PATIENT_S)
        return {"value": self.value}


def settled(glance: Glance, value: int) -> dict[str, object]:
    """A look that shows this value: a busy machine may need more than one."""
    deadline = time.monotonic() + PATIENT_S
    while (shown := glance.look()).get("value") != value:
        assert time.monotonic() < deadline, shown
    return shown


def test_a_quick_driver_is_read_afresh_and_not_by_who_asks() -> None:
    driver = Driver()
    glance = Glance(driver.read)
    settled(glance, 0)
    driver.value = 1
    settled(glance, 1)
    assert driver.thread == "lines-glance"


def test_a_driver_that_hangs_costs_one_short_wait_and_one_thread() -> None:
    driver = Driver()
    glance = Glance(driver.read)
    settled(glance, 0)
    driver.go.clear()
    before = driver.reads
    glance.look()
    began = time.monotonic()
    looks = [glance.look() for _ in range(100)]
    assert time.monotonic() - began < 100 * PATIENCE_S, "it does not wait for the same read twice"
    assert looks[-1]["value"] == 0 and "unanswered_s" in looks[-1] and driver.reads <= before + 1
    driver.value = 7
    driver.go.set()
    settled(glance, 7)


def test_a_driver_that_fails_is_a_sentence() -> None:
    def broken() -> Mapping[str, object]:
        raise OSError("the expander is gone")

    glance = Glance(broken)
    deadline = time.monotonic() + PATIENT_S
    while "expander is gone" not in str(glance.look().get("problem", "")):
        assert time.monotonic() < deadline
