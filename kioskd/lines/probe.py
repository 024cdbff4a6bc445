"""What a line does when the process that holds it dies: found out, because the kernel's interface leaves it open.

``python -m kioskd.lines.probe PIN high|low`` is the process that dies: it holds the line until it is killed.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple, Sequence

from kioskd.lines.naming import LineError

if TYPE_CHECKING:
    from kioskd.lines.chips import Chips, Place

# The process that holds the line; torture/onwires.py puts its own here.
HOLDER: list[str] = [sys.executable, "-m", "kioskd.lines.probe"]
HELD = "held"
HOLD_S = 20.0
# A level that decays (a pull, the capacity of a long wire) has settled by then. A guess.
SETTLE_S = 0.2

KEEPS, INPUT, DROPS = "keeps", "input", "drops"
MEANS = {
    KEEPS: "it stays as it was driven: a relay that was on stays on until ExecStopPost releases it, at most a second",
    INPUT: "it becomes an input that follows its pull at once: 10 kΩ to the relay's resting level release it even "
    "before ExecStopPost does",
    DROPS: "it stays an output and does not keep its level: measure what hangs on it",
}


class Trial(NamedTuple):
    """A line was driven to ``driven``, its holder killed; then it was an ``output`` or not, and at ``level``."""

    driven: bool
    output: bool
    level: bool

    @property
    def verdict(self) -> str:
        """KEEPS, INPUT or DROPS."""
        if not self.output:
            return INPUT
        return KEEPS if self.level == self.driven else DROPS


class Probed(NamedTuple):
    """What was found out about one line."""

    pin: str
    chip: str
    offset: int
    trials: tuple[Trial, ...]

    @property
    def verdict(self) -> str:
        """That of both trials; DROPS when they differ."""
        verdicts = {trial.verdict for trial in self.trials}
        return verdicts.pop() if len(verdicts) == 1 else DROPS

    def row(self) -> dict[str, object]:
        """For JSON."""
        words = {True: "high", False: "low"}
        return {
            "pin": self.pin,
            "chip": self.chip,
            "offset": self.offset,
            "kernel": platform.release(),
            "verdict": self.verdict,
            "means": MEANS[self.verdict],
            "trials": [
                {
                    "driven": words[trial.driven],
                    "direction": "output" if trial.output else "input",
                    "level": words[trial.level],
                }
                for trial in self.trials
            ],
        }


def probe(pin: str, chips: Chips) -> Probed:
    """Drive the line low and high, each in a process that is killed, and look. It is left as an input.

    Raises:
        LineError: the line cannot be had, or cannot be looked at.
    """
    from kioskd.lines.chips import Wish

    place = chips.find(pin)
    try:
        trials = tuple(_trial(pin, chips, place, driven) for driven in (False, True))
    finally:
        if not chips.holder(place):
            chips.request(pin, Wish("input")).release()
    return Probed(pin, place.label, place.offset, trials)


def _trial(pin: str, chips: Chips, place: Place, driven: bool) -> Trial:
    from kioskd.lines.chips import Wish

    _hold_and_die([*HOLDER, pin, "high" if driven else "low"])
    time.sleep(SETTLE_S)
    output = chips.is_output(place)
    seen = chips.request(pin, Wish("as_is"))
    try:
        return Trial(driven, output, seen.read())
    finally:
        seen.release()


def _hold_and_die(command: Sequence[str]) -> None:
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        said = holder.stdout.readline().strip()
    finally:
        holder.kill()
        holder.communicate(timeout=HOLD_S)
    if said != HELD:
        raise LineError(said or "the process that was to hold the line ended and said nothing")


def hold(pin: str, driven: bool, chips: Chips) -> int:
    """Drive the line and wait to be killed; also ends with standard input, so that nobody holds it for ever."""
    from kioskd.lines.chips import Wish

    try:
        held = chips.request(pin, Wish("output", level=driven))
    except LineError as error:
        print(error, flush=True)
        return 1
    print(HELD, flush=True)
    os.read(0, 1)
    held.release()
    return 0


def main(argv: list[str]) -> int:
    """The process that dies."""
    if len(argv) != 3 or argv[2] not in ("high", "low"):
        print("usage: python -m kioskd.lines.probe PIN high|low", file=sys.stderr)
        return 64
    from kioskd.lines.safe import machine_chips

    return hold(argv[1], argv[2] == "high", machine_chips())


if __name__ == "__main__":
    sys.exit(main(sys.argv))
