"""The command line: ``python -m torture ledger``, ``... door``, ``... bounds`` and ``... apply``."""

from __future__ import annotations

import argparse
import sys

from torture import apply, bounds, door, ledger


def main() -> int:
    """Choose; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m torture", description="Try to break the door.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="WHAT")
    rooms = {"ledger": ledger, "door": door, "bounds": bounds, "apply": apply}
    for one in rooms.values():
        one.arguments(verbs)
    options = parser.parse_args()
    return int(rooms[options.verb].main(options))


if __name__ == "__main__":
    sys.exit(main())
