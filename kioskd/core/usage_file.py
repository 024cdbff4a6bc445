"""The kept usage as text: a line of JSON that says what it is, then one line for each hour or day of each service.

Lines stand for themselves: of a file that is broken in the middle the rest still counts.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Iterator, Mapping, NamedTuple

from kioskd.core.books import Bucket, Hour, hour_named
from kioskd.core.tally import NAME_CHARS, Tally, tally_of

FORMAT, VERSION = "kioskd usage", 1
# 448 hours and days of a dozen services; a file that is larger is not ours.
LARGEST_BYTES = 4 << 20
SERVICES = 64  # in one hour or day; nobody configures so many


class Kept(NamedTuple):
    """What was read.

    Attributes:
        hours, days: what could be understood.
        broken: lines that could not.
        problem: a sentence's end that says what is wrong with the file as a whole; empty when nothing is.
    """

    hours: dict[Hour, Bucket]
    days: dict[str, Bucket]
    broken: int
    problem: str


def lines_of(hours: Mapping[Hour, Bucket], days: Mapping[str, Bucket]) -> Iterator[str]:
    """The text, line by line: each is made on its own, so that no other thread waits for the whole."""
    yield json.dumps({"format": FORMAT, "version": VERSION})
    for day in sorted(days):
        yield from _lines("day", day, days[day])
    for hour in sorted(hours):
        yield from _lines("hour", hour.label, hours[hour])


def _lines(kind: str, at: str, bucket: Bucket) -> Iterator[str]:
    for service, tally in bucket.items():
        yield json.dumps({kind: at, "service": service, **tally.row()})


def read(data: bytes) -> Kept:
    """Understand as much as can be understood. Never raises."""
    hours: dict[Hour, Bucket] = {}
    days: dict[str, Bucket] = {}
    if len(data) > LARGEST_BYTES:
        return Kept(hours, days, 0, "it is too long")
    first, *rest = data.decode("utf-8", "replace").splitlines() or [""]
    head = _object(first)
    if head is not None and head.get("format") == FORMAT and head.get("version") != VERSION:
        return Kept(hours, days, 0, f"it was written by another version of kioskd ({head.get('version')!s:.20})")
    whole = head is not None and head.get("format") == FORMAT
    broken = 0
    for line in rest if whole else [first, *rest]:
        try:
            _take(_object(line) or {}, hours, days)
        except (ValueError, OverflowError):
            broken += 1
    if broken:
        return Kept(hours, days, broken, f"{broken} of its lines cannot be understood")
    return Kept(hours, days, 0, "" if whole else "it does not begin as such a file does")


def _object(line: str) -> dict[str, object] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _take(row: Mapping[str, object], hours: dict[Hour, Bucket], days: dict[str, Bucket]) -> None:
    """One line. Raises ValueError for one that says nothing."""
    service, hour, day = row.get("service"), row.get("hour"), row.get("day")
    if not isinstance(service, str) or not 0 < len(service) <= NAME_CHARS:
        raise ValueError("no service")
    tally = tally_of(row)
    if isinstance(hour, str):
        key = hour_named(hour)
        hours[key] = _with(hours.get(key, {}), service, tally)
    elif isinstance(day, str):
        days[date.fromisoformat(day).isoformat()] = _with(days.get(day, {}), service, tally)
    else:
        raise ValueError("neither an hour nor a day")


def _with(bucket: Bucket, service: str, tally: Tally) -> Bucket:
    if len(bucket) >= SERVICES:
        raise ValueError("too many services")
    return {**bucket, service: tally}
