"""Mute: the switch wins, and the owner's word outlives a restart."""

from __future__ import annotations

from typing import Any, Callable

from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core.words import Feed, Turn


def test_the_hardware_switch_wins(bench: Any) -> None:
    bench(ev.MuteSwitched(True))
    bench(ev.MuteAsked(False))
    assert bench.s.muted and bench.of(ef.Mute) == [ef.Mute(True)]
    bench(ev.MuteAsked(True), ev.MuteSwitched(False))
    assert bench.s.muted, "the owner's mute stands"
    bench(ev.MuteAsked(False))
    assert bench.of(ef.Mute) == [ef.Mute(True), ef.Mute(False)]


def test_the_owners_word_is_remembered_whenever_it_changes_and_the_switch_never(bench: Any) -> None:
    bench(ev.MuteSwitched(True), ev.MuteSwitched(False))
    assert bench.of(ef.KeepMute) == []
    bench(ev.MuteAsked(True), ev.MuteAsked(True))
    assert bench.of(ef.KeepMute) == [ef.KeepMute(True)]
    bench(ev.MuteSwitched(True), ev.MuteAsked(False))
    assert bench.of(ef.KeepMute) == [ef.KeepMute(True), ef.KeepMute(False)], "also under the switch"


def test_muted_before_a_restart_is_muted_after_it(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(muted=True)
    assert bench.s.muted and bench.of(ef.Mute) == [ef.Mute(True)]
    assert bench.of(ef.SetFeed)[-1].feed is Feed.NEVER and bench.of(ef.Show)[-1].muted
    assert bench.of(ef.KeepMute) == [], "it is written down already"
    caused = bench(ev.MuteAsked(False))
    assert ef.Mute(False) in caused and ef.KeepMute(False) in caused


def test_mute_takes_the_word_from_the_visitor(bench: Any) -> None:
    bench.says()
    caused = bench(ev.MuteAsked(True))
    assert bench.s.turn is Turn.QUIET
    assert len(bench.of(ef.DropUplink, caused)) == 1, "what waits for a session must not go up any more"
    assert bench.of(ef.SetFeed, caused) == [ef.SetFeed(Feed.NEVER, deaf=True)], "at once, without a hangover"
    bench(ev.GateOpened(bench.now))
    assert bench.s.turn is Turn.QUIET, "speech that was on its way counts no more"
