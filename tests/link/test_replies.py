"""When the model is asked to speak."""

from __future__ import annotations

from kioskd.link.replies import Replies

NEVER = float("inf")


def test_quiet_after_the_last_output_is_enough_when_nothing_is_being_generated() -> None:
    replies = Replies(0.2)
    replies.asked("a", 0.0)
    replies.want(0.0)
    assert replies.due_at() == NEVER
    replies.answered("a", 1.0)
    assert replies.due_at() == 1.2
    replies.fired()
    assert replies.due_at() == NEVER


def test_every_open_call_holds_it_up_and_every_output_moves_it() -> None:
    replies = Replies(0.2)
    replies.asked("a", 0.0)
    replies.asked("b", 0.0)
    replies.answered("a", 1.0)
    replies.want(1.0)
    assert replies.due_at() == NEVER
    replies.answered("b", 1.1)
    assert abs(replies.due_at() - 1.3) < 1e-9


def test_the_end_of_the_answer_is_waited_for_but_not_for_ever() -> None:
    replies = Replies(0.2)
    replies.began()
    replies.asked("a", 0.0)
    replies.answered("a", 1.0)
    replies.want(1.0)
    assert replies.due_at() == 1.5
    replies.done()
    assert replies.due_at() == 1.2


def test_speech_takes_it_back() -> None:
    replies = Replies(0.2)
    replies.want(0.0)
    replies.interrupted()
    assert replies.due_at() == NEVER
    replies.want(5.0)
    assert replies.due_at() == 5.2


def test_outputs_alone_ask_for_nothing() -> None:
    replies = Replies(0.2)
    replies.asked("a", 0.0)
    replies.answered("a", 0.0)
    assert replies.due_at() == NEVER
