"""Release the relays of a daemon that is gone: ``python -m kioskd.lines.safe FACTS``, for ``ExecStopPost=``.

Reads what ``Lines.write_facts`` wrote; needs neither YAML nor gpiozero, nor libgpiod where all is well: doors are open
while it starts. The level is set in the request itself. What the line does when this process has ended as well is the
chip driver's business (docs/door.md).
"""

from __future__ import annotations

import json
import sys

from kioskd.lines import kernel

TYPE_CHECKING = False  # typing takes longer to load than all that is done here
if TYPE_CHECKING:
    from typing import Any, Callable, TextIO

    from kioskd.lines.chips import Chips

OK = 0
FAILED = 1  # at least one relay could not be released, and a sentence says which
USAGE = 64  # EX_USAGE, sysexits.h


def machine_chips() -> Chips:
    """The chips of this machine; imported late, so that a kiosk without relays pays nothing."""
    from kioskd.lines.naming import LineError

    try:
        from kioskd.lines.chips import Chips
    except ImportError as error:
        raise LineError(f"The Python package gpiod is missing, so no relay can be released ({error}).") from error
    return Chips()


def release(facts_path: str, chips: Callable[[], Chips] = machine_chips, out: TextIO | None = None) -> int:
    """Drive every relay of the facts inactive, whatever happens to the others.

    Returns:
        0 when every relay was released or there was nothing to do, else 1; sentences go to ``out`` (stderr).
    """
    tell = out or sys.stderr
    try:
        with open(facts_path, encoding="utf-8") as file:
            relays, failures = _relays(json.load(file))
    except FileNotFoundError:
        print(f"{facts_path} is not there: kioskd opened no relay, nothing to release.", file=tell)
        return OK
    except (OSError, ValueError) as error:
        print(f"{facts_path} cannot be read, so no relay was released: {error}", file=tell)
        return FAILED
    failures += [sentence for relay in relays if (sentence := _release(relay, chips))]
    for sentence in failures:
        print(sentence, file=tell)
    return FAILED if failures else OK


def _relays(facts: Any) -> tuple[list[tuple[str, bool]], list[str]]:
    """(line, the level that releases it) of each relay, none of a simulated panel; and what is wrong with others."""
    try:
        told = [] if facts["pins"] == "simulated" else list(facts["relays"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"these are no facts about relays ({error!r})") from error
    relays, failures = [], []
    for one in told:
        try:
            relays.append((str(one["place"] or one["pin"]), {"high": False, "low": True}[one["active"]]))
        except (KeyError, TypeError):
            failures.append(f"A relay was not released: {one!r} names no line and level.")
    return relays, failures


def _release(relay: tuple[str, bool], chips: Callable[[], Chips]) -> str:
    """Empty when it was released, else why not."""
    pin, level = relay
    try:
        if chips is machine_chips and kernel.drive(pin, level):
            return ""
        all_chips = chips()
        from kioskd.lines.chips import Wish

        all_chips.request(pin, Wish("output", level=level)).release()
    except Exception as error:
        # The last resort: whatever a library throws, the other doors are open too.
        return f"A relay was not released: {error}"
    return ""


def main(argv: list[str]) -> int:
    """The door."""
    if len(argv) != 2:
        print("usage: python -m kioskd.lines.safe FACTS", file=sys.stderr)
        return USAGE
    return release(argv[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv))
