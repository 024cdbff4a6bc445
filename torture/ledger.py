"""Kills the hands at every write and every move, and looks whether anything moved twice, or unrecorded."""

from __future__ import annotations

import argparse
import random
import tempfile
from functools import partial
from pathlib import Path
from typing import Iterator

from torture.lives import live, look, wrongs, wrongs_after
from torture.tracer import CannotTrace, run

# Beyond any number of writes of a life: it is not killed.
NEVER = 1_000_000


def arguments(doors: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The verb on the command line."""
    verb = doors.add_parser("ledger", help="SIGKILL before and after every write; the relay moves at most once a call")
    verb.add_argument("--calls", type=int, default=3, metavar="N", help="calls in a life (default: 3)")
    verb.add_argument("--most", type=int, metavar="N", help="only so many kills, spread over all places by the seed")
    verb.add_argument("--twice", type=int, default=25, metavar="N", help="also kill the second life in so many cases")
    verb.add_argument("--seed", type=int, default=1)


def main(options: argparse.Namespace) -> int:
    """The command; 0: nothing was found."""
    chance = random.Random(options.seed)
    try:
        with tempfile.TemporaryDirectory(prefix="kioskd-torture-") as folder:
            whole = run(partial(live, Path(folder), options.calls), NEVER)
            faults = wrongs(Path(folder), look(Path(folder)))
        if whole.status != 0 or faults:
            print(f"a life that nobody kills ends with {whole.status}: {faults}")
            return 1
        cases = list(_cases(whole.boundaries, options, chance))
        print(f"{whole.boundaries} places in a life of {options.calls} calls; {len(cases)} lives end by SIGKILL")
        return _all(cases, options.calls)
    except CannotTrace as error:
        print(error)
        return 69


def _cases(boundaries: int, options: argparse.Namespace, chance: random.Random) -> Iterator[tuple[int, int]]:
    """Where the first life ends, and where the second one does (``NEVER``: by itself)."""
    places = list(range(1, boundaries + 1))
    if options.most is not None and options.most < len(places):
        step = len(places) / options.most
        places = [1 + int(step * number + chance.random() * step) for number in range(options.most)]
    yield from ((place, NEVER) for place in places)
    twice = options.twice if options.most is None else min(options.twice, options.most // 4)
    yield from ((chance.choice(places), chance.randint(1, boundaries)) for _ in range(twice))


def _all(cases: list[tuple[int, int]], calls: int) -> int:
    found = moved = unknown = 0
    for first, second in cases:
        with tempfile.TemporaryDirectory(prefix="kioskd-torture-") as name:
            story, more_moved, more_unknown = _case(Path(name), first, second, calls)
        moved, unknown = moved + more_moved, unknown + more_unknown
        for sentence in story:
            found += 1
            print(f"killed at {first} and {second}: {sentence}")
    print(f"{moved} moves, {unknown} reported as unknown, {found} faults")
    return 1 if found else 0


def _case(folder: Path, first: int, second: int, calls: int) -> tuple[list[str], int, int]:
    """The faults, the moves that were seen, and the calls reported as unknown."""
    story: list[str] = []
    unknown = 0
    for kill_at in (first, second, NEVER) if second != NEVER else (first, NEVER):
        before = look(folder)
        reported = before.unknown
        killed = run(partial(live, folder, calls), kill_at)
        after = look(folder)
        where = killed.at or "the end"
        story += [f"{where}: {wrong}" for wrong in wrongs(folder, after)]
        if killed.at == "" and killed.status != 0:
            story.append(f"a life ended by itself with {killed.status}")
        if kill_at == NEVER:
            story += [f"then: {wrong}" for wrong in wrongs_after(before, after, calls)]
        unknown += len(after.unknown) if after.unknown != reported else 0
    return story, len(after.moved), unknown
