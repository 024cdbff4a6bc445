"""People elsewhere are asked over a broker or an address; only their signed, first, timely answer is passed on."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Iterator

import pytest

from kioskd.actions import inquiry as room
from kioskd.actions.acknowledgement import sign
from kioskd.actions.inquiry import Inquiry
from kioskd.config.confirm import StaffConfirm
from kioskd.config.sections import SecretRef
from kioskd.core.confirm_events import StaffAnswered, StaffUnreached
from kioskd.core.words import CallKey

PATIENCE_S = 20.0
KEY = "the key of this device"
CALL = CallKey("hydra-1", "sess_1", "call_1")
REF = SecretRef(env="CONFIRM_KEY")


class Broker:
    """A bus that delivers to who has subscribed, in the thread of who publishes."""

    def __init__(self) -> None:
        self.heard: dict[str, Callable[[bytes, bool], None]] = {}
        self.published: list[tuple[str, bytes]] = []
        self.there = True
        self.asked = threading.Semaphore(0)

    def publish(self, topic: str, payload: bytes) -> bool:
        if self.there:
            self.published.append((topic, payload))
            self.asked.release()
        return self.there

    def subscribe(self, topic: str, heard: Callable[[bytes, bool], None]) -> None:
        self.heard[topic] = heard

    def question(self, number: int = -1) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.published[number][1])
        return told

    def answer(self, payload: bytes, retained: bool = False) -> None:
        self.heard["confirm/answer"](payload, retained)


def answer_to(question: dict[str, Any], ok: bool = True, by: str = "Anna", key: str = KEY) -> bytes:
    parts = ("kioskd-confirm-1", "answer", question["device"], question["call"], question["ask"])
    parts += (str(question["expires_at"]), "yes" if ok else "no", by)
    text = "".join(f"{len(part)}:{part}\n" for part in parts)
    return json.dumps({"ask": question["ask"], "ok": ok, "by": by, "mac": sign(key.encode(), text.encode())}).encode()


Make = Callable[..., Inquiry]


@pytest.fixture
def make(posts: Any) -> Iterator[Make]:
    made: list[Inquiry] = []

    def make(bus: Broker | None, read: Any = lambda ref: KEY, **config: Any) -> Inquiry:
        keys = {"key": REF, "device": "front-door", **config}
        made.append(Inquiry(StaffConfirm(**keys), "Lobby", bus, read, posts))
        return made[-1]

    yield make
    for inquiry in made:
        assert inquiry.stop(PATIENCE_S)


@pytest.fixture
def broker() -> Broker:
    return Broker()


def asked(make: Make, broker: Broker, key: CallKey = CALL) -> Inquiry:
    """An inquiry that has put its question to the broker."""
    inquiry = make(broker, topic="confirm")
    inquiry.ask(key, "unlock_door", 60.0)
    assert broker.asked.acquire(timeout=PATIENCE_S)
    return inquiry


def test_a_question_goes_out_and_the_signed_yes_is_passed_on_once(make: Make, broker: Broker, posts: Any) -> None:
    inquiry = asked(make, broker)
    topic, _ = broker.published[0]
    question = broker.question()
    assert topic == "confirm/ask" and (question["tool"], question["kiosk"]) == ("unlock_door", "Lobby")
    for _ in range(3):
        broker.answer(answer_to(question))
    assert posts.wait(StaffAnswered) == StaffAnswered(CALL, True, "Anna")
    assert posts.of(StaffAnswered) == [StaffAnswered(CALL, True, "Anna")]
    assert inquiry.snapshot() == {"waiting": False, "asked": 1, "answered": 1, "void": 2}


def test_what_the_broker_kept_from_before_is_no_answer(make: Make, broker: Broker, posts: Any) -> None:
    inquiry = asked(make, broker)
    broker.answer(answer_to(broker.question()), retained=True)
    assert posts.of(StaffAnswered) == [] and inquiry.snapshot()["void"] == 1


def test_an_answer_of_another_device_or_key_or_to_an_older_question_is_none(
    make: Make, broker: Broker, posts: Any
) -> None:
    inquiry = asked(make, broker)
    older = broker.question()
    inquiry.ask(CALL._replace(call_id="call_2"), "unlock_door", 60.0)
    assert broker.asked.acquire(timeout=PATIENCE_S)
    newer = broker.question()
    assert newer["ask"] != older["ask"]
    broker.answer(answer_to(older))
    broker.answer(answer_to(newer | {"device": "back-door"}))
    broker.answer(answer_to(newer, key="the key of another device"))
    broker.answer(answer_to(newer | {"call": older["call"]}))
    assert posts.of(StaffAnswered) == []
    broker.answer(answer_to(newer, ok=False))
    assert posts.wait(StaffAnswered) == StaffAnswered(CALL._replace(call_id="call_2"), False, "Anna")


def test_after_a_cancel_no_answer_counts(make: Make, broker: Broker, posts: Any) -> None:
    inquiry = asked(make, broker)
    inquiry.forget(CALL._replace(call_id="another"))
    assert inquiry.snapshot()["waiting"]
    inquiry.forget(CALL)
    broker.answer(answer_to(broker.question()))
    assert posts.of(StaffAnswered) == [] and not inquiry.snapshot()["waiting"]


class SlowDisk:
    """The key's file, which takes its time."""

    def __init__(self) -> None:
        self.reading, self.go = threading.Event(), threading.Event()

    def read(self, ref: SecretRef) -> str:
        self.reading.set()
        self.go.wait(PATIENCE_S)
        return KEY


def test_a_question_that_was_forgotten_before_it_began_is_never_open(make: Make, broker: Broker, posts: Any) -> None:
    disk = SlowDisk()
    inquiry = make(broker, read=disk.read, topic="confirm")
    inquiry.ask(CALL, "unlock_door", 60.0)
    assert disk.reading.wait(PATIENCE_S)
    inquiry.forget(CALL)
    disk.go.set()
    assert inquiry.stop(PATIENCE_S)
    assert broker.published == [] and inquiry.snapshot()["asked"] == 0


def test_a_question_that_was_asked_for_anew_before_it_began_is_the_new_one(make: Make, broker: Broker) -> None:
    """A session of the same name may use a call id again for another tool: a yes to the bell is none to the door."""
    disk = SlowDisk()
    inquiry = make(broker, read=disk.read, topic="confirm")
    inquiry.ask(CALL, "ring_bell", 60.0)
    assert disk.reading.wait(PATIENCE_S)
    inquiry.forget(CALL)
    inquiry.ask(CALL, "unlock_door", 60.0)
    disk.go.set()
    assert broker.asked.acquire(timeout=PATIENCE_S)
    assert broker.question()["tool"] == "unlock_door" and inquiry.snapshot()["asked"] == 1


def test_an_answer_that_comes_too_late_is_none_also_after_a_sleep(
    make: Make, broker: Broker, posts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    inquiry = asked(make, broker)
    later = room.boottime() + 61.0
    monkeypatch.setattr(room, "boottime", lambda: later)
    broker.answer(answer_to(broker.question()))
    assert posts.of(StaffAnswered) == [] and inquiry.snapshot()["void"] == 1


def test_a_broker_that_is_away_is_said_once_and_tried_on(
    make: Make, broker: Broker, posts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "REPEAT_S", 0.01)
    broker.there = False
    inquiry = make(broker, topic="confirm")
    inquiry.ask(CALL, "unlock_door", 60.0)
    assert "broker cannot be reached" in posts.wait(StaffUnreached).reason
    broker.there = True
    assert broker.asked.acquire(timeout=PATIENCE_S)
    broker.answer(answer_to(broker.question()))
    assert posts.wait(StaffAnswered).ok and len(posts.of(StaffUnreached)) == 1


@pytest.mark.parametrize("secret", [OSError("no such file"), "short"])
def test_without_a_key_nobody_is_asked(make: Make, broker: Broker, posts: Any, secret: Any) -> None:
    def read(ref: SecretRef) -> str:
        if isinstance(secret, Exception):
            raise secret
        return str(secret)

    make(broker, read=read, topic="confirm").ask(CALL, "unlock_door", 60.0)
    assert "key of confirm.staff" in posts.wait(StaffUnreached).reason and broker.published == []


def test_without_a_broker_that_is_said(make: Make, posts: Any) -> None:
    make(None, topic="confirm").ask(CALL, "unlock_door", 60.0)
    assert "no broker" in posts.wait(StaffUnreached).reason


class Desk:
    """Staff behind an address: says nothing until ``decide`` is called, and then repeats itself."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.status, self.reply = 200, b""
        self.asked = threading.Semaphore(0)
        desk = self

        class Web(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                desk.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                reply = desk.reply
                self.send_response(desk.status)
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)
                desk.asked.release()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/confirm"


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.server.shutdown()
    desk.server.server_close()
    desk.thread.join(10)


def test_an_address_is_asked_until_it_answers(make: Make, desk: Desk, posts: Any) -> None:
    inquiry = make(None, url=desk.url, every_s=0.02)
    inquiry.ask(CALL, "unlock_door", 60.0)
    for _ in range(3):
        assert desk.asked.acquire(timeout=PATIENCE_S)
    assert posts.of(StaffAnswered) == []
    assert len(set(desk.bodies)) == 1, "the same question, so that whoever keeps it may know it again"
    desk.reply = b'{"ok": true}'
    assert desk.asked.acquire(timeout=PATIENCE_S)
    desk.reply = answer_to(json.loads(desk.bodies[0]), by="Bob")
    assert posts.wait(StaffAnswered) == StaffAnswered(CALL, True, "Bob")
    inquiry.stop(PATIENCE_S)
    assert len(posts.of(StaffAnswered)) == 1


def test_an_address_that_fails_is_a_sentence(make: Make, desk: Desk, posts: Any) -> None:
    desk.status = 500
    make(None, url=desk.url, every_s=0.02).ask(CALL, "unlock_door", 60.0)
    assert "HTTP 500" in posts.wait(StaffUnreached).reason


def test_a_forgotten_address_is_asked_no_more(make: Make, desk: Desk, posts: Any) -> None:
    inquiry = make(None, url=desk.url, every_s=0.02)
    inquiry.ask(CALL, "unlock_door", 60.0)
    assert desk.asked.acquire(timeout=PATIENCE_S)
    inquiry.forget(CALL)
    desk.reply = answer_to(json.loads(desk.bodies[0]))
    assert inquiry.stop(PATIENCE_S)
    assert posts.of(StaffAnswered) == []
