"""The roster: order of preference, refusals, rounds."""

from __future__ import annotations

from typing import Any

from kioskd.link.endpoints import Roster


def test_two_failures_in_a_row_move_on_and_say_whether_that_one_is_new() -> None:
    roster = Roster(2)
    roster.fresh(0.0)
    assert [roster.failed(0, 0.0), roster.failed(0, 0.0)] == [False, True]
    assert roster.current == 1
    assert [roster.failed(1, 0.0), roster.failed(1, 0.0)] == [False, False]  # back to one that was asked already
    assert roster.current == 0


def test_a_whole_answer_in_between_counts_from_the_beginning() -> None:
    roster = Roster(2)
    roster.failed(0, 0.0)
    roster.completed(0)
    assert not roster.failed(0, 0.0)
    assert roster.current == 0


def test_a_refusal_moves_on_at_once_and_is_remembered_over_rounds() -> None:
    roster = Roster(3, refused_s=600.0)
    assert roster.refused(0, 0.0)
    assert roster.current == 1
    roster.fresh(100.0)
    assert roster.current == 1
    roster.fresh(601.0)
    assert roster.current == 0


def test_when_all_refused_the_first_that_is_free_again_is_waited_for() -> None:
    roster = Roster(2, refused_s=600.0)
    roster.refused(0, 0.0)
    roster.refused(1, 10.0)
    assert roster.wait_s(20.0) == 580.0 and roster.current == 0
    assert roster.wait_s(600.0) == 0.0


def test_a_person_may_ask_a_refused_endpoint_once_a_minute() -> None:
    roster = Roster(1, refused_s=600.0, press_s=60.0)
    assert not roster.press(0.0)  # nothing is refused
    roster.refused(0, 0.0)
    assert roster.press(1.0) and roster.wait_s(1.0) == 0.0
    roster.refused(0, 2.0)
    assert not roster.press(3.0)
    assert roster.press(62.0)


def test_an_end_that_comes_after_a_fresh_round_began_moves_nothing() -> None:
    roster = Roster(2)
    roster.failed(0, 0.0)
    roster.failed(0, 0.0)
    assert roster.current == 1
    roster.fresh(1.0)
    roster.refused(1, 1.0)
    assert roster.current == 0


def test_a_setup_does_not_show_how_to_read_the_key(kit: Any) -> None:
    assert "read_key" not in repr(kit.setup_for("wss://example.org/"))


def test_what_may_pass_by_itself_is_asked_again_sooner() -> None:
    roster = Roster(1, refused_s=600.0)
    roster.refused(0, 0.0, 60.0)
    assert roster.wait_s(0.0) == 60.0
    roster.refused(0, 0.0, 6000.0)
    assert roster.wait_s(0.0) == 600.0
