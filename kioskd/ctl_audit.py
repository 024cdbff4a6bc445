"""``kioskctl audit verify | tail | export``: the audit trail, read from its files; a daemon tells where they are.

Little is imported before the verb is known: ``kioskctl`` must answer at once on a small board.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping

from kioskd.ctl_watch import clean, say

TYPE_CHECKING = False  # the one of typing costs 5 ms
if TYPE_CHECKING:
    from kioskd.actions.chain import Head

STATE_DIR = "/var/lib/kioskd"
REPAIR_S, LOOK_S = 20.0, 0.1
OK, TAMPERED = 0, 1
# sysexits(3)
EXIT_NOINPUT, EXIT_UNAVAILABLE, EXIT_CANTCREAT, EXIT_NOPERM = 66, 69, 73, 77

# What the daemon says of its trail.
Daemon = Callable[..., Mapping[str, object]]
Pieces = list[tuple[str, list[bytes]]]

HELP = """examples:
  kioskctl audit verify                       is every line as it was written, and none missing?
  kioskctl audit verify --head 812:9f2c...    the same, and line 812 is the one noted down elsewhere
  kioskctl audit tail -n 50 --json | jq .data
  kioskctl audit export trail.jsonl           all files as one, oldest line first
  kioskctl audit repair                       make texts of the ledger readable that are none

Without a daemon the files are looked for in --dir, a state folder or a copy of its audit folder.

exit status: 0 sound, 1 tampered with, 66 no trail there, 73 a file cannot be written, 77 you may not read it
"""


class NotHad(Exception):
    """Ends the command: a sentence for people, and the exit status."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.code = code


def add(doors: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The verb on the command line."""
    text = "what was decided and what moved, chained line by line"
    audit = doors.add_parser("audit", help=text, epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = audit.add_subparsers(dest="verb", required=True, metavar="VERB")
    verify = verbs.add_parser("verify", help="look at every line; exit status 1: tampered with")
    verify.add_argument("--head", metavar="LINE:HASH", help="a head that was kept elsewhere (journal, status page)")
    verify.add_argument("--json", action="store_true", help="for scripts")
    tail = verbs.add_parser("tail", help="the last lines")
    tail.add_argument("-n", dest="count", type=int, default=20, metavar="N", help="so many (default: 20)")
    tail.add_argument("--json", action="store_true", help="the lines as they are")
    repair = verbs.add_parser("repair", help="mend texts of the ledger that are none (status says so); a copy is kept")
    repair.epilog = "example: kioskctl audit repair; where nothing is wrong it changes nothing"
    export = verbs.add_parser("export", help="all of it as one file")
    export.add_argument("file", nargs="?", default="-", metavar="FILE", help="default: standard output")
    verify.epilog = "example: kioskctl audit verify --dir /mnt/state; 0 sound, 1 tampered with"
    tail.epilog = "example: kioskctl audit tail -n 50 --json | jq .data"
    export.epilog = "example: sudo kioskctl audit export trail.jsonl"
    for verb in (verify, tail, export):
        verb.add_argument(
            "--dir", metavar="DIR", help=f"state folder, or a copy of its audit folder (else {STATE_DIR})"
        )


def run(options: argparse.Namespace, daemon: Daemon, refusal: type[Exception]) -> int:
    """The command; its exit status.

    Args:
        daemon: asks it.
        refusal: what that raises; its ``code`` says whether there is no daemon, which is no mistake here.

    Raises:
        NotHad: there is nothing to read, or it may not be read.
    """
    if options.verb == "repair":
        return _repair(daemon)
    told: Mapping[str, object] | None = None
    try:
        told = None if options.dir else daemon()
    except refusal as error:
        if getattr(error, "code", None) != EXIT_UNAVAILABLE:
            raise
    folder = str(told["folder"]) if told is not None else _audit_folder(options.dir or STATE_DIR)
    if options.verb == "tail":
        return _tail(options, told, folder)
    pieces = read(folder)
    if options.verb == "export":
        return _export(pieces, options.file)
    return _verify(options, told, folder, pieces)


def _repair(daemon: Daemon) -> int:
    """Have the daemon mend its ledger, and say how it went."""
    before, began = _ended(daemon()), time.monotonic()
    told = daemon(verb="repair")
    while _ended(told) == before:
        if time.monotonic() - began > REPAIR_S:
            raise NotHad(f"the ledger was not mended within {REPAIR_S:g} s; kioskctl status says why", EXIT_UNAVAILABLE)
        time.sleep(LOOK_S)
        told = daemon()
    say(str(told["mended"]))
    return OK


def _ended(told: Mapping[str, object]) -> tuple[object, object]:
    """What is another one when a repair has ended; a daemon of 0.1.0 does not count them."""
    return told.get("repairs"), told.get("mended")


def read(folder: str) -> Pieces:
    """Name and lines of each file, oldest first.

    Raises:
        NotHad: see ``run``.
    """
    try:
        names = sorted(name for name in os.listdir(folder) if name.startswith("audit-") and name.endswith(".jsonl"))
        pieces = []
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                pieces.append((name, file.readlines()))
    except PermissionError as error:
        raise NotHad(f"you may not read {error.filename}: use sudo", EXIT_NOPERM) from error
    except OSError as error:
        raise NotHad(f"there is no audit trail in {folder}: {error.strerror or error}", EXIT_NOINPUT) from error
    if not pieces:
        raise NotHad(f"there is no audit trail in {folder}", EXIT_NOINPUT)
    return pieces


def _audit_folder(given: str) -> str:
    inner = os.path.join(given, "audit")
    return inner if os.path.isdir(inner) else given


# -- verify ------------------------------------------------------------------------------------------


def _verify(options: argparse.Namespace, told: Mapping[str, object] | None, folder: str, pieces: Pieces) -> int:
    from kioskd.actions.chain import verify
    from kioskd.actions.trail import FILE_BYTES, FILES

    known, source = _known(options.head, told, folder)
    verdict = verify(pieces, known, (FILES, FILE_BYTES))
    if options.json:
        say(
            json.dumps(
                {
                    "ok": verdict.ok,
                    "lines": verdict.lines,
                    "first": verdict.first,
                    "head": verdict.head._asdict(),
                    "compared_with": source,
                    "findings": [finding._asdict() for finding in verdict.findings],
                },
                indent=2,
            )
        )
        return OK if verdict.ok else TAMPERED
    for finding in verdict.findings:
        say(f"{os.path.join(folder, finding.file)}:{finding.line}: {clean(finding.sentence)}")
    word = "sound" if verdict.ok else "TAMPERED WITH"
    say(f"{verdict.lines} lines from {verdict.first} on: {word}. Head {verdict.head.seq}:{verdict.head.hash}")
    say(f"Its end was compared with {source}." if source else NOT_COMPARED)
    return OK if verdict.ok else TAMPERED


NOT_COMPARED = "Nothing was there to compare its end with: lines cut off from the end would not be missed (--head)."


def _known(given: str | None, told: Mapping[str, object] | None, folder: str) -> "tuple[Head | None, str]":
    """The head to compare with, and where it is from: the command line, the daemon, the ledger beside the folder."""
    from kioskd.actions.chain import Head
    from kioskd.actions.store import read_head

    if given is not None:
        seq, _, digest = given.partition(":")
        if not seq.isdigit() or len(digest) != 64:
            raise NotHad("--head is LINE:HASH as a verify or the status page shows it (64 digits of hash)", 2)
        return Head(int(seq), digest), "the head you gave"
    head = told.get("head") if told is not None else None
    if isinstance(head, Mapping) and isinstance(head.get("seq"), int):
        return Head(head["seq"], str(head.get("hash"))), "the daemon's memory"
    head = read_head(os.path.join(os.path.dirname(os.path.abspath(folder)), "ledger.db"))
    return head, "the ledger" if head is not None else ""


# -- tail, export ------------------------------------------------------------------------------------


def _tail(options: argparse.Namespace, told: Mapping[str, object] | None, folder: str) -> int:
    recent = told.get("recent") if told is not None else None
    if isinstance(recent, list) and len(recent) >= options.count:
        lines = [str(line) for line in recent]
    else:
        lines = [raw.decode("utf-8", "replace").rstrip("\n") for _, piece in read(folder) for raw in piece]
    for line in lines[-options.count :] if options.count > 0 else []:
        if not say(line if options.json else shown(line)):
            break
    return OK


def shown(line: str) -> str:
    """A line of the trail as people read it."""
    try:
        row = json.loads(line)
        data = dict(row["data"])
        head = f"{row['seq']:>6}  {row['at']}  {row['what']:<9}"
    except (ValueError, KeyError, TypeError):
        return f"        not a line of the trail: {clean(line[:60])}"
    why = data.pop("why", "")
    told = [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in data.items()]
    return clean(f"{head} {' '.join(told)}" + (f" ({why})" if why else ""))


def _export(pieces: Pieces, path: str) -> int:
    try:
        if path == "-":
            for _, lines in pieces:
                sys.stdout.buffer.writelines(lines)
            sys.stdout.buffer.flush()
            return OK
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for _, lines in pieces:
                file.writelines(lines)
    except BrokenPipeError:
        return OK
    except OSError as error:
        raise NotHad(f"{path} cannot be written: {error.strerror or error}", EXIT_CANTCREAT) from error
    return OK
