"""What actions ask of other rooms."""

from __future__ import annotations

import dataclasses
from typing import Any

from kioskd.config.sections import Cues
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core.action_events import CueAsked, EndAsked, VolumeAsked
from kioskd.core.words import CallKey


def test_a_cue_sounds_unless_the_owner_wants_none(bench: Any) -> None:
    assert bench.of(ef.PlayCue, bench(CueAsked("woken"))) == [], "silent by default"
    assert bench.of(ef.PlayCue, bench(CueAsked("done"))) == [ef.PlayCue("done")]
    audio = dataclasses.replace(bench.s.config.audio, cues=Cues(done="silent"))
    bench.s.config = dataclasses.replace(bench.s.config, audio=audio)
    assert bench.of(ef.PlayCue, bench(CueAsked("done"))) == []


def test_the_volume_is_set_and_remembered(bench: Any) -> None:
    assert bench.of(ef.SetVolume, bench(VolumeAsked(0.4))) == [ef.SetVolume(0.4)]
    assert bench.s.volume == 0.4


def asked_to_end(bench: Any) -> CallKey:
    bench.says()
    bench(ev.ResponseCreated("s1", "r-c1"), ev.ResponseDone("s1", "r-c1", "completed", ""))
    key = CallKey("e", "s1", "c1")
    bench(EndAsked(key, 15.0))
    return key


def test_the_conversation_ends_once_the_farewell_was_heard(bench: Any) -> None:
    asked_to_end(bench)
    bench.wait(1.0)
    assert bench.s.wanted and not bench.of(ef.CloseLink), "the answer that asked for it is not the farewell"
    bench.answers("r-bye")
    assert not bench.s.wanted and bench.of(ef.CloseLink)[-1].reason == "the visitor was told goodbye"
    assert bench.s.ending is None and "end" not in bench.timers


def test_without_a_farewell_it_ends_in_time(bench: Any) -> None:
    asked_to_end(bench)
    bench.wait(14.9)
    assert bench.s.wanted
    bench.wait(0.2)
    assert not bench.s.wanted


def test_a_visitor_who_speaks_again_is_not_done(bench: Any) -> None:
    asked_to_end(bench)
    bench.wait(14.0)
    bench(ev.GateOpened(bench.now))
    bench.wait(2.0)
    assert bench.s.wanted and bench.s.ending is None


def test_the_answer_to_a_visitor_who_spoke_again_is_no_farewell(bench: Any) -> None:
    asked_to_end(bench)
    bench.wait(1.0)
    bench.says()
    bench.answers("r-more")
    bench.wait(0.1)
    assert bench.s.wanted and bench.s.ending is None and "end" not in bench.timers


def test_a_call_of_another_session_ends_nothing(bench: Any) -> None:
    bench.says()
    bench(EndAsked(CallKey("e", "s0", "c1"), 15.0))
    assert bench.s.ending is None
    asked_to_end(bench)
    bench(ev.SessionEnded("s1", 1006, "gone"))
    assert bench.s.ending is None and "end" not in bench.timers
