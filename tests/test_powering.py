"""The ignition line in a whole house: what ends, in which order, and what does not."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, Awaitable, Callable, Sequence

import pytest

from kioskd import app, powering, report
from kioskd.app import House, Source
from kioskd.config.power import Power
from kioskd.config.sections import Action, Audio, Config, Endpoint, Ops, Panel, RelayAction, Talk, Tool
from kioskd.core.catalogue import BY_NAME
from kioskd.core.supply import Supply
from kioskd.ops.systemd import SAME_LINE_A_MINUTE, Bounded
from kioskd.power.off import LONGEST_S, SwitchOff

LINE = "GPIO23"


class Machine:
    """What is switched off; it looks at the house at that moment."""

    def __init__(self, answer: str = "") -> None:
        self.answer = answer
        self.ran: list[tuple[str, ...]] = []
        self.looked: dict[str, Any] = {}
        self.look: Callable[[], dict[str, Any]] = dict

    def __call__(self, command: Sequence[str]) -> str:
        self.ran.append(tuple(command))
        self.looked = self.look()
        return self.answer


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Nothing of this machine is ever switched off."""
    one = Machine()
    monkeypatch.setattr(powering, "SwitchOff", lambda rehearsed: SwitchOff(one))
    monkeypatch.setattr(powering.supply, "read", lambda: Supply())
    monkeypatch.setattr(app, "THREAD_END_S", 10.0)
    return one


def configuration(tmp_path: Path, **power: Any) -> Config:
    settings = {"pin": LINE, "debounce_ms": 20, "grace_s": 0.1, **power}
    door = Tool(name="door", description="d", class_="actuate", action=Action(relay=RelayAction(pin="GPIO27")))
    return Config(
        audio=Audio(input="null", output="null"),
        panel=Panel(pins="simulated"),
        tools=(door,),
        power=Power(**settings),
        ops=Ops(state_dir=str(tmp_path), runtime_dir=str(tmp_path)),
    )


def live(config: Config, play: Callable[[House], Awaitable[None]], monkeypatch: pytest.MonkeyPatch) -> int:
    """``app.run`` with somebody who plays in the house; the exit status."""
    played: list[asyncio.Task[None]] = []

    class Watched(House):
        async def open(self) -> None:
            await super().open()
            played.append(asyncio.get_running_loop().create_task(play(self)))
            # A test that fails in the house ends it, and not only after its patience.
            played[0].add_done_callback(lambda task: task.exception() and self.inbox.post(app.StopAsked("failed")))

    monkeypatch.setattr(app, "House", Watched)

    async def main() -> int:
        code = await asyncio.wait_for(app.run(config, Source("kiosk.yaml", ()), 0.0, set()), 30)
        await played[0]
        return code

    return asyncio.run(main())


async def shown(house: House, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until ``status.power`` says so."""
    while True:
        house.powering.look()
        page: Any = report.status(house)["power"]
        if holds(page):
            return dict(page)
        await asyncio.sleep(0.005)


def test_power_that_goes_ends_in_order_and_switches_off(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def play(house: House) -> None:
        assert house.lines is not None
        lines = house.lines
        house.lines.press(LINE)
        await shown(house, lambda page: page["state"] == "on" and house.powering._ignition.seen)

        def look() -> dict[str, Any]:
            with sqlite3.connect(tmp_path / "ledger.db") as book:
                whole = book.execute("pragma integrity_check").fetchone()[0]
            return {"ledger": whole, "lines": lines._closed, "ledger thread": house.ledger.snapshot()}

        machine.look = look
        house.lines.release(LINE)

    with caplog.at_level(logging.WARNING):
        assert live(configuration(tmp_path), play, monkeypatch) == 0
    assert len(machine.ran) == 1 and machine.ran[0][0] == "systemctl" and machine.ran[0][-1] == "poweroff"
    assert machine.looked["ledger"] == "ok" and machine.looked["lines"] is True, "everything is closed by then"
    told = [record for record in caplog.records if "MESSAGE_ID" in record.__dict__]
    assert [record.getMessage().split(":")[0] for record in told].count("power") == 2


def test_a_blip_and_power_that_returns_change_nothing(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[dict[str, Any]] = []

    async def play(house: House) -> None:
        assert house.lines is not None
        house.lines.press(LINE)
        await shown(house, lambda page: house.powering._ignition.seen)
        house.lines.release(LINE)
        await shown(house, lambda page: page["state"] in ("blip", "ending"))
        pages.append(await shown(house, lambda page: page["state"] == "ending"))
        house.pulse._prove(house.loop.time())
        pages.append({"health": report.status(house)["health"]})
        house.lines.press(LINE)
        pages.append(await shown(house, lambda page: page["state"] == "on"))
        house.pulse._prove(house.loop.time())
        pages.append({"health": report.status(house)["health"]})
        house.inbox.post(app.StopAsked("the test is over"))

    assert live(configuration(tmp_path, grace_s=60.0), play, monkeypatch) == 0
    going, sick, back, well = pages
    assert "unless it comes back" in going["problem"] and not sick["health"]["ok"]
    assert any(
        "the power has failed: its line says that there is none" in reason for reason in sick["health"]["reasons"]
    )
    assert back["returned"] == 1 and back["problem"] == ""
    assert not any("power" in reason for reason in well["health"]["reasons"])
    assert machine.ran == []


def test_where_something_else_cuts_the_power_the_kiosk_only_ends(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(house: House) -> None:
        assert house.lines is not None
        house.lines.press(LINE)
        await shown(house, lambda page: house.powering._ignition.seen)
        house.lines.release(LINE)

    assert live(configuration(tmp_path, command="none"), play, monkeypatch) == 0
    assert machine.ran == []


def test_a_machine_that_cannot_be_switched_off_says_so(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    machine.answer = "systemctl is not installed"

    async def play(house: House) -> None:
        assert house.lines is not None
        house.lines.press(LINE)
        await shown(house, lambda page: house.powering._ignition.seen)
        house.lines.release(LINE)

    live(configuration(tmp_path), play, monkeypatch)
    assert len(machine.ran) == 1
    assert "systemctl is not installed" in caplog.text


def test_a_line_that_is_off_from_the_start_leaves_time_and_says_why(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[dict[str, Any]] = []

    async def play(house: House) -> None:
        house.powering.look()
        pages.append(await shown(house, lambda page: page["state"] == "on"))
        house.powering._trial = False
        pages.append(await shown(house, lambda page: page["state"] == "ending"))
        house.inbox.post(app.StopAsked("the test is over"))

    live(configuration(tmp_path), play, monkeypatch)
    assert pages[0]["problem"] == "", "simulated lines are off until somebody moves them"
    assert "is power.active right?" in pages[1]["problem"] and "in 600 s" in pages[1]["problem"]
    assert machine.ran == []


def test_a_line_that_is_lost_is_a_sentence_and_no_reason_to_switch_off(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[dict[str, Any]] = []

    async def play(house: House) -> None:
        house.powering._lost("GPIO23 is gone: its chip was removed.")
        pages.append(await shown(house, lambda page: page["state"] is None))
        house.inbox.post(app.StopAsked("the test is over"))

    live(configuration(tmp_path), play, monkeypatch)
    assert pages[0]["problem"] == "power.pin: GPIO23 is gone: its chip was removed." and machine.ran == []


def test_a_line_that_is_used_twice_is_a_sentence(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[dict[str, Any]] = []

    async def play(house: House) -> None:
        pages.append(await shown(house, lambda page: True))
        house.inbox.post(app.StopAsked("the test is over"))

    live(configuration(tmp_path, pin="GPIO27"), play, monkeypatch)
    assert pages[0]["problem"].startswith("power.pin: GPIO27 is used twice")


def test_a_weak_supply_is_a_reason_while_it_lasts(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(powering.supply, "read", lambda: Supply(0x10001, True))
    reasons: list[list[str]] = []

    async def play(house: House) -> None:
        page = await shown(house, lambda page: bool(page["supply"]["now"]))
        assert page["supply"]["since_boot"] == [] and page["line"] is None
        house.pulse._prove(house.loop.time())
        health: Any = report.status(house)["health"]
        reasons.append(health["reasons"])
        house.powering.supply = Supply(0x10000)
        house.pulse._prove(house.loop.time())
        again: Any = report.status(house)["health"]
        reasons.append(again["reasons"])
        house.inbox.post(app.StopAsked("the test is over"))

    config = dataclasses.replace(configuration(tmp_path), power=Power())
    live(config, play, monkeypatch)
    assert any("the board's supply has failed: too weak" in reason for reason in reasons[0])
    assert not any("supply" in reason for reason in reasons[1])
    assert caplog.text.count("supply: ") == 1


def test_a_trial_switches_nobodys_machine_off(caplog: pytest.LogCaptureFixture) -> None:
    assert powering.rehearse(("systemctl", "poweroff")) == ""
    assert "not run: systemctl poweroff" in caplog.text


def test_a_machine_that_nothing_can_switch_off_is_a_reason_from_the_start(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[dict[str, Any]] = []
    monkeypatch.setattr(powering, "SwitchOff", lambda *_: SwitchOff(machine, ("/nonexistent/systemctl", "poweroff")))

    async def play(house: House) -> None:
        house.powering._trial = False
        house.powering._line = None
        house.powering._open_off()
        pages.append(await shown(house, lambda page: bool(page["problem"])))
        house.inbox.post(app.StopAsked("the test is over"))

    live(configuration(tmp_path), play, monkeypatch)
    assert "/nonexistent/systemctl is not installed" in pages[0]["problem"]


async def gone(house: House) -> None:
    """The line was on, and is off."""
    assert house.lines is not None
    house.lines.press(LINE)
    await shown(house, lambda page: house.powering._ignition.seen)
    house.lines.release(LINE)


def test_a_room_that_cannot_be_closed_does_not_keep_the_machine_on(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(house: House) -> None:
        async def broken() -> None:
            raise RuntimeError("a room that fails")

        monkeypatch.setattr(house.control, "aclose", broken)
        await gone(house)

    with pytest.raises(RuntimeError, match="a room that fails"):
        live(configuration(tmp_path), play, monkeypatch)
    assert len(machine.ran) == 1


def test_a_process_that_can_have_no_thread_ends_and_switches_off_all_the_same(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def start_or_not(thread: threading.Thread) -> None:
        if thread.name == "kioskd-off" or thread.name.startswith("asyncio"):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_not)
    assert live(configuration(tmp_path), gone, monkeypatch) == 0
    assert len(machine.ran) == 1


def test_the_end_is_given_the_time_that_it_may_take(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else systemd kills what hangs after TimeoutStopSec, and with it the thread that switches off."""
    told: list[float] = []

    async def play(house: House) -> None:
        monkeypatch.setattr(house.notifier, "stopping", told.append)
        await gone(house)

    live(configuration(tmp_path, within_s=60.0), play, monkeypatch)
    assert told[0] > 60.0 + LONGEST_S


def test_a_process_that_ends_at_once_on_its_way_off_switches_off_first(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    async def play(house: House) -> None:
        house.powering.last()
        asked.append(len(machine.ran))
        monkeypatch.setattr(house.powering, "finish", lambda: None)
        make_safe = app.make_safe
        lasts: list[Any] = []
        monkeypatch.setattr(app, "make_safe", lambda *steps, last: (lasts.append(last), make_safe(*steps)))
        await gone(house)
        await house.ended
        while not lasts:
            await asyncio.sleep(0.005)
        lasts[0]()
        asked.append(len(machine.ran))

    live(configuration(tmp_path), play, monkeypatch)
    assert asked == [0, 1], "only where the power is gone"


def test_a_line_that_flaps_does_not_keep_the_end_out_of_the_journal(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def play(house: House) -> None:
        for _ in range(SAME_LINE_A_MINUTE):
            house.powering._note("power-going", "it goes")
            house.powering._note("power-back", "it is back")
        await gone(house)

    live(configuration(tmp_path), play, monkeypatch)
    bounded = Bounded()
    told = [one for one in caplog.records if bounded.filter(one)]
    assert any(one.__dict__.get("MESSAGE_ID") == BY_NAME["power-off"].id for one in told)


def test_a_line_that_is_lost_while_the_power_goes_is_not_told_as_going(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[dict[str, Any]] = []

    async def play(house: House) -> None:
        await gone(house)
        await shown(house, lambda page: page["going"])
        house.powering._lost("GPIO23 is gone: its chip was removed.")
        pages.append(await shown(house, lambda page: page["state"] is None))
        house.inbox.post(app.StopAsked("the test is over"))

    live(configuration(tmp_path, grace_s=60.0), play, monkeypatch)
    assert pages[0]["going"] is False and machine.ran == []


def test_a_conversation_is_ended_and_its_usage_written_within_the_time(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch, voice: Any
) -> None:
    went_at: list[float] = []
    off_at: list[float] = []

    def look() -> dict[str, Any]:
        off_at.append(time.monotonic())
        return {"usage": [path.read_text() for path in tmp_path.glob("usage*")]}

    async def play(house: House) -> None:
        assert house.lines is not None
        house.lines.press(LINE)
        await shown(house, lambda page: house.powering._ignition.seen)
        while house.machine.state.session is None or not house.machine.state.session:
            await asyncio.sleep(0.01)
        machine.look = look
        went_at.append(time.monotonic())
        house.lines.release(LINE)

    base = configuration(tmp_path, within_s=5.0)
    with voice() as url:
        talk = Talk(mode="open")
        endpoint = Endpoint(dialect="local", url=url)
        assert live(dataclasses.replace(base, talk=talk, service=(endpoint,)), play, monkeypatch) == 0
    assert len(machine.ran) == 1 and off_at[0] - went_at[0] < 0.02 + 0.1 + 5.0
    (usage,) = machine.looked["usage"]
    assert "local-1" in usage, "what the conversation used is on the disk before the machine goes off"
