"""``kioskd code``: makes the hash of a code, for a secret that confirm.codes names. The code itself is kept nowhere."""

from __future__ import annotations

import argparse
import getpass
import sys

# sysexits(3): the input is no code.
EXIT_DATA = 65
HOW = """Put this line into a secret, and name it in the configuration:
  kioskd code | sudo install -m 600 /dev/stdin /etc/kioskd/code-caretaker
  confirm: {codes: [{name: caretaker, hash: {credential: code-caretaker}}]}
"""


def arguments(doors: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command line of ``kioskd code``."""
    text = "make the hash of a code, for confirm.codes; it is asked for, or read from a pipe"
    code = doors.add_parser("code", help=text)
    code.epilog = "example: kioskd code | sudo install -m 600 /dev/stdin /etc/kioskd/code-caretaker"


def code(options: argparse.Namespace) -> int:
    """``kioskd code``: 0 the hash is on standard output, 65 that is no code."""
    from kioskd.actions.codes import hashed, unfit

    typed = _typed()
    trouble = "the two were not the same" if typed is None else unfit(typed)
    if typed is None or trouble:
        print(f"kioskd code: {trouble}", file=sys.stderr)
        return EXIT_DATA
    print(hashed(typed))
    if sys.stdout.isatty():
        print(HOW, file=sys.stderr)
    return 0


def _typed() -> str | None:
    """What was typed, twice the same, or a line from a pipe; None: not twice the same."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Code: ")
    return first if getpass.getpass("Once more: ") == first else None
