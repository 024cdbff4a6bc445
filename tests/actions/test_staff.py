"""Every way is tried, and the visitor hears who comes."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from kioskd.actions.answering import Answering
from kioskd.actions.staff import Staff
from kioskd.actions.summons import Summons, Taken
from kioskd.actions.webhook import Webhook
from kioskd.config.action import StaffAction, StaffAnswer
from kioskd.core.words import CallKey

KEY = CallKey("hydra", "sess_1", "call_1")


class Road:
    """A way that goes as it is told, and keeps what went over it."""

    def __init__(self, taken: Taken) -> None:
        self.taken = taken
        self.went: list[Summons] = []

    def call(self, summons: Summons) -> Taken:
        self.went.append(summons)
        return self.taken


def answering(**keys: Any) -> Answering:
    stopping = threading.Event()
    return Answering("call_staff", StaffAnswer(**keys), None, stopping.wait)


def test_without_a_way_there_is_no_staff() -> None:
    with pytest.raises(LookupError, match="no way"):
        Staff("call_staff", "lobby", [])


def test_all_ways_are_gone_with_the_same_call() -> None:
    bell, mail = Road(Taken("")), Road(Taken(""))
    outcome = Staff("call_staff", "lobby", [bell, mail], wall=lambda: 0.0).call(KEY, {"why": "lost"})
    assert outcome == (True, '{"called": true, "say": ""}', "", "")
    assert bell.went == mail.went and bell.went[0].arguments == {"why": "lost"} and bell.went[0].kiosk == "lobby"


def test_one_way_is_enough_and_the_owner_hears_of_the_other() -> None:
    ways = [Road(Taken("the bell is stuck.")), Road(Taken("", "Anna comes."))]
    outcome = Staff("call_staff", "lobby", ways).call(KEY, {})
    assert outcome.ok and outcome.say == "Anna comes." and outcome.reason == "call_staff: the bell is stuck."


def test_when_no_way_leads_anywhere_all_reasons_are_told() -> None:
    ways = [Road(Taken("the bell is stuck.")), Road(Taken("the mail server hung up."))]
    outcome = Staff("call_staff", "lobby", ways).call(KEY, {})
    assert not outcome.ok and outcome.reason == "call_staff: the bell is stuck. the mail server hung up."


def test_whoever_answers_at_once_is_named() -> None:
    road = Road(Taken("", "", "Anna"))
    assert json.loads(Staff("call_staff", "lobby", [road]).call(KEY, {}).result)["answered_by"] == "Anna"
    outcome = Staff("call_staff", "lobby", [road], answering(topic="a")).call(KEY, {})
    assert outcome.ok and outcome.say == "Anna has answered."


def test_whoever_answers_later_is_waited_for() -> None:
    waiting = answering(topic="a", say_answered="{name} is coming.")
    road = Road(Taken(""))

    class Colleague(Road):
        """Reads the call, and answers it from another thread."""

        def call(self, summons: Summons) -> Taken:
            said = json.dumps({"answer_id": summons.answer_id, "answered_by": "Ben"}).encode()
            threading.Timer(0.05, waiting.put, (said,)).start()
            return super().call(summons)

    outcome = Staff("call_staff", "lobby", [road, Colleague(Taken(""))], waiting).call(KEY, {})
    assert outcome.ok and outcome.say == "Ben is coming."
    assert json.loads(outcome.result) == {"called": True, "answered_by": "Ben", "say": "Ben is coming."}


def test_when_nobody_answers_the_visitor_is_told_the_truth() -> None:
    waiting = answering(topic="a", within_s=0.05, say_nobody="Nobody is free at the moment.")
    outcome = Staff("call_staff", "lobby", [Road(Taken(""))], waiting).call(KEY, {})
    assert not outcome.ok and outcome.say == "Nobody is free at the moment."
    assert json.loads(outcome.result)["answered_by"] is None
    assert outcome.reason == "call_staff: somebody was called, and nobody answered within 0.05 s."


def test_an_answer_that_comes_too_late_is_a_stray() -> None:
    waiting = answering(topic="a", within_s=0.05)
    road = Road(Taken(""))
    Staff("call_staff", "lobby", [road], waiting).call(KEY, {})
    waiting.put(json.dumps({"answer_id": road.went[0].answer_id, "answered_by": "Ben"}).encode())
    assert waiting.strays == 1


def test_no_two_calls_have_the_same_answer_id() -> None:
    road = Road(Taken(""))
    staff = Staff("call_staff", "lobby", [road])
    for _ in range(20):
        staff.call(KEY, {})
    ids = {summons.answer_id for summons in road.went}
    assert len(ids) == 20 and min(map(len, ids)) >= 16


def test_over_a_real_webhook_and_a_polled_address(peer: Any) -> None:
    peer.script = [
        peer.answer(200, b"ok"),
        peer.answer(404),
        peer.answer(503),
        peer.answer(200, b'{"answered_by": null}'),
        peer.answer(200, b'{"answered_by": "Anna", "say": "I am coming."}'),
    ]
    action = StaffAction(url=peer.url)
    wait = threading.Event().wait
    poll = StaffAnswer(url=peer.url + "/{answer_id}?kiosk={kiosk}", every_s=0.02, within_s=20)
    token = lambda: "s3cr3t"  # noqa: E731
    waiting = Answering("call_staff", poll, token, wait)
    outcome = Staff("call_staff", "lobby 1", [Webhook("call_staff", action, token, wait)], waiting).call(KEY, {})
    assert outcome.ok and outcome.say == "I am coming."
    answer_id = peer.requests[0][2]["answer_id"]
    assert {path for path, _, _ in peer.requests[1:]} == {f"/call/{answer_id}?kiosk=lobby%201"}
    assert peer.methods == ["POST", "GET", "GET", "GET", "GET"]
    assert all(headers["Authorization"] == "Bearer s3cr3t" for _, headers, _ in peer.requests)


def test_another_name_of_the_kiosk_is_told_from_the_next_call_on() -> None:
    bell = Road(Taken(""))
    staff = Staff("call_staff", "lobby", [bell])
    staff.call(KEY, {})
    staff.rename("back door")
    staff.call(KEY, {})
    assert [summons.kiosk for summons in bell.went] == ["lobby", "back door"]
