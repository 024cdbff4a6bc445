"""The tester's line to the agent in the guest: JSON objects over a virtio port, which QEMU has as a unix socket."""

from __future__ import annotations

import base64
import itertools
import json
import socket
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from appliance.host import ApplianceError

CONNECT_S = 10.0
# What we wait for an answer, against what the guest may take by its own clock: that one stands still while this machine
# does something else.
SLACK = 5.0


class Done(NamedTuple):
    """How a command in the guest ended."""

    code: int
    out: str
    err: str


class Channel:
    """Commands and files. Any thread; several may wait at once.

    Args:
        path: QEMU's end of the port.
        scale: how much slower than a usual machine the guest is; all patience is multiplied by it.
    """

    def __init__(self, path: Path, scale: float) -> None:
        self.scale = scale
        self._numbers = itertools.count(1)
        self._answers: dict[int, dict[str, Any]] = {}
        self._news = threading.Condition()
        self._sending = threading.Lock()
        self._gone = ""
        self._socket = self._connect(path)
        threading.Thread(target=self._read, name="appliance-channel", daemon=True).start()

    def _connect(self, path: Path) -> socket.socket:
        until = time.monotonic() + CONNECT_S
        while True:
            line = socket.socket(socket.AF_UNIX)
            try:
                line.connect(str(path))
                return line
            except OSError as error:
                line.close()
                if time.monotonic() > until:
                    raise ApplianceError(f"QEMU does not answer at {path}: {error}") from error
                time.sleep(0.1)

    def _read(self) -> None:
        waiting = b""
        while True:
            try:
                got = self._socket.recv(1 << 16)
            except OSError as error:
                got, self._gone = b"", str(error)
            if not got:
                with self._news:
                    self._gone = self._gone or "the machine is gone"
                    self._news.notify_all()
                return
            *lines, waiting = (waiting + got).split(b"\n")
            with self._news:
                for line in filter(None, lines):
                    answer = json.loads(line)
                    self._answers[answer["id"]] = answer
                self._news.notify_all()

    def _ask(self, what: dict[str, Any], seconds: float) -> dict[str, Any]:
        number = next(self._numbers)
        try:
            with self._sending:
                self._socket.sendall(json.dumps({"id": number, **what}).encode() + b"\n")
        except OSError as error:
            raise ApplianceError(f"the channel to the guest is shut: {error}") from error
        with self._news:
            if not self._news.wait_for(lambda: number in self._answers or self._gone, seconds):
                raise ApplianceError(f"the guest did not answer within {seconds:.0f} s: {str(what)[:200]}")
            if number not in self._answers:
                raise ApplianceError(f"the channel to the guest is shut: {self._gone}")
            return self._answers.pop(number)

    def run(self, *argv: str, seconds: float = 20.0, input: str = "") -> Done:
        """A command; ``seconds`` are those of a usual machine.

        Raises:
            ApplianceError: the guest does not answer.
        """
        patience = seconds * self.scale
        said = self._ask({"argv": list(argv), "timeout_s": patience, "input": input}, (patience + 10) * SLACK)
        return Done(said["code"], said["out"], said["err"])

    def must(self, *argv: str, seconds: float = 20.0, input: str = "") -> str:
        """What a command prints.

        Raises:
            ApplianceError: it failed.
        """
        done = self.run(*argv, seconds=seconds, input=input)
        if done.code:
            raise ApplianceError(f"in the guest, {' '.join(argv)} ended with {done.code}: {done.err or done.out}")
        return done.out

    def shell(self, script: str, seconds: float = 20.0) -> str:
        """What a line of shell prints; raises as ``must``."""
        return self.must("sh", "-c", script, seconds=seconds)

    def read(self, path: str) -> bytes:
        """A file of the guest; raises as ``must``."""
        said = self._ask({"read": path}, 60 * self.scale)
        if "data" not in said:
            raise ApplianceError(f"in the guest, {path} cannot be read: {said.get('err')}")
        return base64.b64decode(said["data"])

    def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """A file for the guest; raises as ``must``."""
        said = self._ask({"write": path, "data": base64.b64encode(data).decode(), "mode": mode}, 60 * self.scale)
        if said.get("code"):
            raise ApplianceError(f"in the guest, {path} cannot be written: {said.get('err')}")

    def look(self, what: str) -> tuple[float, dict[str, Any] | None]:
        """What the kiosk answers at look.sock, and when (the guest's CLOCK_MONOTONIC); None: no kiosk answers."""
        said = self._ask({"look": what}, 30 * self.scale)
        if "at" not in said:
            raise ApplianceError(f"the agent cannot ask the kiosk: {said.get('err')}")
        return said["at"], said["said"]

    def awake(self, seconds: float) -> None:
        """Wait until the agent answers: the machine has come up as far as that.

        Raises:
            ApplianceError: it has not.
        """
        # What is written before the guest has opened the port waits in it.
        self._ask({"argv": ["true"], "timeout_s": 60}, seconds * self.scale)

    def reborn(self, seconds: float) -> None:
        """As ``awake``, after a reset: asked again and again, because what the old boot had not read is lost.

        Raises:
            ApplianceError: the machine has not come up.
        """
        ends = time.monotonic() + seconds * self.scale
        while True:
            try:
                self._ask({"argv": ["true"], "timeout_s": 60}, 5.0)
                return
            except ApplianceError:
                if time.monotonic() > ends or self._gone:
                    raise

    def until(self, what: str, script: str, seconds: float, every_s: float = 0.2) -> str:
        """Run a shell condition in the guest until it holds; what it printed then.

        The guest itself looks and sleeps: asked again and again from outside it would be kept so busy by the asking
        that its clock, which counts its work, hardly moved.

        Raises:
            ApplianceError: it never did; ``what`` says what was awaited.
        """
        patience = seconds * self.scale
        loop = f"until {{ {script}; }}; do n=$((n-1)); [ $n -gt 0 ] || exit 1; sleep {every_s}; done"
        done = self.run("sh", "-c", f"n={int(patience / every_s)}; {loop}", seconds=seconds * SLACK)
        if done.code:
            raise ApplianceError(f"not within {patience:.0f} s: {what} ({done.err or done.out})")
        return done.out

    def close(self) -> None:
        """Nobody listens any more."""
        self._socket.close()
