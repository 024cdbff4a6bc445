"""The verbs of the state."""

from __future__ import annotations

from kioskd.config.sections import Config
from kioskd.core import effects as ef
from kioskd.core.state import State


def test_a_timer_that_is_set_again_has_a_new_generation() -> None:
    s = State(Config(), 0.0)
    s.set_timer("answer", 1.0)
    s.set_timer("answer", 2.0)
    first, second = s.out
    assert isinstance(first, ef.SetTimer) and isinstance(second, ef.SetTimer)
    assert first.generation != second.generation == s.timers["answer"]


def test_clearing_a_timer_that_is_not_there_asks_for_nothing() -> None:
    s = State(Config(), 0.0)
    s.clear_timer("answer")
    assert s.out == []
    s.set_timer("answer", 1.0)
    s.clear_timer("answer")
    assert s.out[-1] == ef.ClearTimer("answer") and s.timers == {}


def test_a_note_keeps_its_fields() -> None:
    s = State(Config(), 0.0)
    s.note("relay", "on", pin="GPIO27")
    assert s.out == [ef.Note("relay", "on", (("pin", "GPIO27"),))]
