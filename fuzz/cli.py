"""The command line: chooses dialects, runs them, tells how far they are, writes down what they found."""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Mapping, Sequence

from fuzz.corpus import welcome
from fuzz.finding import attempt, finding_of, what_of
from fuzz.play import frames_in, note_in, read
from fuzz.run import ENGINES, SHARES, Run, Tally, has_atheris
from kioskd.wire.dialects import DIALECTS

MILLION = 1_000_000
FOREVER = float("inf")
TOLD_S = 5.0


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/fuzz",
        description="Play a hostile service to the kiosk: nothing may raise but protocol errors, no relay may move. "
        "A million frames of one dialect take two to five minutes of one core.",
    )
    parser.add_argument("--dialect", default="all", help=f"all, or one of {', '.join(DIALECTS)} (default: all)")
    parser.add_argument("--frames", type=int, default=MILLION, help="of each dialect (default: a million)")
    parser.add_argument("--seconds", type=float, default=FOREVER, help="at most, for each dialect")
    parser.add_argument("--seed", type=int, help="the same one gives the same plays (default: of this moment)")
    parser.add_argument("--engine", choices=(*ENGINES, "all"), default="all", help="default: all, in shares")
    parser.add_argument("--jobs", type=int, default=1, help="dialects at once (default: 1)")
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"), help="folder for what is found")
    parser.add_argument("--json", action="store_true", help="the summary for scripts")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="play one file again; exit 1 if it still breaks")
    options = parser.parse_args(given)
    if options.dialect != "all" and options.dialect not in DIALECTS:
        parser.error(f"there is no dialect {options.dialect!r}; there are: {', '.join(DIALECTS)}")
    if options.frames < 1 or options.jobs < 1 or options.seconds <= 0:
        parser.error("--frames, --jobs and --seconds are at least 1")
    return options


class Teller:
    """Says on standard error how far a run is, every few seconds."""

    def __init__(self) -> None:
        self._at, self._frames, self._lines = time.monotonic(), 0, 0

    def __call__(self, engine: str, tally: Tally) -> None:
        now = time.monotonic()
        if now - self._at < TOLD_S:
            return
        rate = (tally.total - self._frames) / (now - self._at)
        new, found = tally.lines - self._lines, len(tally.findings)
        reach = f", {tally.lines} lines reached ({new} new)" if tally.lines else ""
        print(
            f"{tally.dialect:<14} {engine:<11} {tally.total:>9,} frames, {rate:>7,.0f} a second{reach}, {found} found",
            file=sys.stderr,
            flush=True,
        )
        self._at, self._frames, self._lines = now, tally.total, tally.lines


def fuzz(dialect: str, seed: int, frames: int, seconds: float, engine: str) -> Tally:
    """One dialect, in whatever process this is."""
    run = Run(dialect, seed, frames, seconds, Teller())
    for name, play in ENGINES.items():
        if engine in (name, "all"):
            play(run, SHARES[name] if engine == "all" else 1.0)
    run.is_over(engine, 0.0)
    return run.tally


def row(tally: Tally, files: Sequence[Path]) -> Mapping[str, object]:
    """For JSON."""
    return {
        "dialect": tally.dialect,
        "seed": tally.seed,
        "frames": tally.total,
        "by_engine": tally.frames,
        "plays": tally.plays,
        "seconds": round(tally.seconds, 1),
        "frames_a_second": round(tally.total / tally.seconds) if tally.seconds else None,
        "wire_lines_reached": tally.lines or None,
        "plays_kept": tally.kept,
        "found": [{"what": found.what, "file": str(file)} for found, file in zip(tally.findings, files)],
    }


def replay(path: Path, dialect: str) -> int:
    """Play a file again."""
    data = path.read_bytes()
    name = note_in(data, "dialect") or dialect
    if name not in DIALECTS:
        print(f"{path} names no dialect (# dialect: NAME); say --dialect NAME", file=sys.stderr)
        return 2
    play, profile = read(data), DIALECTS[name]
    error = attempt(profile, welcome(profile), play)
    if error is None:
        print(f"{path}: {frames_in(play)} frames of {name}, nothing breaks")
        return 0
    finding = finding_of(profile, welcome(profile), play, error)
    print(f"{finding.said}\n{path}: {what_of(error)}")
    return 1


def main(given: Sequence[str] | None = None) -> int:
    """Fuzz; exit 1 if anything was found."""
    options = arguments(given)
    if options.replay is not None:
        return replay(options.replay, options.dialect)
    seed = int(time.time()) if options.seed is None else options.seed
    names = list(DIALECTS) if options.dialect == "all" else [options.dialect]
    guide = "atheris (libFuzzer)" if has_atheris() else "our own line coverage (package atheris is not installed)"
    told = f"seed {seed}; engines: structure-aware mutation, hypothesis, guided by {guide}"
    print(
        told if options.engine == "all" else f"seed {seed}; engine: {options.engine} (guide: {guide})", file=sys.stderr
    )
    rows = []
    with ProcessPoolExecutor(max_workers=min(options.jobs, len(names))) as pool:
        asked = [pool.submit(fuzz, name, seed, options.frames, options.seconds, options.engine) for name in names]
        for tally in (waiting.result() for waiting in asked):
            files = [finding.save(options.out) for finding in tally.findings]
            rows.append(row(tally, files))
            if not options.json:
                print(sentence(tally, files), flush=True)
    found = sum(len(list(found_of(one))) for one in rows)
    if options.json:
        print(json.dumps({"seed": seed, "guide": guide, "ok": not found, "dialects": rows}, indent=2))
    return 1 if found else 0


def found_of(one: Mapping[str, object]) -> Sequence[object]:
    """What a row says was found."""
    found = one["found"]
    return found if isinstance(found, list) else []


def sentence(tally: Tally, files: Sequence[Path]) -> str:
    """One dialect, for people."""
    spread = ", ".join(f"{name} {frames:,}" for name, frames in tally.frames.items())
    lines = [f"{tally.dialect}: {tally.total:,} frames in {tally.seconds:.0f} s ({spread}), {len(files)} found"]
    lines += [f"  {finding.what}: {file}" for finding, file in zip(tally.findings, files)]
    return "\n".join(lines)
