"""The panel in a whole house on simulated lines: what a hand does there reaches the world by the corridor."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any, Awaitable, Callable

import pytest

from kioskd import report
from kioskd.app import House
from kioskd.boot import Source
from kioskd.config.panel import Button, Contact, Help, Lamp, Panel, PushButton, Strip, Switch, Volume
from kioskd.config.sections import Action, Audio, Config, Endpoint, Kiosk, Ops, Policy, RelayAction, Talk, Tool
from kioskd.lines.strip import NoBus, Strip as Lamps

BELL = Tool(
    name="ring_bell",
    description="Ring the bell.",
    class_="notify",
    action=Action(relay=RelayAction(pin="GPIO27", pulse_ms=20)),
    policy=Policy(allow=True),
)
PANEL = Panel(
    pins="simulated",
    talk=Button(pin="GPIO17", double="mute", debounce_ms=5),
    buttons=(
        PushButton(name="help", pin="GPIO5", press="help", debounce_ms=5),
        PushButton(name="volume_down", pin="GPIO6", press="softer", debounce_ms=5),
    ),
    help=Help(tool="ring_bell"),
    contacts=(Contact(name="lid", pin="GPIO24", rest="inactive", alarm=True),),
    lamp=Lamp(strip=Strip(count=3, brightness=1.0)),
)
PATIENCE_S = 10.0


def in_house(tmp_path: Path, play: Callable[[House], Awaitable[Any]], panel: Panel = PANEL) -> Any:
    """Open a whole house, play in it, close it."""
    config = Config(
        kiosk=Kiosk(settle_s=0.5),
        service=(Endpoint(dialect="local", url="ws://127.0.0.1:9/waves/v1/s2s"),),
        talk=Talk(mode="push_to_talk"),
        audio=Audio(input="null", output="null"),
        panel=panel,
        tools=(BELL,),
        ops=Ops(state_dir=str(tmp_path), runtime_dir=str(tmp_path), timeline=str(tmp_path / "timeline.jsonl")),
    )

    async def main() -> Any:
        house = House(config, Source("kiosk.yaml", ()), asyncio.get_running_loop().time(), set())
        try:
            await house.open()
            return await asyncio.wait_for(play(house), 2 * PATIENCE_S)
        finally:
            await house.close()

    return asyncio.run(main())


async def until(true: Callable[[], object]) -> None:
    """Wait until that is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.01)


def hand(house: House, name: str, verb: str = "press") -> None:
    """As kioskctl panel does it."""
    report.changes(house)["panel"]({"verb": verb, "name": name})


def notes(tmp_path: Path, kind: str) -> list[str]:
    rows = (json.loads(line) for line in (tmp_path / "timeline.jsonl").read_text().splitlines())
    return [row["text"] for row in rows if row["kind"] == kind]


def test_a_volume_button_is_heard_at_once_and_after_a_restart(tmp_path: Path) -> None:
    async def softer(house: House) -> float:
        assert house.playback._mixer._volumes["service"] == 1.0
        hand(house, "volume_down")
        await until(lambda: house.machine.state.volume < 1.0)
        return house.machine.state.volume

    async def again(house: House) -> tuple[float, float, float]:
        page = report.status(house)["panel"]
        assert isinstance(page, dict)
        return house.machine.state.volume, house.playback._mixer._volumes["service"], page["volume"]

    volume = in_house(tmp_path, softer)
    assert volume == pytest.approx(0.708, abs=0.001), "3 dB"
    assert in_house(tmp_path, again) == (volume, volume, volume)


@pytest.mark.parametrize(("kept", "heard"), [(0.0, 0.1), (0.05, 0.1), (0.9, 0.8)])
def test_a_kept_volume_is_within_the_owners_bounds(tmp_path: Path, kept: float, heard: float) -> None:
    """The model set it to nothing, or the owner narrowed panel.volume since: the kiosk is heard again all the same."""
    (tmp_path / "volume.json").write_text(json.dumps({"volume": kept, "configured": 1.0}))

    async def play(house: House) -> tuple[float, float]:
        return house.machine.state.volume, house.playback._mixer._volumes["service"]

    narrowed = dataclasses.replace(PANEL, volume=Volume(least=0.1, most=0.8))
    assert in_house(tmp_path, play, narrowed) == (heard, heard)


def test_the_help_button_moves_its_tool_once_through_policy_and_ledger(tmp_path: Path) -> None:
    async def play(house: House) -> list[dict[str, Any]]:
        await asyncio.sleep(0.6)  # beyond settle_s, in which nothing moves
        hand(house, "help")
        await until(lambda: house.machine.state.counts.calls_done == 1)
        assert house.machine.state.counts.relay_pulses == 1 and not house.machine.state.wanted, "no session was needed"
        trail = house.ledger.trail()
        assert trail
        return []

    in_house(tmp_path, play)
    assert "ring_bell: allow (policy allows ring_bell)" in notes(tmp_path, "decision")


def test_two_taps_mute_and_leave_nothing_behind(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        for verb in ("press", "release", "press", "release"):
            before = house.inbox.posted
            hand(house, "talk", verb)
            await until(lambda: house.inbox.posted > before)
            await asyncio.sleep(0.02)
        await until(lambda: house.machine.state.muted)
        await until(lambda: not house.machine.state.wanted)

    in_house(tmp_path, play)
    assert "talk, double: mute" in notes(tmp_path, "panel")


def test_the_first_word_of_the_lamp_is_that_the_kiosk_starts(tmp_path: Path) -> None:
    async def play(house: House) -> tuple[str, bytes]:
        assert house.pulse.light is not None and house.panel is not None
        strip = house.panel._lamp._line
        assert isinstance(strip, Lamps) and isinstance(strip._bus, NoBus)
        house.pulse.relight()
        return house.pulse.light.name, strip._bus.sent

    name, sent = in_house(tmp_path, play)
    assert name == "idle" and notes(tmp_path, "lamp")[:2] == ["booting", "idle"]
    assert len(sent) == 4 + 3 * 4 + 5, "three lamps on the simulated bus"


def test_at_the_end_a_strip_is_dark(tmp_path: Path) -> None:
    kept = []

    async def play(house: House) -> None:
        assert house.panel is not None
        kept.append(house.panel._lamp._line)
        report.changes(house)["mute"]({})
        await until(lambda: kept[0].shown == (1.0, 0.0, 1.0))  # magenta

    in_house(tmp_path, play)
    assert kept[0].shown is None and kept[0].snapshot()["open"] is False


def test_a_strip_without_its_bus_is_a_sentence_and_no_exit(tmp_path: Path) -> None:
    async def play(house: House) -> list[str]:
        return list(house.pulse.verdict().reasons)

    bare = Panel(pins="gpio", lamp=Lamp(strip=Strip(spi="/dev/no-such-bus")))
    reasons = " ".join(in_house(tmp_path, play, bare))
    assert "The lamp: /dev/no-such-bus is not there: switch SPI on" in reasons


def test_an_opened_lid_is_a_fault_in_status_and_stands_in_the_trail(tmp_path: Path) -> None:
    async def play(house: House) -> dict[str, Any]:
        hand(house, "lid")
        await until(lambda: not house.pulse.verdict().ok)
        page = report.status(house)
        hand(house, "lid", "release")
        await until(lambda: house.pulse.verdict().ok)
        return page

    page = in_house(tmp_path, play)
    assert "contact lid on GPIO24 is active" in page["health"]["reasons"][0]
    assert page["panel"]["panel"]["contacts"]["lid"]["at_rest"] is False
    assert notes(tmp_path, "panel") == ["lid at rest", "lid away from rest", "lid at rest"]


def test_a_kiosk_whose_lines_cannot_be_had_counts_as_muted_and_lives(tmp_path: Path) -> None:
    async def play(house: House) -> bool:
        await until(lambda: house.machine.state.muted)
        return house.panel is None

    odd = dataclasses.replace(PANEL, pins="nonsense", mute=Switch(pin="GPIO22"), contacts=(), lamp=None)
    assert in_house(tmp_path, play, odd) is True
