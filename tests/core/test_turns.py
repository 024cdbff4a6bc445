"""The conversation: when a session is wanted, whose word it is, what is cut."""

from __future__ import annotations

from typing import Any, Callable

from kioskd.config.sections import Audio, Cues
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core.words import Feed, Link, Playing, Response, Turn


def test_speech_opens_a_session_and_an_answer_ends_the_turn(bench: Any) -> None:
    bench(ev.GateOpened(bench.now))
    assert bench.of(ef.OpenLink) == [ef.OpenLink("speech at the microphone", greet=True)]
    bench.online()
    bench(ev.GateClosed(bench.now))
    assert bench.s.turn is Turn.WAITING
    bench(ev.ResponseCreated("s1", "r1"))
    assert bench.s.turn is Turn.QUIET and bench.s.counts.turns_answered == 1


def test_the_greeting_is_spoken_once_a_conversation(bench: Any) -> None:
    bench.says()
    bench.answers()
    bench.says()
    assert [effect.greet for effect in bench.of(ef.OpenLink)] == [True, False]
    bench.answers("r2")
    bench.wait(bench.config.talk.linger_s + 1)
    bench(ev.SessionEnded("s1", 1000, ""))
    bench(ev.GateOpened(bench.now))
    assert bench.of(ef.OpenLink)[-1].greet


def test_a_session_is_let_go_when_nobody_speaks(bench: Any) -> None:
    bench.says()
    bench.answers()
    bench.wait(bench.config.talk.linger_s - 0.5)
    assert bench.of(ef.CloseLink) == []
    bench.wait(1)
    assert len(bench.of(ef.CloseLink)) == 1 and not bench.s.wanted


def test_what_no_session_took_is_not_the_next_visitors(bench: Any) -> None:
    bench(ev.LinkChanged(Link.OFFLINE, "hydra", "gone"), ev.GateOpened(bench.now))
    bench(ev.PlaybackStarted(bench.now), ev.PlaybackDrained(bench.now))  # a cue sounded over it
    caused = bench.wait(bench.config.talk.linger_s + 1)
    assert len(bench.of(ef.CloseLink, caused)) == 1 and len(bench.of(ef.DropUplink, caused)) == 1


def test_half_duplex_is_deaf_while_speaking_and_a_tail_longer(bench: Any) -> None:
    bench.says()
    bench(ev.ResponseCreated("s1", "r"), ev.PlaybackStarted(bench.now))
    assert bench.of(ef.SetFeed)[-1].feed is Feed.NEVER
    bench(ev.ResponseDone("s1", "r", "completed", ""))
    assert bench.of(ef.SetFeed)[-1].feed is Feed.NEVER, "generated is not spoken"
    bench(ev.PlaybackDrained(bench.now))
    assert bench.of(ef.SetFeed)[-1].feed is Feed.NEVER, "the tail hangs in the room"
    bench.wait(0.3)
    assert bench.of(ef.SetFeed)[-1].feed is Feed.GATED


def test_speaking_follows_the_card(bench: Any) -> None:
    bench.says()
    bench(ev.ResponseCreated("s1", "r"))
    assert bench.s.playing is Playing.SILENT
    bench(ev.PlaybackStarted(bench.now), ev.ResponseDone("s1", "r", "completed", ""))
    assert bench.s.playing is Playing.SPEAKING
    bench(ev.PlaybackDrained(bench.now))
    assert bench.s.playing is Playing.SILENT and bench.s.response is Response.NONE


def test_the_button_cuts_the_voice(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="push_to_talk")
    bench.press()
    bench.online()
    bench.release()
    bench(ev.GateClosed(bench.now), ev.ResponseCreated("s1", "r"), ev.PlaybackStarted(bench.now))
    caused = bench.press()
    assert bench.of(ef.CutPlayback, caused) == [ef.CutPlayback("r")]
    assert bench.of(ef.CancelResponse, caused) == [ef.CancelResponse("s1", "r")]
    bench(ev.PlaybackDrained(bench.now))
    bench.wait(0.3)
    assert bench.of(ef.SetFeed)[-1].feed is Feed.ALWAYS, "the visitor is heard once the room is silent"


def test_the_service_hearing_the_visitor_cuts_what_sounds(bench: Any) -> None:
    bench.says()
    bench(ev.ResponseCreated("s1", "r"), ev.PlaybackStarted(bench.now), ev.ResponseDone("s1", "r", "completed", ""))
    caused = bench(ev.SpeechStarted("s1"))
    assert bench.of(ef.CutPlayback, caused) == [ef.CutPlayback("r")]
    assert bench.of(ef.CancelResponse, caused) == [], "nothing is being generated"


def test_a_failed_turn_is_told_with_a_cue(bench: Any) -> None:
    bench.says()
    caused = bench(ev.SessionEnded("s1", 1006, "gone"))
    assert bench.of(ef.PlayCue, caused) == [ef.PlayCue("again")]
    assert len(bench.of(ef.DropUplink, caused)) == 1 and bench.s.counts.turns_lost == 1
    assert bench.of(ef.SetFeed)[-1].feed is Feed.NEVER, "the rest of the sentence must not go up as a whole one"
    bench.wait(1)
    assert bench.of(ef.SetFeed)[-1].feed is Feed.GATED


def test_an_idle_close_is_no_fault(bench: Any) -> None:
    bench.says()
    bench.answers()
    caused = bench(ev.SessionEnded("s1", 1000, "idle"))
    assert bench.of(ef.PlayCue, caused) == [] and not bench.s.wanted
    assert len(bench.of(ef.CloseLink, caused)) == 1


def test_the_end_of_an_old_session_does_not_touch_the_new_one(bench: Any) -> None:
    bench.says()
    bench.online("s2")
    bench(ev.SessionEnded("s1", 1006, "late news"))
    assert bench.s.session == "s2" and bench.s.counts.turns_lost == 0


def test_too_much_said_before_the_link_was_there_is_given_up_aloud(bench: Any) -> None:
    bench(ev.GateOpened(bench.now), ev.LinkChanged(Link.OFFLINE, "e", "refused"))
    caused = bench(ev.UplinkOverflowed(20.0))
    assert bench.of(ef.PlayCue, caused) == [ef.PlayCue("again")] and len(bench.of(ef.DropUplink, caused)) == 1


def test_a_rejected_turn_waits_for_nothing(bench: Any) -> None:
    bench.says()
    bench(ev.TurnRejected("s1"))
    assert bench.s.turn is Turn.QUIET and "answer" not in bench.timers and bench.s.counts.turns_rejected == 1


def test_a_kiosk_that_speaks_over_a_visitor_gives_the_turn_up(bench: Any) -> None:
    bench.says()
    bench(ev.ResponseCreated("s1", "r"), ev.GateOpened(bench.now), ev.PlaybackStarted(bench.now))
    assert bench.s.turn is Turn.QUIET and bench.s.counts.turns_lost == 1


def test_a_failed_answer_is_told(bench: Any) -> None:
    bench.says()
    bench(ev.ResponseCreated("s1", "r"))
    assert ef.PlayCue("again") in bench(ev.ResponseDone("s1", "r", "failed", "server_error"))


def test_a_complaint_is_noted_and_a_tool_timeout_ends_the_turn(bench: Any) -> None:
    bench.says()
    bench(ev.ServiceComplained("s1", "invalid_audio", "too small"))
    assert bench.s.turn is Turn.WAITING
    bench(ev.ServiceComplained("s1", "tool_response_timeout", "too late"))
    assert bench.s.turn is Turn.QUIET and bench.s.counts.turns_lost == 1


def test_latency_is_told_from_the_end_of_speech_to_the_first_sound(bench: Any) -> None:
    bench.says()
    bench.now += 0.5
    bench(ev.ResponseCreated("s1", "r"), ev.PlaybackStarted(bench.now))
    notes = [dict(note.data) for note in bench.of(ef.Note) if note.kind == "latency"]
    assert notes == [{"answer_ms": 500}]


def wishes(bench: Any) -> list[ef.Effect]:
    return [effect for effect in bench.done if isinstance(effect, (ef.OpenLink, ef.CloseLink))]


def test_in_open_mode_a_session_that_was_given_up_is_followed_by_another(make_bench: Any) -> None:
    bench = make_bench(mode="open", answer_s=5)
    bench.online()
    bench(ev.SpeechStopped("s1"), ev.SpeechStarted("s1"))
    bench.wait(6)
    given_up, again = wishes(bench)[-2:]
    assert isinstance(given_up, ef.CloseLink)
    assert isinstance(again, ef.OpenLink) and not again.greet, "nobody came: nobody is greeted"


def test_in_open_mode_the_next_session_is_asked_for_when_the_service_ended_a_silent_one(make_bench: Any) -> None:
    """Muted, or while it speaks, the kiosk sends nothing; the service then ends the session with 1000."""
    bench = make_bench(mode="open")
    bench.online()
    bench(ev.MuteAsked(True), ev.SessionEnded("s1", 1000, "idle"))
    before = len(wishes(bench))
    bench(ev.LinkChanged(Link.ASLEEP, "e", "the service ended the session"))
    assert wishes(bench)[before:] == [ef.OpenLink("talk.mode is open", greet=False)]


def test_turns_in_a_row_without_an_answer_are_counted(bench: Any) -> None:
    bench.online()
    for _ in range(3):
        bench.says()
        bench.wait(60)
        bench.online()
    assert bench.s.unanswered == 3
    bench.says()
    bench.answers()
    assert bench.s.unanswered == 0


def test_understood_sounds_when_the_word_has_ended_and_a_session_has_it(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(audio=Audio(cues=Cues(understood="tone")))
    bench(ev.GateOpened(bench.now), ev.GateClosed(bench.now))
    assert bench.of(ef.PlayCue) == [], "not on its way yet"
    bench.online()
    assert bench.of(ef.PlayCue) == [ef.PlayCue("understood")]
    bench.answers()
    bench(ev.GateOpened(bench.now))
    assert ef.PlayCue("understood") in bench(ev.GateClosed(bench.now))


def test_what_comes_instead_of_an_answer_says_why(bench: Any) -> None:
    for link, cue in ((Link.OFFLINE, "offline"), (Link.BUSY, "busy")):
        bench(ev.LinkChanged(link, "e", ""), ev.GateOpened(bench.now), ev.GateClosed(bench.now))
        assert bench.of(ef.PlayCue, bench.wait(bench.config.talk.answer_s + 1)) == [ef.PlayCue(cue)]


def test_an_answer_that_dies_before_it_is_heard_is_a_lost_turn(bench: Any) -> None:
    bench.says()
    bench(ev.ResponseCreated("s1", "r"))
    bench(ev.SessionEnded("s1", 1006, "speech could not be made"))
    assert bench.s.counts.turns_lost == 1 and ef.PlayCue("again") in bench.done


def test_an_answer_that_was_heard_in_part_is_not_lost(bench: Any) -> None:
    bench.says()
    bench(ev.ResponseCreated("s1", "r"), ev.PlaybackStarted(bench.now))
    bench(ev.SessionEnded("s1", 1006, "gone"))
    assert bench.s.counts.turns_lost == 0


def test_where_no_service_may_be_asked_the_visitor_hears_it_at_once(bench: Any) -> None:
    bench(ev.GateOpened(bench.now), ev.LinkChanged(Link.REFUSED, "", "the budget is spent"))
    bench(ev.GateClosed(bench.now))
    assert bench.s.turn is Turn.QUIET and bench.s.counts.turns_lost == 1
    assert [cue.name for cue in bench.of(ef.PlayCue)] == ["offline"] and "answer" not in bench.timers


def test_a_session_that_lives_answers_whatever_the_link_may_dial_next(bench: Any) -> None:
    bench(ev.GateOpened(bench.now))
    bench.online()
    bench(ev.LinkChanged(Link.REFUSED, "", "the budget is spent"), ev.GateClosed(bench.now))
    assert bench.s.turn is Turn.WAITING and bench.s.counts.turns_lost == 0


def test_a_session_that_is_replaced_loses_no_turn_and_ends_no_conversation(bench: Any) -> None:
    bench.says()
    bench(ev.ResponseCreated("s1", "r"), ev.ResponseDone("s1", "r", "completed", ""))
    bench(ev.TimerFired("settle", bench.s.timers["settle"]))
    assert bench.s.resting
    bench(ev.GateOpened(bench.now), ev.SessionEnded("s1", 1000, "as old as it may become", replaced=True))
    assert bench.s.turn is Turn.LISTENING and bench.s.wanted and bench.s.counts.turns_lost == 0
    assert bench.of(ef.DropUplink) == [] and bench.of(ef.CloseLink) == []
    bench(ev.SessionReady("s2", "hydra"), ev.ResponseCreated("s2", "r2"))
    assert bench.s.session == "s2" and bench.s.counts.turns_answered == 2
