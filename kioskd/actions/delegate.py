"""Has a program run outside the daemon's sandbox, by ``kioskd-tool@.service``, each time in a sandbox of its own.

The daemon may start nothing outside of its own sandbox, and should not. It says over a unix socket which tool's program
it wants, with the arguments of the call; what runs there (``runner``) believes the root-owned configuration only. One
line of JSON each way. Closing the connection ends the program.
"""

from __future__ import annotations

import json
import os
import socket
import time
from typing import Callable, Mapping

from kioskd.actions.outcome import Outcome, failed
from kioskd.config.action import ProgramAction
from kioskd.core.words import CallKey

# Set by kioskd.service; without systemd there is none, and programs run beside the daemon (program.py).
ENVIRONMENT = "KIOSKD_TOOL_SOCKET"
# Python and the configuration are loaded for each call: a third of a second on a PC, a few on a slow board. Guess.
START_S = 10.0
LOOK_S = 0.2  # how often the end of kioskd is looked for
MOST_BYTES = 64 * 1024  # of a request or an answer; what a program writes has been cut long before
UNKNOWN = "whether it was done is not known"


class Delegate:
    """One command. Any thread; ``run`` blocks up to ``timeout_s`` and START_S.

    Args:
        name: the tool's name.
        action: what is run, as whom, how long.
        stopping: whether kioskd ends.
        path: of the socket.
    """

    def __init__(self, name: str, action: ProgramAction, stopping: Callable[[], bool], path: str) -> None:
        self._name, self._action = name, action
        self._stopping, self._path = stopping, path

    def run(self, key: CallKey, arguments: Mapping[str, object]) -> Outcome:
        """Have it run once."""
        wanted = {"tool": self._name, "command": list(self._action.command), "arguments": dict(arguments)}
        line = json.dumps(wanted).encode() + b"\n"
        if len(line) > MOST_BYTES:
            return failed(f"{self._name}: the arguments are too long.")
        with socket.socket(socket.AF_UNIX) as runner:
            runner.settimeout(LOOK_S)
            try:
                runner.connect(self._path)
            except OSError as error:
                why = error.strerror or "it does not answer"
                return failed(f"{self._name} cannot be run: {self._path}: {why}; systemctl start kioskd-tool.socket")
            try:
                runner.sendall(line)
                return self._answer(runner)
            except OSError as error:
                return failed(f"{self._name}: kioskd-tool went away ({error.strerror or error}); {UNKNOWN}.")

    def _answer(self, runner: socket.socket) -> Outcome:
        deadline = time.monotonic() + self._action.timeout_s + START_S
        data = b""
        while not data.endswith(b"\n") and len(data) <= MOST_BYTES:
            if self._stopping():
                return failed(f"{self._name}: it was killed, because kioskd is ending; {UNKNOWN}.")
            if time.monotonic() >= deadline:
                return failed(f"{self._name}: kioskd-tool did not answer in time; {UNKNOWN}.")
            try:
                more = runner.recv(65536)
            except TimeoutError:
                continue
            if not more:
                break
            data += more
        return understood(data) or failed(f"{self._name}: kioskd-tool ended without an answer; {UNKNOWN}.")


def understood(data: bytes) -> Outcome | None:
    """The outcome in an answer; None: it is none."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    texts = [said.get(name) for name in ("result", "say", "reason")]
    if not isinstance(said.get("ok"), bool) or not all(isinstance(text, str) for text in texts):
        return None
    return Outcome(said["ok"], *map(str, texts))


def runner_socket(env: Mapping[str, str] = os.environ) -> str:
    """Where the runner is reached; empty: programs run beside the daemon."""
    return env.get(ENVIRONMENT, "")
