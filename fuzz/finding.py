"""A play that broke something: what it was, the shortest play that still does it, and the file that tells of it."""

from __future__ import annotations

import hashlib
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Sequence, TypeVar

from fuzz.kiosk import Kiosk
from fuzz.play import Play, written
from kioskd.wire.profile import Profile

# Of processor time, for one frame: a hundred times what the largest honest one costs.
SLOW_S = 0.25
# Plays that are tried to make one shorter.
MOST_TRIALS = 2000
T = TypeVar("T")
ROOT = str(Path(__file__).parent.parent) + "/"


class Slow(AssertionError):
    """One frame held the processor for longer than SLOW_S, twice."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``what``: the kind of error and where it was raised; one of each is kept. ``said``: its whole trace."""

    dialect: str
    what: str
    said: str
    play: Play

    def save(self, folder: Path) -> Path:
        """Write it down, with the command that plays it again."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.dialect}-{hashlib.sha256(self.what.encode()).hexdigest()[:10]}.txt"
        said = "".join(f"#   {line}\n" for line in self.said.splitlines())
        head = f"# dialect: {self.dialect}\n# what: {self.what}\n# replay: scripts/fuzz --replay {path}\n{said}"
        path.write_bytes(head.encode("utf-8", "backslashreplace") + written(self.play))
        return path


def attempt(profile: Profile, welcome: Sequence[bytes], play: Play) -> Exception | None:
    """Play it; what it raised."""
    began = time.process_time()
    try:
        Kiosk(profile, welcome).play(play)
        if time.process_time() - began > SLOW_S:
            _look_for_slow(profile, welcome, play)
    except Exception as error:
        # Whatever it is, it is a finding.
        return error
    return None


def _look_for_slow(profile: Profile, welcome: Sequence[bytes], play: Play) -> None:
    """Raise Slow if one step took too long both times: a machine that stood still does so once."""
    took = [min(times) for times in zip(_times(profile, welcome, play), _times(profile, welcome, play))]
    if took and max(took) > SLOW_S:
        raise Slow(f"step {took.index(max(took)) + 1} took {max(took):.2f} s")


def _times(profile: Profile, welcome: Sequence[bytes], play: Play) -> list[float]:
    kiosk, took = Kiosk(profile, welcome), []
    for step in play:
        began = time.process_time()
        kiosk.step(step)
        took.append(time.process_time() - began)
    return took


def what_of(error: Exception) -> str:
    """One line that tells one cause from another."""
    places = [place for place in traceback.extract_tb(error.__traceback__) if place.filename.startswith(ROOT)]
    last = places[-1] if places else None
    where = f"{last.filename.removeprefix(ROOT)}:{last.name}" if last else "nowhere"
    return f"{type(error).__name__} in {where}"


def finding_of(profile: Profile, welcome: Sequence[bytes], play: Play, error: Exception) -> Finding:
    """The finding, with a play that is as short as it gets."""
    what = what_of(error)

    def still(shorter: Play) -> bool:
        again = attempt(profile, welcome, shorter)
        return again is not None and what_of(again) == what

    short = shortest(play, still)
    again = attempt(profile, welcome, short) or error
    return Finding(profile.name, what, "".join(traceback.format_exception(again)).strip(), short)


def shortest(play: Play, still: Callable[[Play], bool]) -> Play:
    """A play for which ``still`` holds and from which no piece can be taken: steps first, then bytes of frames."""
    trials = [MOST_TRIALS]

    def holds(candidate: Play) -> bool:
        trials[0] -= 1
        return trials[0] >= 0 and still(candidate)

    steps = _fewer(list(play), lambda kept: holds(tuple(kept)))
    for at, step in enumerate(steps):
        data = _fewer(
            list(step.data), lambda kept: holds((*steps[:at], step._replace(data=bytes(kept)), *steps[at + 1 :]))
        )
        steps[at] = step._replace(data=bytes(data))
    return tuple(steps)


def _fewer(parts: list[T], holds: Callable[[list[T]], bool]) -> list[T]:
    """Delta debugging, its simple half: take pieces away, large ones first, as long as it still holds."""
    size = len(parts) // 2
    while size:
        at = 0
        while at < len(parts):
            kept = parts[:at] + parts[at + size :]
            if holds(kept):
                parts = kept
            else:
                at += size
        size //= 2
    return parts
