"""What buttons do beside talking, and what none ever does: confirm by a gesture, or by a press that is nobody's."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kioskd.config.panel import Button, Help, Panel, PushButton, Volume
from kioskd.config.sections import Action, Policy, Rate, StaffAction, Tool
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core import panel_events as pe
from kioskd.core.calls import MOST_OPEN_CALLS
from kioskd.core.words import Feed, Link

CALL = Tool(
    name="call_staff",
    description="Call somebody.",
    class_="notify",
    action=Action(staff=StaffAction(url="https://staff.example.org/")),
    parameters={"type": "object", "properties": {"reason": {"type": "string"}}, "required": ["reason"]},
    policy=Policy(allow=True),
)
PANEL = Panel(
    talk=Button(pin="GPIO17", long="mute", double="end"),
    buttons=(
        PushButton(name="help", pin="GPIO5", press="help"),
        PushButton(name="volume_up", pin="GPIO6", press="louder"),
        PushButton(name="volume_down", pin="GPIO7", press="softer", long="none"),
    ),
    help=Help(tool="call_staff", arguments={"reason": "the help button"}),
)


@pytest.fixture
def panelled(make_bench: Callable[..., Any], with_tool: Callable[..., None]) -> Callable[..., Any]:
    """A bench with a panel of many buttons."""

    def make(panel: Panel = PANEL, tool: Tool = CALL, mode: str = "tap_to_talk") -> Any:
        bench = make_bench(mode=mode)
        with_tool(bench, tool)
        bench.s.config = dataclasses.replace(bench.s.config, panel=panel)
        return bench

    return make


def gesture(bench: Any, name: str, what: str, began: float | None = None, mark: str = "m1") -> list[ef.Effect]:
    bench.now += 0.001
    caused: list[ef.Effect] = bench(pe.Gestured(name, what, bench.now if began is None else began, bench.now, mark))
    return caused


# -- volume --------------------------------------------------------------------------------------


def test_volume_goes_by_steps_and_stays_within_the_owners_bounds(panelled: Callable[..., Any]) -> None:
    bench = panelled(dataclasses.replace(PANEL, volume=Volume(step_db=6.0, least=0.2, most=0.9)))
    bench.s.volume = 0.5
    assert bench.of(ef.SetVolume, gesture(bench, "volume_up", "press")) == [ef.SetVolume(0.9)]
    caused = gesture(bench, "volume_up", "press")
    assert bench.of(ef.SetVolume, caused) == [] and ef.PlayCue("refused") in caused, "who is at the bound hears so"
    heard = [
        effect.volume for _ in range(5) for effect in bench.of(ef.SetVolume, gesture(bench, "volume_down", "press"))
    ]
    assert heard == [pytest.approx(0.451, abs=0.001), pytest.approx(0.226, abs=0.001), 0.2]
    assert bench.s.counts.deeds == 7


def test_a_gesture_without_a_deed_does_nothing(panelled: Callable[..., Any]) -> None:
    bench = panelled()
    for name, what in (("volume_down", "long"), ("talk", "tap"), ("nobody", "press")):
        assert gesture(bench, name, what) == []


def test_any_other_button_neither_talks_nor_wakes(panelled: Callable[..., Any]) -> None:
    bench = panelled()
    caused = bench(ev.Pressed("help", bench.now), ev.Released("help", bench.now + 1))
    assert bench.of(ef.OpenLink, caused) == [] and bench.s.last_person_at is None


# -- mute and end --------------------------------------------------------------------------------


def test_a_long_press_mutes_and_another_unmutes(panelled: Callable[..., Any]) -> None:
    bench = panelled()
    assert ef.Mute(True) in gesture(bench, "talk", "long")
    assert ef.KeepMute(False) in gesture(bench, "talk", "long") and not bench.s.muted


def test_a_switch_wins_over_a_gesture(panelled: Callable[..., Any]) -> None:
    bench = panelled()
    bench(ev.MuteSwitched(True))
    gesture(bench, "talk", "long")
    gesture(bench, "talk", "long")
    assert bench.s.muted


def test_the_conversation_that_the_presses_of_a_gesture_opened_is_closed(panelled: Callable[..., Any]) -> None:
    bench = panelled()
    began = bench.now
    assert len(bench.of(ef.OpenLink, bench.press())) == 1
    caused = gesture(bench, "talk", "long", began)
    assert len(bench.of(ef.CloseLink, caused)) == 1 and not bench.s.talking and bench.s.muted


def test_two_taps_end_what_the_kiosk_says(panelled: Callable[..., Any]) -> None:
    bench = panelled(mode="voice")
    bench.says()
    bench(ev.ResponseCreated("s1", "r"), ev.PlaybackStarted(bench.now))
    caused = gesture(bench, "talk", "double")
    assert ef.CutPlayback("r") in caused and len(bench.of(ef.CloseLink, caused)) == 1


# -- help ----------------------------------------------------------------------------------------


def test_help_asks_for_its_tool_and_policy_lets_it(panelled: Callable[..., Any]) -> None:
    bench = panelled()
    (intent,) = bench.of(ef.CommitIntent, gesture(bench, "help", "press", mark="abc"))
    assert (intent.tool, intent.key.endpoint, intent.key.call_id) == ("call_staff", "panel", "abc")
    (run,) = bench.of(ef.RunAction, bench(ev.IntentCommitted(intent.key, True)))
    assert run.arguments == {"reason": "the help button"}
    caused = bench(ev.ActionEnded(intent.key, True, "{}", "", ""))
    assert ef.PlayCue("done") in caused, "nobody speaks to this visitor, so a sound tells"
    assert bench.of(ef.SendOutput) == bench.of(ef.SendText) == bench.of(ef.AskResponse) == []


@pytest.mark.parametrize(
    ("policy", "code"),
    [(Policy(), "not_allowed"), (Policy(allow=True, holidays=("2026-01-01",)), "no_clock")],
    ids=["not allowed", "no clock"],
)
def test_help_is_judged_like_any_other_call(panelled: Callable[..., Any], policy: Policy, code: str) -> None:
    bench = panelled(tool=dataclasses.replace(CALL, policy=policy))
    caused = gesture(bench, "help", "press")
    assert bench.of(ef.CommitIntent, caused) == [] and ef.PlayCue("refused") in caused
    assert bench.s.refused, "and the lamp says no"


def test_help_is_bounded_by_the_rate_of_its_tool(panelled: Callable[..., Any]) -> None:
    bench = panelled()
    asked = [gesture(bench, "help", "press", mark=f"m{count}") for count in range(30)]
    committed = [effect for caused in asked for effect in bench.of(ef.CommitIntent, caused)]
    assert len(committed) == CALL.policy.rate.count


def test_help_needs_no_microphone(panelled: Callable[..., Any]) -> None:
    bench = panelled()
    bench(ev.MuteSwitched(True))
    assert len(bench.of(ef.CommitIntent, gesture(bench, "help", "press"))) == 1


def test_a_service_is_refused_by_the_same_mute(panelled: Callable[..., Any]) -> None:
    """Only a button of this panel needs no microphone."""
    bench = panelled(mode="voice")
    bench.says()
    bench(ev.MuteSwitched(True))
    bench.asks(tool="ring_bell")
    assert bench.of(ef.CommitIntent) == []
    bench(ev.MuteSwitched(False))
    bench.asks("c2", tool="ring_bell")
    assert len(bench.of(ef.CommitIntent)) == 1, "or the test above would prove nothing"


@pytest.mark.parametrize("help_", [None, Help(tool="nothing"), Help(tool="call_staff")])
def test_help_without_its_tool_or_arguments_is_told(panelled: Callable[..., Any], help_: Help | None) -> None:
    bench = panelled(dataclasses.replace(PANEL, help=help_))
    caused = gesture(bench, "help", "press")
    assert bench.of(ef.CommitIntent, caused) == [] and ef.PlayCue("refused") in caused
    assert any(note.kind == "error" for note in bench.of(ef.Note, caused))


# -- the confirmation's press is nobody else's, and no gesture confirms ---------------------------


def confirming(bench: Any) -> None:
    """The door was asked for and waits for a hand."""
    bench.says()
    bench.asks()
    bench.now += 1
    assert bench.s.confirming is not None


@pytest.mark.parametrize("way", ["staff", "code"])
def test_while_a_code_or_staff_is_awaited_the_talk_button_still_mutes(panelled: Callable[..., Any], way: str) -> None:
    """No press confirms there, so none is taken: who wants not to be heard, or to leave, must not wait for staff."""
    bench = panelled(mode="voice")
    door, *rest = bench.s.config.tools
    tools = (dataclasses.replace(door, policy=dataclasses.replace(door.policy, confirm=way)), *rest)
    bench.s.config = dataclasses.replace(bench.s.config, tools=tools)
    confirming(bench)
    gesture(bench, "talk", "long")
    assert bench.s.muted and bench.s.calls == {}


def test_the_press_that_confirms_is_no_gesture(panelled: Callable[..., Any]) -> None:
    bench = panelled(mode="voice")
    confirming(bench)
    began = bench.now + 0.001
    bench.press()
    assert len(bench.of(ef.CommitIntent, bench.wait(1.0))) == 1
    caused = gesture(bench, "talk", "long", began)
    assert caused == [] and not bench.s.muted, "still held, it would have muted, and taken the door away"


def test_a_gesture_that_began_before_the_question_is_none_while_it_waits(panelled: Callable[..., Any]) -> None:
    bench = panelled(mode="voice")
    bench.press()
    began = bench.now
    confirming(bench)
    assert gesture(bench, "talk", "long", began) == [] and bench.s.confirming is not None


@pytest.mark.parametrize("name", ["talk", "help", "volume_up"])
@pytest.mark.parametrize("what", ["press", "tap", "double", "hold", "long"])
def test_no_gesture_of_any_button_confirms(panelled: Callable[..., Any], name: str, what: str) -> None:
    panel = dataclasses.replace(PANEL, help=None)
    bench = panelled(panel, mode="voice")
    confirming(bench)
    if name != "talk":
        bench(ev.Pressed(name, bench.now))
    gesture(bench, name, what)
    assert bench.of(ef.CommitIntent, bench.wait(5.0)) == []


def test_a_stuck_button_never_confirms_however_long_it_was_down(panelled: Callable[..., Any]) -> None:
    bench = panelled(mode="voice")
    confirming(bench)
    at = bench.now
    bench(ev.Pressed("talk", at))
    bench.now += 45.0  # everything stood still meanwhile: the hold timer comes after the end of the press
    caused = bench(pe.PressVoided("talk", at + 45, "the button is stuck"), ev.Released("talk", at + 45))
    caused += bench.wait(0.0)
    assert bench.of(ef.CommitIntent, caused) == [] and bench.of(ef.RunAction) == []
    assert bench.s.counts.presses_voided == 1 and "talk" not in bench.s.down


def test_without_the_voiding_such_a_press_would_confirm(panelled: Callable[..., Any]) -> None:
    """The test above can fail: a real hand that leaves after as long does confirm."""
    bench = panelled(mode="voice")
    confirming(bench)
    bench(ev.Pressed("talk", bench.now))
    bench.now += 5.0
    assert len(bench.of(ef.CommitIntent, bench(ev.Released("talk", bench.now)))) == 1


@pytest.mark.parametrize("mode", ["push_to_talk", "tap_to_talk", "voice"])
def test_a_stuck_button_does_not_keep_a_session_open(panelled: Callable[..., Any], mode: str) -> None:
    bench = panelled(mode=mode)
    at = bench.now
    bench(ev.Pressed("talk", at))
    bench.online()
    bench.wait(45.0)
    bench(pe.PressVoided("talk", at + 45, "the button is stuck"), ev.Released("talk", at + 45))
    if mode == "push_to_talk":
        assert bench.s.feed == (Feed.NEVER, False) or bench.s.breathing
        bench(ev.GateClosed(bench.now), ev.TurnRejected("s1"))
    bench.wait(bench.config.talk.linger_s + 1)
    assert not bench.s.wanted and len(bench.of(ef.CloseLink)) == 1
    bench.wait(600.0)
    assert len(bench.of(ef.OpenLink)) == 1, "and opens none again"


@pytest.mark.parametrize("then", ["speech", "mute", "end"])
def test_who_pressed_help_and_goes_on_talking_is_helped(panelled: Callable[..., Any], then: str) -> None:
    """The intent is on its way to a slow disk; the visitor says hello?, which takes no call for help back."""
    bench = panelled(mode="voice")
    bench.says()
    bench(ev.ResponseCreated("s1", "r1"), ev.PlaybackStarted(bench.now))
    (commit,) = bench.of(ef.CommitIntent, gesture(bench, "help", "press"))
    if then == "speech":
        bench(ev.SpeechStarted("s1"))
    elif then == "mute":
        bench(ev.MuteAsked(True))
    else:
        gesture(bench, "talk", "double")
    bench(ev.IntentCommitted(commit.key, fresh=True))
    assert [run.tool for run in bench.of(ef.RunAction)] == ["call_staff"]


def test_who_ends_the_conversation_takes_back_what_waits_for_a_hand(panelled: Callable[..., Any]) -> None:
    """The link may take a second to close the session: nothing that was asked for in it moves from here on."""
    panel = dataclasses.replace(PANEL, buttons=(*PANEL.buttons, PushButton(name="stop", pin="GPIO8", press="end")))
    bench = panelled(panel, mode="voice")
    confirming(bench)
    bench.press()
    caused = gesture(bench, "stop", "press")
    assert [record.outcome for record in bench.of(ef.RecordOutcome, caused)] == ["cancelled"]
    assert len(bench.of(ef.CloseLink, caused)) == 1 and bench.s.session, "it is not closed yet"
    bench.wait(2.0)
    bench.release()
    assert bench.of(ef.CommitIntent) == [] and bench.s.calls == {}


def test_who_ends_the_conversation_while_the_intent_is_written_is_heard(panelled: Callable[..., Any]) -> None:
    panel = dataclasses.replace(PANEL, buttons=(*PANEL.buttons, PushButton(name="stop", pin="GPIO8", press="end")))
    bench = panelled(panel, mode="voice")
    confirming(bench)
    bench.press()
    bench.wait(2.0)
    (commit,) = bench.of(ef.CommitIntent)
    gesture(bench, "stop", "press")
    bench(ev.IntentCommitted(commit.key, fresh=True))
    assert bench.of(ef.RunAction) == []


# -- contacts ------------------------------------------------------------------------------------


def test_a_contact_is_told_and_an_alarm_is_audited(panelled: Callable[..., Any]) -> None:
    bench = panelled()
    assert bench.of(ef.Audit, bench(pe.ContactChanged("door", False, False, 1.0))) == []
    (line,) = bench.of(ef.Audit, bench(pe.ContactChanged("lid", False, True, 1.0)))
    assert line == ef.Audit("contact", (("contact", "lid"), ("at_rest", False)))


def test_nothing_is_begun_while_kioskd_ends(panelled: Callable[..., Any]) -> None:
    bench = panelled()
    bench(ev.LinkChanged(Link.OFFLINE, "e", ""), ev.StopAsked("SIGTERM"))
    assert gesture(bench, "help", "press") == []


HAND = st.sampled_from(["press", "release", "void", "other", "tap", "double", "hold", "long", "wait"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(HAND, st.floats(min_value=0.0, max_value=0.9)), max_size=20))
def test_only_a_hand_that_held_the_talk_button_itself_opens(
    panelled: Callable[..., Any], steps: list[tuple[str, float]]
) -> None:
    """Whatever buttons and gestures do meanwhile: the door waits for one press, not voided, held for its time."""
    quiet = Panel(talk=Button(pin="GPIO17", tap="louder", double="softer", hold="louder", long="softer"))
    bench = panelled(quiet, mode="voice")
    confirming(bench)
    hold_s = bench.s.confirming.tool.policy.hold_ms / 1000
    held_since: float | None = None
    for what, wait_s in steps:
        if bench.s.confirming is None:
            break
        began = held_since
        if what == "press":
            caused = bench.press()
            held_since = began = bench.now
        elif what == "release":
            caused, held_since = bench.release(), None
        elif what == "void":
            caused, held_since = bench(pe.PressVoided("talk", bench.now, "stuck"), ev.Released("talk", bench.now)), None
        elif what == "other":
            caused = bench(ev.Pressed("help", bench.now))
        else:
            caused = [] if what == "wait" else gesture(bench, "talk", what)
        before = bench.now
        caused += bench.wait(wait_s)
        if bench.of(ef.CommitIntent, caused):
            assert began is not None and max(before, bench.now) - began >= hold_s - 1e-6, (what, began, bench.now)


def help_open(bench: Any, mark: str = "h1") -> Any:
    """Help was asked for, and its intent is being written."""
    (intent,) = bench.of(ef.CommitIntent, gesture(bench, "help", "press", mark=mark))
    return intent.key


def test_a_service_that_keeps_many_calls_open_does_not_have_the_help_button_refused(
    panelled: Callable[..., Any],
) -> None:
    policy = dataclasses.replace(CALL.policy, rate=Rate(count=100, per_s=60.0))
    bench = panelled(tool=dataclasses.replace(CALL, policy=policy), mode="voice")
    bench.says()
    for number in range(MOST_OPEN_CALLS + 1):
        bench.asks(f"c{number}", "call_staff", '{"reason": "x"}')
    assert len(bench.s.calls) == MOST_OPEN_CALLS
    help_open(bench)
    for number in range(MOST_OPEN_CALLS):
        gesture(bench, "help", "press", mark=f"more{number}")
    assert len(bench.s.calls) == 2 * MOST_OPEN_CALLS, "its own bound stands"


def test_a_session_that_is_called_as_the_panel_has_no_hold_on_the_help_button(panelled: Callable[..., Any]) -> None:
    bench = panelled(mode="voice")
    bench.online("panel")
    key = help_open(bench)
    bench(ev.SessionEnded("panel", 1000, ""))
    assert bench.of(ef.RunAction, bench(ev.IntentCommitted(key, True)))
    bench.online("panel")
    caused = bench(ev.ActionEnded(key, True, "{}", "", ""))
    assert bench.of(ef.SendOutput, caused) == bench.of(ef.SendText, caused) == bench.of(ef.AskResponse, caused) == []


def test_leaving_a_session_that_is_called_as_the_panel_does_not_take_the_call_for_help_back(
    panelled: Callable[..., Any],
) -> None:
    bench = panelled(mode="voice")
    bench.online("panel")
    bench.says()
    key = help_open(bench)
    assert bench.of(ef.CloseLink, gesture(bench, "talk", "double")), "the visitor ended the conversation"
    assert list(bench.s.calls) == [key] and bench.of(ef.RunAction, bench(ev.IntentCommitted(key, True)))


@pytest.mark.parametrize(
    "session, call_id", [("panel", "abc"), ("panel", "panel/panel/abc"), ("s1", "panel/panel/abc")]
)
def test_a_service_that_speaks_in_the_panels_words_is_a_service(
    panelled: Callable[..., Any], session: str, call_id: str
) -> None:
    """Its session and its calls are named as the panel's own are: it is muted, answered and bounded as any other."""
    bench = panelled(mode="voice")
    bench.online(session)
    bench.says()
    key = help_open(bench)
    bench.asks(call_id, "call_staff", '{"reason": "x"}')
    assert len(bench.s.calls) == 2 and len(bench.of(ef.CommitIntent)) == 2, "none is taken for the other"
    bench(ev.MuteAsked(True))
    assert list(bench.s.calls) == [key], "muting takes the service's call back, and not the button's"
    bench.asks(call_id + "2", "call_staff", '{"reason": "x"}')
    assert list(bench.s.calls) == [key] and "muted" in str(bench.of(ef.RecordOutcome)[-1])
