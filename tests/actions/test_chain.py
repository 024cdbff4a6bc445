"""Whoever changes, removes, adds or moves a line is found, at the place; a power cut is not taken for that."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.actions.chain import GENESIS, MOST_LINE_BYTES, Head, Verdict, read, verify, write


def trail(count: int, begin: Head = Head()) -> list[bytes]:
    lines, head = [], begin
    for number in range(count):
        line, head = write(head, "2026-12-01T00:00:00.000Z", "decision", {"call": f"c{number}"})
        lines.append(line)
    return lines


def look(lines: list[bytes], known: Head | None = None) -> Verdict:
    return verify([("audit.jsonl", lines)], known)


def head_of(lines: list[bytes]) -> Head:
    line = read(lines[-1].rstrip(b"\n"))
    assert line is not None
    return Head(line.seq, line.hash)


def test_what_was_written_is_sound() -> None:
    lines = trail(50)
    verdict = look(lines, head_of(lines))
    assert verdict.ok and verdict.findings == () and (verdict.lines, verdict.first, verdict.head.seq) == (50, 1, 50)
    assert look([]).ok


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 19), st.data())
def test_any_changed_byte_is_found_in_its_line(place: int, data: st.DataObject) -> None:
    lines = trail(20)
    raw = bytearray(lines[place])
    at = data.draw(st.integers(0, len(raw) - 2))
    raw[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte not in (raw[at], 10)))
    lines[place] = bytes(raw)
    verdict = look(lines, head_of(trail(20)))
    assert not verdict.ok and place + 1 in {finding.line for finding in verdict.findings}


@pytest.mark.parametrize("place", range(1, 20))
def test_a_removed_line_is_found_where_it_was(place: int) -> None:
    lines = trail(20)
    known = head_of(lines)
    del lines[place]
    finding = look(lines, known).findings[0]
    assert finding.line == (place + 1 if place < 19 else 19) and f"line {place + 1} is missing" in finding.sentence


def test_a_removed_beginning_is_found() -> None:
    assert "lines 1 to 3 are missing" in look(trail(20)[3:]).findings[0].sentence


def test_a_removed_end_is_found_by_the_ledgers_head() -> None:
    lines = trail(20)
    assert look(lines[:15]).ok, "from the lines alone nobody can tell"
    finding = look(lines[:15], head_of(lines)).findings[0]
    assert "lines 16 to 20 are missing at the end" in finding.sentence


def test_a_line_put_in_is_found() -> None:
    lines = trail(20)
    forged, _ = write(head_of(lines[:10]), "2026-12-01T00:00:00.000Z", "decision", {"call": "forged"})
    findings = look([*lines[:10], forged, *lines[10:]]).findings
    assert findings[0].line == 12 and "out of order, or was put in" in findings[0].sentence
    assert not look([*lines[:10], lines[4], *lines[10:]]).ok


def test_a_replaced_line_with_a_new_hash_is_found_where_the_chain_breaks() -> None:
    lines = trail(20)
    lines[10], _ = write(head_of(lines[:10]), "2026-12-01T00:00:00.000Z", "decision", {"call": "forged"})
    findings = look(lines).findings
    assert [finding.line for finding in findings] == [12] and "line 12 does not continue line 11" in findings[
        0
    ].sentence


@pytest.mark.parametrize(("one", "other"), [(3, 4), (3, 9), (18, 19)])
def test_reordered_lines_are_found(one: int, other: int) -> None:
    lines = trail(20)
    lines[one], lines[other] = lines[other], lines[one]
    verdict = look(lines)
    assert not verdict.ok and verdict.findings[0].line == one + 1


def test_a_trail_written_anew_is_found_by_the_ledgers_head() -> None:
    known = head_of(trail(20))
    forged = trail(25, Head(0, GENESIS))
    forged[5:] = []
    head = head_of(forged)
    for number in range(20):
        line, head = write(head, "2026-12-02T00:00:00.000Z", "decision", {"call": f"other{number}"})
        forged.append(line)
    assert look(forged).ok
    assert "written anew" in look(forged, known).findings[0].sentence


@pytest.mark.parametrize("keep", [1, 20, -2])
def test_a_torn_last_line_is_told_apart_from_tampering(keep: int) -> None:
    lines = trail(20)
    known = head_of(lines[:19])
    lines[19] = lines[19][:keep]
    verdict = look(lines, known)
    assert verdict.ok and "torn" in verdict.findings[0].sentence and verdict.findings[0].line == 20
    lines[19] = b"\0" * 300
    assert look(lines, known).ok


def test_a_torn_line_that_the_ledger_knows_is_no_accident() -> None:
    lines = trail(20)
    known = head_of(lines)
    lines[19] = lines[19][:40]
    assert not look(lines, known).ok


def test_a_torn_line_in_the_middle_is_no_accident() -> None:
    lines = trail(20)
    assert not verify([("a", [*lines[:9], lines[9][:30]]), ("b", lines[10:])]).ok
    assert not look([*lines[:9], lines[9][:30] + b"\n", *lines[10:]]).ok


def test_what_was_rotated_away_is_said_by_a_line() -> None:
    lines = trail(20)
    pruned, _ = write(head_of(lines), "2026-12-01T00:00:00.000Z", "pruned", {"until": 8})
    lines.append(pruned)
    assert look(lines[8:]).ok and look(lines[5:]).ok, "a file that outlived its line by a power cut"
    assert not look(lines[9:]).ok


def test_several_files_are_one_chain() -> None:
    lines = trail(20)
    assert verify([("a", lines[:7]), ("b", []), ("c", lines[7:])]).ok
    assert verify([("a", lines[:7]), ("c", lines[8:])]).findings[0].file == "c"


def test_a_line_is_bounded_and_holds_what_it_was_given() -> None:
    line, head = write(Head(), "t", "decision", {"why": "x" * 20_000, "text": "\ud800"})
    assert len(line) < MOST_LINE_BYTES and json.loads(line)["data"] == {"cut": pytest.approx(20_200, rel=0.02)}
    assert head.seq == 1 and json.loads(line)["hash"] == head.hash


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_garbage_is_no_line(raw: bytes) -> None:
    line = read(raw)
    assert line is None or not line.sound


def test_a_number_that_no_file_name_holds_is_no_line() -> None:
    line, _ = write(Head(10**30), "2026-12-01T00:00:00.000Z", "decision", {})
    assert read(line.rstrip(b"\n")) is None
