"""The trail has every decision and what followed, and neither speech nor secrets."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from kioskd.config.sections import Action, Policy, RelayAction, Tool
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core.auditing import redacted
from kioskd.core.policy import CLASSES

SCHEMA = {
    "type": "object",
    "properties": {
        "floor": {"type": "integer"},
        "wing": {"type": "string", "enum": ["east", "west"]},
        "reason": {"type": "string"},
        "door_code": {"type": "integer"},
    },
}
LIFT = Tool(
    name="call_lift",
    description="x",
    class_="actuate",
    parameters=SCHEMA,
    action=Action(relay=RelayAction(pin="GPIO21")),
    policy=Policy(allow=True),
)


def told(bench: Any, what: str) -> list[dict[str, Any]]:
    return [dict(effect.data) for effect in bench.of(ef.Audit) if effect.what == what]


def test_a_door_leaves_its_whole_story_before_it_moves(bench: Any) -> None:
    bench.says()
    key = bench.asks()
    bench.press()
    bench.wait(0.6)
    kinds = [type(effect) for effect in bench.done]
    assert kinds.index(ef.CommitIntent) > [place for place, kind in enumerate(kinds) if kind is ef.Audit][-1]
    bench(ev.IntentCommitted(key, fresh=True), ev.RelaySwitched("unlock_door", True, bench.now))
    bench(ev.RelaySwitched("unlock_door", False, bench.now + 1), ev.ActionEnded(key, True, "{}", "", ""))
    assert [(row["verdict"], row["confirmed"]) for row in told(bench, "decision")] == [
        ("confirm", False),
        ("allow", True),
    ]
    assert [row["by"] for row in told(bench, "confirmed")] == ["button"]
    assert [row["on"] for row in told(bench, "relay")] == [True, False]
    assert told(bench, "relay")[0]["confirm_to_relay_ms"] >= 0 and told(bench, "relay")[0]["call"] == "c1"
    for row in told(bench, "decision"):
        assert (row["tool"], row["session"], row["endpoint"], row["class"]) == ("unlock_door", "s1", "e", "access")
        assert row["why"] and row["class"] in CLASSES


def test_a_line_that_moves_without_a_call_is_told(bench: Any) -> None:
    bench(ev.RelaySwitched("unlock_door", True, bench.now))
    assert told(bench, "relay") == [{"tool": "unlock_door", "on": True}]


def test_a_refusal_is_told_with_its_reason(bench: Any) -> None:
    bench.s.last_person_at = None
    bench.online()
    bench.asks()
    assert [(row["verdict"], row["code"]) for row in told(bench, "decision")] == [("refuse", "stale")]


def test_neither_speech_nor_secrets_are_in_it(bench: Any) -> None:
    bench.s.config = dataclasses.replace(bench.s.config, tools=(*bench.s.config.tools, LIFT))
    bench.says()
    spoken = "my daughter Anna waits upstairs"
    given = {"floor": 4, "wing": "east", "reason": spoken, "door_code": 1234}
    bench.asks("c1", "call_lift", json.dumps(given))
    bench.asks("c2", "call_lift", json.dumps({"reason": [spoken]}))
    bench.asks("c3", "call_lift", json.dumps({spoken: spoken}))
    bench.asks("c4", spoken[:20], spoken)
    rows = told(bench, "decision")
    assert rows[0]["arguments"] == {
        "floor": 4,
        "wing": "east",
        "reason": f"<{len(spoken)} characters>",
        "door_code": "***",
    }
    text = json.dumps(rows)
    assert len(rows) == 4 and spoken not in text and "1234" not in text


def test_what_the_service_sends_is_bounded(bench: Any) -> None:
    bench.says()
    bench.asks("c" * 5000, "t" * 5000, "{}")
    assert len(json.dumps(told(bench, "decision"))) < 2000
    many = redacted({}, {f"n{number}": number for number in range(1000)})
    assert len(many) == 20
    schema = {"properties": {"inner": {}, "list": {}}}
    assert redacted(schema, {"inner": {"password": "x"}, "list": ["x"]}) == {"inner": "<dict>", "list": "<list>"}


def test_a_name_that_the_service_made_up_is_not_kept() -> None:
    """With additionalProperties a service may put what a visitor said into the name of an argument."""
    schema = {"properties": {"floor": {"type": "integer"}}, "additionalProperties": True}
    kept = redacted(schema, {"floor": 4, "my mother is ill": 1, "my father is well": "x", "otp": 4711})
    assert kept == {
        "floor": 4,
        "<argument 2, 16 characters>": 1,
        "<argument 3, 17 characters>": "<1 characters>",
        "<argument 4, 3 characters>": "***",
    }


def test_a_trial_moves_nothing_and_says_so(bench: Any) -> None:
    tools = [dataclasses.replace(tool, dry_run=True) for tool in bench.s.config.tools]
    bench.s.config = dataclasses.replace(bench.s.config, tools=tuple(tools))
    bench.says()
    key = bench.asks()
    bench.press()
    bench.wait(0.6)
    bench(ev.IntentCommitted(key, fresh=True))
    assert bench.of(ef.RunAction) == [] and bench.s.calls == {}
    assert [effect.outcome for effect in bench.of(ef.RecordOutcome)] == ["dry_run"]
    assert all(row["dry_run"] for row in told(bench, "decision"))
    said = json.loads(bench.of(ef.SendText)[-1].text)
    assert said["status"] == "dry_run" and "nothing was moved" in said["say"]
    assert ef.PlayCue("done") not in bench.done and ef.PlayCue("refused") not in bench.done


def test_wrong_arguments_are_not_quoted_in_what_is_kept(bench: Any, with_tool: Any) -> None:
    with_tool(bench, LIFT)
    bench.says()
    bench.asks("c1", tool="call_lift", arguments='{"wing": "my mother is ill"}')
    bench.asks("c2", tool="call_lift", arguments='{"door_code": "4711x"}')
    kept = [effect.reason for effect in bench.of(ef.RecordOutcome)]
    assert len(kept) == 2 and not any("mother" in reason or "4711" in reason for reason in kept)
    assert "my mother" in bench.of(ef.SendOutput)[0].output, "the model must know what to do better"


def test_a_pin_is_a_secret_however_its_name_goes_on() -> None:
    schema = {"properties": {name: {"type": "integer"} for name in ("pin", "pin_number", "pin2", "ping")}}
    values = {"pin": 4711, "pin_number": 4711, "pin2": 4711, "ping": 1}
    assert redacted(schema, values) == {"pin": "***", "pin_number": "***", "pin2": "***", "ping": 1}


def test_what_no_tool_is_called_and_wrong_arguments_stand_nowhere(bench: Any, with_tool: Any) -> None:
    """A service may put into names and arguments what a visitor said; journal, timeline, trail and ledger keep none."""
    with_tool(bench, LIFT)
    bench.says()
    said = "my_daughter_is_called_Ada"
    for name, arguments in ((said, "{}"), ("call_lift", json.dumps({"wing": said})), ("call_lift", said)):
        bench.asks(f"c{len(bench.done)}", tool=name, arguments=arguments)
    kept = [effect for effect in bench.done if isinstance(effect, (ef.Note, ef.Audit, ef.RecordOutcome))]
    assert len(kept) > 6 and said not in repr(kept)
    assert said in repr(bench.of(ef.SendOutput)), "the model is told what was wrong with it"
    assert any("<unknown tool, 25 characters>" in effect.text for effect in bench.of(ef.Note))
