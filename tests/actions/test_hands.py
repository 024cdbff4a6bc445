"""Each kind of action is made ready, or says why not."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Iterator

import pytest

from kioskd.actions import hands
from kioskd.actions.crew import Crew
from kioskd.actions.hands import KINDS, Workshop, make, pair
from kioskd.actions.lastword import Words
from kioskd.config.action import (
    CueAction,
    EndAction,
    HttpAction,
    PluginAction,
    ProgramAction,
    StaffAction,
    StaffAnswer,
    StaffBell,
    StaffEmail,
    StaffMqtt,
    VolumeAction,
)
from kioskd.config.sections import Action, RelayAction, SensorAction, Tool
from kioskd.core.action_events import CueAsked, EndAsked, MoveAsked, VolumeAsked
from kioskd.core.announce_events import PageAsked
from kioskd.core.events import Event, RelaySwitched
from kioskd.core.words import CallKey

KEY = CallKey("e", "s", "c")


def opened(posts: Any) -> Words:
    """The run of ``KEY`` goes on, and the machine lets everything move."""

    def post(event: Event) -> bool:
        if isinstance(event, MoveAsked):
            words.say(event.key, "")
        return bool(posts(event))

    words = Words(post)
    words.open(KEY)
    return words


@pytest.fixture
def shop(posts: Any, line: Any) -> Iterator[Workshop]:
    crews = [Crew("test-hands", 1, 0)]

    def own(name: str, threads: int = 1) -> Crew:
        crews.append(Crew(name, threads, 0))
        return crews[-1]

    given = ({"door": line}, {}, posts, "lobby", str, threading.Event(), crews[0])
    yield Workshop(*given, own_crew=own, relays={}, words=opened(posts))
    for crew in crews:
        crew.stop(5.0)


def tool(name: str, **action: Any) -> Tool:
    return Tool(name=name, description="x", class_="read", action=Action(**action))


def test_a_relay_has_a_thread_of_its_own(shop: Workshop, line: Any) -> None:
    hand = make(shop, tool("door", relay=RelayAction(pin="GPIO27", pulse_ms=20)))
    assert hand.crew is not shop.workers and list(shop.relays) == ["door"]
    assert hand.bound_s == pytest.approx(0.02 + hands.MARGIN_S)
    assert hand.do(KEY, {}).ok and line.rises == 1


def test_staff_may_be_called_aloud_and_no_other_way(shop: Workshop, posts: Any) -> None:
    hand = make(shop, tool("call_staff", staff=StaffAction(page="Reception, please.")))
    assert hand.do(KEY, {}).ok and PageAsked("Reception, please.") in posts.of(PageAsked)


def test_a_sensor_shares_the_workers(shop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "value").write_text("7")
    hand = make(shop, tool("level", sensor=SensorAction(file=str(tmp_path / "value"))))
    assert hand.crew is shop.workers and hand.do(KEY, {}).ok


@pytest.mark.parametrize(
    "wanted",
    [tool("gate", relay=RelayAction(pin="GPIO1")), tool("window", sensor=SensorAction(pin="GPIO2")), tool("x")],
)
def test_what_cannot_be_had_says_why(shop: Workshop, wanted: Tool) -> None:
    with pytest.raises(LookupError, match="is not there|names nothing"):
        make(shop, wanted)


def test_a_relay_may_be_asked_for_so_many_seconds(shop: Workshop, line: Any) -> None:
    action = RelayAction(pin="GPIO27", pulse_ms=20, longest_on_ms=100, seconds_from="seconds", min_gap_s=0.0)
    hand = make(shop, tool("door", relay=action))
    assert hand.do(KEY, {"seconds": 0.05}).ok and line.edges[1][1] - line.edges[0][1] >= 0.05
    for seconds, why in ((1, "at most 0.1 s"), ("long", "a number of seconds"), (True, "a number of seconds")):
        assert why in hand.do(KEY, {"seconds": seconds}).reason
    assert "a number of seconds" in hand.do(KEY, {}).reason and line.rises == 1


def test_what_is_said_of_one_relay_keeps_both_apart(posts: Any, line: Any) -> None:
    crew = Crew("test-hands", 1, 0)
    lines = {"up": line, "down": type(line)("GPIO22")}
    shop = Workshop(lines, {}, posts, "lobby", str, threading.Event(), crew, lambda *name: crew, {}, opened(posts))
    tools = [
        tool("up", relay=RelayAction(pin="GPIO27", pulse_ms=20, min_gap_s=0.0)),
        tool("down", relay=RelayAction(pin="GPIO22", pulse_ms=20, never_with=("up", "gone"), apart_ms=100)),
    ]
    up, down = (make(shop, one) for one in tools)
    pair(shop, tools)
    assert down.do(KEY, {}).ok and up.do(KEY, {}).ok
    assert line.edges[0][1] - lines["down"].edges[1][1] >= 0.1
    assert crew.stop(10.0)


def test_staff_are_called_by_bell_and_webhook(shop: Workshop, posts: Any, line: Any, peer: Any) -> None:
    bell = StaffBell(pin="GPIO16", ring_ms=20, pause_ms=20, rings=2)
    hand = make(shop, tool("door", staff=StaffAction(url=peer.url, bell=bell)))
    assert hand.do(KEY, {}).ok and line.rises == 2 and len(peer.requests) == 1
    assert posts.of(RelaySwitched) == [], "a bell is no door"
    assert list(shop.relays) == ["door (bell)"], "and is released with the relays"
    make(shop, tool("other", staff=StaffAction(bell=StaffBell(cue="again")))).do(KEY, {})
    assert posts.of(CueAsked) == [CueAsked("again")]


def test_staff_who_answer_are_waited_for_apart(shop: Workshop, peer: Any) -> None:
    peer.always = peer.answer(200, b'{"answered_by": "Anna"}')
    answer = StaffAnswer(url=peer.url + "/{answer_id}", within_s=20.0)
    hand = make(shop, tool("call_staff", staff=StaffAction(url=peer.url, answer=answer)))
    assert hand.crew is not shop.workers and hand.do(KEY, {}).say == "Anna has answered."


def test_neither_a_sensor_nor_the_goodbye_waits_for_a_webhook_that_hangs(shop: Workshop) -> None:
    # Two calls at three attempts of five seconds each would hold both of the threads that all share.
    hand = make(shop, tool("call_staff", staff=StaffAction(url="https://staff.example.org/call")))
    assert hand.crew is not shop.workers


@pytest.mark.parametrize(
    ("action", "why"),
    [
        ({"staff": StaffAction()}, "no way to reach anybody"),
        ({"staff": StaffAction(bell=StaffBell(pin="GPIO16"))}, "line of its bell"),
        ({"staff": StaffAction(mqtt=StaffMqtt())}, "section mqtt"),
        ({"staff": StaffAction(url="https://h", answer=StaffAnswer(topic="a"))}, "section mqtt"),
        ({"http": HttpAction(url="http://h.example/")}, "not encrypted"),
        ({"plugin": PluginAction(kind="nothing")}, "no installed package"),
    ],
)
def test_what_the_owner_left_out_is_said(shop: Workshop, action: dict[str, Any], why: str) -> None:
    with pytest.raises((LookupError, ValueError), match=why):
        make(shop, tool("it", **action))


def test_what_may_take_long_has_a_thread_of_its_own(shop: Workshop, peer: Any) -> None:
    request = make(shop, tool("ask", http=HttpAction(url=peer.url + "?q={q}", timeout_s=7.0)))
    program = make(shop, tool("run", program=ProgramAction(command=("/bin/echo", "{q}"), timeout_s=8.0)))
    assert len({id(request.crew), id(program.crew), id(shop.workers)}) == 3
    assert (request.bound_s, program.bound_s) == (7.0 + hands.MARGIN_S, 8.0 + hands.MARGIN_S)
    assert request.do(KEY, {"q": "a b"}).ok and peer.requests[0][0] == "/call?q=a%20b"
    assert program.do(KEY, {"q": "a b"}).result == '{"exit": 0, "output": "a b"}'


def test_housework_is_asked_for(shop: Workshop, posts: Any) -> None:
    for action in (
        {"cue": CueAction(name="done")},
        {"volume": VolumeAction(percent=40)},
        {"end_conversation": EndAction()},
    ):
        assert make(shop, tool("it", **action)).do(KEY, {}).ok
    assert posts.events == [CueAsked("done"), VolumeAsked(0.4), EndAsked(KEY, 15.0)]


def test_mail_reads_its_password_when_it_writes(shop: Workshop) -> None:
    mail = StaffEmail(host="127.0.0.1", port=1, tls="none", from_="a@b", to=("c@d",), timeout_s=2.0)
    outcome = make(shop, tool("write", staff=StaffAction(email=mail))).do(KEY, {})
    assert "the mail server cannot be reached" in outcome.reason


def test_every_kind_is_a_key_of_an_action() -> None:
    assert list(KINDS) == list(Action.__dataclass_fields__)
