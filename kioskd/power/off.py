"""Switches the machine off, once: when everything is closed, and at the latest when the time for that is over."""

from __future__ import annotations

import logging
import os
import threading
from typing import Callable, Sequence

log = logging.getLogger(__name__)

# logind does it, and asks polkit whether kioskd may (packaging/60-kioskd-power.rules). "-i": a session that somebody
# forgot to close must not keep a car's battery from its rest.
COMMAND = ("systemctl", "--no-ask-password", "--no-wall", "-i", "poweroff")
# logind answers as soon as it has begun; more is a bus that hangs.
LONGEST_S = 5.0
THREAD = "kioskd-off"
# What systemctl says (in English, see below) when its answer never came because the bus has ended: the power-off had
# begun, and ended the bus first. Seen on Debian 13. Where something else ended the bus, systemd starts the kiosk again.
CUT_OFF = ("Connection reset by peer", "Remote peer disconnected", "Connection terminated", "without replying")

# Runs a program by its argument vector; "" when it did it, else a sentence.
Run = Callable[[Sequence[str]], str]


def run(command: Sequence[str]) -> str:
    """Run it, at most ``LONGEST_S``. Blocks."""
    import subprocess  # once in the life of a process, if at all

    try:
        ended = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LONGEST_S,
            env={**os.environ, "LC_ALL": "C"},
        )
    except FileNotFoundError:
        return f"{command[0]} is not installed"
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not answer within {LONGEST_S:g} s"
    except OSError as error:
        return f"{command[0]} cannot be run: {error.strerror}"
    if ended.returncode == 0:
        return ""
    said = " ".join(ended.stdout.decode("utf-8", "replace").split())[:200]
    if any(words in said for words in CUT_OFF):
        log.warning("power: %s was asked, and its answer was cut off: the machine goes off (%s)", command[0], said)
        return ""
    return f"{command[0]} refused ({said or f'exit status {ended.returncode}'})"


class SwitchOff:
    """Any thread.

    Args:
        run: runs the program.
        command: its argument vector.

    Attributes:
        problem: why the machine could not be switched off, a sentence; empty while nothing is known to be wrong.
        tried: how often it was.
    """

    def __init__(self, run: Run = run, command: Sequence[str] = COMMAND) -> None:
        self._run, self._command = run, command
        self._closed, self._lock = threading.Event(), threading.Lock()
        self.problem = ""
        self.tried = 0

    def missing(self) -> str:
        """Why this machine cannot do it at all, a sentence; empty when the program is there."""
        from shutil import which  # once, and only where there is a power line

        if which(self._command[0]) is not None:
            return ""
        return f"{self._command[0]} is not installed, so nothing can switch this machine off; see power.command"

    def at_the_latest(self, within_s: float) -> None:
        """Have it done after so long by a thread of its own, whatever hangs; sooner by ``now``."""
        try:
            threading.Thread(target=self._wait, args=(within_s,), name=THREAD, daemon=True).start()
        except RuntimeError as error:
            log.error("nothing bounds how long the end takes before the machine is switched off: %s", error)

    def _wait(self, within_s: float) -> None:
        if not self._closed.wait(within_s):
            log.error("not everything was closed within %g s; switching off all the same", within_s)
            self.now()

    def now(self) -> str:
        """Do it, once; the problem. Blocks."""
        with self._lock:
            self._closed.set()
            if self.tried:
                return self.problem
            self.tried += 1
            self.problem = self._run(self._command)
        if self.problem:
            log.critical("the machine could not be switched off: %s", self.problem)
        return self.problem
