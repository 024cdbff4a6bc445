"""``python -m fuzz.by_atheris DIALECT SEED FRAMES SECONDS``: libFuzzer as the guide, in a process of its own.

libFuzzer keeps what reaches new code and says what to change next; how a play is changed stays with mutate.py, for
bytes alone would be JSON no more. It never returns, so the tally is the last line of standard output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from fuzz.play import read, text, written

if TYPE_CHECKING:
    from fuzz.run import Run

INSTRUMENTED = ["kioskd.wire", "kioskd.core", "kioskd.link"]
LONGEST_BYTES = 1 << 18
SHARE_OF_BYTES = 0.05  # of the changes that know nothing of structure


def run_in_process(run: Run, share: float) -> None:
    """Give the engine its share of a run, and add what it brought."""
    frames = round(share * run.frames)
    command = [sys.executable, "-m", "fuzz.by_atheris", run.profile.name, str(run.tally.seed), str(frames)]
    done = subprocess.run([*command, str(run.left_s())], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise RuntimeError(f"atheris ended with {done.returncode}: {done.stderr[-2000:].decode('utf-8', 'replace')}")
    brought = json.loads(lines[-1])
    run.tally.frames["atheris"], run.tally.lines = brought["frames"], brought["lines"]
    run.tally.plays, run.tally.kept = run.tally.plays + brought["plays"], brought["kept"]
    for play in brought["plays_that_broke"]:
        run.again(read(bytes.fromhex(play)))


def main(dialect: str, chosen: str, frames: str, seconds: str) -> None:
    """Fuzz; ends the process."""
    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        from fuzz.mutate import Mutator
        from fuzz.run import Run, reached

    run = Run(dialect, int(chosen), int(frames), float(seconds), lambda engine, tally: None)

    def one(data: bytes) -> None:
        run.take("atheris", read(data))
        if run.is_over("atheris", 1.0):
            kept = [path.read_bytes() for path in Path(folder).iterdir()]
            broke = [written(finding.play).hex() for finding in run.tally.findings]
            told = {"frames": run.tally.total, "plays": run.tally.plays, "lines": reached(run, kept), "kept": len(kept)}
            print(json.dumps(told | {"plays_that_broke": broke}), flush=True)
            os._exit(0)

    def change(data: bytes, most: int, seed: int) -> bytes:
        chance = Random(seed)
        if chance.random() < SHARE_OF_BYTES:
            return bytes(atheris.Mutate(data, most))
        play = written(Mutator.like(mutator, chance).changed(read(data)))
        return play if len(play) <= most else data[:most]

    mutator = Mutator(run.profile, run.scenes, Random(chosen))
    with tempfile.TemporaryDirectory() as folder:
        for number, scene in enumerate(run.scenes):
            Path(folder, str(number)).write_bytes(written(tuple(text(frame) for frame in scene)))
        flags = [f"-seed={int(chosen) + 1}", f"-max_len={LONGEST_BYTES}", "-rss_limit_mb=0", "-verbosity=0", folder]
        atheris.Setup([sys.argv[0], *flags], one, custom_mutator=change)
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
