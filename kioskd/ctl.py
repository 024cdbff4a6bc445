"""The side door: ``kioskctl status | watch | doctor | panel | mute | unmute``, over the daemon's control sockets.

Standard library only, without asyncio: it must answer at once on a small board, and beside a daemon that is in trouble.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence

from kioskd import __version__
from kioskd.ctl_page import page, part
from kioskd.ctl_watch import clean, follow, painter, say

OK, DEGRADED = 0, 1
# sysexits(3)
EXIT_UNAVAILABLE, EXIT_CANTCREAT, EXIT_NOPERM = 69, 73, 77
LOOK, CHANGE = "look.sock", "change.sock"
SYSTEM_FOLDER = "/run/kioskd"
# The loop answers between two turns; a board that swaps may take a second or two. Guess.
ANSWER_S = 5.0

EPILOG = """examples:
  kioskctl status                    how it is, what is wrong first
  kioskctl status --json | jq .link  for scripts
  kioskctl watch                     what happens, as it happens; Ctrl-C ends it
  kioskctl doctor audio --keep       play a sweep, measure the echo, remember it for this unit
  kioskctl record start              record for support, until record stop; the lamp announces it
  kioskctl panel press talk          hold the button of a simulated panel down
  kioskctl panel release talk        and let it go

exit status:
  0   healthy, or done as asked      69  there is no daemon, or it does not answer
  1   degraded, or refused           73  a file cannot be written
  2   the command line is wrong      77  you may not use the socket
"""


class CtlError(Exception):
    """Ends the command: a sentence for people, and the exit status."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.code = code


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="kioskctl",
        description="Look at a running kioskd, and change it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"kioskctl {__version__}")
    top.add_argument(
        "--runtime-dir",
        metavar="DIR",
        help=f"where the daemon's sockets are (default: $KIOSKD_RUNTIME_DIR, {SYSTEM_FOLDER}, $XDG_RUNTIME_DIR/kioskd)",
    )
    doors = top.add_subparsers(dest="door", required=True, metavar="COMMAND")
    status = doors.add_parser("status", help="how the kiosk is; exit status 0 healthy, 1 degraded")
    status.add_argument("--json", action="store_true", help="for scripts")
    watch = doors.add_parser("watch", help="what has happened lately, and what happens from now on")
    watch.add_argument("--json", action="store_true", help="one JSON object a line")
    doctor = doors.add_parser("doctor", help="measure the room and say which echo mode it can bear (15 s, loud)")
    doctor.add_argument("what", choices=("audio",))
    doctor.add_argument("--json", action="store_true", help="for scripts")
    doctor.add_argument("--keep", action="store_true", help="keep the result for this unit")
    doctor.add_argument("--html", metavar="FILE", help="also write the report with pictures, as one file")
    panel = doors.add_parser("panel", help="press or release a button of a simulated panel")
    panel.add_argument("verb", choices=("press", "release"))
    panel.add_argument("name", metavar="NAME", help="talk, mute")
    record = doors.add_parser("record", help="record for support: raw, after echo cancelling, and sent (audio.record)")
    record.add_argument("verb", choices=("start", "stop"))
    doors.add_parser("mute", help="close the microphone, over a restart too")
    doors.add_parser("unmute", help="open it again; a mute switch on the panel still closes it")
    return top


# -- finding and asking the daemon -------------------------------------------------------------------


def folders(given: str | None, env: Mapping[str, str]) -> list[str]:
    """Where to look for the daemon, best first."""
    named = given or env.get("KIOSKD_RUNTIME_DIR")
    if named:
        return [named]
    own = env.get("XDG_RUNTIME_DIR")
    return [SYSTEM_FOLDER, *([os.path.join(own, "kioskd")] if own else [])]


def reach(looked_in: Sequence[str], name: str) -> socket.socket:
    """A connection to the first daemon found.

    Raises:
        CtlError: none is there, it does not answer, or we may not ask it.
    """
    for folder in looked_in:
        asking = socket.socket(socket.AF_UNIX)
        asking.settimeout(ANSWER_S)
        try:
            asking.connect(os.path.join(folder, name))
            return asking
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            asking.close()
        except PermissionError as error:
            asking.close()
            group = "kioskd" if name == LOOK else "kioskd-admin"
            raise CtlError(
                f"you may not use {folder}/{name}: use sudo, or join the group {group} and log in again", EXIT_NOPERM
            ) from error
        except OSError as error:
            asking.close()
            raise CtlError(
                f"kioskd in {folder} does not answer: {error.strerror or error}", EXIT_UNAVAILABLE
            ) from error
    raise CtlError(
        f"no kioskd serves {' or '.join(looked_in)}; start one: systemctl start kioskd, or scripts/run --serve",
        EXIT_UNAVAILABLE,
    )


def send(looked_in: Sequence[str], name: str, request: Mapping[str, object]) -> socket.socket:
    """Reach the daemon and ask; what it says is still to be read."""
    asking = reach(looked_in, name)
    try:
        asking.sendall(json.dumps(request).encode() + b"\n")
    except OSError as error:
        asking.close()
        raise CtlError(f"kioskd closed the connection: {error.strerror or error}", EXIT_UNAVAILABLE) from error
    return asking


def ask(looked_in: Sequence[str], name: str, request: Mapping[str, object]) -> dict[str, object]:
    """One request, one answer.

    Raises:
        CtlError: no daemon, no answer, or a refusal (exit status 1).
    """
    with send(looked_in, name, request) as asking, asking.makefile("rb") as lines:
        try:
            answer = json.loads(lines.readline())
        except TimeoutError as error:
            raise CtlError(
                f"kioskd did not answer within {ANSWER_S:g} s: it stands still, its watchdog will start it afresh",
                EXIT_UNAVAILABLE,
            ) from error
        except (OSError, ValueError) as error:
            raise CtlError(
                "kioskd went away without an answer; see: journalctl -u kioskd -e", EXIT_UNAVAILABLE
            ) from error
    if not isinstance(answer, dict) or answer.get("ok") is not True:
        sentence = answer.get("error") if isinstance(answer, dict) else None
        raise CtlError(clean(sentence or "kioskd refused and did not say why"), DEGRADED)
    return answer


# -- the commands ------------------------------------------------------------------------------------


def show_status(options: argparse.Namespace, looked_in: Sequence[str]) -> int:
    """``kioskctl status``."""
    status = part(ask(looked_in, LOOK, {"do": "status"}), "status")
    say(json.dumps(status, indent=2) if options.json else "\n".join(page(status, painter())))
    return OK if part(status, "health").get("ok") is True else DEGRADED


def examine(options: argparse.Namespace, looked_in: Sequence[str]) -> int:
    """``kioskctl doctor audio``."""
    from kioskd import ctl_doctor  # nobody else pays for its tables

    if options.html:
        save(options.html, "")  # before it grows loud for nothing
    try:
        found = ctl_doctor.consult(
            lambda request: ask(looked_in, CHANGE, request), options.keep, ctl_doctor.to_terminal
        )
    finally:
        ctl_doctor.end_progress()
    if not isinstance(found, dict):
        raise CtlError("the doctor never came back; see: journalctl -u kioskd -e", EXIT_UNAVAILABLE)
    say(json.dumps(found, indent=2) if options.json else "\n".join(ctl_doctor.page(found, painter())))
    if options.html:
        save(options.html, ctl_doctor.html(found))
    return OK if ctl_doctor.fits(found) else DEGRADED


def save(path: str, text: str) -> None:
    """Write a report.

    Raises:
        CtlError: with the reason.
    """
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CtlError(f"{path} cannot be written: {error.strerror or error}", EXIT_CANTCREAT) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and do it; the exit status."""
    options = parser().parse_args(arguments)
    looked_in = folders(options.runtime_dir, os.environ)
    try:
        if options.door == "status":
            return show_status(options, looked_in)
        if options.door == "watch":
            ended = follow(send(looked_in, LOOK, {"do": "watch"}), options.json)
            if ended:
                raise CtlError(ended, EXIT_UNAVAILABLE)
        elif options.door == "doctor":
            return examine(options, looked_in)
        elif options.door == "panel":
            ask(looked_in, CHANGE, {"do": "panel", "verb": options.verb, "name": options.name})
        elif options.door == "record":
            ask(looked_in, CHANGE, {"do": "record", "verb": options.verb})
        else:
            ask(looked_in, CHANGE, {"do": options.door})
        return OK
    except CtlError as error:
        print(f"kioskctl: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
