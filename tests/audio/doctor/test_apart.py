"""The other process: the same results as here, its faults told, and gone when nobody waits for it."""

from __future__ import annotations

import asyncio
import json
import pickle
from pathlib import Path
from typing import Callable

import pytest

from kioskd.audio.doctor import apart
from kioskd.audio.doctor.apart import ApartError, diagnose_apart, prepare_apart, work
from kioskd.audio.doctor.diagnosis import diagnose, prepare
from kioskd.audio.doctor.take import Take
from kioskd.config.sections import Audio

AUDIO = Audio(input="alsa:mic", output="alsa:spk")


def test_what_is_prepared_there_is_what_is_prepared_here() -> None:
    assert asyncio.run(prepare_apart(0.5)) == prepare(0.5)


def test_what_is_found_there_is_what_is_found_here(room_take: Callable[..., Take]) -> None:
    take = room_take()
    there = asyncio.run(diagnose_apart(take, AUDIO))
    assert there == json.loads(json.dumps(diagnose(take, AUDIO)))


def test_the_work_itself(room_take: Callable[..., Take]) -> None:
    assert work(pickle.dumps(("prepare", 0.5))) == prepare(0.5)
    assert json.loads(work(pickle.dumps(("diagnose", room_take(), AUDIO))))["verdict"]["mode"] == "cancel"


def test_a_fault_there_is_told_in_one_line(room_take: Callable[..., Take]) -> None:
    with pytest.raises(ApartError, match="ended with 1: ValueError: cannot convert 0 Hz"):
        asyncio.run(diagnose_apart(room_take()._replace(played_hz=0), AUDIO))


def test_an_answer_that_is_no_report_is_told(monkeypatch: pytest.MonkeyPatch, room_take: Callable[..., Take]) -> None:
    async def nonsense(task: tuple[object, ...]) -> bytes:
        return b"[1]"

    monkeypatch.setattr(apart, "_run", nonsense)
    with pytest.raises(ApartError, match="no report"):
        asyncio.run(diagnose_apart(room_take(), AUDIO))


def children() -> list[str]:
    """Processes that do the doctor's arithmetic now."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"kioskd.audio.doctor.apart" in words:
            found.append(place.parent.name)
    return found


def test_cancelled_it_leaves_no_process_behind(room_take: Callable[..., Take]) -> None:
    before = set(children())

    async def main() -> None:
        task = asyncio.create_task(diagnose_apart(room_take(), AUDIO))
        async with asyncio.timeout(20):
            while not set(children()) - before:
                await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    asyncio.run(main())
    assert set(children()) - before == set()


def test_without_a_python_to_start_it_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart.sys, "executable", "/nowhere/python")
    with pytest.raises(OSError):
        asyncio.run(prepare_apart(1.0))
