"""While the doctor measures: deaf to its own sweep, and whoever wants something of the kiosk comes first."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core.examining import LONGEST_S, hindrance
from kioskd.core.words import Feed, Turn


def feed(bench: Any) -> tuple[Feed, bool]:
    last = bench.of(ef.SetFeed)[-1]
    return last.feed, last.deaf


@pytest.mark.parametrize("mode", ["push_to_talk", "tap_to_talk", "voice", "open"])
def test_the_kiosk_is_deaf_while_it_measures_and_hears_again_afterwards(
    make_bench: Callable[..., Any], mode: str
) -> None:
    bench = make_bench(mode=mode)
    before = feed(bench)
    bench(ev.DoctorBegan())
    assert bench.s.examining and feed(bench) == (Feed.NEVER, True)
    bench(ev.PlaybackStarted(bench.now), ev.PlaybackDrained(bench.now))
    bench.wait(1.0)
    assert feed(bench) == (Feed.NEVER, True), "the tail of a half-duplex kiosk does not end it"
    bench(ev.DoctorEnded(""))
    assert not bench.s.examining and feed(bench) == before
    assert "examine" not in bench.timers


def test_the_sweep_is_called_a_sweep(bench: Any) -> None:
    bench(ev.DoctorBegan(), ev.PlaybackStarted(bench.now))
    assert "the doctor's sweep sounds" in [note.text for note in bench.of(ef.Note)]
    bench(ev.PlaybackDrained(bench.now), ev.DoctorEnded(""))
    bench(ev.PlaybackStarted(bench.now))
    assert bench.of(ef.Note)[-1].text == "a cue sounds"


def test_its_own_sweep_opens_no_session(bench: Any) -> None:
    bench(ev.DoctorBegan())
    caused = bench(ev.GateOpened(bench.now), ev.GateClosed(bench.now))
    assert bench.of(ef.OpenLink, caused) == [] and bench.s.turn is Turn.QUIET


def test_a_press_comes_first(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="push_to_talk")
    bench(ev.DoctorBegan(), ev.PlaybackStarted(bench.now))
    caused = bench.press()
    assert not bench.s.examining and ef.CutPlayback("") in caused
    assert bench.s.turn is Turn.LISTENING and len(bench.of(ef.OpenLink, caused)) == 1
    bench(ev.DoctorEnded("given up"))
    assert bench.s.turn is Turn.LISTENING, "the doctor's end does not touch the visitor's turn"


@pytest.mark.parametrize("mode", ["voice", "open"])
def test_a_press_comes_first_where_the_button_does_not_talk(make_bench: Callable[..., Any], mode: str) -> None:
    bench = make_bench(mode=mode)
    bench(ev.DoctorBegan())
    assert ef.CutPlayback("") in bench.press() and not bench.s.examining


@pytest.mark.parametrize(
    "event", [ev.MuteAsked(True), ev.MuteSwitched(True), ev.StopAsked("SIGTERM"), ev.ResponseCreated("s1", "r1")]
)
def test_mute_the_end_and_an_answer_come_first(bench: Any, event: ev.Event) -> None:
    bench.online()
    bench(ev.DoctorBegan())
    assert bench.s.examining
    assert ef.CutPlayback("") in bench(event)
    assert not bench.s.examining


def test_it_does_not_begin_while_somebody_uses_the_kiosk(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="push_to_talk")
    bench.press()
    bench(ev.DoctorBegan())
    assert not bench.s.examining and "Somebody" in hindrance(bench.s)
    assert feed(bench) == (Feed.ALWAYS, False)


@pytest.mark.parametrize(
    ("event", "word"),
    [
        (ev.MuteAsked(True), "muted"),
        (ev.PlaybackStarted(0.0), "speaks"),
        (ev.DoctorBegan(), "already"),
        (ev.StopAsked("SIGTERM"), "ending"),
    ],
)
def test_each_hindrance_is_a_sentence(bench: Any, event: ev.Event, word: str) -> None:
    assert hindrance(bench.s) == ""
    bench(event)
    assert word in hindrance(bench.s) and hindrance(bench.s).endswith(".")


def test_a_doctor_that_never_comes_back_leaves_nobody_deaf(bench: Any) -> None:
    bench(ev.DoctorBegan())
    caused = bench.wait(LONGEST_S + 1)
    assert not bench.s.examining and ef.CutPlayback("") in caused
    assert feed(bench) == (Feed.GATED, False)


def test_nobody_barges_into_a_sweep(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="voice")
    object.__setattr__(bench.config.audio, "echo", "cancel")
    bench(ev.DoctorBegan(), ev.PlaybackStarted(bench.now))
    assert not bench.s.watching
    bench(ev.DoctorEnded(""))
    assert bench.s.watching, "it still sounds, and now a visitor may"
    object.__setattr__(bench.config.audio, "echo", "half_duplex")


def test_an_end_without_a_beginning_is_nothing(bench: Any) -> None:
    assert bench(ev.DoctorEnded("")) == []
