"""The trail on a disk: power cuts, full disks, rotation."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kioskd.actions.chain import Head, Verdict, verify, write
from kioskd.actions.trail import Trail, Unrecorded, trail_files


def look(folder: Path, known: Head | None = None) -> Verdict:
    return verify(((path.name, path.read_bytes().splitlines(keepends=True)) for path in trail_files(folder)), known)


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in trail_files(folder) for line in path.read_text().splitlines()]


def write_some(folder: Path, count: int, **keys: Any) -> Trail:
    trail = Trail(folder, **keys)
    for number in range(count):
        trail.append("decision", {"call": f"c{number}", "why": "x" * 100})
    trail.sync()
    trail.close()
    return trail


def test_lines_are_chained_over_restarts(tmp_path: Path) -> None:
    write_some(tmp_path / "audit", 3)
    again = write_some(tmp_path / "audit", 2)
    verdict = look(tmp_path / "audit", again.head)
    assert verdict.ok and verdict.head == again.head == again.synced and verdict.lines == 5
    assert rows(tmp_path / "audit")[0]["at"].endswith("Z")


def test_the_files_are_their_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_some(tmp_path / "audit", 1)
    finally:
        os.umask(before)
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o700
    assert trail_files(tmp_path / "audit")[0].stat().st_mode & 0o777 == 0o600


def test_rotation_keeps_the_chain_and_the_bound(tmp_path: Path) -> None:
    trail = write_some(tmp_path, 200, file_bytes=2000, files=4)
    verdict = look(tmp_path, trail.head)
    assert verdict.ok and verdict.findings == () and verdict.first > 1
    assert len(trail_files(tmp_path)) == 4 and sum(path.stat().st_size for path in trail_files(tmp_path)) < 12_000
    again = write_some(tmp_path, 200, file_bytes=2000, files=4)
    assert look(tmp_path, again.head).ok
    trail_files(tmp_path)[0].unlink()
    assert not look(tmp_path, again.head).ok, "a file that somebody took away is missed"


@pytest.mark.parametrize("keep", [1, 50, -1])
def test_a_torn_line_is_cut_off_and_said(tmp_path: Path, keep: int) -> None:
    write_some(tmp_path, 5)
    path = trail_files(tmp_path)[0]
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole[: -len(last)] + last[:keep])
    again = write_some(tmp_path, 1)
    assert [row["what"] for row in rows(tmp_path)] == ["decision"] * 4 + ["torn", "decision"]
    assert look(tmp_path, again.head).ok and look(tmp_path, again.head).findings == ()


def test_zeros_at_the_end_are_a_power_cut_too(tmp_path: Path) -> None:
    write_some(tmp_path, 5)
    with trail_files(tmp_path)[0].open("ab") as file:
        file.write(b"\0" * 512)
    write_some(tmp_path, 1)
    assert [row["what"] for row in rows(tmp_path)][-2:] == ["torn", "decision"] and look(tmp_path).ok


def test_a_power_cut_right_after_a_new_file_was_begun_loses_nothing(tmp_path: Path) -> None:
    trail = write_some(tmp_path, 5)
    (tmp_path / f"audit-{trail.head.seq + 1:012}.jsonl").touch()
    again = write_some(tmp_path, 1)
    assert look(tmp_path, again.head).ok and again.head.seq == 6


def test_a_last_line_that_was_damaged_stays_as_it_is_and_is_told(tmp_path: Path) -> None:
    write_some(tmp_path, 5)
    path = trail_files(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:-20] + b"x" * 19 + b"\n")
    again = write_some(tmp_path, 2)
    verdict = look(tmp_path, again.head)
    assert not verdict.ok and [finding.line for finding in verdict.findings][:1] == [5]
    assert [finding.line for finding in verdict.findings if "kioskd itself" in finding.sentence] == [6]


def test_lines_that_the_ledger_knows_and_the_trail_does_not_are_told_for_ever(tmp_path: Path) -> None:
    trail = write_some(tmp_path, 5)
    path = trail_files(tmp_path)[0]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    again = Trail(tmp_path)
    again.expect(trail.head)
    again.append("decision", {})
    again.sync()
    verdict = look(tmp_path, again.head)
    assert "lines 4 to 5 are missing before line 6" in verdict.findings[0].sentence and not verdict.ok
    again.close()


def test_a_trail_that_ends_where_the_ledger_says_expects_nothing(tmp_path: Path) -> None:
    trail = write_some(tmp_path, 5)
    again = Trail(tmp_path)
    again.expect(Head(3, rows(tmp_path)[2]["hash"]))
    again.expect(Head())
    again.expect(trail.head)
    assert again.head == trail.head
    again.close()


FULL = """
import resource, signal, sys
from kioskd.actions.trail import Trail, Unrecorded
trail = Trail(sys.argv[1])
trail.append("decision", {"n": 0})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (700, resource.RLIM_INFINITY))
refused = 0
for n in range(20):
    try:
        trail.append("decision", {"n": n, "why": "x" * 50})
    except Unrecorded as error:
        refused += 1
        assert "nothing moves unrecorded" in str(error), error
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert refused > 10 and trail.lost == refused and trail.problem
trail.append("decision", {"n": 99})
trail.sync()
print(refused)
"""


def test_on_a_full_disk_a_line_is_whole_or_not_there_and_what_was_lost_is_counted(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert look(tmp_path).ok and look(tmp_path).findings == ()
    kinds = [row["what"] for row in rows(tmp_path)]
    resumed = next(row for row in rows(tmp_path) if row["what"] == "resumed")
    assert resumed["data"] == {"lost": int(done.stdout)} and kinds[-1] == "decision"


def test_a_place_that_takes_no_file_is_a_sentence_and_heals(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("in the way")
    trail = Trail(tmp_path / "audit")
    with pytest.raises(Unrecorded, match="cannot be written"):
        trail.append("decision", {})
    assert trail.snapshot()["lost"] == 1
    (tmp_path / "audit").unlink()
    trail.append("decision", {})
    trail.sync()
    trail.close()
    assert [row["what"] for row in rows(tmp_path / "audit")] == ["resumed", "decision"] and trail.problem == ""


def test_a_disk_that_does_not_sync_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trail = Trail(tmp_path)
    trail.append("decision", {})

    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(Unrecorded, match="Input/output error"):
            trail.sync()
    assert trail.synced == Head() and trail.unsynced
    trail.append("decision", {})
    trail.sync()
    assert trail.synced.seq == 2
    trail.close()
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.mark.parametrize("away", [lambda path: path.unlink(), lambda path: path.rename(path.with_name("elsewhere"))])
def test_a_file_that_is_taken_away_while_it_is_written_is_missed(tmp_path: Path, away: Any) -> None:
    trail = Trail(tmp_path, file_bytes=600)
    for _ in range(4):
        trail.append("decision", {"why": "x" * 100})
    assert len(trail_files(tmp_path)) >= 2
    trail.append("decision", {})
    away(trail_files(tmp_path)[-1])
    trail.append("decision", {"call": "after"})
    trail.sync()
    assert rows(tmp_path)[-1]["data"] == {"call": "after"}
    verdict = look(tmp_path, trail.head)
    assert not verdict.ok and "missing before line" in verdict.findings[0].sentence
    trail.close()


def test_a_whole_folder_that_is_taken_away_is_missed_too(tmp_path: Path) -> None:
    trail = Trail(tmp_path / "audit")
    trail.append("decision", {})
    trail_files(tmp_path / "audit")[0].unlink()
    (tmp_path / "audit").rmdir()
    trail.append("decision", {})
    trail.sync()
    assert [row["seq"] for row in rows(tmp_path / "audit")] == [2] and not look(tmp_path / "audit").ok
    trail.close()


def test_a_torn_line_may_hold_any_byte(tmp_path: Path) -> None:
    write_some(tmp_path, 3)
    with trail_files(tmp_path)[0].open("ab") as file:
        file.write(b"rub\rbish")
    again = write_some(tmp_path, 1)
    assert [row["what"] for row in rows(tmp_path)] == ["decision"] * 3 + ["torn", "decision"]
    assert look(tmp_path, again.head).ok


def test_who_takes_the_oldest_files_and_says_they_were_rotated_away_is_found(tmp_path: Path) -> None:
    trail = write_some(tmp_path, 200, file_bytes=2000, files=4)
    pieces = [(path.name, path.read_bytes().splitlines(keepends=True)) for path in trail_files(tmp_path)]
    assert verify(pieces, trail.head, (4, 2000)).ok, "what was really rotated is sound"
    left = pieces[2:]
    until = int(left[0][0][6:18]) - 1
    line, _ = write(trail.head, "2026-12-01T00:00:00.000Z", "pruned", {"until": until})
    left[-1][1].append(line)
    assert "fewer files are left" in verify(left, trail.head, (4, 2000)).findings[0].sentence


def forged(folder: Path, keep: int, count: int) -> None:
    """Somebody writes the end of the trail anew: each line with its hash, and as many as there were or more."""
    path = trail_files(folder)[-1]
    lines = path.read_bytes().splitlines(keepends=True)[:keep]
    last = json.loads(lines[-1])
    head = Head(last["seq"], last["hash"])
    for _ in range(count):
        line, head = write(head, "2026-12-01T00:00:00.000Z", "decision", {"call": "nothing happened"})
        lines.append(line)
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize("count", [2, 5])
def test_an_end_that_was_written_anew_before_a_start_is_told_for_ever(tmp_path: Path, count: int) -> None:
    known = write_some(tmp_path, 5).head
    forged(tmp_path, 3, count)
    again = Trail(tmp_path)
    again.expect(known)
    again.append("decision", {})
    again.sync()
    again.close()
    verdict = look(tmp_path, again.head)
    assert not verdict.ok and "line 5 is not the one that was written" in verdict.findings[0].sentence


def test_a_known_last_line_that_seems_torn_is_a_lost_one(tmp_path: Path) -> None:
    """What the ledger knows was whole on the disk: no power cut tears it."""
    known = write_some(tmp_path, 5).head
    path = trail_files(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:-1])
    again = Trail(tmp_path)
    again.expect(known)
    again.sync()
    again.close()
    assert not look(tmp_path, again.head).ok


def test_an_end_that_is_replaced_while_it_is_written_is_told(tmp_path: Path) -> None:
    trail = Trail(tmp_path)
    for _ in range(5):
        trail.append("decision", {})
    trail.sync()
    path = trail_files(tmp_path)[0]
    path.rename(tmp_path / "elsewhere")
    path.write_bytes((tmp_path / "elsewhere").read_bytes())
    trail.append("decision", {})
    trail.sync()
    assert look(tmp_path, trail.head).ok, "a copy of it is as good"
    path.rename(tmp_path / "elsewhere")
    path.write_bytes((tmp_path / "elsewhere").read_bytes())
    forged(tmp_path, 3, 3)
    trail.append("decision", {})
    trail.sync()
    trail.close()
    assert not look(tmp_path, trail.head).ok


def test_what_is_gone_is_told_once_however_often_it_starts(tmp_path: Path) -> None:
    known = write_some(tmp_path, 5).head
    path = trail_files(tmp_path)[0]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    for _ in range(3):
        again = Trail(tmp_path)
        again.expect(known)
        again.append("start", {})
        again.sync()
        again.close()
    assert [row["what"] for row in rows(tmp_path)] == ["decision"] * 3 + ["missing", "start", "start", "start"]


def test_a_head_in_a_file_that_is_full_is_found_there(tmp_path: Path) -> None:
    trail = Trail(tmp_path, file_bytes=600)
    heads = []
    for _ in range(20):
        trail.append("decision", {"why": "x" * 100})
        heads.append(trail.head)
    trail.sync()
    for head in heads:
        trail.expect(head)
    assert trail.head == heads[-1]
    trail.expect(Head(7, "0" * 64))
    assert rows(tmp_path)[-1]["what"] == "broken"
    trail.close()
