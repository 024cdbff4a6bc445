"""Every state ends by itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Callable

from kioskd.core import deadlines
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core.words import Feed, Link, Playing, Response, Turn

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "machine.md").read_text()


def test_an_answer_that_never_comes_ends_the_turn_and_the_session(bench: Any) -> None:
    bench.says()
    caused = bench.wait(16)
    assert ef.PlayCue("again") in caused and bench.s.turn is Turn.QUIET
    assert not bench.s.wanted, "a session that gives nothing is not kept"


def test_without_a_link_the_visitor_is_told_so(bench: Any) -> None:
    bench(ev.GateOpened(bench.now), ev.LinkChanged(Link.OFFLINE, "e", "refused"), ev.GateClosed(bench.now))
    caused = bench.wait(16)
    assert ef.PlayCue("offline") in caused and len(bench.of(ef.DropUplink, caused)) == 1


def test_noise_that_the_service_did_not_hear_ends_without_a_cue(bench: Any) -> None:
    bench.online()
    bench(ev.GateOpened(bench.now), ev.GateClosed(bench.now))
    caused = bench.wait(16)
    assert bench.of(ef.PlayCue, caused) == [] and bench.s.turn is Turn.QUIET


def test_a_service_that_hears_nothing_again_and_again_gets_a_new_session(bench: Any) -> None:
    bench.online()
    for _ in range(deadlines.MOST_UNHEARD):
        assert bench.of(ef.CloseLink) == []
        bench(ev.GateOpened(bench.now), ev.GateClosed(bench.now))
        bench.wait(16)
    assert len(bench.of(ef.CloseLink)) == 1


def test_a_stuck_button_ends_the_turn(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="push_to_talk", longest_turn_s=10.0)
    bench.press()
    bench.online()
    bench.wait(9)
    assert bench.s.turn is Turn.LISTENING
    bench.wait(2)
    assert bench.s.turn is Turn.WAITING and bench.of(ef.SetFeed)[-1].feed is Feed.NEVER
    bench.release()
    bench.press()
    bench.wait(0.6)
    assert bench.of(ef.SetFeed)[-1].feed is Feed.ALWAYS, "a new press talks again"


def test_an_answer_without_end_is_cut(bench: Any) -> None:
    bench.says()
    bench(ev.ResponseCreated("s1", "r"), ev.PlaybackStarted(bench.now))
    caused = bench.wait(bench.config.audio.longest_answer_s + 1)
    assert ef.CutPlayback("r") in caused and ef.CancelResponse("s1", "r") in caused
    assert bench.s.response is Response.NONE


def test_an_answer_without_sound_is_over_soon(bench: Any) -> None:
    bench.says()
    bench(ev.ResponseCreated("s1", "r"), ev.ResponseDone("s1", "r", "completed", ""))
    assert bench.s.response is Response.DONE
    bench.wait(1)
    assert bench.s.response is Response.NONE


def test_a_card_that_never_falls_silent_is_not_believed_for_ever(bench: Any) -> None:
    bench.says()
    bench(ev.ResponseCreated("s1", "r"), ev.PlaybackStarted(bench.now), ev.ResponseDone("s1", "r", "completed", ""))
    bench.wait(bench.config.audio.longest_answer_s + 31)
    assert bench.s.playing is Playing.SILENT and bench.s.response is Response.NONE
    assert bench.s.resting


def test_the_link_is_told_when_the_conversation_rests_and_when_not(bench: Any) -> None:
    bench.says()
    bench(ev.ResponseCreated("s1", "r"), ev.PlaybackStarted(bench.now))
    bench(ev.ResponseDone("s1", "r", "completed", ""))
    assert [effect.on for effect in bench.of(ef.Rest)] == [False], "not while it speaks"
    bench(ev.PlaybackDrained(bench.now))
    assert [effect.on for effect in bench.of(ef.Rest)] == [False, True]


def test_a_stale_timer_does_nothing(bench: Any) -> None:
    bench.says()
    stale = bench.s.timers["answer"]
    bench.says()
    bench(ev.TimerFired("answer", stale))
    assert bench.s.turn is Turn.WAITING and bench.s.counts.stale_timers == 1


def test_the_page_lists_every_timer_of_a_state() -> None:
    section = PAGE.split("## Deadlines")[1]
    listed = set(re.findall(r"\| `([a-z_]+)(?::ID)?` \|", section))
    flags = {"breath", "tail", "refused", "hold"}
    assert listed - {"act", "commit", "look", "work"} == set(deadlines.TIMERS) - flags
