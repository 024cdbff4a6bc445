"""Notes reach memory, watchers and disk; the disk never holds the loop up."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from kioskd.ops import timeline as module
from kioskd.ops.timeline import Timeline


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_notes_and_frames_go_to_their_files(tmp_path: Path) -> None:
    notes, wire = tmp_path / "notes.jsonl", tmp_path / "wire.jsonl"
    timeline = Timeline(str(notes), str(wire), time.monotonic() - 5)
    timeline.note("relay", "unlock_door on", {"on": True})
    timeline.trace("wire", {"direction": ">", "type": "session.configure"})
    assert timeline.stop(5)
    (note,), (frame,) = rows(notes), rows(wire)
    assert (note["kind"], note["text"], note["on"]) == ("relay", "unlock_door on", True)
    assert 5.0 <= float(str(note["t"])) < 6.0 and str(note["wall"]).endswith("+00:00")
    assert frame["type"] == "session.configure"


def test_without_files_there_is_no_thread(tmp_path: Path) -> None:
    timeline = Timeline(None, None, 0.0)
    timeline.note("gate", "open", {})
    timeline.trace("wire", {})
    assert timeline.stop(0.0) and len(timeline.recent) == 1 and list(tmp_path.iterdir()) == []


def test_memory_is_bounded() -> None:
    timeline = Timeline(None, None, 0.0)
    for number in range(module.REMEMBERED * 2):
        timeline.note("gate", str(number), {})
    assert [row["text"] for row in timeline.recent][0] == str(module.REMEMBERED)


def test_a_watcher_that_does_not_read_loses_the_oldest() -> None:
    async def main() -> str:
        timeline = Timeline(None, None, 0.0)
        watcher = timeline.subscribe()
        for number in range(module.WATCHER_NOTES + 3):
            timeline.note("gate", str(number), {})
        first = await watcher.get()
        timeline.unsubscribe(watcher)
        timeline.note("gate", "nobody listens", {})
        return str(first["text"])

    assert asyncio.run(main()) == "3"


def test_a_watcher_waits_for_the_next_note() -> None:
    async def main() -> str:
        timeline = Timeline(None, None, 0.0)
        watcher = timeline.subscribe()
        asyncio.get_running_loop().call_later(0.01, timeline.note, "gate", "open", {})
        return str((await asyncio.wait_for(watcher.get(), 5))["text"])

    assert asyncio.run(main()) == "open"


def test_a_folder_that_is_not_there_costs_rows_and_nothing_else(tmp_path: Path) -> None:
    timeline = Timeline(str(tmp_path / "no" / "notes.jsonl"), None, 0.0)
    for number in range(3):
        timeline.note("gate", str(number), {})
    assert timeline.stop(5) and timeline.dropped == 3


def test_a_full_disk_costs_rows_and_nothing_else(tmp_path: Path) -> None:
    script = (
        "import sys, signal\n"
        "from kioskd.ops.timeline import Timeline\n"
        "t = Timeline(sys.argv[1], None, 0.0)\n"
        "for n in range(200): t.note('gate', 'x' * 100, {})\n"
        "print(t.stop(5), t.dropped)\n"
    )

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "notes.jsonl")],
        preexec_fn=small_disk,
        capture_output=True,
        text=True,
        check=True,
    )
    ended, dropped = done.stdout.split()
    assert ended == "True" and int(dropped) > 0


def test_half_a_surrogate_pair_from_a_service_does_not_end_the_thread(tmp_path: Path) -> None:
    wire = tmp_path / "wire.jsonl"
    timeline = Timeline(None, str(wire), time.monotonic())
    timeline.trace("wire", {"frame": {"type": "odd \ud800"}})
    timeline.trace("wire", {"frame": {("no", "key"): 1}})
    timeline.trace("wire", {"frame": "after it"})
    assert timeline.stop(5)
    assert [row["frame"] for row in rows(wire)] == [{"type": "odd \ud800"}, "after it"]
    assert timeline.dropped == 1


def test_a_file_that_cannot_be_written_is_a_sentence_until_it_can(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.mkdir()
    timeline = Timeline(str(path), None, time.monotonic())
    timeline.note("gate", "lost", {})
    while not timeline.problem:
        time.sleep(0.01)
    assert str(path) in timeline.problem
    path.rmdir()
    timeline.note("gate", "kept", {})
    assert timeline.stop(5) and timeline.problem == ""
    assert [row["text"] for row in rows(path)] == ["kept"]
