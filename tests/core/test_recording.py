"""Recordings for support: who may begin one, and what ends it."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from kioskd.config.sections import Audio, Recording
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core.recording import hindrance
from kioskd.core.words import PartState

ALLOWED = Audio(record=Recording(dir="/var/lib/kioskd/recordings", longest_s=60))


@pytest.fixture
def recorded(make_bench: Callable[..., Any]) -> Any:
    bench = make_bench(audio=ALLOWED)
    bench(ev.RecordAsked(True))
    return bench


def test_without_the_section_none_can_be_made(bench: Any) -> None:
    assert "audio.record" in hindrance(bench.s)
    assert bench.of(ef.Record, bench(ev.RecordAsked(True))) == []
    assert not bench.of(ef.Show)[-1].recording


def test_a_recording_is_announced(recorded: Any) -> None:
    assert recorded.of(ef.Record) == [ef.Record(True)] and recorded.of(ef.Show)[-1].recording


def test_the_owner_ends_it(recorded: Any) -> None:
    assert ef.Record(False) in recorded(ev.RecordAsked(False))
    assert not recorded.of(ef.Show)[-1].recording and "record" not in recorded.timers


def test_it_ends_by_itself(recorded: Any) -> None:
    recorded.wait(59)
    assert recorded.of(ef.Record) == [ef.Record(True)]
    recorded.wait(2)
    assert recorded.of(ef.Record) == [ef.Record(True), ef.Record(False)]


@pytest.mark.parametrize(
    "event",
    [
        ev.MuteAsked(True),
        ev.MuteSwitched(True),
        ev.StopAsked("SIGTERM"),
        ev.ThreadDied("kioskd-play", "x"),
        ev.PartChanged("recorder", PartState.FAILED, "no space left on device"),
    ],
)
def test_what_ends_it_as_well(recorded: Any, event: ev.Event) -> None:
    assert ef.Record(False) in recorded(event)


def test_none_begins_beside_another_or_while_muted_or_at_the_end(recorded: Any) -> None:
    assert "runs already" in hindrance(recorded.s) and recorded.of(ef.Record, recorded(ev.RecordAsked(True))) == []
    recorded(ev.MuteAsked(True))
    assert "muted" in hindrance(recorded.s) and recorded.of(ef.Record, recorded(ev.RecordAsked(True))) == []
    recorded(ev.MuteAsked(False), ev.StopAsked("SIGTERM"))
    assert "ending" in hindrance(recorded.s) and recorded.of(ef.Record, recorded(ev.RecordAsked(True))) == []


def test_ending_what_does_not_run_is_no_mistake(make_bench: Callable[..., Any]) -> None:
    assert make_bench(audio=ALLOWED)(ev.RecordAsked(False)) == []
