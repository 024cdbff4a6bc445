"""The state on a real broker: mosquitto on a free port of this machine, and a client that looks."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Iterator

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from kioskd.bus.mqtt import Broker as Bus
from kioskd.config.mqtt import Mqtt
from kioskd.config.sections import Config, Kiosk
from kioskd.core.homeassistant import ENTITIES, Names
from kioskd.stating import MOST_S, Stating, names_of, stating, will_of

NAMES = Names("kioskd", "kioskd-4711", "Front door", "1.0")
PATIENCE_S = 20.0


class Broker:
    """A real mosquitto."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, "apt install mosquitto"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = folder / "mosquitto.conf"
        config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        self._command = [program, "-c", str(config)]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE)
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if b"running" in line:
                break
        threading.Thread(target=self._process.stderr.read, daemon=True).start()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    one = Broker(tmp_path)
    yield one
    one.stop()


class Client:
    """A connection that keeps what it hears, and can put up retained messages."""

    def __init__(self, port: int, will: tuple[str, bytes] | None = None) -> None:
        self.heard: dict[str, bytes] = {}
        self.connections = 0
        self._changed = threading.Condition()
        self._mqtt = mqtt.Client(CallbackAPIVersion.VERSION2)
        if will is not None:
            self._mqtt.will_set(will[0], will[1], qos=1, retain=True)
        self._mqtt.reconnect_delay_set(1, 1)
        self._mqtt.on_connect = self._connected
        self._mqtt.on_message = self._message
        self._mqtt.connect("127.0.0.1", port, keepalive=5)
        self._mqtt.loop_start()
        self.until(lambda: self.connections > 0)

    def _connected(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe("#")
        with self._changed:
            self.connections += 1
            self._changed.notify_all()

    def _message(self, client: mqtt.Client, data: object, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            self.heard[message.topic] = message.payload
            self._changed.notify_all()

    def until(self, holds: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(holds, PATIENCE_S), sorted(self.heard)

    def keep(self, topic: str, payload: bytes, wait_s: float = 0.0) -> bool:
        return self._mqtt.publish(topic, payload, qos=1, retain=True).rc == mqtt.MQTT_ERR_SUCCESS

    def vanish(self) -> None:
        """As a power cut: the socket is gone without a word."""
        sock = self._mqtt.socket()
        assert sock is not None
        self._mqtt.loop_stop()
        sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._mqtt.disconnect()
        self._mqtt.loop_stop()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def page(**changes: Any) -> dict[str, Any]:
    base = {"phase": "idle", "uptime_s": 1.0, "health": {"ok": True, "reasons": []}, "usage": {"turns": 0}}
    return {**base, **changes}


def test_a_kiosk_shows_up_by_itself_with_its_state_and_stays_there(broker: Broker) -> None:
    board = Client(broker.port)
    shown = page()
    clock = Clock()
    one = Stating(NAMES, board, "homeassistant", lambda: shown, clock)
    one.beat()
    late = Client(broker.port)  # who comes later sees all of it: it is retained
    late.until(lambda: len(late.heard) == len(ENTITIES) + 2)
    assert late.heard[NAMES.availability] == b"online" and json.loads(late.heard[NAMES.state])["phase"] == "idle"
    shown = page(phase="speaking")
    clock.now += 2
    one.beat()
    late.until(lambda: json.loads(late.heard[NAMES.state])["phase"] == "speaking")
    one.goodbye()
    late.until(lambda: late.heard[NAMES.availability] == b"offline")
    board.close()
    late.close()


def test_a_kiosk_that_is_cut_off_is_said_to_be_gone_by_the_broker(broker: Broker) -> None:
    watcher = Client(broker.port)
    board = Client(broker.port, (NAMES.gone.topic, NAMES.gone.payload))
    Stating(NAMES, board, None, page).beat()
    watcher.until(lambda: watcher.heard.get(NAMES.availability) == b"online")
    board.vanish()
    watcher.until(lambda: watcher.heard[NAMES.availability] == b"offline")
    watcher.close()


def test_a_broker_that_forgot_everything_is_told_again(broker: Broker) -> None:
    board = Client(broker.port)
    one = Stating(NAMES, board, "homeassistant", page)
    one.beat()
    broker.stop()
    broker.start()
    board.until(lambda: board.connections == 2)
    one.beat()
    late = Client(broker.port)
    late.until(lambda: len(late.heard) == len(ENTITIES) + 2)
    board.close()
    late.close()


class Wall:
    """A board that may refuse."""

    def __init__(self) -> None:
        self.connections, self.takes = 1, True
        self.kept: list[tuple[str, bytes]] = []

    def keep(self, topic: str, payload: bytes, wait_s: float = 0.0) -> bool:
        if self.takes:
            self.kept.append((topic, payload))
        return self.takes


def test_nothing_is_told_twice_and_a_flood_is_bounded() -> None:
    wall, clock, phases = Wall(), Clock(), iter(range(10_000))
    one = Stating(NAMES, wall, None, lambda: page(phase=str(next(phases))), clock)
    for _ in range(100):
        clock.now += 0.1
        one.beat()
    assert len(wall.kept) <= 1 + 11, "one introduction, and a state a second"
    wall, clock = Wall(), Clock()
    one = Stating(NAMES, wall, None, page, clock)
    for _ in range(int(MOST_S * 2)):
        clock.now += 1
        one.beat()
    assert len(wall.kept) == 1 + 2, "what does not change is told once a minute"


def test_without_a_broker_it_waits_and_counts() -> None:
    wall = Wall()
    wall.connections = 0
    one = Stating(NAMES, wall, "homeassistant", page)
    wall.takes = False
    one.beat()
    one.goodbye()
    wall.connections = 1
    one.beat()
    assert wall.kept == [] and one.snapshot()["refused"] == 1
    wall.takes = True
    one.beat()
    assert [topic for topic, _ in wall.kept][-2:] == [NAMES.availability, NAMES.state]


def test_secrets_do_not_leave() -> None:
    wall = Wall()
    sick = page(health={"ok": False, "reasons": ["the key sk_canary is wrong"]})
    Stating(NAMES, wall, None, lambda: sick, redact=lambda text: text.replace("sk_canary", "***")).beat()
    assert b"sk_canary" not in repr(wall.kept).encode() and b"***" in wall.kept[-1][1]


def test_a_dead_resolver_does_not_keep_the_end() -> None:
    """The threads of the loop may all wait for one: each name that is looked up blocks one for half a minute."""

    async def main() -> list[list[str]]:
        over, loop, told = threading.Event(), asyncio.get_running_loop(), []
        loop.set_default_executor(ThreadPoolExecutor(1))
        lookup = loop.run_in_executor(None, over.wait, PATIENCE_S)
        for wall in (Wall(), Wall()):
            wall.connections = len(told)
            one = Stating(NAMES, wall, None, page)
            one.beat()
            await asyncio.wait_for(one.aclose(), PATIENCE_S / 2)
            told.append([payload.decode() for topic, payload in wall.kept if topic == NAMES.availability])
        over.set()
        await lookup
        return told

    assert asyncio.run(main()) == [[], ["online", "offline"]]


def config(**mqtt: Any) -> Config:
    return Config(kiosk=Kiosk(name="Lobby"), mqtt=Mqtt(**{"host": "127.0.0.1", "tls": False, "state": True, **mqtt}))


def test_a_client_id_names_the_kiosk() -> None:
    assert names_of(config(client_id="lobby"), "kioskd-1").state == "kioskd/lobby/state"
    assert names_of(config(), "kioskd-1").availability == "kioskd/kioskd-1/availability"
    assert will_of(config(), "kioskd-1") == ("kioskd/kioskd-1/availability", b"offline")


def test_nobody_is_told_who_did_not_ask() -> None:
    for silent in (Config(), config(state=False)):
        assert will_of(silent, "x") is None
        wall = Wall()
        one = stating(silent, "x", wall, page, str)
        one.beat()
        one.goodbye()
        assert wall.kept == [] and one.snapshot()["topic"] is None
    stating(config(), "x", None, page, str).beat()


def test_over_the_houses_own_bus_it_comes_and_goes(broker: Broker) -> None:
    watcher = Client(broker.port)
    settings = config(port=broker.port, discovery="homeassistant")
    changed = threading.Event()
    bus = Bus(settings.mqtt, lambda event: changed.set() is None, None, 60.0, will=will_of(settings, "k1"))
    bus.start()
    assert changed.wait(PATIENCE_S) and bus.connections == 1
    one = stating(settings, "k1", bus, page, str)
    one.beat()
    watcher.until(lambda: watcher.heard.get("kioskd/k1/availability") == b"online")
    watcher.until(lambda: len(watcher.heard) == len(ENTITIES) + 2)
    # As a power cut: the connection is gone without a word.
    client: Any = bus._client
    client.socket().shutdown(socket.SHUT_RDWR)
    watcher.until(lambda: watcher.heard["kioskd/k1/availability"] == b"offline")
    one.beat()
    assert bus.stop(PATIENCE_S)
    watcher.close()


def test_an_orderly_end_is_told_before_the_bus_is_gone(broker: Broker) -> None:
    watcher = Client(broker.port)
    settings = config(port=broker.port)
    changed = threading.Event()
    bus = Bus(settings.mqtt, lambda event: changed.set() is None, None)
    bus.start()
    assert changed.wait(PATIENCE_S)
    one = stating(settings, "k1", bus, page, str)
    one.beat()
    one.goodbye()
    assert bus.stop(PATIENCE_S)
    watcher.until(lambda: watcher.heard.get("kioskd/k1/availability") == b"offline")
    assert json.loads(watcher.heard["kioskd/k1/state"])["phase"] == "idle"
    watcher.close()


def test_a_house_tells_its_state_and_that_it_ends(broker: Broker, tmp_path: Path) -> None:
    """The whole daemon, as its own process."""
    kiosk = tmp_path / "kiosk.yaml"
    folders = f"ops: {{state_dir: {tmp_path}, runtime_dir: {tmp_path}}}"
    mqtt_section = f"mqtt: {{host: 127.0.0.1, port: {broker.port}, tls: false, client_id: k9, state: true}}"
    kiosk.write_text(
        "service: [{dialect: local, url: 'ws://127.0.0.1:9/'}]\ntalk: {mode: voice}\npanel: {pins: simulated}\n"
        f"audio: {{input: 'null', output: 'null'}}\n{mqtt_section}\n{folders}\n"
    )
    watcher = Client(broker.port)
    command = [sys.executable, "-m", "kioskd", "run", "-c", str(kiosk)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        watcher.until(lambda: watcher.heard.get("kioskd/k9/availability") == b"online")
        watcher.until(lambda: json.loads(watcher.heard.get("kioskd/k9/state", b"{}")).get("phase") == "idle")
    finally:
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    watcher.until(lambda: watcher.heard["kioskd/k9/availability"] == b"offline")
    watcher.close()
