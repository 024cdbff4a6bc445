"""Pushes configurations to a fleet: ``kioskctl apply`` on each box of an inventory, in parallel, with a summary.

Only ssh and the standard library are needed where it runs. What each box does with its configuration (check it, try it,
watch itself, go back) is decided there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kioskd.ctl_hosts import SSH_FAILED, ssh  # noqa: E402  (standard library only, as all of kioskctl)
from kioskd.ctl_watch import clean  # noqa: E402

JOBS = 16
EXAMPLES = """examples:
  scripts/push-config boxes.txt              what each box refuses, keeps or rolls back, as a table
  scripts/push-config boxes.txt --dry-run    what would change

boxes.txt has lines such as: user@lobby.example lobby.yaml
exit status: 0 every box keeps it, 1 one does not, 2 the inventory cannot be used
"""
# Beyond what an apply takes on the slowest board that has to be started again for it.
MARGIN_S = 240.0


class Box(NamedTuple):
    """One line of the inventory."""

    host: str
    file: Path


def inventory(path: Path) -> list[Box]:
    """The boxes.

    Raises:
        ValueError, OSError: it cannot be used; a sentence.
    """
    boxes: dict[str, Box] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        host = words[0]
        if len(words) > 2 or host.startswith("-"):
            raise ValueError(f"{path}:{number}: say user@box, or user@box FILE")
        if host in boxes:
            raise ValueError(f"{path}:{number}: {host} stands here twice")
        name = words[1] if len(words) == 2 else f"{host.rpartition('@')[2]}.yaml"
        boxes[host] = Box(host, path.parent / name)
    if not boxes:
        raise ValueError(f"{path} names no box")
    return list(boxes.values())


def pushed(box: Box, options: argparse.Namespace) -> dict[str, Any]:
    """What became of one box. Blocks until it has kept or rolled back."""
    try:
        data = box.file.read_bytes()
    except OSError as error:
        return row(box, "not sent", f"{box.file}: {error.strerror}")
    words = ["apply", "-", "--json", "--sha256", hashlib.sha256(data).hexdigest(), "--watch", f"{options.watch:g}"]
    words += ["--dry-run"] if options.dry_run else []
    command = ssh(box.host, words, os.environ)
    if command[0] == "ssh":
        # Nobody is there to answer a question, and a box that is gone must not hold up the table.
        command[1:1] = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=15"]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=options.watch + MARGIN_S)
    except subprocess.TimeoutExpired:
        return row(box, "unknown", "no answer; the box decides by itself: kioskctl --host tells how")
    except OSError as error:
        return row(box, "not sent", f"{command[0]}: {error.strerror}")
    told = done.stderr.decode("utf-8", "replace").strip().splitlines()
    last = clean(told[-1]) if told else f"exit status {done.returncode}"
    if done.returncode == SSH_FAILED:
        return row(box, "unreachable", last)
    try:
        result = json.loads(done.stdout)
        ok, outcome = result["ok"] is True and done.returncode == 0, clean(result["outcome"])
    except (ValueError, KeyError, TypeError):
        return row(box, "refused", last.removeprefix("kioskctl: "))
    changes = result.get("changes")
    return {
        **row(box, outcome, clean(result.get("reason", "")), ok),
        "changes": changes if isinstance(changes, list) else [],
    }


def row(box: Box, outcome: str, reason: str, ok: bool = False) -> dict[str, Any]:
    """One row of the table."""
    return {"host": box.host, "file": str(box.file), "ok": ok, "outcome": outcome, "reason": reason, "changes": []}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0: every box did it, 1: some did not, 2: the inventory or the command line is wrong."""
    parser = argparse.ArgumentParser(
        prog="scripts/push-config",
        description="kioskctl apply on every box, in parallel.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    lines = "a line for each box: user@box [FILE]; files lie beside it; without FILE: box.yaml"
    parser.add_argument("inventory", type=Path, help=lines)
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help=f"so many at once (default: {JOBS})")
    parser.add_argument("--watch", type=float, default=15.0, metavar="S", help="each box watches so long (default: 15)")
    parser.add_argument("--dry-run", action="store_true", help="check, and show what would change")
    parser.add_argument("--json", action="store_true", help="for scripts")
    options = parser.parse_args(arguments)
    try:
        boxes = inventory(options.inventory)
    except (OSError, ValueError) as error:
        why = f"{options.inventory} cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
        print(f"push-config: {why}", file=sys.stderr)
        return 2
    rows = []
    with ThreadPoolExecutor(max(1, options.jobs)) as crew:
        for done in crew.map(lambda box: pushed(box, options), boxes):
            rows.append(done)
            if not options.json:
                mark, why = "ok" if done["ok"] else "!!", f": {done['reason']}" if done["reason"] else ""
                count = len(done["changes"])
                print(f"{mark}  {done['host']:<32} {done['outcome']} ({count} changes){why}", flush=True)
    bad = sum(not one["ok"] for one in rows)
    if options.json:
        print(json.dumps({"ok": not bad, "boxes": rows}, indent=2))
    else:
        print(f"{len(rows) - bad} of {len(rows)} boxes" + (f"; {bad} did not take it" if bad else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
