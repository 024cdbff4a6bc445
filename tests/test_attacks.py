"""Hostile sessions: a real service that does what it should not, a whole house, and lines that do not move.

Every access tool here is allowed, the visitor is present and the session is live: what stands between the service and
the lines is the hand, the code and the people elsewhere, and none of them comes.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sqlite3
import time
from pathlib import Path
from typing import Any, Awaitable, Callable

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from kioskd import app, report
from kioskd.actions.codes import hashed
from kioskd.app import House, Source
from kioskd.config.confirm import Code, Confirm
from kioskd.config.sections import (
    Action,
    Audio,
    Button,
    Config,
    Endpoint,
    Kiosk,
    Lockout,
    Ops,
    Panel,
    Policy,
    Rate,
    RelayAction,
    SecretRef,
    Talk,
    Tool,
)
from kioskd.core.events import MuteAsked
from kioskd.core.state import PANEL
from torture.corpus import HIDDEN, arguments, enormous

NEVER = Lockout(refusals=1000, per_s=1.0, for_s=1.0)
OPEN = Policy(allow=True, rate=Rate(count=1000, per_s=1.0), lockout=NEVER, confirm_s=30.0)
SCHEMA = {"type": "object", "properties": {"floor": {"type": "integer", "minimum": 0, "maximum": 9}}}
PATIENCE_S = 30.0


def tool(number: int, name: str, class_: str, policy: Policy) -> Tool:
    relay = RelayAction(pin=f"GPIO{number}", pulse_ms=20, min_gap_s=0.1)
    return Tool(name=name, description="x", class_=class_, parameters=SCHEMA, action=Action(relay=relay), policy=policy)


def confirmed(confirm: str, *by: str) -> Policy:
    return dataclasses.replace(OPEN, confirm=confirm, confirm_by=by)


ACCESS = (
    tool(5, "unlock_door", "access", OPEN),
    tool(6, "open_safe", "access", confirmed("code")),
    tool(7, "open_dock", "access", confirmed("staff")),
    tool(8, "open_vault", "access", confirmed("all_of", "button", "code")),
    tool(9, "open_cage", "access", confirmed("two_of", "button", "code", "staff")),
)
LIFT = tool(10, "call_lift", "actuate", dataclasses.replace(OPEN, rate=Rate(count=2, per_s=600.0)))
FORBIDDEN = tool(11, "forbidden", "access", Policy())
TOOLS = (*ACCESS, LIFT, FORBIDDEN)


class Service:
    """One connection of a service that means no good."""

    def __init__(self, socket: ServerConnection, session: str) -> None:
        self.socket, self.session = socket, session
        self.ids = 0

    async def send(self, kind: str, **fields: object) -> None:
        await self.socket.send(json.dumps({"type": kind, "event_id": "sv_1", **fields}))

    async def greet(self) -> None:
        await self.send("session.created", session_id=self.session)
        while True:
            asked = json.loads(await self.socket.recv())
            if asked["type"] == "session.configure":
                break
        await self.send("session.configured", session={**asked["session"], "output_audio_sample_rate": 24_000})

    async def somebody_speaks(self) -> None:
        """In ``talk.mode: open`` the service alone says so."""
        await self.send("input_audio_buffer.speech_started", audio_start_ms=0, item_id="u")
        await self.send("input_audio_buffer.speech_stopped", audio_end_ms=10, item_id="u")

    async def call(self, name: str, raw: str = "{}", call_id: str | None = None) -> None:
        self.ids += 1
        known = call_id or f"c{self.ids}"
        fields = {"response_id": "r1", "call_id": known, "name": name, "arguments": raw}
        await self.send("response.function_call_arguments.done", **fields)


async def drain(socket: ServerConnection) -> None:
    """Read what comes, so that a close is seen."""
    try:
        async for _ in socket:
            pass
    except ConnectionClosed:
        pass


Attack = Callable[[Service, House], Awaitable[None]]


def attack(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *attacks: Attack,
    settle_s: float = 0.5,
    session: str = "sess_1",
) -> dict[str, Any]:
    """Let each connection be one of these attacks; the status page at the end, and the house still stands."""
    monkeypatch.setattr(app, "THREAD_END_S", 10.0)
    monkeypatch.setenv("ATTACK_CODE", hashed("471199"))

    async def main() -> dict[str, Any]:
        done = [asyncio.Event() for _ in attacks]
        deaf: list[asyncio.Task[None]] = []
        visits = 0

        async def visit(socket: ServerConnection) -> None:
            nonlocal visits
            number, visits = visits, visits + 1
            service = Service(socket, session)  # the same name each time: also a thing that a service may do
            try:
                if number < len(attacks) and attacks[number] is rude:
                    await rude(service, house)
                await service.greet()
                deaf.append(asyncio.create_task(drain(socket)))
                if number < len(attacks):
                    await attacks[number](service, house)
                    done[number].set()
                if number + 1 >= len(attacks):
                    await socket.wait_closed()
            except ConnectionClosed:
                if number < len(attacks):
                    done[number].set()  # the house has closed on it

        async with serve(visit, "127.0.0.1", 0, max_size=None, ping_interval=None, close_timeout=0.2) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            house = House(configuration(tmp_path, port, settle_s), Source("kiosk.yaml", ()), time.monotonic(), set())
            try:
                await house.open()
                async with asyncio.timeout(PATIENCE_S):
                    for one in done:
                        await one.wait()
                await asyncio.sleep(0.3)  # whatever was about to move would by now
                return report.status(house)
            finally:
                assert await house.close()

    return asyncio.run(main())


def configuration(tmp_path: Path, port: int, settle_s: float) -> Config:
    code = Code(name="caretaker", hash=SecretRef(env="ATTACK_CODE"))
    return Config(
        kiosk=Kiosk(settle_s=settle_s, lockout=NEVER),
        service=(Endpoint(dialect="local", url=f"ws://127.0.0.1:{port}/waves/v1/s2s"),),
        talk=Talk(mode="open"),
        audio=Audio(input="null", output="null", echo="system"),
        panel=Panel(pins="simulated", talk=Button(pin="GPIO17")),
        confirm=Confirm(codes=(code,)),
        tools=TOOLS,
        ops=Ops(state_dir=str(tmp_path), runtime_dir=str(tmp_path)),
    )


def pulses(page: dict[str, Any]) -> dict[str, int]:
    relays = page["counters"]["actions"]["relays"]
    return {name: relay["pulses"] for name, relay in relays.items() if relay["pulses"]}


def nothing_moved(page: dict[str, Any]) -> None:
    assert pulses(page) == {} and page["counters"]["relay_pulses"] == 0
    assert page["counters"]["effects_failed"] == 0


async def settled(service: Service, house: House) -> None:
    """Beyond the first seconds, with somebody there: nothing of the moment stands in the way."""
    await asyncio.sleep(0.6)
    await service.somebody_speaks()


async def heard(house: House, calls: int) -> None:
    """Until the house has taken so many calls."""
    async with asyncio.timeout(PATIENCE_S):
        while house.machine.state.counts.calls < calls:
            await asyncio.sleep(0.01)


async def every_tool_with_every_argument(service: Service, house: House) -> None:
    await settled(service, house)
    for number, raw in enumerate(arguments()):
        for one in (*ACCESS, FORBIDDEN):
            await service.call(one.name, raw)
        await asyncio.sleep(0.05)
        if number % 10 == 0:
            await service.somebody_speaks()


def test_every_tool_with_every_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = attack(tmp_path, monkeypatch, every_tool_with_every_argument)
    nothing_moved(page)
    assert page["counters"]["calls"] > 100


def test_hidden_tools_and_names_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hidden(service: Service, house: House) -> None:
        await settled(service, house)
        for name in HIDDEN:
            await service.call(name, '{"floor": 1}')
        await service.call("read_sensor")
        await asyncio.sleep(0.2)

    nothing_moved(attack(tmp_path, monkeypatch, hidden))


def test_one_call_id_moves_one_thing_once_also_in_a_session_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []

    async def again(service: Service, house: House) -> None:
        await settled(service, house)
        for _ in range(50):
            await service.call("call_lift", "{}", "the_same")
        counts.append(house.machine.state.counts.calls)
        await heard(house, len(counts))
        await asyncio.sleep(0.3)

    page = attack(tmp_path, monkeypatch, again, again)
    assert pulses(page) == {"call_lift": 1} and page["counters"]["calls"] == 2, "once more in the second session"


def test_a_flood_is_cut_off_and_what_moves_keeps_its_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def flood(service: Service, house: House) -> None:
        await settled(service, house)
        for number in range(3000):
            await service.call(("call_lift", "unlock_door", "open_safe", "open_dock")[number % 4])
        await service.socket.wait_closed()

    page = attack(tmp_path, monkeypatch, flood)
    assert set(pulses(page)) <= {"call_lift"} and pulses(page).get("call_lift", 0) <= 2
    assert page["counters"]["calls"] <= 1100, "the link lets no more of one session through"


def test_ten_megabytes_of_brackets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def huge(service: Service, house: House) -> None:
        await settled(service, house)
        for raw in enormous():
            await service.call("unlock_door", raw)
            await asyncio.sleep(0.1)

    nothing_moved(attack(tmp_path, monkeypatch, huge))


async def rude(service: Service, house: House) -> None:
    """Before it has said who it is, and between the two frames of the handshake."""
    for one in TOOLS:
        await service.call(one.name)
    await service.send("session.created", session_id="sess_0")
    for one in TOOLS:
        await service.call(one.name)


def test_calls_before_the_session_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing_moved(attack(tmp_path, monkeypatch, rude))


def test_calls_in_the_first_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def early(service: Service, house: House) -> None:
        await service.somebody_speaks()
        for one in TOOLS:
            await service.call(one.name)
        await heard(house, len(TOOLS))

    page = attack(tmp_path, monkeypatch, early, settle_s=30.0)
    nothing_moved(page)
    assert page["counters"]["calls_refused"] == len(TOOLS)


def test_calls_while_muted_and_an_unmute_makes_none_of_them_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def muted(service: Service, house: House) -> None:
        await settled(service, house)
        await service.call("unlock_door")
        await heard(house, 1)
        house.inbox.post(MuteAsked(True))
        await asyncio.sleep(0.05)
        await service.somebody_speaks()
        for one in TOOLS:
            await service.call(one.name)
        await heard(house, 1 + len(TOOLS))
        house.inbox.post(MuteAsked(False))
        await asyncio.sleep(0.2)

    nothing_moved(attack(tmp_path, monkeypatch, muted))


def test_a_session_and_calls_in_the_panels_own_name_have_nothing_of_the_panel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A button of the panel needs no microphone, and its calls are not the session's. A service's are both."""

    async def in_its_name(service: Service, house: House) -> None:
        await settled(service, house)
        house.inbox.post(MuteAsked(True))
        while not house.machine.state.muted:
            await asyncio.sleep(0.01)
        for name in ("call_lift", *(one.name for one in ACCESS)):
            for call_id in ("panel", "panel/panel/h1", f"h1-{name}"):
                await service.call(name, "{}", f"{call_id}{service.ids}")
        await asyncio.sleep(0.3)

    page = attack(tmp_path, monkeypatch, in_its_name, session=PANEL)
    nothing_moved(page)
    assert page["session"]["calls"] == []


def test_calls_while_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    relays: list[Any] = []

    async def ending(service: Service, house: House) -> None:
        await settled(service, house)
        relays.append(house.actions)
        asyncio.get_running_loop().call_later(0.2, house.actions.halt)
        for _ in range(100):
            for one in TOOLS:
                await service.call(one.name)
            await asyncio.sleep(0.005)

    page = attack(tmp_path, monkeypatch, ending)
    assert set(pulses(page)) <= {"call_lift"}
    assert all(not relay["on"] for relay in relays[0].snapshot()["relays"].values())


def test_a_right_code_in_arguments_or_names_confirms_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keypad is the only place where a code counts; and what is pressed there serves the call that waits."""

    async def told(service: Service, house: House) -> None:
        await settled(service, house)
        await service.call("open_safe", '{"floor": 1}')
        await heard(house, 1)
        for raw in ('{"code": "471199"}', '{"floor": 471199}', "471199"):
            await service.call("open_safe", raw)
        await service.call("471199")
        await service.send("input_text", text="471199#")
        await asyncio.sleep(0.3)

    page = attack(tmp_path, monkeypatch, told)
    nothing_moved(page)
    assert "471199" not in json.dumps(page)


def test_the_right_code_on_the_keypad_opens_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other side of it: the same house, and the code where it belongs."""

    async def typed(service: Service, house: House) -> None:
        await settled(service, house)
        await service.call("open_safe", '{"floor": 1}')
        async with asyncio.timeout(PATIENCE_S):
            while house.machine.state.keys_for is None:
                await asyncio.sleep(0.01)
        press = report.changes(house)["panel"]
        for key in "471199#":
            press({"verb": "press", "name": key})
        async with asyncio.timeout(PATIENCE_S):
            while house.machine.state.counts.calls_done == 0:
                await asyncio.sleep(0.01)
        for key in "471199#":
            press({"verb": "press", "name": key})

    page = attack(tmp_path, monkeypatch, typed)
    assert pulses(page) == {"open_safe": 1}


async def typed(house: House, code: str) -> None:
    """On the keypad, as soon as it is read."""
    async with asyncio.timeout(PATIENCE_S):
        while house.machine.state.keys_for is None:
            await asyncio.sleep(0.01)
        for key in (*code, "#"):
            assert house.confirming.press(key)
        attempts = house.machine.state.attempts
        while house.machine.state.attempts == attempts or house.machine.state.checking:
            await asyncio.sleep(0.01)


def test_the_same_house_does_open_for_the_right_code_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What all the others rest upon: that nothing moves there is no accident."""

    async def open_safe(service: Service, house: House) -> None:
        await settled(service, house)
        await service.call("open_safe")
        await typed(house, "471198")
        await typed(house, "471199")
        async with asyncio.timeout(PATIENCE_S):
            while not pulses(report.status(house)):
                await asyncio.sleep(0.01)

    page = attack(tmp_path, monkeypatch, open_safe)
    assert pulses(page) == {"open_safe": 1}
    with sqlite3.connect(tmp_path / "ledger.db") as db:
        locks = dict(db.execute("SELECT tool, for_s FROM locks"))
    assert locks == {"#code-0": 600.0, "#code-1": 0.0}, "the wrong one counts, the right one is given back"
