"""Kills an apply at every write, in the hand and in the daemon, and looks whether the box comes up with one of the two
configurations, whole: after a killed process, and after a power cut, which empties the runtime folder.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Iterator

from kioskd.boot import LAST_GOOD, ON_TRIAL, NothingRuns, choose
from kioskd.config import trial as trials
from kioskd.config.goods import Goods, fingerprint
from kioskd.config.staging import Place
from kioskd.config.trial import Trial
from torture.tracer import CannotTrace, run

# Beyond any number of writes of a life: it is not killed.
NEVER = 1_000_000
KIOSK = """\
kiosk: {{name: {name}}}
talk: {{mode: voice}}
ops: {{state_dir: {folder}/state, runtime_dir: {folder}/run}}
"""
OLD, NEW = "the old one", "the new one"


def arguments(doors: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The verb on the command line."""
    verb = doors.add_parser("apply", help="SIGKILL before and after every write of an apply; the box comes up whole")
    verb.add_argument("--most", type=int, metavar="N", help="only so many kills, spread over all places")


def main(options: argparse.Namespace) -> int:
    """The command; 0: nothing was found."""
    logging.disable(logging.CRITICAL)
    found = lives = 0
    try:
        for restart in (False, True):
            with _box() as folder:
                whole = run(partial(live, Path(folder), restart), NEVER)
                faults = wrongs(Path(folder), {NEW})
            if whole.status != 0 or faults:
                print(f"a life that nobody kills ends with {whole.status}: {faults}")
                return 1
            for place, power in _cases(whole.boundaries, options.most):
                lives += 1
                for sentence in _case(restart, place, power):
                    found += 1
                    print(f"killed at {place}{' and powered off' if power else ''}: {sentence}")
            print(f"{whole.boundaries} places in an apply {'with' if restart else 'without'} a restart")
    except CannotTrace as error:
        print(error)
        return 69
    print(f"{lives} lives end by SIGKILL, {found} faults")
    return 1 if found else 0


def _box() -> "tempfile.TemporaryDirectory[str]":
    """A box on which the old configuration runs, and has proven good."""
    box = tempfile.TemporaryDirectory(prefix="kioskd-torture-")
    folder = Path(box.name)
    for name in ("state", "run"):
        (folder / name).mkdir()
    old = KIOSK.format(name=OLD, folder=folder)
    (folder / "kioskd.yaml").write_text(old)
    Goods(str(folder / "state")).keep(old.encode())
    return box


def _cases(boundaries: int, most: int | None) -> Iterator[tuple[int, bool]]:
    step = 1 if most is None or most >= boundaries else boundaries / most
    places = dict.fromkeys(int(1 + number * step) for number in range(int(boundaries / step)))
    return ((place, power) for place in places for power in (False, True))


def _case(restart: bool, place: int, power: bool) -> list[str]:
    with _box() as name:
        folder = Path(name)
        killed = run(partial(live, folder, restart), place)
        if power:
            shutil.rmtree(folder / "run")
            (folder / "run").mkdir()
        # What was moved to its place is the new one; before that only the start that was asked for may run it, once.
        moved = fingerprint((folder / "kioskd.yaml").read_bytes()) == fingerprint(_new(folder))
        either = {NEW} if moved else {OLD} if power or not restart else {OLD, NEW}
        return [f"{killed.at or 'the end'}: {wrong}" for wrong in wrongs(folder, either)]


def _new(folder: Path) -> bytes:
    return KIOSK.format(name=NEW, folder=folder).encode()


def live(folder: Path, restart: bool) -> int:
    """An apply from its first write to its last, the writes of both processes in their order."""
    place, data, run_folder = Place(str(folder / "kioskd.yaml")), _new(folder), str(folder / "run")
    place.lock()
    place.put(data)
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    state = trials.STARTING if restart else trials.RUNNING
    trial = Trial(fingerprint(data), state, now, 5.0, 0.0, restart=restart, boot=trials.boot_id())
    trials.write(run_folder, trial)
    if restart:
        _, source = choose(place.path, {})
        if source.running != ON_TRIAL:
            return 1
    place.keep()
    Goods(str(folder / "state")).keep(data)
    trials.write(run_folder, trial.over(trials.KEPT, ""))
    place.discard()
    place.unlock()
    return 0


def wrongs(folder: Path, names: set[str]) -> list[str]:
    """What must never be, at the next starts."""
    found, ran = [], []
    for _ in range(2):
        try:
            config, source = choose(str(folder / "kioskd.yaml"), {})
        except NothingRuns as nothing:
            return [f"the box does not come up: {nothing.problems[0]}"]
        ran.append(config.kiosk.name)
        if source.running == LAST_GOOD:
            found.append(f"the file was broken: {source.problem}")
    if ran[0] not in names:
        found.append(f"{ran[0]} runs, not one of {names}")
    standing = "file" if fingerprint((folder / "kioskd.yaml").read_bytes()) == fingerprint(_new(folder)) else "old file"
    if ran[1] != (NEW if standing == "file" else OLD):
        found.append(f"a second start runs {ran[1]}, which does not stand in the file")
    goods = [good.data for good in Goods(str(folder / "state")).newest_first()]
    if not goods or any(data not in (_new(folder), KIOSK.format(name=OLD, folder=folder).encode()) for data in goods):
        found.append(f"of the good configurations {len(goods)} are left, and not all are whole")
    return found
