"""Checks run one after the other, each with an end."""

from __future__ import annotations

import threading
from typing import Iterator

from kioskd.checkup.runner import Check, run
from kioskd.core.finding import Finding, Grade, ok


def fine(name: str) -> Check:
    return Check(name, lambda: [ok(name, "fine")])


def test_every_check_is_shown_and_told_in_its_order() -> None:
    shown: list[str] = []
    found = list(run([fine("a"), fine("b")], shown.append))
    assert [one.name for one in found] == shown == ["a", "b"]


def test_a_fault_of_ours_is_a_finding_and_the_rest_goes_on() -> None:
    def broken() -> Iterator[Finding]:
        yield ok("half", "was found before")
        raise KeyError("x")

    found = list(run([Check("broken", broken), fine("b")]))
    assert [one.name for one in found] == ["half", "broken", "b"]
    assert found[1].grade is Grade.UNKNOWN and "KeyError" in found[1].sentence


def test_what_hangs_is_left_behind() -> None:
    over = threading.Event()

    def hung() -> Iterator[Finding]:
        yield ok("half", "was found before")
        over.wait(30)

    found = list(run([Check("hung", hung), fine("b")], longest_s=0.05))
    over.set()
    assert [one.name for one in found] == ["half", "hung", "b"] and found[1].grade is Grade.UNKNOWN
