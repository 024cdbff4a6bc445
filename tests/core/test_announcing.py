"""An announcement waits for its moment, and its end is known."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kioskd.config.sections import Audio
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core.announce_events import AnnouncementDropped, AnnouncementRendered, PageAsked
from kioskd.core.announcing import CALM_S
from kioskd.core.examining import hindrance
from kioskd.core.words import Call, CallKey, Feed, Link, Response, Turn


def played(bench: Any) -> list[int]:
    return [effect.number for effect in bench.of(ef.PlayAnnouncement)]


def over(bench: Any) -> list[tuple[int, bool]]:
    return [(effect.number, effect.heard) for effect in bench.of(ef.AnnouncementOver)]


def sounds(bench: Any) -> None:
    bench(ev.PlaybackStarted(bench.now))


def drained(bench: Any) -> None:
    bench(ev.PlaybackDrained(bench.now))


def online(bench: Any) -> None:
    bench(ev.LinkChanged(Link.READY, "e", ""), ev.SessionReady("s", "e"))


def answer(bench: Any, response: str = "r") -> None:
    """A visitor has spoken and the answer sounds."""
    bench(ev.GateOpened(bench.now))
    online(bench)
    bench(ev.GateClosed(bench.now), ev.SpeechStarted("s"), ev.SpeechStopped("s"))
    bench(ev.ResponseCreated("s", response))
    sounds(bench)


def test_a_kiosk_that_nobody_uses_speaks_at_once_and_knows_when_it_is_done(bench: Any) -> None:
    bench(AnnouncementRendered(1))
    bench.wait(0)
    assert played(bench) == [1] and over(bench) == []
    sounds(bench)
    assert over(bench) == []
    drained(bench)
    assert over(bench) == [(1, True)] and not bench.s.announcing and "announced" not in bench.s.timers


def test_an_announcement_waits_for_the_answer_to_end_and_a_moment_more(bench: Any) -> None:
    answer(bench)
    bench(AnnouncementRendered(1))
    bench.wait(5)
    bench(ev.ResponseDone("s", "r", "completed", ""))
    bench.wait(5)
    assert played(bench) == [], "the answer still sounds"
    drained(bench)
    bench.wait(CALM_S - 0.1)
    assert played(bench) == []
    bench.wait(0.2)
    assert played(bench) == [1]


def test_a_visitor_who_speaks_meanwhile_is_heard_first(bench: Any) -> None:
    answer(bench)
    bench(AnnouncementRendered(1), ev.ResponseDone("s", "r", "completed", ""))
    drained(bench)
    bench.wait(CALM_S - 0.2)
    bench(ev.GateOpened(bench.now))
    bench.wait(3)
    assert played(bench) == []


def test_it_does_not_slip_in_between_a_tool_and_what_the_model_says_of_it(bench: Any) -> None:
    answer(bench)
    bench(AnnouncementRendered(1), ev.ToolAsked(CallKey("e", "s", "c"), "ring_bell", "{}"))
    bench(ev.ResponseDone("s", "r", "completed", ""))
    drained(bench)
    bench.wait(0.5)
    bench(ev.ResponseCreated("s", "r2"))
    bench.wait(3)
    assert played(bench) == []


def test_announcements_sound_one_after_the_other_in_their_order(bench: Any) -> None:
    bench(AnnouncementRendered(1), AnnouncementRendered(2))
    bench.wait(0)
    sounds(bench)
    bench.wait(2)
    assert played(bench) == [1]
    drained(bench)
    bench.wait(0)
    assert played(bench) == [1, 2] and over(bench) == [(1, True)]


def test_one_that_is_dropped_never_sounds_and_one_that_had_no_room_frees_the_next(bench: Any) -> None:
    answer(bench)
    bench(AnnouncementRendered(1), AnnouncementRendered(2), AnnouncementDropped(1), AnnouncementDropped(9))
    bench(ev.ResponseDone("s", "r", "completed", ""))
    drained(bench)
    bench.wait(CALM_S)
    assert played(bench) == [2]
    bench(AnnouncementDropped(2), AnnouncementRendered(3))
    bench.wait(CALM_S)
    assert played(bench) == [2, 3] and over(bench) == []


def test_the_kiosk_is_deaf_to_its_own_announcement(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="open")
    bench(AnnouncementRendered(1))
    bench.wait(CALM_S)
    sounds(bench)
    assert bench.of(ef.SetFeed)[-1] == ef.SetFeed(Feed.NEVER, True)
    drained(bench)
    bench.wait(1)
    assert bench.of(ef.SetFeed)[-1].feed is Feed.ALWAYS


def test_a_muted_kiosk_announces_all_the_same(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(muted=True)
    bench(AnnouncementRendered(1))
    bench.wait(0)
    assert played(bench) == [1]


def test_who_presses_the_button_during_an_announcement_silences_it(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="push_to_talk")
    bench(AnnouncementRendered(1))
    bench.wait(0)
    sounds(bench)
    caused = bench(ev.Pressed("talk", bench.now))
    assert bench.of(ef.CutPlayback, caused) and over(bench) == [(1, False)]
    drained(bench)
    assert over(bench) == [(1, False)]


def test_who_speaks_over_it_silences_it_where_the_echo_is_cancelled(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(audio=Audio(echo="cancel"))
    bench(AnnouncementRendered(1))
    bench.wait(0)
    sounds(bench)
    bench(ev.GateOpened(bench.now))
    assert over(bench) == [(1, False)]


@pytest.mark.parametrize("echo", ["half_duplex", "cancel"])
def test_who_begins_in_the_moment_before_its_first_sound_has_the_word(
    make_bench: Callable[..., Any], echo: str
) -> None:
    bench = make_bench(audio=Audio(echo=echo))
    bench(AnnouncementRendered(1))
    bench.wait(0)
    caused = bench(ev.GateOpened(bench.now))
    assert bench.of(ef.CutPlayback, caused) == [ef.CutPlayback("")] and over(bench) == [(1, False)]
    assert bench.s.turn is Turn.LISTENING


def test_a_card_that_never_plays_it_is_not_waited_for_for_ever(bench: Any) -> None:
    bench(AnnouncementRendered(1))
    bench.wait(0)
    bench.wait(bench.config.audio.longest_answer_s + 31)
    assert over(bench) == [(1, False)]


def test_nothing_is_announced_while_the_doctor_measures_or_the_process_ends(bench: Any) -> None:
    bench(ev.DoctorBegan(), AnnouncementRendered(1))
    bench.wait(5)
    assert played(bench) == []
    bench(ev.DoctorEnded(""))
    bench.wait(0)
    assert played(bench) == [1] and "speaks" in hindrance(bench.s), "nor does the doctor begin over it"
    sounds(bench)
    drained(bench)
    bench(AnnouncementRendered(2))
    bench(ev.StopAsked("SIGTERM"))
    bench.wait(5)
    assert played(bench) == [1]


EVENTS = st.sampled_from(
    [
        lambda now: ev.GateOpened(now),
        lambda now: ev.GateClosed(now),
        lambda now: ev.GateStirred(now),
        lambda now: ev.PlaybackStarted(now),
        lambda now: ev.PlaybackDrained(now),
        lambda now: ev.LinkChanged(Link.READY, "e", ""),
        lambda now: ev.SessionReady("s", "e"),
        lambda now: ev.SessionEnded("s", 1006, ""),
        lambda now: ev.ResponseCreated("s", "r"),
        lambda now: ev.ResponseDone("s", "r", "completed", ""),
        lambda now: ev.Pressed("talk", now),
        lambda now: ev.Released("talk", now),
        lambda now: ev.ToolAsked(CallKey("e", "s", str(now)), "unlock_door", "{}"),
        lambda now: ev.MuteAsked(True),
        lambda now: ev.MuteAsked(False),
    ]
)


@pytest.mark.parametrize("mode", ["push_to_talk", "voice", "open"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(EVENTS, st.sampled_from([0.0, 0.3, 2.0])), max_size=25))
def test_whatever_happens_it_never_begins_over_an_answer_or_a_word(
    make_bench: Callable[..., Any], mode: str, steps: list[tuple[Callable[[float], ev.Event], float]]
) -> None:
    bench = make_bench(mode=mode, audio=Audio(echo="cancel"))
    number = 0
    for make, wait_s in steps:
        number += 1
        bench(AnnouncementRendered(number), make(bench.now))
        until = bench.now + wait_s
        while bench.now < until:
            # Looked at before each timer: nobody may be speaking then, and nothing may be under way behind it.
            due = min((timer.at for timer in bench.timers.values()), default=until)
            speaking = bench.s.speaking
            caused = bench.wait(min(max(0.0, due - bench.now), until - bench.now) or 0.001)
            if bench.of(ef.PlayAnnouncement, caused):
                assert not speaking and not bench.s.calls
                assert (bench.s.turn, bench.s.response) == (Turn.QUIET, Response.NONE)
    begun, ended = played(bench), [number for number, _ in over(bench)]
    assert begun == sorted(begun) and ended == begun[: len(ended)] and len(begun) - len(ended) <= 1


# -- staff who are called aloud ----------------------------------------------------------------------


def calling(bench: Any) -> CallKey:
    """A tool that calls staff runs, and waits for them."""
    online(bench)
    bench(ev.GateOpened(bench.now), ev.GateClosed(bench.now), ev.SpeechStarted("s"), ev.SpeechStopped("s"))
    key = CallKey("e", "s", "c1")
    bench(
        ev.ResponseCreated("s", "r"), ev.ToolAsked(key, "ring_bell", "{}"), ev.ResponseDone("s", "r", "completed", "")
    )
    bench.wait(CALM_S)
    if bench.s.calls[key].state is not Call.RUNNING:
        bench(ev.IntentCommitted(key, True))
    assert bench.s.calls[key].state is Call.RUNNING
    return key


def test_a_page_is_rendered_and_goes_into_the_wait_for_whom_it_calls(bench: Any) -> None:
    key = calling(bench)
    bench(PageAsked("Reception, please."))
    assert [effect.text for effect in bench.of(ef.Page)] == ["Reception, please."]
    bench(AnnouncementRendered(1), AnnouncementRendered(2, page=True))
    bench.wait(CALM_S + 1)
    assert played(bench) == [], "the first one in the row waits for the conversation to rest"
    bench(AnnouncementDropped(1))
    bench.wait(CALM_S + 0.1)
    assert played(bench) == [2]
    sounds(bench)
    drained(bench)
    assert over(bench) == [(2, True)] and key in bench.s.calls and not bench.s.pages


def test_a_page_is_never_spoken_into_a_word_or_over_an_answer(bench: Any) -> None:
    key = calling(bench)
    bench(ev.GateOpened(bench.now), AnnouncementRendered(1, page=True))
    bench.wait(5)
    assert played(bench) == [], "the visitor speaks"
    bench(ev.GateClosed(bench.now), ev.ResponseCreated("s", "r2"))
    bench.wait(3)
    assert played(bench) == [], "an answer is on its way"
    sounds(bench)
    bench.wait(1)
    assert played(bench) == [], "an answer sounds"
    assert key.call_id == "c1"


def test_a_page_does_not_talk_into_the_question_for_a_press(bench: Any) -> None:
    online(bench)
    bench(ev.GateOpened(bench.now), ev.GateClosed(bench.now), ev.SpeechStarted("s"), ev.SpeechStopped("s"))
    key = CallKey("e", "s", "c1")
    bench(ev.ResponseCreated("s", "r"), ev.ToolAsked(key, "unlock_door", "{}"))
    bench(ev.ResponseDone("s", "r", "completed", ""), AnnouncementRendered(1, page=True))
    bench.wait(5)
    assert bench.s.calls[key].state is Call.CONFIRMING and played(bench) == []
