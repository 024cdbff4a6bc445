"""How a conversation is opened and ended: button and wake word, in each mode."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from kioskd.config.sections import Audio, Cues
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core.words import Feed, Link, Phase

WOKEN = Audio(cues=Cues(woken="tone"))


def test_held_is_fed_and_released_is_not(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="push_to_talk")
    assert ef.SetFeed(Feed.ALWAYS) in bench.press()
    assert bench.of(ef.Show)[-1].phase is Phase.LISTENING
    assert ef.SetFeed(Feed.NEVER) in bench.release()


def test_a_tap_opens_the_conversation_and_a_tap_ends_it(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="tap_to_talk")
    caused = bench.press()
    assert ef.SetFeed(Feed.GATED) in caused and len(bench.of(ef.OpenLink, caused)) == 1
    bench.release()
    caused = bench.press()
    assert ef.SetFeed(Feed.NEVER) in caused and len(bench.of(ef.CloseLink, caused)) == 1


def test_what_was_said_before_a_tap_ended_it_never_waits_for_the_next_visitor(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="tap_to_talk")
    bench.press()
    bench.release()
    bench(ev.LinkChanged(Link.OFFLINE, "hydra", "gone"), ev.GateOpened(bench.now))  # it waits in the lane
    caused = bench.press()
    assert len(bench.of(ef.CloseLink, caused)) == 1 and len(bench.of(ef.DropUplink, caused)) == 1
    bench.release()
    assert len(bench.of(ef.DropUplink, bench(ev.GateClosed(bench.now)))) == 1, "its last chunks and its end mark"


def test_a_tapped_conversation_ends_when_it_rests(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="tap_to_talk")
    bench.press()
    bench.release()
    bench.wait(bench.config.talk.linger_s + 1)
    assert len(bench.of(ef.CloseLink)) == 1 and bench.of(ef.SetFeed)[-1].feed is Feed.NEVER


def test_a_press_while_muted_is_answered_with_a_cue(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="push_to_talk")
    bench(ev.MuteSwitched(True))
    caused = bench.press()
    assert ef.PlayCue("refused") in caused and bench.of(ef.OpenLink, caused) == []


def test_in_voice_mode_the_button_wakes(bench: Any) -> None:
    assert len(bench.of(ef.OpenLink, bench.press())) == 1


# -- the wake word -------------------------------------------------------------------------------


def test_the_wake_word_opens_the_conversation_and_the_gate_decides_from_then_on(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="wake_word")
    caused = bench(ev.WakeHeard("okay_nabu", bench.now))
    assert ef.SetFeed(Feed.GATED) in caused
    assert bench.of(ef.OpenLink, caused) == [ef.OpenLink("the wake word", greet=True)]
    assert bench.of(ef.Show, caused)[-1].phase is Phase.LISTENING
    bench.says()
    bench.answers()
    assert bench.of(ef.SetFeed)[-1].feed is not Feed.WAKE
    bench.wait(0.3)
    assert bench.of(ef.SetFeed)[-1].feed is Feed.GATED, "the visitor may go on without the word"


def test_a_resting_conversation_needs_the_word_again(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="wake_word")
    bench(ev.WakeHeard("okay_nabu", bench.now))
    bench.wait(bench.config.talk.linger_s + 1)
    assert bench.of(ef.SetFeed)[-1].feed is Feed.WAKE and len(bench.of(ef.CloseLink)) == 1


def test_a_wake_word_counts_as_a_person(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="wake_word")
    bench(ev.WakeHeard("okay_nabu", bench.now))
    assert bench.s.last_person_at == bench.now


def test_a_lost_turn_does_not_ask_for_the_word_again(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="wake_word")
    bench(ev.WakeHeard("okay_nabu", bench.now))
    bench.says()
    caused = bench(ev.SessionEnded("s1", 1006, "gone"))
    assert ef.PlayCue("again") in caused
    bench.wait(1)
    assert bench.of(ef.SetFeed)[-1].feed is Feed.GATED


def test_speech_without_the_word_opens_nothing(make_bench: Callable[..., Any]) -> None:
    """The gate's word crossed the end of the conversation: what it let in is not sent either."""
    bench = make_bench(mode="wake_word")
    caused = bench(ev.GateOpened(bench.now))
    assert bench.of(ef.OpenLink, caused) == [] and len(bench.of(ef.DropUplink, caused)) == 1


@pytest.mark.parametrize("mode", ["voice", "push_to_talk", "tap_to_talk", "open"])
def test_in_other_modes_a_wake_word_means_nothing(make_bench: Callable[..., Any], mode: str) -> None:
    assert make_bench(mode=mode)(ev.WakeHeard("okay_nabu", 1.0)) == []


def test_muted_a_wake_word_is_not_heard_even_when_it_was_on_its_way(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="wake_word")
    bench(ev.MuteSwitched(True))
    assert bench(ev.WakeHeard("okay_nabu", bench.now)) == []


def test_a_wake_word_cuts_what_still_sounds(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="wake_word", audio=Audio(echo="system"))
    bench(ev.PlaybackStarted(bench.now))
    assert bench.of(ef.CutPlayback, bench(ev.WakeHeard("okay_nabu", bench.now))) == [ef.CutPlayback("")]


def test_with_a_wake_word_the_button_is_as_good_as_the_word(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="wake_word")
    assert ef.SetFeed(Feed.GATED) in bench.press()
    bench.release()
    assert ef.SetFeed(Feed.WAKE) in bench.press(), "and ends the conversation"


# -- what is heard of it -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "cue"),
    [
        (Link.ASLEEP, "woken"),
        (Link.READY, "woken"),
        (Link.CONNECTING, "woken"),
        (Link.BUSY, "busy"),
        (Link.OFFLINE, "offline"),
        (Link.REFUSED, "offline"),
    ],
)
@pytest.mark.parametrize("mode", ["tap_to_talk", "wake_word"])
def test_who_opens_it_hears_whether_to_hope(make_bench: Callable[..., Any], mode: str, link: Link, cue: str) -> None:
    bench = make_bench(mode=mode, audio=WOKEN)
    bench(ev.LinkChanged(link, "e", ""))
    caused = bench.press() if mode == "tap_to_talk" else bench(ev.WakeHeard("okay_nabu", bench.now))
    assert bench.of(ef.PlayCue, caused) == [ef.PlayCue(cue)]


@pytest.mark.parametrize("mode", ["push_to_talk", "voice"])
def test_nothing_sounds_where_the_visitor_speaks_already(make_bench: Callable[..., Any], mode: str) -> None:
    bench = make_bench(mode=mode, audio=WOKEN)
    bench(ev.LinkChanged(Link.BUSY, "e", ""))
    assert bench.of(ef.PlayCue, [*bench.press(), *bench(ev.GateOpened(bench.now))]) == []


def test_a_silent_cue_is_not_asked_for(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="tap_to_talk")
    assert bench.config.audio.cues.woken == "silent"
    assert bench.of(ef.PlayCue, bench.press()) == []
