"""Over a real broker: it comes, it goes, it refuses, it keeps things that nobody asked it to keep."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from kioskd.actions.acknowledgement import Question, sign
from kioskd.actions.answering import Answering
from kioskd.actions.courier import Messenger, heard_by
from kioskd.actions.inquiry import Inquiry
from kioskd.actions.staff import Staff
from kioskd.bus.mqtt import MOST_BYTES, MOST_WAITING, Broker
from kioskd.config.action import StaffAnswer, StaffMqtt
from kioskd.config.confirm import StaffConfirm
from kioskd.config.mqtt import Mqtt
from kioskd.config.secretref import SecretRef
from kioskd.core.confirm_events import StaffAnswered
from kioskd.core.events import Event, PartChanged
from kioskd.core.words import CallKey, PartState

PATIENCE_S = 20.0


class World:
    """What was posted and heard; both can be waited for."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.heard: list[tuple[bytes, bool]] = []
        self._changed = threading.Condition()

    def post(self, event: Event) -> bool:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()
        return True

    def hear(self, payload: bytes, retained: bool) -> None:
        with self._changed:
            self.heard.append((payload, retained))
            self._changed.notify_all()

    def until(self, holds: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(holds, PATIENCE_S), (self.events, self.heard)

    def turned(self, state: PartState, count: int = 1) -> str:
        """Wait for the ``count``-th time that the broker is in this state; the reason."""

        def found() -> list[PartChanged]:
            return [event for event in self.events if isinstance(event, PartChanged) and event.state is state]

        self.until(lambda: len(found()) >= count)
        return found()[count - 1].reason


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def connect(world: World) -> Iterator[Callable[..., Broker]]:
    made: list[Broker] = []

    def make(port: int, password: Any = None, **keys: Any) -> Broker:
        given: dict[str, Any] = {"host": "127.0.0.1", "tls": False, "topic": "lobby", **keys}
        made.append(Broker(Mqtt(port=port, **given), world.post, password, first_pause_s=0.05))
        return made[-1]

    yield make
    for broker in made:
        assert broker.stop(PATIENCE_S)


def send(port: int, topic: str, payload: str, *more: str) -> None:
    """As another client of the broker would."""
    run = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-t", topic, "-m", payload, *more]
    subprocess.run(run, check=True, timeout=PATIENCE_S)


def test_what_is_delivered_arrives_at_the_broker(make_mosquitto: Any, connect: Any, world: World) -> None:
    sender = connect(make_mosquitto().port)
    sender.subscribe("staff/call", world.hear)
    sender.start()
    world.turned(PartState.RUNNING)
    assert sender.deliver("staff/call", b'{"why": "lost"}', PATIENCE_S) == ""
    world.until(lambda: world.heard == [(b'{"why": "lost"}', False)])
    assert sender.publish("staff/call", b"2")
    world.until(lambda: len(world.heard) == 2)
    shown = sender.snapshot()
    assert (shown["state"], shown["published"], shown["dropped"], shown["heard"]) == ("running", 2, 0, 2)


def test_what_the_broker_kept_is_marked(make_mosquitto: Any, connect: Any, world: World) -> None:
    mosquitto = make_mosquitto()
    send(mosquitto.port, "lobby/staff/answer", "kept", "-r")
    listener = connect(mosquitto.port)
    listener.subscribe("staff/answer", world.hear)
    listener.start()
    world.until(lambda: world.heard == [(b"kept", True)])
    send(mosquitto.port, "lobby/staff/answer", "fresh")
    send(mosquitto.port, "other/staff/answer", "not for us")
    world.until(lambda: len(world.heard) == 2)
    assert world.heard[1] == (b"fresh", False) and listener.snapshot()["retained"] == 1


def test_nothing_is_delivered_later(make_mosquitto: Any, connect: Any, world: World) -> None:
    mosquitto = make_mosquitto()
    sender = connect(mosquitto.port, client_id="sender")
    sender.subscribe("staff/call", world.hear)
    sender.start()
    world.turned(PartState.RUNNING)
    mosquitto.kill()
    assert world.turned(PartState.ABSENT)
    assert not sender.publish("staff/call", b"stale")
    assert "takes nothing at the moment" in sender.deliver("staff/call", b"stale", 1.0)
    mosquitto.begin()
    world.turned(PartState.RUNNING, 2)
    assert sender.deliver("staff/call", b"fresh", PATIENCE_S) == ""
    world.until(lambda: len(world.heard) == 1)
    assert world.heard == [(b"fresh", False)], "and it is subscribed again by itself"
    assert sender.snapshot()["dropped"] == 2 and sender.snapshot()["connections"] == 2


def test_while_it_is_away_its_listeners_miss_what_is_said(make_mosquitto: Any, connect: Any, world: World) -> None:
    mosquitto = make_mosquitto()
    first = connect(mosquitto.port, client_id="listener")
    first.subscribe("staff/answer", world.hear)
    first.start()
    world.turned(PartState.RUNNING)
    assert first.stop(PATIENCE_S)
    send(mosquitto.port, "lobby/staff/answer", "while nobody listened")
    second = connect(mosquitto.port, client_id="listener")
    second.subscribe("staff/answer", world.hear)
    second.start()
    world.turned(PartState.RUNNING, 2)
    send(mosquitto.port, "lobby/staff/answer", "now")
    world.until(lambda: len(world.heard) == 1)
    assert world.heard == [(b"now", False)]


def test_a_broker_that_refuses_says_so_and_is_asked_again(
    make_mosquitto: Any, connect: Any, world: World, tmp_path: Path
) -> None:
    (tmp_path / "passwords").write_text("")
    subprocess.run(["mosquitto_passwd", "-b", str(tmp_path / "passwords"), "kiosk", "right"], check=True)
    mosquitto = make_mosquitto("allow_anonymous false", f"password_file {tmp_path / 'passwords'}")
    secrets = iter(["wrong", "right"])
    broker = connect(mosquitto.port, lambda: next(secrets), user="kiosk")
    broker.start()
    reason = world.turned(PartState.FAILED)
    assert "refuses this kiosk" in reason and "mqtt.password" in reason and "wrong" not in reason
    world.turned(PartState.RUNNING)  # the password was replaced meanwhile: it is read for each connection


def test_a_password_that_cannot_be_read_is_a_reason(make_mosquitto: Any, connect: Any, world: World) -> None:
    def unreadable() -> str:
        raise ValueError("the file /etc/kioskd/mqtt cannot be read: no such file")

    connect(make_mosquitto().port, unreadable, user="kiosk").start()
    assert "cannot be read: no such file" in world.turned(PartState.ABSENT)


def test_a_certificate_is_verified(
    make_mosquitto: Any, connect: Any, world: World, certificate: tuple[Path, Path]
) -> None:
    key, cert = certificate
    mosquitto = make_mosquitto("allow_anonymous true", f"certfile {cert}", f"keyfile {key}")
    connect(mosquitto.port, tls=True, host="localhost").start()
    assert "certificate cannot be verified" in world.turned(PartState.ABSENT)
    trusting = connect(mosquitto.port, tls=True, host="localhost", ca_file=str(cert), client_id="trusting")
    trusting.start()
    world.turned(PartState.RUNNING)
    assert trusting.deliver("a", b"x", PATIENCE_S) == ""


def test_nobody_there_is_a_reason_and_the_thread_ends(connect: Any, world: World) -> None:
    broker = connect(1)
    broker.start()
    assert "cannot be reached" in world.turned(PartState.ABSENT)
    began = time.monotonic()
    assert broker.stop(PATIENCE_S) and broker.stop(PATIENCE_S)
    assert time.monotonic() - began < 5
    assert len([event for event in world.events if isinstance(event, PartChanged)]) == 1, "told once, not each time"


def test_one_that_was_never_started_ends_too() -> None:
    assert Broker(Mqtt(host="localhost"), lambda event: True, None).stop(1.0)


def test_a_listener_that_fails_does_not_end_the_connection(make_mosquitto: Any, connect: Any, world: World) -> None:
    mosquitto = make_mosquitto()

    def fail(payload: bytes, retained: bool) -> None:
        raise RuntimeError("no")

    broker = connect(mosquitto.port)
    broker.subscribe("a", fail)
    broker.subscribe("a", world.hear)
    broker.start()
    world.turned(PartState.RUNNING)
    assert broker.publish("a", b"x" * (MOST_BYTES + 1)) and broker.publish("a", b"1") and broker.publish("a", b"2")
    world.until(lambda: [payload for payload, _ in world.heard] == [b"1", b"2"])
    assert broker.snapshot()["oversized"] == 1
    assert broker.snapshot()["faults"] == 2, "status shows what the log tells"


def test_a_subscription_may_come_after_the_connection(make_mosquitto: Any, connect: Any, world: World) -> None:
    broker = connect(make_mosquitto().port)
    broker.start()
    world.turned(PartState.RUNNING)
    broker.subscribe("late", world.hear)
    assert broker.deliver("late", b"x", PATIENCE_S) == ""
    world.until(lambda: world.heard == [(b"x", False)])


def strict(folder: Path) -> tuple[str, str]:
    """Settings of a broker where the user kiosk may send and not listen: mosquitto's own plugin for rights."""
    salt = b"twelve bytes"
    shown = base64.b64encode(hashlib.pbkdf2_hmac("sha512", b"right", salt, 101, 64)).decode()
    user = {"username": "kiosk", "password": shown, "salt": base64.b64encode(salt).decode(), "iterations": 101}
    rights = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
    path = folder / "rights.json"
    path.write_text(json.dumps({"clients": [user], "defaultACLAccess": rights}))
    path.chmod(0o600)
    (plugin,) = Path("/usr/lib").glob("*/mosquitto_dynamic_security.so")
    return f"plugin {plugin}", f"plugin_opt_config_file {path}"


def test_a_topic_that_may_not_be_heard_is_a_reason(
    make_mosquitto: Any, connect: Any, world: World, tmp_path: Path
) -> None:
    broker = connect(make_mosquitto(*strict(tmp_path)).port, lambda: "right", user="kiosk")
    broker.subscribe("a", world.hear)
    broker.start()
    assert "does not let this kiosk hear lobby/a" in world.turned(PartState.FAILED)
    assert broker.deliver("b", b"x", PATIENCE_S) == "", "and still it delivers"


def test_no_topic_is_forgotten_while_the_connection_comes(make_mosquitto: Any, connect: Any, world: World) -> None:
    mosquitto = make_mosquitto()
    for attempt in range(5):
        broker = connect(mosquitto.port, client_id=f"c{attempt}")
        broker.subscribe("first", world.hear)
        broker.start()
        topics = [f"late{number}" for number in range(20)]
        for topic in topics:
            broker.subscribe(topic, world.hear)  # anywhere between the beginning and the end of connecting
        world.turned(PartState.RUNNING, attempt + 1)
        for topic in topics:
            assert broker.deliver(topic, f"{attempt} {topic}".encode(), PATIENCE_S) == ""
        wanted = {f"{attempt} {topic}".encode() for topic in topics}
        world.until(lambda: wanted <= {payload for payload, _ in world.heard})
        assert broker.stop(PATIENCE_S)


def test_the_library_is_not_loaded_without_a_broker() -> None:
    code = "import kioskd.bus.mqtt, sys; raise SystemExit('paho' in sys.modules or 'ssl' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_staff_are_called_and_answer_over_the_broker(make_mosquitto: Any, connect: Any, world: World) -> None:
    """From the call to the name that the visitor hears, with somebody at the other end who reads and answers."""
    mosquitto = make_mosquitto()
    # What an attacker, or yesterday, left at the broker answers nothing.
    send(mosquitto.port, "lobby/staff/answer", '{"answer_id": "a1", "answered_by": "Eve"}', "-r")
    kiosk, desk = connect(mosquitto.port, client_id="kiosk"), connect(mosquitto.port, client_id="desk")
    wait = threading.Event().wait
    answering = Answering("call_staff", StaffAnswer(topic="staff/answer", within_s=PATIENCE_S), None, wait)
    kiosk.subscribe("staff/answer", heard_by(answering.put))
    staff = Staff("call_staff", "lobby", [Messenger(StaffMqtt(topic="staff/call"), kiosk)], answering)

    def read(payload: bytes, retained: bool) -> None:
        call = json.loads(payload)
        said = {
            "answer_id": call["answer_id"],
            "answered_by": "Anna",
            "say": f"I am coming, {call['arguments']['who']}.",
        }
        desk.publish("staff/answer", json.dumps(said).encode())

    desk.subscribe("staff/call", read)
    desk.start()
    kiosk.start()
    world.turned(PartState.RUNNING, 2)
    outcome = staff.call(CallKey("hydra", "s", "c"), {"who": "Ben"})
    assert outcome.ok and outcome.say == "I am coming, Ben."
    assert json.loads(outcome.result)["answered_by"] == "Anna" and kiosk.snapshot()["retained"] == 1


def test_people_elsewhere_confirm_over_the_broker_and_nobody_in_their_place(
    make_mosquitto: Any, connect: Any, world: World
) -> None:
    """Asked, signed, answered; what Eve publishes, kept or not, with the question before her eyes, confirms nothing."""
    mosquitto = make_mosquitto()
    kiosk, desk = connect(mosquitto.port, client_id="kiosk"), connect(mosquitto.port, client_id="desk")
    config = StaffConfirm(key=SecretRef(env="X"), device="front-door", topic="confirm")
    inquiry = Inquiry(config, "lobby", kiosk, lambda ref: "the key of this device", world.post)
    desk.subscribe("confirm/ask", world.hear)
    desk.start()
    kiosk.start()
    world.turned(PartState.RUNNING, 2)
    key = CallKey("hydra-1", "s", "c")
    inquiry.ask(key, "unlock_door", PATIENCE_S)
    world.until(lambda: bool(world.heard))
    asked = json.loads(world.heard[0][0])
    question = Question(*(asked[name] for name in ("device", "kiosk", "tool", "call", "ask", "expires_at")))
    assert asked["mac"] == sign(b"the key of this device", question.asked_text())
    forged = {"ask": question.ask, "ok": True, "by": "Eve", "mac": asked["mac"]}
    send(mosquitto.port, "lobby/confirm/answer", json.dumps(forged), "-r")
    answer = {"ask": question.ask, "ok": True, "by": "Anna"}
    mac = sign(b"the key of this device", question.answer_text(True, "Anna"))
    for _ in range(3):
        desk.publish("confirm/answer", json.dumps(answer | {"mac": mac}).encode())
    world.until(lambda: StaffAnswered(key, True, "Anna") in world.events)
    assert inquiry.stop(PATIENCE_S)
    assert [event for event in world.events if isinstance(event, StaffAnswered)] == [StaffAnswered(key, True, "Anna")]


class Mute:
    """Says yes to whoever comes, and then nothing any more."""

    def __init__(self) -> None:
        self.then = b""  # said after that
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            line, _ = self._listening.accept()
        except OSError:
            return
        with line:
            line.recv(4096)
            line.sendall(b"\x20\x02\x00\x00")  # CONNACK, accepted (MQTT 3.1.1 section 3.2)
            try:
                line.sendall(self.then)
                while line.recv(65536):
                    pass
            except OSError:
                pass  # the kiosk hung up, as it may

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def mute() -> Iterator[Mute]:
    mute = Mute()
    yield mute
    mute.close()


def test_a_broker_that_confirms_nothing_is_not_waited_for_and_not_fed_without_end(
    mute: Mute, connect: Any, world: World
) -> None:
    broker = connect(mute.port)
    broker.start()
    world.turned(PartState.RUNNING)
    assert "did not confirm it within 0.1 s" in broker.deliver("a", b"x", 0.1)
    taken = sum(broker.publish("a", b"x") for _ in range(MOST_WAITING * 3))
    assert MOST_WAITING - 1 <= taken < MOST_WAITING * 2, "those on their way, and those that wait"
    assert broker.snapshot()["dropped"] == MOST_WAITING * 3 - taken


@pytest.mark.parametrize(
    "flood",
    [
        b"\x30\xff\xff\xff\x7f" + b"x" * 1000,  # PUBLISH of 256 MB (MQTT 3.1.1 section 2.2.3)
        b"\x30\x05\x00\x01ahi" * 5000,
        b"".join(b"\x34\x07\x00\x01a" + mid.to_bytes(2, "big") + b"hi" for mid in range(1, 300)),  # QoS 2
    ],
    ids=["too long", "too many", "never ended"],
)
def test_a_broker_that_floods_is_left(mute: Mute, connect: Any, world: World, flood: bytes) -> None:
    mute.then = flood
    broker = connect(mute.port)
    broker.start()
    assert "it is left, and tried again later" in world.turned(PartState.FAILED)
