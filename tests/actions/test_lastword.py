"""What is called back does not move, and what asks moves only when it is told so."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from kioskd.actions import lastword as room
from kioskd.actions.lastword import OVER, UNANSWERED, Word, Words
from kioskd.actions.relay import Relay
from kioskd.core.action_events import MoveAsked
from kioskd.core.words import CallKey

KEY = CallKey("e", "s", "c")
LONG_S = 20.0


def test_who_need_not_ask_may_move() -> None:
    assert Word().may_move() == "" and Word().back == ""


@pytest.mark.parametrize("why", ["", "muted"])
def test_who_asks_gets_the_answer(why: str) -> None:
    word = Word(lambda: threading.Timer(0.01, word.say, (why,)).start())
    assert word.may_move() == why and word.back == why


def test_an_answer_to_a_question_that_nobody_asked_lets_nothing_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "ANSWER_S", 0.05)
    word = Word(lambda: None)
    word.say("")
    assert word.may_move() == UNANSWERED


def test_an_answer_that_comes_too_late_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "ANSWER_S", 0.05)
    word = Word(lambda: None)
    assert word.may_move() == UNANSWERED
    word.say("")
    assert word.back == UNANSWERED


def test_what_called_it_back_first_stays_and_no_answer_takes_it_back() -> None:
    word = Word(lambda: word.say(""))
    word.say("muted")
    word.say("the session ended")
    assert word.may_move() == "muted" == word.back


def test_a_pause_ends_with_the_word() -> None:
    word, began = Word(), time.monotonic()
    threading.Timer(0.02, word.say, ("muted",)).start()
    word.pause(LONG_S)
    assert word.back == "muted" and time.monotonic() - began < LONG_S / 2
    word.pause(LONG_S)
    Word().pause(0.001)


def test_words_are_of_runs_that_go_on(posts: Any) -> None:
    words = Words(posts)
    assert words.of(KEY).may_move() == OVER
    words.open(KEY)
    word = words.of(KEY)
    threading.Timer(0.01, words.say, (KEY, "")).start()
    threading.Timer(0.02, words.say, (KEY, "")).start()
    assert word.may_move() == "" and posts.of(MoveAsked) == [MoveAsked(KEY)]
    words.close(KEY)
    words.close(KEY)
    words.say(KEY, "")
    assert word.back == OVER, "a thread that hung, and comes back when nobody waits any more, moves nothing"


def test_a_relay_asks_after_a_wait_and_never_without_one(line: Any, posts: Any) -> None:
    up, down = (Relay(type(line)(name), name, 0.01, 0.0, posts) for name in ("UP", "DOWN"))
    up.never_with(down, 0.05)
    asked: list[str] = []
    word = Word(lambda: (asked.append("asked"), word.say("the kiosk is muted")))
    assert up.pulse(word=word).ok and asked == []
    assert down.pulse(word=word).reason == "the kiosk is muted" and asked == ["asked"]


def test_a_relay_that_was_called_back_before_its_turn_moves_nothing(line: Any, posts: Any) -> None:
    word = Word()
    word.say("the visitor spoke over it")
    outcome = Relay(line, "open_door", 0.01, 0.0, posts).pulse(word=word)
    assert (outcome.ok, outcome.reason) == (False, "the visitor spoke over it") and line.rises == 0
