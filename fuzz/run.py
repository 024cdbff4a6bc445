"""One dialect's share of a run: so many frames, spread over the engines, and what they found.

structure   mutations that know JSON and the dialect (mutate.py), the quick one
hypothesis  the strategies of strategies.py; finds little things and shrinks them
lines       keeps plays that reach new lines of the product and changes those further: coverage-guided, our own
atheris     the same by libFuzzer (package atheris), where it is installed; else ``lines`` has its share
"""

from __future__ import annotations

import importlib.util
import time
from dataclasses import dataclass, field
from random import Random
from typing import Callable, Iterable, Mapping

from hypothesis import HealthCheck, Phase, given, seed, settings

from fuzz.by_atheris import run_in_process
from fuzz.corpus import scenes, welcome
from fuzz.finding import Finding, attempt, finding_of, what_of
from fuzz.lines import Lines
from fuzz.mutate import Mutator
from fuzz.play import Play, frames_in, read, text
from fuzz.strategies import plays
from kioskd.wire.dialects import DIALECTS

# Of the frames of a run. Measured: 10,000 a second by structure, 500 by hypothesis, 4,000 by lines on Python 3.11.
SHARES: Mapping[str, float] = {"structure": 0.78, "hypothesis": 0.02, "guided": 0.20}
WATCHED = "/kioskd/wire/"
# Plays between two looks at the clock, and two drawings of hypothesis.
BATCH = 50
# Of the plays that the guided engine makes, so many are changed from one that it kept.
FROM_KEPT = 0.8


def has_atheris() -> bool:
    """Whether libFuzzer can guide."""
    return importlib.util.find_spec("atheris") is not None


def is_watched(file: str) -> bool:
    """Whether new lines of that file are worth keeping a play for."""
    return WATCHED in file


@dataclass(slots=True)
class Tally:
    """What came out. ``lines``: of the product, reached by the guided engine; ``kept``: plays that reached new ones."""

    dialect: str
    seed: int
    frames: dict[str, int] = field(default_factory=dict)
    plays: int = 0
    seconds: float = 0.0
    lines: int = 0
    kept: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Frames of all engines."""
        return sum(self.frames.values())


class Run:
    """One dialect.

    Args:
        frames: at least so many.
        seconds: at most so long; infinity: as long as it takes.
        told: called now and then with the engine's name and the tally.
    """

    def __init__(
        self, dialect: str, chosen: int, frames: int, seconds: float, told: Callable[[str, Tally], None]
    ) -> None:
        self.profile = DIALECTS[dialect]
        self.scenes, self.welcome = scenes(dialect), welcome(self.profile)
        self.tally, self._told = Tally(dialect, chosen), told
        self.frames, self._began, self._seconds = frames, time.monotonic(), seconds
        self._known: set[str] = set()

    def chance(self, engine: str) -> Random:
        """The engine's own chance."""
        return Random(f"{self.tally.seed} {self.tally.dialect} {engine}")

    def is_over(self, engine: str, share: float) -> bool:
        """Whether the engine has had its share; tells how far it is."""
        self.tally.seconds = time.monotonic() - self._began
        self._told(engine, self.tally)
        return self.tally.seconds >= self._seconds or self.tally.frames.get(engine, 0) >= share * self.frames

    def left_s(self) -> float:
        """Seconds until it must be over."""
        return max(0.0, self._seconds - (time.monotonic() - self._began))

    def take(self, engine: str, play: Play) -> None:
        """Play it and keep what it found."""
        self.tally.plays += 1
        self.tally.frames[engine] = self.tally.frames.get(engine, 0) + frames_in(play)
        self.again(play)

    def again(self, play: Play) -> None:
        """Play it without counting it."""
        error = attempt(self.profile, self.welcome, play)
        if error is not None and (what := what_of(error)) not in self._known:
            self._known.add(what)
            self.tally.findings.append(finding_of(self.profile, self.welcome, play, error))


def structure(run: Run, share: float = SHARES["structure"]) -> None:
    """Scenes, changed in a few places; nothing is learnt."""
    mutator = Mutator(run.profile, run.scenes, run.chance("structure"))
    while not run.is_over("structure", share):
        for _ in range(BATCH):
            run.take("structure", mutator.play())


def by_hypothesis(run: Run, share: float = SHARES["hypothesis"]) -> None:
    """Plays drawn by hypothesis; shortened as all others are."""
    chance, frames = run.chance("hypothesis"), [frame for scene in run.scenes for frame in scene]
    strategy = plays(run.profile, frames)
    while not run.is_over("hypothesis", share):

        @seed(chance.getrandbits(64))
        @settings(
            max_examples=BATCH,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def draw(play: Play) -> None:
            opening = tuple(text(frame) for frame in run.welcome)
            run.take("hypothesis", opening + play)

        draw()


def by_lines(run: Run, share: float = SHARES["guided"]) -> None:
    """Coverage-guided without any library: what reaches a new line is kept and changed further."""
    chance = run.chance("lines")
    mutator = Mutator(run.profile, run.scenes, chance)
    kept: list[Play] = [tuple(text(frame) for frame in scene) for scene in run.scenes]
    with Lines(is_watched) as lines:
        while not run.is_over("lines", share):
            for _ in range(BATCH):
                before = len(lines.seen)
                fresh = chance.random() > FROM_KEPT
                play = mutator.play() if fresh else mutator.changed(kept[int(chance.random() ** 0.5 * len(kept))])
                run.take("lines", play)
                if len(lines.seen) > before:
                    kept.append(play)
                    run.tally.kept += 1
            run.tally.lines = len(lines.seen)


def reached(run: Run, kept: Iterable[bytes]) -> int:
    """How many lines these plays reach."""
    with Lines(is_watched) as lines:
        for play in kept:
            run.again(read(play))
    return len(lines.seen)


def guided(run: Run, share: float = SHARES["guided"]) -> None:
    """By libFuzzer where it is installed, else by our own hand."""
    if has_atheris():
        run_in_process(run, share)
    else:
        by_lines(run, share)


ENGINES: Mapping[str, Callable[[Run, float], None]] = {
    "structure": structure,
    "hypothesis": by_hypothesis,
    "guided": guided,
}
