"""Checks run one after the other, each with an end."""

from __future__ import annotations

import threading
from typing import Iterator

import pytest

from kioskd.checkup import runner
from kioskd.checkup.runner import Check, run
from kioskd.config.loader import parse
from kioskd.config.unit import SHIPPED
from kioskd.core.finding import Finding, Grade, ok
from kioskd.ctl_checkup import Place, checks


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


def test_what_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "PATIENCE_S", 0.01)
    over = threading.Event()

    def hung() -> Iterator[Finding]:
        yield ok("half", "was found before")
        over.wait(30)

    found = list(run([Check("hung", hung), fine("b")], longest_s=0.05))
    over.set()
    assert [one.name for one in found] == ["half", "hung", "b"] and found[1].grade is Grade.UNKNOWN


def test_all_that_hang_are_waited_for_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "PATIENCE_S", 0.01)
    over, met = threading.Event(), threading.Barrier(3)

    def hang() -> Iterator[Finding]:
        met.wait(5)
        yield ok("met", "the others hang at the same time")
        over.wait(30)

    hung = [Check(f"hung {number}", hang) for number in range(3)]
    found = [one for one in run([*hung, fine("b")], longest_s=1.0) if one.name != "met"]
    assert not met.broken
    assert [one.grade for one in found] == 3 * [Grade.UNKNOWN] + [Grade.OK]
    over.set()


def test_every_check_of_a_box_begins_before_the_limit_also_where_all_hang() -> None:
    place = Place("kiosk.yaml", parse("", "kiosk.yaml"), SHIPPED, None)
    assert len(checks(place)) * runner.PATIENCE_S < runner.LONGEST_S < 30.0
