"""``kioskctl doctor [checks | audio | all]``: which of them, what is printed, what is kept, and the exit status."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence

from kioskd import __version__
from kioskd.ctl_page import number, part
from kioskd.ctl_reach import CHANGE, DEGRADED, EXIT_CANTCREAT, EXIT_UNAVAILABLE, LOOK, CtlError, ask
from kioskd.ctl_watch import painter, say

OK = 0
# The audio part takes its time while a visitor would have to wait; the rest does not disturb anybody.
WHATS = ("checks", "audio", "all")


def add(doors: argparse._SubParsersAction[argparse.ArgumentParser], config: str) -> None:
    """Its command line."""
    doctor = doors.add_parser("doctor", help="look at everything an installer would; audio: measure the echo, loud")
    doctor.epilog = (
        "example: sudo kioskctl doctor all --html report.html; exit status 1: something is to be mended; "
        "docs/doctor.md explains each line"
    )
    doctor.add_argument("what", nargs="?", default="checks", choices=WHATS, help="default: checks; audio takes 15 s")
    doctor.add_argument("-c", "--config", metavar="FILE", help=f"default: the daemon's, or {config}")
    doctor.set_defaults(usual=config)
    doctor.add_argument("--json", action="store_true", help="for scripts")
    doctor.add_argument("--keep", action="store_true", help="keep what was measured of the echo for this unit")
    doctor.add_argument("--html", metavar="FILE", help="also write the report with pictures, as one file")


def run(options: argparse.Namespace, looked_in: Sequence[str]) -> int:
    """Look, print, write; the exit status."""
    if options.html:
        save(options.html, "")  # before it grows loud, or takes long, for nothing
    if options.what == "audio":
        return _audio(options, looked_in)
    found = examine(options, looked_in)
    from kioskd import ctl_checkup_page

    say(json.dumps(found, indent=2) if options.json else "\n".join(ctl_checkup_page.page(found, painter())))
    if options.html:
        save(options.html, ctl_checkup_page.html(found))
    return DEGRADED if number(part(found, "counts"), "fail") else OK


def examine(options: argparse.Namespace, looked_in: Sequence[str]) -> dict[str, object]:
    """Everything that was found, as JSON has it."""
    from kioskd import ctl_checkup, ctl_doctor
    from kioskd.checkup.runner import run as look
    from kioskd.core.finding import counts, fail

    status, silent = _status(looked_in)
    path = _config(options, status)
    place = ctl_checkup.here(path, status, silent)
    findings = []
    try:
        for one in look(ctl_checkup.checks(place), ctl_doctor.to_terminal):
            findings.append(one)
        audio: object = None
        if options.what == "all":
            try:
                audio = measure(options, looked_in)
            except CtlError as error:
                findings.append(fail("echo measured", str(error), "the kiosk must run, and nobody use it"))
    finally:
        ctl_doctor.end_progress()
    if isinstance(audio, dict) and not ctl_doctor.fits(audio):
        findings.append(fail("echo measured", ctl_doctor.heading(audio), "the sentences below say what to do"))
    return {
        "kiosk": place.config.kiosk.name,
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "host": os.uname().nodename,
        "version": __version__,
        "config": path,
        "counts": counts(findings),
        "findings": [one.row() for one in findings],
        "audio": audio,
    }


def _status(looked_in: Sequence[str]) -> tuple[Mapping[str, object] | None, str]:
    try:
        return part(ask(looked_in, LOOK, {"do": "status"}), "status"), ""
    except CtlError as error:
        return None, str(error)


def _config(options: argparse.Namespace, status: Mapping[str, object] | None) -> str:
    """The one that was named; else the one that the daemon runs."""
    running = part(status, "config").get("path") if status is not None else None
    return str(options.config or running or options.usual)


def measure(options: argparse.Namespace, looked_in: Sequence[str]) -> dict[str, object]:
    """Have the room measured.

    Raises:
        CtlError: no daemon, or it refuses, or its doctor never came back.
    """
    from kioskd import ctl_doctor

    asking: Callable[[Mapping[str, object]], Mapping[str, object]] = lambda request: ask(looked_in, CHANGE, request)
    try:
        found = ctl_doctor.consult(asking, options.keep, ctl_doctor.to_terminal)
    finally:
        ctl_doctor.end_progress()
    if not isinstance(found, dict):
        raise CtlError("the doctor never came back; see: journalctl -u kioskd -e", EXIT_UNAVAILABLE)
    return found


def _audio(options: argparse.Namespace, looked_in: Sequence[str]) -> int:
    from kioskd import ctl_doctor

    found = measure(options, looked_in)
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
