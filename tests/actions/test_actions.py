"""The loop asks, threads do, events answer: each key at most once, and each run with exactly one answer."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import textwrap
import threading
import time
import types
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from kioskd.actions import actions as room
from kioskd.actions import hands
from kioskd.actions.actions import Actions
from kioskd.actions.ledger import Ledger
from kioskd.actions.trail import trail_files
from kioskd.config.sections import Action, Interlock, Policy, RelayAction, SecretRef, SensorAction, StaffAction, Tool
from kioskd.core.action_events import MoveAsked
from kioskd.core.events import ActionEnded, IntentCommitted, RelaySwitched
from kioskd.core.house_events import InterlocksRead, LedgerRead
from kioskd.core.words import CallKey

PATIENCE_S = 20.0


def key(call_id: str = "call_1") -> CallKey:
    return CallKey("hydra", "sess_1", call_id)


def tool(name: str, **action: Any) -> Tool:
    return Tool(name=name, description="does it", class_="read", action=Action(**action))


def door(name: str = "open_door", pulse_ms: int = 30) -> Tool:
    return tool(name, relay=RelayAction(pin="GPIO27", pulse_ms=pulse_ms, min_gap_s=0.1))


def secret(ref: SecretRef) -> str:
    return os.environ[ref.env or ""]


Make = Callable[..., Actions]


@pytest.fixture
def make(ledger: Ledger, posts: Any) -> Iterator[Make]:
    made: list[Actions] = []

    def make(*tools: Tool, relays: Any = None, inputs: Any = None) -> Actions:
        made.append(Actions(tools, relays or {}, inputs or {}, ledger, posts, "lobby", secret))
        return made[-1]

    yield make
    for actions in made:
        actions.stop(PATIENCE_S)


def test_a_relay_is_pulsed_and_answered_for(make: Make, posts: Any, line: Any) -> None:
    actions = make(door(), relays={"open_door": line})
    began = time.monotonic()
    actions.run(key(), "open_door", {})
    assert time.monotonic() - began < 0.025, "the loop does not wait for the pulse"
    ended = posts.wait(ActionEnded)
    assert ended == ActionEnded(key(), True, '{"pulse_ms": 30}', "", "")
    assert [on for on, _ in line.edges] == [True, False]
    assert [event.name for event in posts.of(RelaySwitched)] == ["open_door", "open_door"]
    assert actions.snapshot()["done"] == 1


def test_a_key_is_run_once_whatever_the_ledger_said(make: Make, posts: Any, line: Any) -> None:
    actions = make(door(pulse_ms=100), relays={"open_door": line})
    actions.run(key(), "open_door", {})
    actions.run(key(), "open_door", {})  # the first one is still running: it will answer
    assert posts.wait(ActionEnded).ok
    actions.run(key(), "open_door", {})
    assert "has been run already" in posts.wait(ActionEnded, 2).reason
    assert line.rises == 1 and len(posts.of(ActionEnded)) == 2
    assert actions.snapshot()["refused_twice"] == 2


def test_two_relays_do_not_wait_for_one_another(make: Make, posts: Any, line: Any) -> None:
    other = type(line)("GPIO22")
    actions = make(door(pulse_ms=5000), door("open_gate"), relays={"open_door": line, "open_gate": other})
    actions.run(key("a"), "open_door", {})
    posts.wait(RelaySwitched)
    actions.run(key("b"), "open_gate", {})
    assert posts.wait(ActionEnded).key == key("b")
    assert line.is_on
    assert actions.stop(PATIENCE_S)
    assert not line.is_on and "cut short" in posts.wait(ActionEnded, 2).reason


def test_after_a_stop_nothing_moves_and_every_run_is_answered(make: Make, posts: Any, line: Any) -> None:
    actions = make(door(), relays={"open_door": line})
    assert actions.stop(PATIENCE_S) and actions.stop(PATIENCE_S)
    actions.run(key(), "open_door", {})
    assert "ending" in posts.wait(ActionEnded).reason
    assert line.rises == 0


def test_a_sensor_answers_in_json_and_in_words(make: Make, posts: Any, tmp_path: Path) -> None:
    (tmp_path / "temp").write_text("21500\n")
    sensor = SensorAction(file=str(tmp_path / "temp"), scale=0.001, unit="°C")
    make(tool("temperature", sensor=sensor)).run(key(), "temperature", {})
    ended = posts.wait(ActionEnded)
    assert ended.ok and ended.say == "21.5 °C" and json.loads(ended.result)["value"] == 21.5


def test_what_is_not_there_is_a_sentence_and_the_rest_works(make: Make, posts: Any, line: Any) -> None:
    actions = make(
        door(),
        door("open_gate"),
        tool("window", sensor=SensorAction(pin="GPIO6")),
        tool("call_staff", staff=StaffAction(url="http://hooks.example/")),
        tool("nothing"),
        relays={"open_door": line},
    )
    for number, name in enumerate(("open_gate", "window", "call_staff", "nothing", "unheard_of"), 1):
        actions.run(key(name), name, {})
        ended = posts.wait(ActionEnded, number)
        assert not ended.ok and name in ended.reason
    missing = actions.snapshot()["missing"]
    assert isinstance(missing, dict) and sorted(missing) == ["call_staff", "nothing", "open_gate", "window"]
    assert "not encrypted" in missing["call_staff"] and "relay line is not there" in missing["open_gate"]
    actions.run(key(), "open_door", {})
    assert posts.wait(ActionEnded, 6).ok


def test_intents_and_outcomes_go_to_the_ledger(make: Make, posts: Any, ledger: Ledger) -> None:
    actions = make()
    actions.commit(key(), "open_door", "{}")
    assert posts.wait(IntentCommitted).fresh
    actions.record(key(), "open_door", "done", "")
    actions.commit(key(), "open_door", "{}")
    assert not posts.wait(IntentCommitted, 2).fresh
    counts = actions.snapshot()["ledger"]
    assert isinstance(counts, dict) and (counts["committed"], counts["repeated"], counts["recorded"]) == (1, 1, 1)


class Desk:
    """A webhook that answers when it is told to."""

    def __init__(self) -> None:
        self.tokens: list[str | None] = []
        self.asked = threading.Semaphore(0)
        self.answer = threading.Event()
        desk = self

        class Web(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                desk.tokens.append(self.headers["Authorization"])
                desk.asked.release()
                desk.answer.wait(PATIENCE_S)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
        self.server.daemon_threads = True
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def tool(self) -> Tool:
        url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        return tool("call_staff", staff=StaffAction(url=url, timeout_s=20, attempts=1, token=SecretRef(env="STAFF")))

    def close(self) -> None:
        self.answer.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(10)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


def test_a_door_does_not_wait_for_staff_who_do_not_answer(
    make: Make, posts: Any, line: Any, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAFF", "t0ken")
    actions = make(desk.tool(), door(), relays={"open_door": line})
    for call in ("a", "b"):
        actions.run(key(call), "call_staff", {})
        assert desk.asked.acquire(timeout=PATIENCE_S)
    assert actions.snapshot()["running"] == 2
    actions.run(key("c"), "open_door", {})
    assert posts.wait(ActionEnded).key == key("c")
    desk.answer.set()
    assert posts.wait(ActionEnded, 3).ok
    assert desk.tokens == ["Bearer t0ken"] * 2


def test_a_missing_token_is_a_sentence(make: Make, posts: Any, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STAFF", raising=False)
    make(desk.tool()).run(key(), "call_staff", {})
    assert "token for call_staff cannot be read" in posts.wait(ActionEnded).reason
    assert desk.tokens == []


def test_an_action_that_hangs_is_answered_for_and_its_thread_named(
    make: Make, posts: Any, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAFF", "t0ken")
    monkeypatch.setattr(hands, "MARGIN_S", 0.1 - 22.0)  # timeout 20 s and 2 s of pauses: its bound is 0.1 s here
    actions = make(desk.tool())
    actions.run(key(), "call_staff", {})
    assert "gave no answer within" in posts.wait(ActionEnded).reason
    assert set(actions.snapshot()["stuck"].values()) == {"call_staff"}
    desk.answer.set()
    assert actions.stop(PATIENCE_S)
    assert len(posts.of(ActionEnded)) == 1


FORGETFUL = """
    import sys, threading, time
    from kioskd.actions.actions import Actions
    from kioskd.actions.ledger import Ledger
    from kioskd.config.sections import Action, RelayAction, Tool
    from kioskd.core.words import CallKey

    class Line:
        name = "GPIO27"
        is_on = False
        def on(self):
            self.is_on = True
            print("on", flush=True)
        def off(self):
            if self.is_on:
                self.is_on = False
                print("off", flush=True)

    def post(event):
        switched.set()
        return True

    switched = threading.Event()
    relay = RelayAction(pin="GPIO27", pulse_ms=60_000)
    tool = Tool(name="open_door", description="opens", class_="access", action=Action(relay=relay))
    actions = Actions([tool], {"open_door": Line()}, {}, Ledger(sys.argv[1], post), post, "lobby", str)
    actions.run(CallKey("hydra", "s", "c"), "open_door", {})
    assert switched.wait(20)
    raise SystemExit("the main thread ends without stopping anything")
"""


def test_a_process_that_ends_without_stopping_releases_its_relays(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(FORGETFUL), str(tmp_path / "ledger.db")]
    child = subprocess.run(command, capture_output=True, text=True, timeout=40)
    assert child.stdout.split() == ["on", "off"], child.stderr


def test_after_halt_nothing_moves_any_more(make: Make, posts: Any, line: Any) -> None:
    actions = make(door(), relays={"open_door": line})
    actions.halt()
    actions.run(key(), "open_door", {})
    ended = posts.wait(ActionEnded)
    assert not ended.ok and "nothing moves any more" in ended.reason
    assert posts.of(RelaySwitched) == []


def test_a_flood_of_refusals_does_not_fill_the_disk(make: Make, ledger: Ledger, posts: Any) -> None:
    actions = make(door())
    for number in range(200):
        actions.record(key(f"refused_{number}"), "nothing", "refused", "no such tool")
    actions.commit(key("real"), "open_door", "{}")
    actions.record(key("real"), "open_door", "failed", "why")
    assert ledger.stop(PATIENCE_S)
    counts = actions.snapshot()
    assert counts["refusals_unwritten"] == 140
    assert ledger.snapshot()["recorded"] == 61, "what an intent precedes is written whatever else is asked"


# -- interlocks, trials, the audit trail ---------------------------------------------------------------


class Contact:
    """A line that is read; it may hang."""

    name = "GPIO24"

    def __init__(self) -> None:
        self.level = False
        self.hang: threading.Event | None = None

    @property
    def active(self) -> bool:
        if self.hang is not None:
            self.hang.wait(PATIENCE_S)
        return self.level


FIRE = Interlock(pin="GPIO24", must_be="inactive", name="the fire alarm")


@pytest.fixture
def guarded(ledger: Ledger, posts: Any, line: Any) -> Iterator[tuple[Actions, Contact]]:
    fire = Contact()
    wanted = dataclasses.replace(door(), policy=Policy(interlocks=(FIRE,)))
    actions = Actions([wanted], {"open_door": line}, {}, ledger, posts, "lobby", secret, contacts={"GPIO24": fire})
    yield actions, fire
    actions.stop(PATIENCE_S)


def test_a_look_is_answered_with_what_the_contacts_say(guarded: tuple[Actions, Contact], posts: Any) -> None:
    actions, fire = guarded
    actions.look(key("c1"), "open_door")
    assert posts.wait(InterlocksRead) == InterlocksRead(key("c1"), "", "")
    fire.level = True
    actions.look(key("c2"), "open_door")
    answer = posts.wait(InterlocksRead, 2)
    assert answer.name == "the fire alarm" and "is active and must be inactive" in answer.problem
    actions.look(key("c3"), "no_such_tool")
    assert "refused" in posts.wait(InterlocksRead, 3).problem


def test_a_contact_that_hangs_refuses_within_its_bound(
    guarded: tuple[Actions, Contact], posts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    actions, fire = guarded
    monkeypatch.setattr(room, "LOOK_S", 0.1)
    fire.hang = threading.Event()
    actions.look(key(), "open_door")
    assert "no answer" in posts.wait(InterlocksRead).problem
    fire.hang.set()


def test_the_fire_alarm_is_read_once_more_right_before_the_line_moves(
    guarded: tuple[Actions, Contact], posts: Any, line: Any
) -> None:
    actions, fire = guarded
    fire.level = True
    actions.run(key("c1"), "open_door", {})
    ended = posts.wait(ActionEnded)
    assert not ended.ok and "fire alarm" in ended.reason and line.rises == 0
    fire.level = False
    actions.run(key("c2"), "open_door", {})
    assert posts.wait(ActionEnded, 2).ok and line.rises == 1


def test_a_relay_that_waits_for_its_rival_hears_the_fire_alarm_meanwhile(ledger: Ledger, posts: Any, line: Any) -> None:
    """The interlocks held when the call came and when it was run; apart_ms later they do not."""
    fire, other = Contact(), type(line)()
    relay = RelayAction(pin="GPIO27", pulse_ms=30, min_gap_s=0.1, never_with=("close_door",), apart_ms=400)
    wanted = dataclasses.replace(tool("open_door", relay=relay), policy=Policy(interlocks=(FIRE,)))
    both = [wanted, tool("close_door", relay=RelayAction(pin="GPIO22", pulse_ms=20, min_gap_s=0.1))]
    given = {"open_door": line, "close_door": other}
    actions = Actions(both, given, {}, ledger, posts, "lobby", secret, contacts={"GPIO24": fire})
    actions.run(key("c1"), "close_door", {})
    assert posts.wait(ActionEnded).ok
    actions.run(key("c2"), "open_door", {})
    threading.Timer(0.1, setattr, (fire, "level", True)).start()
    actions.last_word(posts.wait(MoveAsked).key, "")
    ended = posts.wait(ActionEnded, 2)
    assert not ended.ok and "fire alarm" in ended.reason and line.rises == 0
    actions.stop(PATIENCE_S)


def test_a_relay_may_wait_as_long_as_its_rival_says(
    ledger: Ledger, posts: Any, line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``never_with`` stands with the other one only: this one does not hang because it waits, nor while it is on."""
    monkeypatch.setattr("kioskd.actions.hands.MARGIN_S", 0.2)
    said = RelayAction(pin="GPIO22", pulse_ms=20, min_gap_s=0.1, never_with=("open_door",), apart_ms=600)
    both = [door(), tool("close_door", relay=said)]
    actions = Actions(both, {"open_door": line, "close_door": type(line)()}, {}, ledger, posts, "lobby", secret)
    actions.run(key("c1"), "close_door", {})
    assert posts.wait(ActionEnded).ok
    actions.run(key("c2"), "open_door", {})
    actions.last_word(posts.wait(MoveAsked).key, "")
    assert posts.wait(ActionEnded, 2).ok and line.rises == 1
    actions.stop(PATIENCE_S)


@pytest.fixture
def motor(ledger: Ledger, posts: Any, line: Any) -> Iterator[Actions]:
    """A relay ``open_door`` that has to wait for a minute, because its rival was on just now."""
    relay = RelayAction(pin="GPIO27", pulse_ms=30, min_gap_s=0.1, never_with=("close_door",), apart_ms=60_000)
    both = [tool("open_door", relay=relay), tool("close_door", relay=RelayAction(pin="GPIO22", pulse_ms=20))]
    actions = Actions(both, {"open_door": line, "close_door": type(line)()}, {}, ledger, posts, "lobby", secret)
    actions.run(key("c1"), "close_door", {})
    assert posts.wait(ActionEnded).ok
    actions.run(key("c2"), "open_door", {})
    yield actions
    actions.stop(PATIENCE_S)


def test_a_relay_that_waits_is_called_back_at_once(motor: Actions, posts: Any, line: Any) -> None:
    motor.last_word(key("c2"), "muted")
    ended = posts.wait(ActionEnded, 2)
    assert (ended.ok, ended.reason) == (False, "muted") and line.rises == 0


def test_a_relay_that_waits_ends_with_kioskd(motor: Actions, posts: Any, line: Any) -> None:
    began = time.monotonic()
    assert motor.stop(PATIENCE_S)
    ended = posts.wait(ActionEnded, 2)
    assert not ended.ok and "kioskd is ending" in ended.reason and line.rises == 0
    assert time.monotonic() - began < PATIENCE_S


def test_a_word_about_another_run_or_an_ended_one_changes_nothing(make: Make, posts: Any, line: Any) -> None:
    actions = make(door(), relays={"open_door": line})
    actions.last_word(key("c1"), "muted")
    actions.run(key("c1"), "open_door", {})
    assert posts.wait(ActionEnded).ok and line.rises == 1
    actions.last_word(key("c1"), "muted")


def test_a_tool_on_trial_moves_nothing_even_if_it_is_run(make: Make, posts: Any, line: Any) -> None:
    actions = make(dataclasses.replace(door(), dry_run=True), relays={"open_door": line})
    actions.run(key(), "open_door", {})
    assert "on trial" in posts.wait(ActionEnded).reason and line.rises == 0


def test_of_a_flood_of_refusals_the_trail_has_a_few_and_the_number_of_the_others(
    make: Make, ledger: Ledger, tmp_path: Path
) -> None:
    actions = make(door())
    for number in range(200):
        actions.audit("decision", {"verdict": "refuse", "call": f"c{number}", "tool": "door", "code": "stale"})
    actions.audit("decision", {"verdict": "allow", "call": "real"})
    assert ledger.stop(PATIENCE_S)
    rows = [json.loads(row) for path in trail_files(tmp_path / "audit") for row in path.open()]
    decisions = [row["data"] for row in rows if row["what"] == "decision"]
    assert len(decisions) == 61 and decisions[-1] == {"verdict": "allow", "call": "real"}
    [folded] = [row["data"] for row in rows if row["what"] == "folded"]
    assert folded["count"] == 140 and folded["kinds"] == {"door refuse stale": 140}


def test_a_contact_that_rattles_pushes_no_move_out_of_the_trail_and_is_not_hidden_by_a_flood(
    make: Make, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lid that somebody shakes for a day, once a second; and one that is opened while a service floods."""
    written: list[tuple[str, Any]] = []
    monkeypatch.setattr(ledger, "audit", lambda what, data: written.append((what, data)))
    now = [1000.0]
    monkeypatch.setattr(room, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    actions = make(door())
    for number in range(200):
        actions.audit("decision", {"verdict": "refuse", "tool": "door", "code": "stale"})
    actions.audit("contact", {"contact": "lid", "at_rest": False})
    assert written[-1][0] == "contact"
    for number in range(86_400):
        now[0] += 1.0
        actions.audit("contact", {"contact": "lid", "at_rest": number % 2 == 0})
    assert len(written) < 2 * 60 + 240 + 144 + 10
    assert any(data["kinds"].get("lid contact") for what, data in written if what == "folded")


def test_a_lock_is_kept(make: Make, ledger: Ledger, posts: Any, tmp_path: Path) -> None:
    make(door()).keep_lock("open_door", 60.0)
    assert ledger.stop(PATIENCE_S)
    again = Ledger(tmp_path / "ledger.db", posts)
    again.start()
    locks = posts.wait(LedgerRead, 2).locks
    assert again.stop(PATIENCE_S)
    assert [tool for tool, _ in locks] == ["open_door"] and 50 < locks[0][1] <= 60


def test_what_was_read_too_long_ago_lets_nothing_move(guarded: tuple[Actions, Contact], posts: Any, line: Any) -> None:
    actions, fire = guarded
    fire.hang = threading.Event()
    threading.Timer(1.3, fire.hang.set).start()
    actions.run(key("late"), "open_door", {})
    ended = posts.wait(ActionEnded)
    assert not ended.ok and "to read" in ended.reason and line.rises == 0


def test_a_flood_of_cancelled_questions_does_not_fill_the_disk(make: Make, ledger: Ledger, tmp_path: Path) -> None:
    actions = make(door())
    for number in range(200):
        actions.audit("decision", {"verdict": "confirm", "call": f"c{number}"})
        actions.record(key(f"c{number}"), "open_door", "cancelled", "the visitor spoke over it")
    assert ledger.stop(PATIENCE_S)
    assert ledger.snapshot()["recorded"] == 60
    trail = [json.loads(row) for path in trail_files(tmp_path / "audit") for row in path.open()]
    assert len([row for row in trail if row["what"] in ("decision", "outcome")]) == 60


def test_a_flood_of_reads_and_refusals_pushes_no_move_out_of_the_trail(
    make: Make, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, posts: Any, line: Any
) -> None:
    """A service that asks at its limit for a day writes a few hundred lines, and every line of a move is there."""
    written: list[str] = []
    told: list[bool] = []
    monkeypatch.setattr(ledger, "audit", lambda what, data: written.append(what))
    monkeypatch.setattr(ledger, "record", lambda *_, told: told_of(told))

    def told_of(one: bool) -> None:
        told.append(one)

    now = [1000.0]
    monkeypatch.setattr(room, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    bell, gate = (
        dataclasses.replace(door(name), class_=kind) for name, kind in (("bell", "notify"), ("gate", "access"))
    )
    monkeypatch.setattr(ledger, "commit", lambda *_, told, access: told_of(told))
    actions = make(door(), bell, gate)
    for number in range(86_400):
        now[0] += 1.0
        actions.audit("decision", {"verdict": "refuse", "tool": f"t{number}", "code": "unknown_tool"})
        actions.audit("decision", {"verdict": "allow", "class": "read", "tool": "open_door"})
        actions.record(key(f"c{number}"), "open_door", "expired", "")
        actions.audit("decision", {"verdict": "allow", "class": "notify", "tool": "bell"})
        actions.commit(key(f"b{number}"), "bell", "{}")
        actions.audit("relay", {"tool": "bell", "on": True})
        actions.record(key(f"b{number}"), "bell", "done", "")
        if number % 3600 == 0:
            actions.audit("decision", {"verdict": "allow", "class": "access", "tool": "gate"})
    assert written.count("decision") >= 24 and "folded" in written
    assert len(written) + sum(told) < 60 + 240 + 144 + 2 * 24 + 10


def test_intent_and_outcome_of_a_read_are_rows_and_no_lines(
    make: Make, ledger: Ledger, posts: Any, tmp_path: Path
) -> None:
    actions = make(door(), dataclasses.replace(door("gate"), class_="access"))
    for name in ("open_door", "gate"):
        actions.commit(key(name), name, "{}")
        actions.record(key(name), name, "done", "")
    assert ledger.stop(PATIENCE_S)
    rows = [json.loads(row) for path in trail_files(tmp_path / "audit") for row in path.open()]
    assert [(row["what"], row["data"]["tool"]) for row in rows[1:]] == [("intent", "gate"), ("outcome", "gate")]
    assert ledger.snapshot()["recorded"] == 2


def test_another_policy_for_a_contact_holds_for_the_look_and_for_the_move(
    guarded: tuple[Actions, Contact], posts: Any, line: Any
) -> None:
    actions, fire = guarded
    wanted = dataclasses.replace(door(), policy=Policy(interlocks=(dataclasses.replace(FIRE, must_be="active"),)))
    actions.use([wanted], "lobby")
    actions.look(key("c1"), "open_door")
    assert "must be active" in posts.wait(InterlocksRead).problem
    actions.run(key("c2"), "open_door", {})
    assert not posts.wait(ActionEnded).ok and line.edges == []
    fire.level = True
    actions.run(key("c3"), "open_door", {})
    assert posts.wait(ActionEnded, 2).ok


def test_a_call_that_comes_while_the_relay_is_on_is_refused_and_not_done_later(
    make: Make, posts: Any, line: Any
) -> None:
    # min_gap_s counts from the begin of a pulse, so a time that the visitor chose may be longer.
    chosen = RelayAction(pin="GPIO27", seconds_from="seconds", longest_on_ms=20000, min_gap_s=0.1, pulse_ms=20)
    actions = make(tool("open_door", relay=chosen), relays={"open_door": line})
    actions.run(key("a"), "open_door", {"seconds": 0.5})
    posts.wait(RelaySwitched)
    actions.run(key("b"), "open_door", {"seconds": 0.5})
    first = posts.wait(ActionEnded)
    assert first.key == key("b") and "is being pulsed already" in first.reason
    assert posts.wait(ActionEnded, 2).ok and line.rises == 1
