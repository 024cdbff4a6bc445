"""``kioskctl reload | apply | rollback`` on the command line; what applies is loaded only for those (ctl_apply.py).

Standard library only, as all of ``kioskctl``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence

from kioskd.ctl_page import items
from kioskd.ctl_reach import CHANGE, ask
from kioskd.ctl_watch import Paint, clean, painter, say

VERBS = ("reload", "apply", "rollback")
# A slow board parses a large file in a second or two. Guess.
RELOAD_S = 30.0
WATCH_S = 15.0
WHEN = (("live", "at once"), ("session", "with the next session"), ("restart", "after a restart"))

HELP = """examples:
  kioskctl apply kiosk.yaml                     check, show, try, watch for 15 s, keep; or go back by itself
  ssh box kioskctl apply - < kiosk.yaml         the same from afar; a connection that drops changes nothing
  kioskctl apply kiosk.yaml --dry-run           check it and show what would change
  kioskctl apply kiosk.yaml --confirm-within 120
  kioskctl apply --confirm                      ... within 120 s, from a new connection; else it goes back

exit status: 0 it is kept, 1 refused or rolled back, 69 no daemon, 77 you may not change this kiosk
"""


def add(doors: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The verbs on the command line."""
    reload = doors.add_parser("reload", help="read the configuration again; exit status 1: it is bad, nothing changed")
    reload.add_argument("--json", action="store_true", help="for scripts")
    reload.epilog = "example: kioskctl reload; it says what is in force at once and what waits for a restart"
    text = "try a configuration, watch the kiosk, keep it, or go back"
    apply = doors.add_parser("apply", help=text, epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    apply.add_argument("file", nargs="?", metavar="FILE", help="the new configuration; - for standard input")
    apply.add_argument("--confirm", action="store_true", help="confirm the one that is on trial")
    apply.add_argument("--sha256", default="", metavar="HEX", help="refuse it unless this is its SHA-256")
    rollback = doors.add_parser("rollback", help="apply the configuration that ran healthy before this one")
    rollback.epilog = "example: kioskctl rollback --dry-run, and then kioskctl rollback"
    for verb in (apply, rollback):
        verb.add_argument("--dry-run", action="store_true", help="check it and show what would change; change nothing")
        verb.add_argument(
            "-c",
            "--config",
            metavar="PATH",
            help="the file of kioskd; only where none runs, or where another user runs it from a file of its own",
        )
        verb.add_argument(
            "--watch", type=float, default=WATCH_S, metavar="S", help=f"watch it for so long (default: {WATCH_S:g})"
        )
        verb.add_argument(
            "--confirm-within", type=float, default=0.0, metavar="S", help="go back unless it is confirmed in time"
        )
        verb.add_argument("--json", action="store_true", help="for scripts: one object, at the end")


def run(options: argparse.Namespace, looked_in: Sequence[str]) -> int:
    """The command; its exit status."""
    if options.door != "reload":
        from kioskd import ctl_apply  # nobody else pays for YAML

        return ctl_apply.run(options, looked_in)
    answer = ask(looked_in, CHANGE, {"do": "reload"}, RELOAD_S).get("config")
    config = answer if isinstance(answer, dict) else {}
    if options.json:
        say(json.dumps(config, indent=2))
    else:
        for line in shown(items(config, "changes"), painter()):
            say(line)
    return 0


def shown(changes: Sequence[object], paint: Paint) -> list[str]:
    """Changes as lines for a person, by when they apply."""
    rows = [row for row in changes if isinstance(row, Mapping)]
    lines = []
    for applies, when in WHEN:
        some = [row for row in rows if row.get("applies") == applies]
        if some:
            lines.append(paint("1", f"{when}:"))
        for row in some:
            old, new = clean(row.get("old") or "nothing"), clean(row.get("new") or "nothing")
            lines.append(f"  {clean(row.get('key', ''))}: {old} -> {new}")
    return lines or ["nothing changes"]
