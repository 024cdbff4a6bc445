"""``kioskctl usage`` as a page for people: the budget first, then hours, days and services. Pure but for ``from_file``.

What the page lacks (an older or a newer daemon) is left out; it is never an error.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping

from kioskd.ctl_page import count, duration, items, number, part, size
from kioskd.ctl_watch import BAD, DIM, GOOD, Paint, clean

STATE_FOLDER = "/var/lib/kioskd"
NAME = "usage.jsonl"  # ops/meter.py writes it
NEAR = "1;33"
BAR = 24  # letters
MOST_DAYS = 400  # core/books.py keeps so many

HELP = """examples:
  kioskctl usage                     today, this hour, the last 7 days, the budget
  kioskctl usage --days 31           the last 31 days
  kioskctl usage --json | jq .today.total.session_s

Where no kioskd runs, what it has kept is read from its folder (--state-dir); budget and prices are not known then.
"""
WORDS = {"session_minutes": "session minutes", "turns": "turns", "traffic_mb": "MB", "cost": ""}
HEAD = ("", "sessions", "in session", "turns", "tools", "up", "down", "cost")


class Unreadable(Exception):
    """There is no kept usage to show; the text is a sentence's end."""


def page(usage: Mapping[str, object], paint: Paint) -> Iterator[str]:
    """The page as lines."""
    source = part(usage, "kept")
    yield f"{clean(usage.get('kiosk') or 'kioskd')}: usage"
    if source.get("from_file"):
        ago = duration(number(source, "age_s"))
        yield paint(DIM, f"  no kioskd runs here: this is what {clean(source.get('path'))} held {ago} ago")
    for sentence in (source.get("problem"), source.get("note")):
        if sentence:
            yield paint(BAD, f"  ! {clean(sentence)}")
    yield from budget(part(usage, "budget"), clean(usage.get("currency") or ""), paint)
    yield ""
    yield from table(usage, paint)
    yield from reported(part(usage, "sum", "services"), len(items(usage, "days")))


def add(doors: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's own arguments."""
    door = doors.add_parser(
        "usage",
        help="sessions, turns, bytes and cost, by hour, day and service; how the budget stands",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    door.add_argument("--json", action="store_true", help="for scripts; the fields are explained in docs/usage.md")
    door.add_argument("--days", type=days_of, default=7, metavar="N", help="so many days, today included (7; 1 to 400)")
    door.add_argument(
        "--state-dir", metavar="DIR", default=STATE_FOLDER, help=f"ops.state_dir of the daemon ({STATE_FOLDER})"
    )


def days_of(text: str) -> int:
    """The value of ``--days``.

    Raises:
        argparse.ArgumentTypeError: it is no such number.
    """
    if not text.isdecimal() or len(text) > 3 or not 1 <= int(text) <= MOST_DAYS:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {MOST_DAYS}; that many days are kept")
    return int(text)


# -- the budget --------------------------------------------------------------------------------------


def budget(at: Mapping[str, object], currency: str, paint: Paint) -> Iterator[str]:
    """How it stands, and a bar for each limit."""
    state, sentence = at.get("state"), at.get("sentence")
    if sentence:
        yield paint(BAD if state == "spent" else NEAR, f"  ! {clean(sentence)}")
    elif state == "ok":
        yield paint(GOOD, "  within its budget")
    elif state == "none":
        yield paint(DIM, "  no budget is set (section budget of the configuration)")
    lines = [part(line) for line in items(at, "limits")]
    names = [f"{clean(line.get('service') or 'all')}, {clean(line.get('period', '?'))}" for line in lines]
    width = max((len(name) for name in names), default=0)
    for name, line in zip(names, lines):
        yield f"  {name:<{width}}  " + bar(line, currency, paint)


def bar(line: Mapping[str, object], currency: str, paint: Paint) -> str:
    """One limit: ``[#######.....] 12.5 of 60 session minutes, 21 %``."""
    used, most = number(line, "used"), number(line, "most")
    share = used / most if most else 1.0
    full = min(BAR, int(share * BAR))
    colour = {"spent": BAD, "warned": NEAR}.get(str(line.get("level")), GOOD)
    what = str(line.get("what", "?"))
    unit = WORDS.get(what, what) or currency
    drawn = paint(colour, "#" * full) + "." * (BAR - full)
    return f"[{drawn}] {used:.4g} of {most:g} {clean(unit)}, {share * 100:.0f} %"


# -- the table ---------------------------------------------------------------------------------------


def table(usage: Mapping[str, object], paint: Paint) -> Iterator[str]:
    """Rows for this hour, today, the days before, their sum, and each service."""
    days = [part(day) for day in items(usage, "days")]
    rows = [row("this hour", part(usage, "hour", "total")), row("today", part(usage, "today", "total"))]
    rows += [row(clean(day.get("date", "?")), part(day, "total")) for day in days[1:] if idle(part(day, "total"))]
    if len(days) > 1:
        rows.append(row(f"{len(days)} days", part(usage, "sum", "total")))
    for title, at in (("today", part(usage, "today")), (f"{len(days)} days", part(usage, "sum"))):
        for name, used in part(at, "services").items():
            rows.append(row(f"{clean(name)}, {title}", part(used)))
    columns = len(HEAD) - (usage.get("currency") is None)
    grid = [HEAD[:columns], *(cells[:columns] for cells in rows)]
    widths = [max(len(cells[column]) for cells in grid) for column in range(columns)]
    for nth, cells in enumerate(grid):
        line = "  " + cells[0].ljust(widths[0]) + "".join(f"  {c:>{w}}" for c, w in zip(cells[1:], widths[1:]))
        yield paint(DIM, line) if nth == 0 else line


def idle(used: Mapping[str, object]) -> bool:
    """Whether anything happened; a day without is not worth a line."""
    return any(number(used, name) for name in ("attempts", "sessions", "session_s", "turns", "calls", "bytes_up"))


def row(title: str, used: Mapping[str, object]) -> tuple[str, ...]:
    """One line of the table."""
    failed = number(used, "attempts") - number(used, "sessions")
    lost = f" (+{failed:g} failed)" if failed > 0 else ""
    return (
        title,
        f"{number(used, 'sessions'):g}{lost}",
        duration(number(used, "session_s")),
        f"{number(used, 'turns'):g}",
        f"{number(used, 'calls'):g}",
        size(number(used, "bytes_up")),
        size(number(used, "bytes_down")),
        f"{number(used, 'cost'):.2f}",
    )


def reported(services: Mapping[str, object], days: int) -> Iterator[str]:
    """What services themselves said, under their own names."""
    told = [(name, part(used, "usage")) for name, used in services.items() if part(used, "usage")]
    if told:
        yield ""
        yield f"  as reported by the services, {count(days, 'day')}:"
    for name, used in told:
        yield f"    {clean(name)}: " + ", ".join(f"{clean(key)} {number(used, key):.15g}" for key in used)


# -- without a daemon --------------------------------------------------------------------------------


def from_file(folder: str, days: int) -> dict[str, object]:
    """The page from what a daemon has kept.

    Raises:
        Unreadable: there is nothing, or it may not be read.
    """
    import time

    from kioskd.config.budget import Budget  # heavier than all of kioskctl; only this way needs it
    from kioskd.core.books import Books, Now
    from kioskd.core.budget import Level, Verdict
    from kioskd.core.usage_file import LARGEST_BYTES, read
    from kioskd.core.usage_page import page as shown

    path = os.path.join(folder, NAME)
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_BYTES + 1)
            age_s = max(0.0, time.time() - os.fstat(file.fileno()).st_mtime)
    except PermissionError as error:
        raise Unreadable(f"{path} may not be read: use sudo, or join the group kioskd") from error
    except OSError as error:
        raise Unreadable(f"{path} cannot be read either ({error.strerror or error}); see --state-dir") from error
    found = read(data)
    now = Now(time.time(), time.localtime().tm_gmtoff, 0.0)
    books = Books(now, found.hours, found.days)
    kept = {"path": path, "from_file": True, "age_s": age_s, "note": found.problem and f"{path}: {found.problem}"}
    return {
        "kiosk": "",
        **shown(books, Budget(), Verdict(Level.NONE, "", (), {}), {}, days),
        "budget": {},
        "kept": kept,
    }
