"""Runs a program of this device: an argument vector, no shell, and an end that the program does not choose.

It gets a process group of its own; when its time is over, or it has ended and left something behind, the whole group is
killed. Of what it writes a bounded part is kept, and the rest is read and dropped, so that it never waits for us.
"""

from __future__ import annotations

import json
import logging
import os
import pwd
import selectors
import signal
import subprocess
import time
from typing import Callable, Mapping

from kioskd.actions.outcome import Outcome, failed
from kioskd.actions.request import told
from kioskd.actions.summons import LONGEST_SAY, line
from kioskd.config.action import ProgramAction
from kioskd.core.template import Unfilled, command
from kioskd.core.words import CallKey

log = logging.getLogger(__name__)

# It gets none of our environment: no credential's folder, no socket of systemd.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
# From util-linux: changes the user, and takes every privilege that we may have away before the program begins.
SETPRIV = "/usr/bin/setpriv"
# Bits of CapEff in /proc/self/status: CAP_KILL, CAP_SETGID, CAP_SETUID (capability.h).
_NEEDED = 1 << 5 | 1 << 6 | 1 << 7
GRACE_S = 0.5  # between asking a program to end and killing it
DRAIN_S = 0.2  # for what it wrote last
LOOK_S = 0.2  # how often the end of kioskd is looked for


class Program:
    """One command. Any thread; ``run`` blocks up to ``timeout_s`` and GRACE_S.

    Args:
        name: the tool's name.
        action: what is run, as whom, how long.
        stopping: whether kioskd ends.

    Raises:
        ValueError: it cannot be run as that user.
    """

    def __init__(self, name: str, action: ProgramAction, stopping: Callable[[], bool]) -> None:
        if action.user is not None and not may_change_user():
            raise ValueError(
                f"kioskd may not become {action.user}: run it under systemd, where kioskd-tool@.service does "
                "that (docs/units.md), or take user: out"
            )
        self._name = name
        self._action = action
        self._stopping = stopping

    def run(self, key: CallKey, arguments: Mapping[str, object]) -> Outcome:
        """Run it once."""
        try:
            items = command(self._action.command, arguments)
        except Unfilled as unfilled:
            return failed(f"{self._name}: {unfilled}.")
        try:
            process = subprocess.Popen(
                [*_as_user(self._action.user), *items],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=ENVIRONMENT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            # Without the arguments: the model's words do not belong into the journal.
            why = getattr(error, "strerror", None) or type(error).__name__
            return failed(f"{self._name} cannot be run: {why} ({self._action.command[0]}).")
        try:
            return self._ended(*self._watch(process))
        except ValueError as error:
            return failed(f"{self._name} was killed, because it cannot be watched: {error}.")

    def _watch(self, process: subprocess.Popen[bytes]) -> tuple[int, bytes, str]:
        """Exit status, output, and why it was killed (empty: it ended by itself)."""
        deadline = time.monotonic() + self._action.timeout_s
        output = Output(process, self._action.most_kb * 1024)
        killed = ""
        try:
            while not output.ended(min(LOOK_S, max(0.0, deadline - time.monotonic()))):
                if time.monotonic() >= deadline:
                    killed = f"it was killed after {self._action.timeout_s:g} s"
                elif self._stopping():
                    killed = "it was killed, because kioskd is ending"
                if killed:
                    _signal(process, signal.SIGTERM)
                    output.ended(GRACE_S)
                    break
            else:
                output.drain(DRAIN_S)
        finally:
            # Also what it started and left behind. The group's number cannot be another's yet: its leader has not been
            # waited for.
            _signal(process, signal.SIGKILL)
            output.close()
            status = process.wait()
        return status, output.kept, killed

    def _ended(self, status: int, output: bytes, killed: str) -> Outcome:
        text = output.decode("utf-8", "replace").strip()
        if killed:
            return failed(f"{self._name}: {killed}; whether it was done is not known.")
        if status != 0:
            how = f"signal {-status}" if status < 0 else f"exit status {status}"
            last = line(text.rsplit("\n", 1)[-1], LONGEST_SAY)
            reason = f"{self._name} ended with {how}: {last}" if last else f"{self._name} ended with {how}."
            return Outcome(False, told({"exit": status}, "output", text), "", reason)
        answer: object = text
        try:
            answer = json.loads(text) if text.startswith("{") else text
        except (ValueError, RecursionError):
            pass  # it is text that begins with a brace
        say = line(answer.get("say"), LONGEST_SAY) if isinstance(answer, dict) else ""
        return Outcome(True, told({"exit": 0}, "output", answer), say)


class Output:
    """What a process writes, and whether it has ended, without waiting for it (pidfd_open(2)).

    Attributes:
        kept: the first bytes of it.
    """

    def __init__(self, process: subprocess.Popen[bytes], most_bytes: int) -> None:
        assert process.stdout is not None
        self._pipe = process.stdout
        self._most = most_bytes
        self._pid = -1
        try:
            self._pid = os.pidfd_open(process.pid)
        except OSError as error:
            # Nobody could see it end: it is not left to itself.
            _signal(process, signal.SIGKILL)
            process.wait()
            self._pipe.close()
            raise ValueError(error.strerror) from error
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._pipe, selectors.EVENT_READ)
        self._ready.register(self._pid, selectors.EVENT_READ)
        self._open = True
        self.kept = b""

    def ended(self, seconds: float) -> bool:
        """Read for at most so long; whether the process has ended."""
        until = time.monotonic() + seconds
        while True:
            ready = {key.fd for key, _ in self._ready.select(max(0.0, until - time.monotonic()))}
            if self._pipe.fileno() in ready:
                self._read()
            if self._pid in ready:
                return True
            if not ready or time.monotonic() >= until:
                return False

    def drain(self, seconds: float) -> None:
        """It has ended: read what is there, and what others still write for a moment."""
        self._ready.unregister(self._pid)
        until = time.monotonic() + seconds
        while self._open and self._ready.select(max(0.0, until - time.monotonic())) and time.monotonic() < until:
            self._read()

    def close(self) -> None:
        """Idempotent."""
        self._ready.close()
        self._pipe.close()
        if self._pid >= 0:
            os.close(self._pid)
            self._pid = -1

    def _read(self) -> None:
        data = os.read(self._pipe.fileno(), 65536)
        self.kept += data[: max(0, self._most - len(self.kept))]
        if not data:
            self._open = False
            self._ready.unregister(self._pipe)


def may_change_user() -> bool:
    """Whether this process may become another user, and end what that one runs."""
    with open("/proc/self/status", encoding="ascii") as file:
        effective = next(row for row in file if row.startswith("CapEff:"))
    return int(effective.split()[1], 16) & _NEEDED == _NEEDED


def _as_user(user: str | None) -> list[str]:
    if user is None:
        return []
    rights = ["--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs"]
    try:
        group = str(pwd.getpwnam(user).pw_gid)  # nobody's is nogroup, and a group of his name may be another's
    except KeyError:
        group = user  # setpriv says that there is no such user
    return [SETPRIV, f"--reuid={user}", f"--regid={group}", "--init-groups", *rights, "--"]


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass  # nobody of it is left
    except PermissionError:
        log.error("a program that runs as another user cannot be ended (%d)", process.pid)
