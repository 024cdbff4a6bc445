"""The side door: ``kioskctl``, over the control sockets.

Standard library only, without asyncio: it must answer at once on a small board, and beside a daemon that is in trouble.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence

from kioskd import __version__, ctl_audit, ctl_config, ctl_examine, ctl_hosts, ctl_say, ctl_usage
from kioskd.ctl_page import items, page, part
from kioskd.ctl_reach import (
    CHANGE,
    DEGRADED,
    EXIT_CANTCREAT,
    EXIT_UNAVAILABLE,
    LOOK,
    SYSTEM_FOLDER,
    CtlError,
    ask,
    folders,
    send,
    whoever,
)
from kioskd.ctl_watch import follow, painter, say

OK = 0
# A view that is drawn several times a second does not wait for a daemon that stands still.
SOON_S = 0.5
CONFIG = "/etc/kioskd/kioskd.yaml"

EPILOG = """examples:
  kioskctl status                    how it is, what is wrong first
  kioskctl status --json | jq .link  for scripts
  kioskctl watch                     what happens, as it happens; Ctrl-C ends it
  kioskctl doctor                    look at clock, network, key, board, disk, lines; say what to do
  kioskctl doctor audio --keep       play a sweep, measure the echo, remember it for this unit
  kioskctl doctor all --html FILE    both, as one file with pictures for the installer's folder
  kioskctl say "The shop is closing"  an announcement, behind whatever the kiosk says just now
  kioskctl usage --days 31           what was used and what it cost; how the budget stands
  kioskctl record start              record for support, until record stop; the lamp announces it
  kioskctl unlock                    end every lock-out after refusals, now; the audit trail keeps who did
  kioskctl audit verify              was the trail of decisions and moves tampered with?
  kioskctl reload                    read the configuration again; what is live is in force at once
  kioskctl apply kiosk.yaml          check, show, try and watch a configuration; keep it, or go back by itself
  kioskctl rollback                  the configuration that ran healthy before
  kioskctl --host user@box status    any of these on another box, through ssh
  kioskctl bugreport                 one archive for support, without keys or speech
  kioskctl panel press talk          hold the button of a simulated panel down
  kioskctl panel release talk        and let it go

exit status:
  0   healthy, or done as asked      69  there is no daemon, or it does not answer
  1   degraded, or refused           73  a file cannot be written
  2   the command line is wrong      77  you may not use the socket
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="kioskctl",
        description="Look at a running kioskd, and change it.",
        # --hos box would be taken here for --host, and for nothing where the host is looked for (ctl_hosts.split).
        allow_abbrev=False,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"kioskctl {__version__}")
    top.add_argument(
        "--runtime-dir",
        metavar="DIR",
        help=f"where the daemon's sockets are (default: $KIOSKD_RUNTIME_DIR, {SYSTEM_FOLDER}, $XDG_RUNTIME_DIR/kioskd)",
    )
    top.add_argument("--host", metavar="USER@BOX", help="do it there, through ssh; files that it names are there, too")
    doors = top.add_subparsers(dest="door", required=True, metavar="COMMAND")
    status = doors.add_parser("status", help="how the kiosk is; exit status 0 healthy, 1 degraded")
    status.epilog = "example: kioskctl status --json | jq .health.reasons; its fields: docs/json.md"
    status.add_argument("--json", action="store_true", help="for scripts")
    watch = doors.add_parser("watch", help="what has happened lately, and what happens from now on")
    watch.epilog = "example: kioskctl watch; Ctrl-C ends it, and the kiosk goes on"
    watch.add_argument("--json", action="store_true", help="one JSON object a line")
    ctl_usage.add(doors)
    ctl_say.add(doors)
    ctl_audit.add(doors)
    ctl_config.add(doors)
    ctl_examine.add(doors, CONFIG)
    panel = doors.add_parser("panel", help="press or release a button of a simulated panel")
    panel.epilog = "example: kioskctl panel press talk; wants panel.pins: simulated"
    panel.add_argument("verb", choices=("press", "release"))
    panel.add_argument("name", metavar="NAME", help="talk, mute, a button or contact of yours, or a key of the keypad")
    record = doors.add_parser("record", help="record for support: raw, after echo cancelling, and sent (audio.record)")
    record.epilog = "example: kioskctl record start; wants audio.record in the configuration"
    record.add_argument("verb", choices=("start", "stop"))
    bugreport = doors.add_parser("bugreport", help="one archive for support, without keys or speech")
    bugreport.add_argument("-c", "--config", metavar="FILE", help=f"default: what the daemon runs, or {CONFIG}")
    bugreport.add_argument("--out", metavar="FILE.tar.gz", help="default: kioskd-bugreport-TIME.tar.gz here")
    bugreport.add_argument("--json", action="store_true", help="for scripts: the archive and what is in it")
    bugreport.epilog = "example: sudo kioskctl bugreport; root also gets the journal. Read it before you send it."
    unlock = doors.add_parser("unlock", help="end every lock-out after refusals or wrong codes, now")
    unlock.epilog = "example: kioskctl unlock; kioskctl status names what is locked, the audit trail keeps who ended it"
    mute = doors.add_parser("mute", help="close the microphone, over a restart too")
    mute.epilog = "example: kioskctl mute; kioskctl unmute opens it again"
    unmute = doors.add_parser("unmute", help="open it again; a mute switch on the panel still closes it")
    unmute.epilog = "example: kioskctl unmute; kioskctl status says who else keeps it closed"
    return top


# -- the commands ------------------------------------------------------------------------------------


def show_status(options: argparse.Namespace, looked_in: Sequence[str]) -> int:
    """``kioskctl status``."""
    status = part(ask(looked_in, LOOK, {"do": "status"}), "status")
    say(json.dumps(status, indent=2) if options.json else "\n".join(page(status, painter())))
    return OK if part(status, "health").get("ok") is True else DEGRADED


def page_now(looked_in: Sequence[str]) -> Mapping[str, object] | None:
    """How the kiosk is, for a view that is drawn again and again; None: it does not say."""
    try:
        return part(ask(looked_in, LOOK, {"do": "status"}, SOON_S), "status")
    except CtlError:
        return None


def show_usage(options: argparse.Namespace, looked_in: Sequence[str]) -> int:
    """``kioskctl usage``."""
    try:
        usage = part(ask(looked_in, LOOK, {"do": "usage", "days": options.days}), "usage")
    except CtlError as error:
        if error.code != EXIT_UNAVAILABLE:
            raise
        try:
            usage = ctl_usage.from_file(options.state_dir, options.days)
        except ctl_usage.Unreadable as nothing:
            raise CtlError(f"{error}; {nothing}", error.code) from error
    say(json.dumps(usage, indent=2) if options.json else "\n".join(ctl_usage.page(usage, painter())))
    return OK


def show_unlocked(answer: Mapping[str, object]) -> None:
    """``kioskctl unlock``: what it ended; whoever sees a refusal should know that no lock-out was the reason."""
    held = [str(part(lock).get("what")) for lock in items(answer, "ended")]
    say("\n".join(f"ended: {what}" for what in held) or "nothing was locked; kioskctl watch says why a tool is refused")


def report_bug(options: argparse.Namespace, looked_in: Sequence[str]) -> int:
    """``kioskctl bugreport``: a daemon that does not answer is part of the report."""
    from kioskd import ctl_bugreport  # nobody else pays for its archive

    found: Mapping[str, object] = {}
    silent = ""
    try:
        found = ask(looked_in, LOOK, {"do": "status"})
    except CtlError as error:
        silent = str(error)

    def status() -> Mapping[str, object]:
        if silent:
            raise ctl_bugreport.NotHad(silent)
        return found

    options.config = str(options.config or part(found, "status", "config").get("path") or CONFIG)
    try:
        say(ctl_bugreport.bugreport(options, status))
    except OSError as error:
        raise CtlError(f"{error.filename} cannot be written: {error.strerror or error}", EXIT_CANTCREAT) from error
    return OK


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and do it; the exit status."""
    try:
        host, here = ctl_hosts.split(sys.argv[1:] if arguments is None else arguments)
        options = parser().parse_args(here)
        if host:
            return ctl_hosts.run(host, here, os.environ, options.file if options.door == "apply" else None)
        looked_in = folders(options.runtime_dir, os.environ)
        if options.door == "status":
            return show_status(options, looked_in)
        if options.door == "usage":
            return show_usage(options, looked_in)
        elif options.door == "say":
            return ctl_say.run(options, lambda request: ask(looked_in, CHANGE, request))
        elif options.door == "audit":
            return ctl_audit.run(options, lambda **more: ask(looked_in, CHANGE, {"do": "audit", **more}), CtlError)
        elif options.door in ctl_config.VERBS:
            return ctl_config.run(options, looked_in)
        if options.door == "watch":
            ended = follow(send(looked_in, LOOK, {"do": "watch"}), options.json, lambda: page_now(looked_in))
            if ended:
                raise CtlError(ended, EXIT_UNAVAILABLE)
        elif options.door == "doctor":
            return ctl_examine.run(options, looked_in)
        elif options.door == "bugreport":
            return report_bug(options, looked_in)
        elif options.door == "panel":
            ask(looked_in, CHANGE, {"do": "panel", "verb": options.verb, "name": options.name})
        elif options.door == "record":
            ask(looked_in, CHANGE, {"do": "record", "verb": options.verb})
        elif options.door == "unlock":
            show_unlocked(ask(looked_in, CHANGE, {"do": "unlock", "by": whoever(os.environ)}))
        else:
            still = ask(looked_in, CHANGE, {"do": options.door}).get("muted")
            if options.door == "unmute" and still:
                raise CtlError("the mute switch at the kiosk is on and keeps the microphone closed", DEGRADED)
        return OK
    except (CtlError, ctl_audit.NotHad) as error:
        print(f"kioskctl: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
