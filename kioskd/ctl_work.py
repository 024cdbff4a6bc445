"""The work of an apply: stage, have it tried, keep it or take it away. In a process that outlives its caller.

What it tells goes through a pipe; when nobody reads any more it goes on all the same.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Callable

from kioskd.config.files import read_at_most
from kioskd.config.goods import fingerprint
from kioskd.config.loader import MOST_BYTES
from kioskd.config.staging import Place, Refused
from kioskd.ctl_page import items, part
from kioskd.ctl_reach import CHANGE, CtlError, ask

POLL_S = 0.25
BEGIN_S = 30.0
# systemd waits for two seconds before it starts the unit again, and a slow board with a cold card takes its time.
RESTART_S = 90.0
# The daemon goes back after ten seconds when nobody keeps what has proven good; beyond this it hangs.
MARGIN_S = 45.0
Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Work:
    """What is to be done.

    Attributes:
        place: locked.
        data: the new configuration, checked.
        before: what the file holds now; empty: there is none.
        looked_in: where the daemon is.
        watch_s, confirm_s: see ``kioskctl apply``.
        by: for the audit trail.
    """

    place: Place
    data: bytes
    before: bytes
    looked_in: Sequence[str]
    watch_s: float
    confirm_s: float
    by: str


def outliving(work: Work) -> Iterator[dict[str, Any]]:
    """Do it in a process of its own; what it tells, line by line. The last one has an ``outcome``."""
    told, telling = os.pipe()
    if os.fork() == 0:
        os.close(told)
        code = 1
        try:
            _let_go()
            _do(work, telling)
            code = 0
        finally:
            os._exit(code)
    os.close(telling)
    with open(told, "rb") as lines:
        for line in lines:
            yield json.loads(line)


def _let_go() -> None:
    """Of the terminal, of the session, and of pipes that an ssh connection would wait for."""
    os.setsid()
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)


def _do(work: Work, telling: int) -> None:
    def tell(row: dict[str, Any]) -> None:
        try:
            os.write(telling, json.dumps(row).encode() + b"\n")
        except OSError:
            pass  # whoever asked has gone; it is done all the same

    try:
        tell(worked(work, tell))
    except (Refused, CtlError, OSError) as error:
        tell({"ok": False, "outcome": "refused", "reason": str(error)})
    finally:
        work.place.discard()


def worked(work: Work, tell: Tell) -> dict[str, Any]:
    """From the trial to its end.

    Raises:
        Refused, CtlError: it was not even tried; nothing has changed.
    """
    sha256 = fingerprint(work.data)
    work.place.put(work.data)
    request: dict[str, object] = {"do": "apply", "step": "begin", "sha256": sha256, "by": work.by}
    request |= {"watch_s": work.watch_s, "confirm_s": work.confirm_s}
    answer = ask(work.looked_in, CHANGE, request, BEGIN_S)
    trial = answer["trial"]
    assert isinstance(trial, dict)
    where = "kioskd is started again with it" if trial["restart"] else "it runs"
    tell({"says": f"{where}, and is watched for {work.watch_s:g} s", "changes": answer.get("changes")})
    result = _watched(work, sha256, tell, RESTART_S if trial["restart"] else 0.0)
    waiting = [part(row).get("key") for row in items(answer, "changes") if part(row).get("applies") == "restart"]
    if result["ok"] and waiting and not trial["restart"]:
        named = ", ".join(map(str, waiting[:3])) + (" ..." if len(waiting) > 3 else "")
        result["reason"] = f"what waits for a restart of kioskd, which no service manager gives it: {named}"
    return result


def _watched(work: Work, sha256: str, tell: Tell, restart_s: float) -> dict[str, Any]:
    deadline = time.monotonic() + work.watch_s + work.confirm_s + restart_s + MARGIN_S
    asked = False
    while time.monotonic() < deadline:
        time.sleep(POLL_S)
        trial = _looked(work)
        if trial is None:
            continue  # it is being started again, or stands still, and its watchdog will see to that
        if trial.get("sha256") != sha256:
            return _lost("kioskd was started again without it; the configuration before runs")
        if trial["state"] == "rolled back":
            return _lost(trial["reason"])
        if trial["phase"] == "unconfirmed" and not asked:
            asked = True
            left = trial["confirm_within_s"]
            tell({"says": f"it is healthy; say within {left:.0f} s, from a new connection: kioskctl apply --confirm"})
        if trial["phase"] == "proven":
            return _kept(work, sha256)
    return _lost("kioskd does not answer; with its next start the configuration before runs")


def _lost(reason: str) -> dict[str, Any]:
    return {"ok": False, "outcome": "rolled back", "reason": reason}


def _looked(work: Work) -> dict[str, Any] | None:
    try:
        trial = ask(work.looked_in, CHANGE, {"do": "apply", "step": "look"}).get("trial")
    except CtlError:
        return None  # also when all places of its socket are taken: whoever gives up here leaves a trial alone
    return trial if isinstance(trial, dict) else {}


def _kept(work: Work, sha256: str) -> dict[str, Any]:
    """It has proven good: from here on the file is the new one."""
    try:
        work.place.keep()
    except Refused as error:
        _say(work, "drop", sha256)
        _undone(work)
        return _lost(str(error))
    why = _say(work, "keep", sha256)
    state = (_looked(work) or {}).get("state", "")
    if state == "rolled back" and work.before:
        # We were held up for so long that the daemon went back meanwhile: so does the file.
        work.place.back(work.before)
        return _lost(why or "it was kept too late")
    return {"ok": True, "outcome": "kept", "reason": why}


def _undone(work: Work) -> None:
    """The move failed, and yet the file may have its new name: only that this is for good could not be had."""
    try:
        if work.before and read_at_most(work.place.path, MOST_BYTES)[0] == work.data:
            work.place.back(work.before)
    except (OSError, Refused):
        pass  # the disk takes nothing any more; what stands there is whole, and the reason has been told


def _say(work: Work, step: str, sha256: str) -> str:
    """Why it was refused; empty: it was not."""
    try:
        ask(work.looked_in, CHANGE, {"do": "apply", "step": step, "sha256": sha256}, BEGIN_S)
    except CtlError as error:
        return str(error)
    return ""
