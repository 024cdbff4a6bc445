"""The status page holds what the contract names, and the change socket's commands do what they say."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import random
import re
import time
import wave
from pathlib import Path
from typing import Any, Awaitable, Callable

import pytest

from kioskd import report
from kioskd.app import House, Source
from kioskd.config.sections import Audio, Button, Config, Endpoint, Ops, Panel, Recording, Talk

QUIET = Audio(input="null", output="null")
CONTRACT = ("phase", "link", "audio", "panel", "health", "session", "config", "usage", "version")


def in_house(tmp_path: Path, play: Callable[[House], Awaitable[Any]], audio: Audio = QUIET, **panel: Any) -> Any:
    """Open a whole house on simulated hardware, play in it, close it."""
    config = Config(
        service=(Endpoint(dialect="local", url="ws://127.0.0.1:9/waves/v1/s2s"),),
        talk=Talk(mode="push_to_talk"),
        audio=audio,
        panel=Panel(**{"pins": "simulated", "talk": Button(pin="GPIO17"), **panel}),
        ops=Ops(state_dir=str(tmp_path), runtime_dir=str(tmp_path)),
    )

    async def main() -> Any:
        house = House(config, Source("kiosk.yaml", ("a warning",)), asyncio.get_running_loop().time(), set())
        try:
            await house.open()
            return await asyncio.wait_for(play(house), 20)
        finally:
            await house.close()

    return asyncio.run(main())


def test_the_page_is_json_and_holds_what_the_contract_names(tmp_path: Path) -> None:
    async def play(house: House) -> dict[str, Any]:
        return report.status(house)

    page = json.loads(json.dumps(in_house(tmp_path, play)))
    assert set(CONTRACT) <= set(page)
    assert page["health"] == {"ok": True, "reasons": []}
    assert page["config"]["warnings"] == ["a warning"]
    assert page["audio"]["capture"]["device"] == "null"
    assert page["link"]["state"] == "asleep"


def test_a_press_from_outside_is_a_press(tmp_path: Path) -> None:
    async def play(house: House) -> tuple[dict[str, Any], str]:
        press = report.changes(house)["panel"]
        reply = press({"verb": "press", "name": "talk"})
        while house.machine.state.down == {}:
            await asyncio.sleep(0.01)
        phase = report.status(house)["phase"]
        press({"verb": "release", "name": "talk"})
        while house.machine.state.down:
            await asyncio.sleep(0.01)
        return dict(reply), str(phase)

    assert in_house(tmp_path, play) == ({"panel": "talk", "verb": "press"}, "listening")


@pytest.mark.parametrize(
    "request_", [{"verb": "press", "name": "bell"}, {"verb": "kick", "name": "talk"}, {"verb": "press"}, {}]
)
def test_a_wrong_press_is_a_sentence(tmp_path: Path, request_: dict[str, object]) -> None:
    async def play(house: House) -> str:
        with pytest.raises(ValueError) as told:
            report.changes(house)["panel"](request_)
        return str(told.value)

    assert len(in_house(tmp_path, play)) > 10


def test_mute_and_unmute(tmp_path: Path) -> None:
    async def play(house: House) -> list[bool]:
        seen = []
        for name, on in (("mute", True), ("unmute", False)):
            report.changes(house)[name]({})
            while house.machine.state.muted is not on:
                await asyncio.sleep(0.01)
            seen.append(bool(report.status(house)["muted"]))
        return seen

    assert in_house(tmp_path, play) == [True, False]


def test_the_owner_sees_a_lock_out_and_ends_it(tmp_path: Path) -> None:
    async def play(house: House) -> list[object]:
        house.machine.state.locks[""] = time.monotonic() + 300
        seen = [report.status(house)["lockouts"], report.changes(house)["unlock"]({"uid": "other", "by": "anna"})]
        while house.machine.state.locks:
            await asyncio.sleep(0.01)
        while '"unlock"' not in str((told := report.changes(house)["audit"]({}))["recent"]):
            await asyncio.sleep(0.01)
        return [*seen, report.status(house)["lockouts"], told["recent"]]

    before, answer, after, recent = in_house(tmp_path, play)
    assert before[0]["what"] == "all tools that move something are locked" and 290 < before[0]["for_s"] <= 300
    assert answer["ended"][0]["what"] == before[0]["what"] and after == []
    assert json.loads(recent[-1])["data"] == {"uid": "other", "by": "anna", "ended": before[0]["what"]}


def test_a_recording_that_is_not_allowed_is_refused_with_what_to_write(tmp_path: Path) -> None:
    async def play(house: House) -> str:
        with pytest.raises(ValueError) as told:
            report.changes(house)["record"]({"verb": "start"})
        with pytest.raises(ValueError):
            report.changes(house)["record"]({"verb": "on"})
        with pytest.raises(ValueError, match="No recording runs"):
            report.changes(house)["record"]({"verb": "stop"})
        return str(told.value)

    assert "audio.record" in in_house(tmp_path, play)


def test_a_recording_is_begun_shown_announced_and_ended(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"

    async def play(house: House) -> dict[str, Any]:
        record = report.changes(house)["record"]
        record({"verb": "start"})
        while not (page := report.status(house))["audio"]["recording"]["files"] or page["panel"]["lamp"] != "recording":
            await asyncio.sleep(0.01)
        with pytest.raises(ValueError, match="runs already"):
            record({"verb": "start"})
        raw = next(folder.glob("*-raw.wav"))
        while raw.stat().st_size < 20_000:
            await asyncio.sleep(0.01)
        record({"verb": "stop"})
        while report.status(house)["panel"]["lamp"] == "recording":
            await asyncio.sleep(0.01)
        return report.status(house)

    page = in_house(tmp_path, play, dataclasses.replace(QUIET, record=Recording(dir=str(folder))))
    recording = page["audio"]["recording"]
    assert not recording["running"] and recording["made"] == 1 and recording["problem"] == ""
    assert page["health"]["ok"]
    for row in recording["files"]:
        with wave.open(str(folder / row["name"])) as sound:
            assert sound.getframerate() == 16_000


def test_a_recording_that_cannot_be_written_ends_and_says_so_and_the_kiosk_stays_well(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def play(house: House) -> dict[str, Any]:
        report.changes(house)["record"]({"verb": "start"})
        while not (page := report.status(house))["audio"]["recording"]["failed"] or not page["health"]["ok"]:
            await asyncio.sleep(0.01)
        while house.machine.state.recording:
            await asyncio.sleep(0.01)
        with pytest.raises(ValueError, match="No recording runs. The last one ended early: .*Not a directory"):
            report.changes(house)["record"]({"verb": "stop"})
        return report.status(house)

    page = in_house(tmp_path, play, dataclasses.replace(QUIET, record=Recording(dir=str(tmp_path / "file" / "r"))))
    assert "Not a directory" in page["audio"]["recording"]["problem"] and page["panel"]["lamp"] != "recording"


def test_the_page_tells_how_long_a_device_has_been_so(tmp_path: Path) -> None:
    async def play(house: House) -> dict[str, Any]:
        return report.status(house)

    page = in_house(tmp_path, play)
    assert 0 <= page["audio"]["capture"]["for_s"] < 10 and 0 <= page["audio"]["playback"]["for_s"] < 10
    assert page["mute"]["switch"] == "open" and page["audio"]["gate"]["neural"]


def test_usage_keeps_its_counters_and_tells_how_the_budget_stands(tmp_path: Path) -> None:
    async def play(house: House) -> tuple[dict[str, Any], dict[str, Any]]:
        return report.status(house)["usage"], json.loads(json.dumps(report.looks(house)["usage"]({"days": 2})))

    status, answer = in_house(tmp_path, play)
    assert {"turns", "sessions", "session_s", "bytes_up", "bytes_down"} <= set(status)
    assert status["budget"]["state"] == "none" and status["kept"]["problem"] == ""
    assert len(answer["usage"]["days"]) == 2 and answer["usage"]["kiosk"] == "kiosk"


def test_the_owner_is_told_where_the_audit_trail_is_and_what_its_last_lines_say(tmp_path: Path) -> None:
    async def play(house: House) -> Any:
        while not (told := report.changes(house)["audit"]({}))["recent"]:
            await asyncio.sleep(0.01)
        page = report.status(house)["tools"]
        return told, page

    told, page = in_house(tmp_path, play)
    assert Path(told["folder"]).is_relative_to(tmp_path) and json.loads(told["recent"][0])["what"] == "start"
    assert all(tool["locked_s"] == 0.0 and tool["dry_run"] is False for tool in page)


# -- strangers on the sockets --------------------------------------------------------------------------

SEEDS = [
    b'{"do": "status"}',
    b'{"do": "reload"}',
    b'{"do": "config", "before": true}',
    b'{"do": "apply", "step": "begin", "sha256": "00", "watch_s": 1, "confirm_s": 2, "by": "x"}',
    b'{"do": "apply", "step": "keep", "sha256": "00"}',
    b'{"do": "apply", "step": "confirm"}',
    b'{"do": "panel", "verb": "press", "name": "none"}',
    b'{"do": "usage", "days": 7}',
    b'{"do": "record", "verb": "stop"}',
]
STRANGE = [
    b"null",
    b"1e999",
    b"-0",
    b"[]",
    b"{}",
    b'"\\ud800"',
    b"9" * 5000,
    b"[" * 3000,
    b'{"do":' * 300,
    b"\x00",
    b"true",
]
REQUESTS = 10_000


def spoilt(chance: random.Random) -> bytes:
    """A request in which something is not as it should be, on one line."""
    line = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(line) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            line[at : at + chance.randint(0, 6)] = bytes(chance.randrange(256) for _ in range(chance.randint(0, 4)))
        elif kind == 1:
            line[at:at] = chance.choice(STRANGE)
        elif kind == 2:
            del line[at:]
        elif kind == 3:
            line += line[at:]
        else:
            values = [b"null", b"-1", b"NaN", b"{}", b"[]", b'"x"', b"1e400"]
            line[:] = re.sub(rb":\s*[^,}]+", b": " + chance.choice(values), bytes(line), count=1)
    return bytes(line).replace(b"\n", b" ")


def test_ten_thousand_spoilt_requests_are_refused_with_a_sentence_and_change_nothing(kiosk_file: Any) -> None:
    chance = random.Random(20261121)

    async def strangers(house: Any, name: str) -> int:
        refused, left = 0, REQUESTS // 2
        while left:
            reader, writer = await asyncio.open_unix_connection(str(kiosk_file.folder / "run" / name), limit=1 << 22)
            for _ in range(min(left, 100)):
                left -= 1
                writer.write(spoilt(chance) + b"\n")
                line = await asyncio.wait_for(reader.readline(), 20)
                answer = json.loads(line)
                if answer.get("ok") is True:
                    continue
                refused += 1
                assert answer["ok"] is False and answer["error"] and "\n" not in answer["error"], line
            writer.close()
        return refused

    async def play(house: Any) -> tuple[int, int]:
        silent = await asyncio.open_unix_connection(str(kiosk_file.folder / "run" / "change.sock"))
        before = house.config
        refused = sum(await asyncio.gather(strangers(house, "look.sock"), strangers(house, "change.sock")))
        assert house.config == before == house.machine.state.config and house.trying.snapshot() is None
        assert house.pulse.verdict().ok and kiosk_file.path.read_text() == kiosk_file.text
        silent[1].close()
        return refused, house.control.counts.faults

    refused, faults = kiosk_file.live(play)
    assert refused > REQUESTS * 0.9 and faults == 0
