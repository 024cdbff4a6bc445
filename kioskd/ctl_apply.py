"""``kioskctl apply`` and ``rollback``: the hand that puts a configuration to its place while the daemon watches.

A process of its own does the work and outlives the connection that began it. Until it has moved the file, whatever ends
it leaves the old configuration: the daemon goes back by itself when nobody keeps what is on trial.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from kioskd.config.goods import fingerprint
from kioskd.config.loader import Loaded, take, weigh
from kioskd.config.sections import Config
from kioskd.config.show import changes
from kioskd.config.staging import Place, Refused, doubted, from_file, from_stream
from kioskd.ctl_config import RELOAD_S, shown
from kioskd.ctl_reach import CHANGE, DEGRADED, EXIT_UNAVAILABLE, CtlError, NoDaemon, ask, heard, reach, send, whoever
from kioskd.ctl_watch import BAD, DIM, GOOD, clean, painter, say
from kioskd.ctl_work import Work, outliving
from kioskd.ops.sockets import user_of

CONFIG = "/etc/kioskd/kioskd.yaml"
# It is there where systemd runs (sd_booted(3)); its unit starts kioskd again after two seconds.
SYSTEMD, RESTART_S = "/run/systemd/system", 4.0
GONE = "it goes on by itself; kioskctl status tells how it ends"


def run(options: argparse.Namespace, looked_in: Sequence[str]) -> int:
    """The command; its exit status."""
    try:
        result = confirm(looked_in) if getattr(options, "confirm", False) else apply(options, looked_in)
    except Refused as error:
        result = {"ok": False, "outcome": "refused", "reason": str(error)}
    except CtlError as error:
        if options.json:
            say(json.dumps({"ok": False, "outcome": "refused", "reason": str(error)}, indent=2))
        raise
    if options.json:
        say(json.dumps(result, indent=2))
    else:
        told(result)
    return 0 if result["ok"] else DEGRADED


def told(result: Mapping[str, object]) -> None:
    """The end, for a person."""
    paint, outcome = painter(), clean(result.get("outcome", ""))
    why = f": {clean(result['reason'])}" if result.get("reason") else ""
    if result["ok"]:
        say(paint(GOOD, outcome) + why)
    else:
        print(f"kioskctl: {paint(BAD, outcome)}{why}", file=sys.stderr)


def confirm(looked_in: Sequence[str]) -> dict[str, Any]:
    """``kioskctl apply --confirm``."""
    answer = ask(looked_in, CHANGE, {"do": "apply", "step": "confirm", "by": whoever(os.environ)})
    return {"ok": True, "outcome": "confirmed", "reason": "", "trial": answer.get("trial")}


def apply(options: argparse.Namespace, looked_in: Sequence[str]) -> dict[str, Any]:
    """Everything, from the file to its end.

    Raises:
        Refused, CtlError: with a sentence; nothing has changed.
    """
    if 0 < options.confirm_within <= options.watch:
        raise Refused(
            f"it would go back before anybody is asked to confirm it: --confirm-within {options.confirm_within:g} must "
            f"be longer than the {options.watch:g} s for which it is watched (--watch)"
        )
    running = _running(options, looked_in)
    data, name = _given(options, running)
    path = str(running["path"]) if running else options.config or CONFIG
    place = Place(path)
    if running or not options.dry_run:  # a dry run on a laptop has no place
        place.judge()
    loaded = _checked(data, name, options.json)
    found = _compared(running, path, loaded)
    if not options.json:
        _shown(loaded, found, running)
    base: dict[str, Any] = {
        "ok": True,
        "path": path,
        "sha256": fingerprint(data),
        "changes": [dataclasses.asdict(one) for one in found],
        "warnings": [str(one) for one in loaded.warnings],
    }
    if why := _same(running, data, take(path)[1]):
        return {**base, "outcome": "unchanged", "reason": why}
    if options.dry_run:
        return {**base, "outcome": "dry run", "reason": "nothing was changed"}
    place.lock()
    try:
        if running is None:
            return {**base, **_written(place, data)}
        before = take(path)[1]  # once more: another apply may have ended since
        work = Work(place, data, before, looked_in, options.watch, options.confirm_within, whoever(os.environ))
        return {**base, **_followed(work, options)}
    finally:
        place.unlock()


def _same(running: Mapping[str, Any] | None, data: bytes, before: bytes) -> str:
    """Why there is nothing to do; empty: there is."""
    if data != before:
        return ""
    if running is None:
        return "the file holds this very configuration; no kioskd runs"
    as_filed = running["sha256"] == fingerprint(data) and running["running"] == "file" and not running["pending"]
    return "this very configuration runs" if as_filed else ""


def _running(options: argparse.Namespace, looked_in: Sequence[str]) -> dict[str, Any] | None:
    """What the daemon runs; None: there is no daemon."""
    until = time.monotonic() + (RESTART_S if os.path.isdir(SYSTEMD) else 0.0)
    while True:
        try:
            reach(looked_in, CHANGE).close()
            break
        except CtlError as error:
            if error.code == EXIT_UNAVAILABLE and time.monotonic() < until:
                time.sleep(0.2)  # it may be between two starts, and should watch what is applied
            elif not isinstance(error, NoDaemon) or options.door == "rollback":
                raise
            else:
                return None
    with send(looked_in, CHANGE, {"do": "config", "before": options.door == "rollback"}) as asking:
        uid = user_of(asking)
        config = heard(asking, RELOAD_S).get("config")
    if not isinstance(config, dict) or not isinstance(config.get("text"), str):
        raise CtlError("kioskd and kioskctl are of different versions: restart kioskd", EXIT_UNAVAILABLE)
    _believe(str(config.get("path")), uid, options.config or CONFIG)
    return config


def _believe(path: str, uid: int, known: str) -> None:
    """See whether the file that the daemon names may be replaced on its word: what is written there is written with our
    rights, and a daemon that somebody has broken into shall not choose the place.

    Raises:
        Refused: it runs as a user who is neither root nor we, and names another file than is known.
    """
    if uid not in (0, os.geteuid()) and path != os.path.abspath(known):
        raise Refused(
            f"kioskd, which runs as user id {uid}, says that its file is {clean(path)}, and not {known}; if that is so "
            "(systemctl cat kioskd), say it yourself: -c FILE"
        )


def _given(options: argparse.Namespace, running: Mapping[str, Any] | None) -> tuple[bytes, str]:
    """The new configuration, and what to call it."""
    if options.door == "rollback":
        assert running is not None
        return running["before"]["text"].encode(), "the configuration before"
    if options.file is None:
        raise CtlError("say which file: kioskctl apply FILE, or - for standard input", 2)
    if options.file == "-":
        return doubted(from_stream(sys.stdin.buffer), "standard input", options.sha256), "standard input"
    user = os.environ.get("SUDO_UID", "")
    owners = {0, os.geteuid(), *([int(user)] if user.isdigit() and os.geteuid() == 0 else [])}
    return doubted(from_file(options.file, owners), options.file, options.sha256), str(options.file)


def _checked(data: bytes, name: str, quiet: bool) -> Loaded:
    """The configuration, held to what this machine has."""
    from kioskd.audio.cards import Kernel
    from kioskd.cli_check import checks
    from kioskd.config.unit import installed

    loaded = weigh(data, name, *checks(installed(), Kernel()))
    if loaded.config is None:
        if not quiet:
            for problem in loaded.problems:
                print(clean(problem), file=sys.stderr)
        many = len(loaded.problems)
        raise Refused(f"{loaded.problems[0]}" + (f" (and {many - 1} more)" if many > 1 else ""))
    return loaded


def _compared(running: Mapping[str, Any] | None, path: str, loaded: Loaded) -> tuple[Any, ...]:
    old = weigh(running["text"].encode(), path) if running else take(path)[0]
    assert loaded.config is not None
    return changes(old.config or Config(), loaded.config)


def _shown(loaded: Loaded, found: Sequence[Any], running: Mapping[str, Any] | None) -> None:
    paint = painter()
    for warning in loaded.warnings:
        say(paint(DIM, clean(f"{warning} (warning)")))
    for line in shown([dataclasses.asdict(one) for one in found], paint):
        say(line)
    for row in (running or {}).get("pending") or ():
        say(paint(DIM, f"  {clean(row.get('key', ''))} waits for a restart already"))


def _written(place: Place, data: bytes) -> dict[str, Any]:
    place.put(data)
    try:
        place.keep()
    except Refused:
        place.discard()
        raise
    return {"outcome": "written", "reason": "no kioskd runs, so nobody watched it; it takes effect with the next start"}


def _followed(work: Work, options: argparse.Namespace) -> dict[str, Any]:
    """Have the work done by a process that outlives this one, and tell what it tells."""
    paint = painter()
    try:
        for step in outliving(work):
            if "outcome" in step:
                return step
            if not options.json:
                say(paint(DIM, clean(step.get("says", ""))))
    except KeyboardInterrupt:
        print(f"kioskctl: {GONE}", file=sys.stderr)
        raise
    raise CtlError(f"the process that applies it went away; {GONE}", EXIT_UNAVAILABLE)
