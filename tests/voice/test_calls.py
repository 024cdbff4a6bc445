"""The book of tool calls that wait for their outputs."""

from __future__ import annotations

from kioskd.voice.calls import NOTES, Calls


def test_outputs_are_told_in_the_order_of_the_calls_when_all_are_there() -> None:
    calls = Calls()
    calls.open(["a", "b"])
    assert calls.answer("b", "2") and calls.waiting
    assert calls.answer("a", "1") and not calls.waiting
    calls.note("later")
    calls.wanted = True
    assert calls.take() == ["1", "2", "later"]
    assert calls.take() == [] and not calls.wanted and not calls.waiting


def test_an_output_is_taken_once_and_only_for_a_call() -> None:
    calls = Calls()
    calls.open(["a"])
    assert calls.answer("a", "1") and not calls.answer("a", "2") and not calls.answer("x", "3")
    assert calls.take() == ["1"]


def test_the_outputs_of_an_abandoned_turn_are_told_when_they_come() -> None:
    calls = Calls()
    calls.open(["a", "b"])
    calls.answer("a", "1")
    calls.wanted = True
    calls.abandon()
    assert not calls.waiting and not calls.wanted
    assert calls.answer("b", "2") and not calls.answer("b", "2")
    assert calls.take() == ["1", "2"]


def test_of_many_texts_the_newest_are_kept() -> None:
    calls = Calls()
    for number in range(NOTES + 5):
        calls.note(str(number))
    assert calls.take() == [str(number) for number in range(5, NOTES + 5)]
