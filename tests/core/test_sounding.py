"""Barge-in in two steps, and what the service is told of an answer that was cut."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from kioskd.config.sections import Audio
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core.words import Feed, Turn


@pytest.fixture
def speaking(make_bench: Callable[..., Any]) -> Any:
    """A kiosk in full duplex in the middle of an answer."""
    bench = make_bench(audio=Audio(echo="system"))
    bench.says()
    bench(ev.ResponseCreated("s1", "r"), ev.PlaybackStarted(bench.now))
    return bench


def test_noise_ducks_and_is_forgiven(speaking: Any) -> None:
    assert speaking(ev.GateStirred(speaking.now)) == [ef.DuckPlayback(True)]
    assert speaking(ev.GateCalmed(speaking.now)) == [ef.DuckPlayback(False)]


def test_confirmed_speech_cuts_and_the_fade_stays_low_until_the_card_is_silent(speaking: Any) -> None:
    speaking(ev.GateStirred(speaking.now))
    caused = speaking(ev.GateOpened(speaking.now))
    assert speaking.of(ef.CutPlayback, caused) == [ef.CutPlayback("r")]
    assert speaking.of(ef.CancelResponse, caused) == [ef.CancelResponse("s1", "r")]
    assert speaking.of(ef.DuckPlayback, caused) == [] and speaking.s.turn is Turn.LISTENING
    assert ef.DuckPlayback(False) in speaking(ev.PlaybackDrained(speaking.now))


def test_an_answer_that_ends_while_it_is_ducked_leaves_the_next_one_loud(speaking: Any) -> None:
    speaking(ev.GateStirred(speaking.now))
    assert ef.DuckPlayback(False) in speaking(ev.PlaybackDrained(speaking.now))
    assert speaking.of(ef.DuckPlayback, speaking(ev.GateCalmed(speaking.now))) == [], "once is enough"


def test_a_stir_in_silence_ducks_nothing(bench: Any) -> None:
    assert bench(ev.GateStirred(bench.now)) == []


def test_without_a_button_held_or_a_conversation_open_nobody_barges_in(make_bench: Callable[..., Any]) -> None:
    for mode in ("push_to_talk", "tap_to_talk", "wake_word"):
        bench = make_bench(mode=mode, audio=Audio(echo="system"))
        bench(ev.PlaybackStarted(bench.now))
        assert bench.of(ef.WatchBargeIn) == [], mode


def test_a_held_button_is_watched_before_it_is_fed_until_the_card_is_silent(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="push_to_talk", audio=Audio(echo="system"))
    bench(ev.PlaybackStarted(bench.now))
    caused = [e for e in bench.press() if isinstance(e, (ef.SetFeed, ef.WatchBargeIn))]
    assert caused == [ef.WatchBargeIn(True), ef.SetFeed(Feed.ALWAYS)]
    assert ef.WatchBargeIn(False) in bench(ev.PlaybackDrained(bench.now))


# -- truncate ------------------------------------------------------------------------------------


def test_the_service_is_told_how_much_was_heard(speaking: Any) -> None:
    speaking(ev.GateOpened(speaking.now))
    caused = speaking(ev.PlaybackCut("r", 1230, speaking.now))
    assert speaking.of(ef.TruncateResponse, caused) == [ef.TruncateResponse("s1", "r", 1230)]
    assert speaking.of(ef.TruncateResponse, speaking(ev.PlaybackCut("r", 1230, speaking.now))) == [], "once"


def test_a_cut_that_is_told_when_the_next_answer_has_begun_is_still_told(speaking: Any) -> None:
    speaking(ev.GateOpened(speaking.now), ev.ResponseDone("s1", "r", "cancelled", "interrupted"))
    speaking(ev.ResponseCreated("s1", "r2"))
    assert ef.TruncateResponse("s1", "r", 10) in speaking(ev.PlaybackCut("r", 10, speaking.now))


@pytest.mark.parametrize("event", [ev.SessionEnded("s1", 1006, "gone"), ev.SessionReady("s2", "e")])
def test_an_answer_of_another_session_is_not_truncated(speaking: Any, event: ev.Event) -> None:
    speaking(event)
    assert speaking.of(ef.TruncateResponse, speaking(ev.PlaybackCut("r", 10, speaking.now))) == []


@pytest.mark.parametrize("response", ["", "another"])
def test_what_was_no_answer_is_not_truncated(speaking: Any, response: str) -> None:
    assert speaking(ev.PlaybackCut(response, 10, speaking.now)) == []


def test_a_cue_that_is_cut_is_not_cut_in_the_name_of_an_answer_heard_long_ago(speaking: Any) -> None:
    speaking(ev.ResponseDone("s1", "r", "completed", ""), ev.PlaybackDrained(speaking.now))
    speaking(ev.PlaybackStarted(speaking.now))
    assert speaking.of(ef.CutPlayback, speaking(ev.GateOpened(speaking.now))) == [ef.CutPlayback("")]


@pytest.mark.parametrize("mode", ["push_to_talk", "tap_to_talk", "voice", "wake_word", "open"])
def test_the_output_is_open_from_the_first_word_until_the_conversation_rests(
    make_bench: Callable[..., Any], mode: str
) -> None:
    bench = make_bench(mode=mode)
    if mode in ("tap_to_talk", "wake_word"):
        bench.press()
    bench.says()
    bench(ev.ResponseCreated("s1", "r"), ev.PlaybackStarted(bench.now))
    bench(ev.ResponseDone("s1", "r", "completed", ""), ev.PlaybackDrained(bench.now))
    told = [(e.on, e.soon) for e in bench.of(ef.KeepOutput)]
    if mode == "open":
        assert told == [], "one that never ends leaves it to output_idle_s"
    else:
        assert [told[0][0], *told[-2:]] == [True, (True, True), (False, False)]
        assert (True, False) in told, "while the visitor speaks no answer comes"
