"""The kept usage survives being written, being torn, and being something else altogether."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.books import Hour
from kioskd.core.tally import Tally
from kioskd.core.usage_file import LARGEST_BYTES, lines_of, read

HOURS = {
    Hour(1_792_886_400, 7200): {"hydra-1": Tally(12.5, 1, 2, 3, 4, 5, 6, {"total_tokens": 7})},
    Hour(1_792_890_000, 3600): {"hydra-1": Tally(turns=1), "local-2": Tally(session_s=0.25)},
}
DAYS = {"2026-10-25": {"hydra-1": Tally(turns=4), "local-2": Tally(session_s=0.25)}}
TEXT = "\n".join(lines_of(HOURS, DAYS)).encode() + b"\n"


def test_what_was_written_is_read() -> None:
    assert read(TEXT) == (HOURS, DAYS, 0, "")


def test_nothing_is_kept_of_nothing() -> None:
    kept = read("\n".join(lines_of({}, {})).encode())
    assert kept == ({}, {}, 0, "")


@pytest.mark.parametrize("text", [b"", b"\n", b"{}", b"[]", b"null", b"\xff\xfe\x00", b"[" * 5000, b"hello"])
def test_what_is_no_such_file_says_so_and_holds_nothing(text: bytes) -> None:
    kept = read(text)
    assert kept.problem and kept.hours == {} and kept.days == {}


def test_a_torn_file_still_counts_as_far_as_it_goes() -> None:
    kept = read(TEXT[:-20])
    assert kept.broken == 1 and "1 of its lines" in kept.problem
    assert kept.days == DAYS and Hour(1_792_886_400, 7200) in kept.hours


def test_a_file_without_its_head_still_counts() -> None:
    kept = read(TEXT.split(b"\n", 1)[1])
    assert (kept.hours, kept.days) == (HOURS, DAYS) and kept.problem


def test_a_file_of_another_version_is_left_alone() -> None:
    kept = read(TEXT.replace(b'"version": 1', b'"version": 2'))
    assert "another version of kioskd (2)" in kept.problem and kept.days == {}


def test_a_file_that_is_too_long_is_not_read() -> None:
    assert read(b" " * (LARGEST_BYTES + 1)).problem == "it is too long"


@pytest.mark.parametrize(
    "line",
    [
        '{"day": "2026-10-25"}',
        '{"day": "2026-13-25", "service": "a"}',
        '{"day": 20261025, "service": "a"}',
        '{"hour": "2026-10-25T02:00", "service": "a"}',
        '{"hour": "2026-10-25T02:00+99:00", "service": "a"}',
        '{"service": "a", "turns": 1}',
        '{"day": "2026-10-25", "service": "", "turns": 1}',
        '{"day": "2026-10-25", "service": "a", "turns": -1}',
        '{"day": "2026-10-25", "service": "a", "turns": 1e400}',
        '{"day": "2026-10-25", "service": "a", "turns": NaN}',
    ],
)
def test_a_line_that_says_nothing_is_counted_and_left_out(line: str) -> None:
    kept = read(TEXT + line.encode() + b"\n")
    assert kept.broken == 1 and (kept.hours, kept.days) == (HOURS, DAYS)


def test_a_bucket_holds_a_bounded_number_of_services() -> None:
    flood = "".join(f'{{"day": "2026-10-25", "service": "s{number}", "turns": 1}}\n' for number in range(500))
    kept = read(TEXT + flood.encode())
    assert len(kept.days["2026-10-25"]) <= 64 and kept.broken > 400


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(TEXT)), st.binary(max_size=8), st.integers(0, 40))
def test_no_damage_raises_or_invents(at: int, junk: bytes, gone: int) -> None:
    kept = read(TEXT[:at] + junk + TEXT[at + gone :])
    assert len(kept.hours) <= 4 and len(kept.days) <= 3
