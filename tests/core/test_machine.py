"""The machine as a whole: derived effects, mute, modes, and what no sequence of events may ever do."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Callable

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from kioskd.config.sections import Audio, Recording
from kioskd.core import action_events as ac
from kioskd.core import announce_events as ae
from kioskd.core import effects as ef
from kioskd.core import config_events
from kioskd.core import confirm_events
from kioskd.core import events as ev
from kioskd.core import house_events as he
from kioskd.core import panel_events as pe
from kioskd.core.machine import HANDLERS
from kioskd.core.words import CallKey, Feed, Link, PartState


def test_every_event_has_its_row() -> None:
    names = {**vars(ac), **vars(config_events), **vars(confirm_events), **vars(ev), **vars(he), **vars(ae), **vars(pe)}
    kinds = {kind for kind in names.values() if isinstance(kind, type) and ev.Event in kind.__bases__}
    assert kinds - {ev.TimerFired} == set(HANDLERS)


@pytest.mark.parametrize(
    ("mode", "feed"),
    [
        ("push_to_talk", Feed.NEVER),
        ("tap_to_talk", Feed.NEVER),
        ("wake_word", Feed.WAKE),
        ("voice", Feed.GATED),
        ("open", Feed.ALWAYS),
    ],
)
def test_a_kiosk_at_rest_feeds_what_its_mode_says(make_bench: Callable[..., Any], mode: str, feed: Feed) -> None:
    bench = make_bench(mode=mode)
    assert [effect.feed for effect in bench.of(ef.SetFeed)] == [feed]
    assert len(bench.of(ef.OpenLink)) == (1 if mode == "open" else 0)


def test_a_dead_thread_ends_the_process(bench: Any) -> None:
    quits = bench.of(ef.Quit, bench(ev.ThreadDied("kioskd-capture", "ValueError")))
    assert [effect.code for effect in quits] == [70]


def test_sigterm_ends_in_order(bench: Any) -> None:
    assert bench.of(ef.Quit, bench(ev.StopAsked("SIGTERM"))) == [ef.Quit(0, "SIGTERM")]


def test_other_buttons_and_parts_are_only_told(bench: Any) -> None:
    caused = bench(ev.Pressed("help", bench.now), ev.Released("help", bench.now))
    assert caused == []
    caused = bench(ev.PartChanged("capture", PartState.ABSENT, "no microphone"))
    assert [note.text for note in bench.of(ef.Note, caused)] == ["capture absent: no microphone"]


# -- whatever happens ----------------------------------------------------------------------------

SESSIONS = st.sampled_from(["s1", "s2"])
KEYS = st.builds(CallKey, st.just("e"), SESSIONS, st.sampled_from(["c1", "c2", "c3"]))
EVENTS = st.one_of(
    st.builds(ev.Pressed, st.just("talk"), st.just(0.0)),
    st.builds(ev.Released, st.just("talk"), st.just(0.0)),
    st.builds(ev.MuteSwitched, st.booleans()),
    st.builds(ev.MuteAsked, st.booleans()),
    st.builds(ev.GateOpened, st.just(0.0)),
    st.builds(ev.GateClosed, st.just(0.0)),
    st.builds(ev.GateStirred, st.just(0.0)),
    st.builds(ev.GateCalmed, st.just(0.0)),
    st.builds(ev.WakeHeard, st.just("okay_nabu"), st.just(0.0)),
    st.builds(ev.UplinkOverflowed, st.just(20.0)),
    st.builds(ev.PlaybackStarted, st.just(0.0)),
    st.builds(ev.PlaybackDrained, st.just(0.0)),
    st.builds(ev.PlaybackCut, st.sampled_from(["r1", "r2"]), st.just(300), st.just(0.0)),
    st.builds(ev.PartChanged, st.just("echo"), st.sampled_from([PartState.FAILED, PartState.RUNNING]), st.just("")),
    st.builds(ev.RecordAsked, st.booleans()),
    st.builds(ev.LinkChanged, st.sampled_from(Link), st.just("e"), st.just("")),
    st.builds(ev.SessionReady, SESSIONS, st.just("e")),
    st.builds(ev.SessionEnded, SESSIONS, st.sampled_from([1000, 1006]), st.just("")),
    st.builds(ev.SpeechStarted, SESSIONS),
    st.builds(ev.SpeechStopped, SESSIONS),
    st.builds(ev.TurnRejected, SESSIONS),
    st.builds(ev.ResponseCreated, SESSIONS, st.sampled_from(["r1", "r2"])),
    st.builds(ev.ResponseDone, SESSIONS, st.sampled_from(["r1", "r2"]), st.just("completed"), st.just("")),
    st.builds(ev.ToolAsked, KEYS, st.sampled_from(["unlock_door", "ring_bell", "x"]), st.sampled_from(["{}", "{"])),
    st.builds(ev.IntentCommitted, KEYS, st.booleans()),
    st.builds(ev.IntentFailed, KEYS, st.just("full")),
    st.builds(ev.ActionEnded, KEYS, st.booleans(), st.just("{}"), st.just(""), st.just("")),
)
MODES = ["voice", "push_to_talk", "tap_to_talk", "wake_word", "open"]
STEPS = st.lists(st.tuples(EVENTS, st.sampled_from([0.0, 0.01, 0.6, 3.0, 20.0])), max_size=60)


def replay(bench: Any, steps: list[tuple[ev.Event, float]]) -> list[tuple[ev.Event, ef.Effect]]:
    """Play a history; times are stamped here, so that a press lies where it happens."""
    history = []
    for event, pause_s in steps:
        bench.now += 0.001
        if "at" in {field.name for field in dataclasses.fields(event)}:
            event = dataclasses.replace(event, at=bench.now)
        history += [(event, effect) for effect in bench(event)]
        history += [(ev.TimerFired("", 0), effect) for effect in bench.wait(pause_s)]
    return history


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, mode=st.sampled_from(MODES))
def test_no_history_opens_the_door_without_a_new_press_held_long_enough(
    make_bench: Callable[..., Any], steps: list[tuple[ev.Event, float]], mode: str
) -> None:
    bench = make_bench(mode=mode)
    asked: set[CallKey] = set()
    committed: list[CallKey] = []
    run: list[CallKey] = []
    for _, effect in replay(bench, steps):
        if isinstance(effect, ef.SendOutput) and json.loads(effect.output)["status"] == "needs_confirmation":
            asked.add(effect.key)
        if isinstance(effect, ef.CommitIntent) and effect.tool == "unlock_door":
            assert effect.key in asked, "committed without having been asked for a hand"
            committed.append(effect.key)
        if isinstance(effect, ef.RunAction):
            run.append(effect.key)
    # The ledger is what makes a call id unique for ever; here it says "fresh" at random, so a key may come back.
    assert len(run) <= len([e for e, _ in steps if isinstance(e, ev.IntentCommitted)])
    presses = sum(isinstance(event, ev.Pressed) for event, _ in steps)
    assert len(committed) <= presses, "one press serves one call"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, mode=st.sampled_from([mode for mode in MODES if mode != "open"]))
def test_every_history_comes_to_rest_by_itself(
    make_bench: Callable[..., Any], steps: list[tuple[ev.Event, float]], mode: str
) -> None:
    bench = make_bench(mode=mode)
    replay(bench, steps)
    bench(ev.Released("talk", bench.now))
    bench.wait(1000)
    assert bench.s.resting and not bench.s.wanted and bench.s.calls == {}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_muted_means_never_fed(make_bench: Callable[..., Any], steps: list[tuple[ev.Event, float]]) -> None:
    bench = make_bench()
    for event, pause_s in steps:
        replay(bench, [(event, pause_s)])
        if bench.s.muted:
            assert bench.of(ef.SetFeed)[-1].feed is Feed.NEVER
            assert bench.of(ef.Mute)[-1].on


ECHO = st.sampled_from(["half_duplex", "cancel", "system"])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, mode=st.sampled_from(MODES), echo=ECHO)
def test_whatever_happens_the_kiosk_never_feeds_its_own_voice(
    make_bench: Callable[..., Any], steps: list[tuple[ev.Event, float]], mode: str, echo: str
) -> None:
    bench = make_bench(mode=mode, audio=Audio(echo=echo))
    cancelling = echo != "half_duplex"
    for event, pause_s in steps:
        replay(bench, [(event, pause_s)])
        if isinstance(event, ev.PartChanged) and echo == "cancel":
            cancelling = event.state is PartState.RUNNING
        feed, watched = bench.of(ef.SetFeed)[-1], [e.on for e in bench.of(ef.WatchBargeIn)][-1:] == [True]
        if bench.s.speaking and feed.feed is not Feed.NEVER and feed.feed is not Feed.WAKE:
            assert cancelling and watched, "what goes up while it speaks is watched, or nothing does"
        assert not (watched and not bench.s.speaking)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, mode=st.sampled_from(MODES))
def test_whatever_happens_the_voice_is_low_exactly_while_it_is_ducked_and_the_next_one_is_not(
    make_bench: Callable[..., Any], steps: list[tuple[ev.Event, float]], mode: str
) -> None:
    bench = make_bench(mode=mode, audio=Audio(echo="system"))
    replay(bench, steps)
    low = [effect.on for effect in bench.of(ef.DuckPlayback)]
    assert low == [place % 2 == 0 for place in range(len(low))], "each ducking is taken back before the next"
    bench(ev.PlaybackDrained(bench.now))
    assert [effect.on for effect in bench.of(ef.DuckPlayback)][-1:] in ([], [False])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, mode=st.sampled_from(MODES))
def test_whatever_happens_the_lamp_announces_a_recording_and_none_outlives_mute(
    make_bench: Callable[..., Any], steps: list[tuple[ev.Event, float]], mode: str
) -> None:
    bench = make_bench(mode=mode, audio=Audio(record=Recording(dir="/r", longest_s=5)))
    for event, pause_s in steps:
        replay(bench, [(event, pause_s)])
        records = [e.on for e in bench.of(ef.Record)][-1:] == [True]
        assert bench.of(ef.Show)[-1].recording == records
        assert not (records and bench.s.muted)
    bench.wait(6)
    assert [e.on for e in bench.of(ef.Record)][-1:] in ([], [False])


def test_a_canceller_that_fails_makes_the_kiosk_half_duplex_until_it_is_back(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(audio=Audio(echo="cancel"))
    bench.says()
    bench(ev.ResponseCreated("s1", "r"))
    assert ef.WatchBargeIn(True) in bench(ev.PlaybackStarted(bench.now))
    caused = bench(ev.PartChanged("echo", PartState.FAILED, "the canceller cannot be loaded"))
    assert caused[-2:] == [ef.SetFeed(Feed.NEVER, deaf=True), ef.WatchBargeIn(False)]
    caused = bench(ev.PartChanged("echo", PartState.RUNNING, ""))
    assert caused[-2:] == [ef.WatchBargeIn(True), ef.SetFeed(Feed.GATED)]
    assert bench(ev.PartChanged("echo", PartState.STARTING, ""))[1:] == [], "starting is no failure"


def test_a_part_that_is_not_the_canceller_does_not_make_it_half_duplex(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(audio=Audio(echo="system"))
    bench(ev.PartChanged("echo", PartState.FAILED, "of no concern to this mode"))
    assert not bench.s.half_duplex
