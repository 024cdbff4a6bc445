"""The command line: ``python -m torture ledger`` and ``python -m torture door``."""

from __future__ import annotations

import argparse
import sys

from torture import door, ledger


def main() -> int:
    """Choose; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m torture", description="Try to break the door.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="WHAT")
    for one in (ledger, door):
        one.arguments(verbs)
    options = parser.parse_args()
    return ledger.main(options) if options.verb == "ledger" else door.main(options)


if __name__ == "__main__":
    sys.exit(main())
