"""``kioskd lines probe PIN``: what a line does when the process that holds it dies, on this kernel and this chip."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Iterator, Mapping

if TYPE_CHECKING:
    from kioskd.config.sections import Ops
    from kioskd.lines.chips import Chips

EXIT_OK = 0
# sysexits(3)
EXIT_USAGE = 64
EXIT_UNAVAILABLE = 69
EXIT_REFUSED = 77  # EX_NOPERM
CONFIG = "/etc/kioskd/kioskd.yaml"


def arguments(doors: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command line of ``kioskd lines``."""
    lines = doors.add_parser("lines", help="find out what a GPIO line does when the process that holds it dies")
    lines.epilog = "example: kioskd lines probe GPIO22; docs/door.md says what the verdict means for a relay"
    verbs = lines.add_subparsers(dest="verb", required=True, metavar="VERB")
    verb = verbs.add_parser("probe", help="drive a free line low and high, kill the holder each time, and look")
    verb.add_argument("pin", metavar="PIN", help="GPIO22 or CHIP_LABEL:OFFSET; take one on which nothing hangs")
    verb.add_argument("-c", "--config", default=CONFIG, metavar="FILE", help=f"whose relays are spared: {CONFIG}")
    verb.add_argument("--json", action="store_true", help="for scripts")
    verb.add_argument(
        "--keep", action="store_true", help="remember it: kioskctl status --json shows it (panel.lines.released)"
    )
    verb.epilog = "example: kioskd lines probe GPIO22"
    verb.add_argument("--move-relay", action="store_true", help="also a line of a relay: what hangs on it WILL move")


def probe(options: argparse.Namespace) -> int:
    """``kioskd lines probe``: 0 found out, 69 the line cannot be had, 77 it moves a relay."""
    from kioskd.lines.naming import LineError
    from kioskd.lines.probe import probe as find_out
    from kioskd.lines.safe import machine_chips

    try:
        chips = machine_chips()
        relay = spared(options.pin, options.config, chips)
        if relay and not options.move_relay:
            print(f"kioskd: {relay}; choose a line on which nothing hangs, or say --move-relay", file=sys.stderr)
            return EXIT_REFUSED
        found = find_out(options.pin, chips)
    except LineError as error:
        print(f"kioskd: {error}", file=sys.stderr)
        return EXIT_UNAVAILABLE
    row = found.row()
    if options.keep and not keep(options.config, row):
        return EXIT_UNAVAILABLE
    if options.json:
        print(json.dumps(row, indent=2))
        return EXIT_OK
    print(f"{found.pin} ({found.chip} line {found.offset}, Linux {row['kernel']}): {found.verdict}: {row['means']}")
    for trial in found.trials:
        driven, level = ("high" if high else "low" for high in (trial.driven, trial.level))
        print(f"  driven {driven}, then its process was killed: an {'output' if trial.output else 'input'}, {level}")
    return EXIT_OK


def keep(config: str, row: Mapping[str, object]) -> bool:
    """Remember it where the configuration's state lies; False, and a sentence, when that cannot be."""
    from kioskd.lines import released

    folder = ops(config).state_dir
    try:
        released.keep(folder, row)
    except OSError as error:
        print(f"kioskd: it cannot be kept in {folder}: {error.strerror}", file=sys.stderr)
        return False
    return True


def ops(config: str) -> Ops:
    """The section of that name; the defaults where there is no sound file."""
    from kioskd.config.loader import load
    from kioskd.config.sections import Ops

    loaded = load(config).config if os.path.exists(config) else None
    return Ops() if loaded is None else loaded.ops


def spared(pin: str, config: str, chips: Chips) -> str:
    """Why this line is not to be touched: a relay of the configuration, or of a daemon that runs; else empty.

    Raises:
        LineError: there is no such line.
    """
    from kioskd.config.loader import load
    from kioskd.lines.naming import LineError

    place = chips.find(pin)
    if os.path.lexists(config) and load(config).config is None:
        return f"{config} cannot be read or has mistakes, so nobody knows which lines move (kioskd check {config})"
    for used, by in relays(config):
        try:
            if chips.find(used)[:] == place[:]:
                return f"{pin} moves a relay ({by})"
        except LineError:
            continue  # a relay on a chip that is not there
    return ""


def relays(config: str) -> Iterator[tuple[str, str]]:
    """Each relay line of the file and of a daemon that runs, and who says so."""
    from kioskd.config.loader import load
    from kioskd.config.pins import pins
    from kioskd.fittings import FACTS

    loaded = load(config).config if os.path.exists(config) else None
    if loaded is not None:
        yield from ((pin, f"{config}: {path}") for path, pin in pins(loaded) if moves(path))
    facts = os.path.join(ops(config).runtime_dir, FACTS)
    try:
        with open(facts, encoding="utf-8") as file:
            told = [(relay["place"] or relay["pin"], facts) for relay in json.load(file)["relays"]]
    except (OSError, ValueError, LookupError, TypeError):
        return  # no daemon has run since the boot
    yield from told


def moves(path: str) -> bool:
    """Whether the key of that path names a line that moves something."""
    return path.startswith("tools[") and ".sensor." not in path and ".interlocks[" not in path
