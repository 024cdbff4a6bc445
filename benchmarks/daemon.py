"""The daemon as a process: started as systemd starts it, watched through /proc and its control socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Mapping

import yaml

from benchmarks.figure import ProbeFailed
from benchmarks.sound import Sound

START_S = 20.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def configuration(folder: Path, url: str, sound: Sound) -> dict[str, Any]:
    """A kiosk in voice mode on simulated pins."""
    return {
        "kiosk": {"name": "bench"},
        "service": [{"dialect": "local", "url": url}],
        "talk": {"mode": "voice"},
        "audio": {"input": sound.microphone, "output": sound.speaker},
        "panel": {
            "pins": "simulated",
            "talk": {"pin": "GPIO17"},
            "lamp": {"red": "GPIO22", "green": "GPIO23", "blue": "GPIO24"},
        },
        "tools": [
            {
                "name": "read_temperature",
                "description": "Read the temperature in the lobby.",
                "phrases": ["how warm is it", "what is the temperature"],
                "class": "read",
                "action": {"sensor": {"file": str(folder / "temperature"), "scale": 0.001, "unit": "degrees"}},
                "policy": {"allow": True, "rate": {"count": 100, "per_s": 60}},
            }
        ],
        "ops": {"state_dir": str(folder / "state"), "runtime_dir": str(folder / "run")},
    }


class Daemon:
    """A running ``kioskd run``.

    Attributes:
        ready_s: from just before the process was made to READY=1 on its notify socket.
    """

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self._folder, self._process, self.ready_s = folder, process, 0.0

    # -- what the kernel says ----------------------------------------------------------------------

    def _proc(self, name: str) -> str:
        if self._process.poll() is not None:
            raise ProbeFailed(f"the daemon ended with status {self._process.returncode}: {last_words(self._folder)}")
        return Path(f"/proc/{self._process.pid}/{name}").read_text()

    def cpu_s(self) -> float:
        """User and system time of all its threads so far (proc(5): fields 14 and 15 of stat)."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    @property
    def folder(self) -> Path:
        """Where its configuration, its sockets (``run``) and its log are."""
        return self._folder

    def memory_mb(self) -> dict[str, float]:
        """Rss, Pss and what is its own alone, in MB of 2**20 bytes."""
        kb: dict[str, int] = {}
        for line in self._proc("smaps_rollup").splitlines()[1:]:
            name, value = line.split()[:2]
            kb[name.rstrip(":")] = int(value)
        own = kb["Private_Clean"] + kb["Private_Dirty"]
        values = {"pss": kb["Pss"], "rss": kb["Rss"], "private": own, "anonymous": kb["Anonymous"]}
        return {name: round(value / 1024, 2) for name, value in values.items()}

    def wakeups(self) -> int:
        """How often the main thread, which is the event loop's, has gone to sleep so far."""
        for line in self._proc("status").splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                return int(line.split()[1])
        raise ProbeFailed("the kernel does not count context switches")

    def threads(self) -> int:
        """How many threads it has."""
        return len(os.listdir(f"/proc/{self._process.pid}/task"))

    # -- what it says itself -----------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """The page behind ``kioskctl status --json``."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(5)
            try:
                asking.connect(str(self._folder / "run" / "look.sock"))
                asking.sendall(b'{"do": "status"}\n')
                reply: dict[str, Any] = json.loads(asking.makefile("rb").readline())
            except (OSError, ValueError) as error:
                raise ProbeFailed(f"the daemon does not answer: {error}; {last_words(self._folder)}") from error
        page: dict[str, Any] = reply.get("status", reply)
        return page

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not hear it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)


@contextmanager
def daemon(url: str, sound: Sound, audio: Mapping[str, object] = {}, **talk: object) -> Iterator[Daemon]:
    """A daemon that is READY; the folder with its log and ledger goes with it.

    Args:
        audio: keys of the section of that name.
        talk: keys of the section of that name.

    Raises:
        ProbeFailed: it did not become ready.
    """
    with tempfile.TemporaryDirectory(prefix="kioskd-bench-") as name:
        folder = Path(name)
        (folder / "temperature").write_text("21500\n")
        tree = configuration(folder, url, sound)
        tree["talk"].update(talk)
        tree["audio"].update(audio)
        (folder / "kioskd.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
        manager = Manager(folder)
        try:
            running = start(folder, manager, sound.env)
            try:
                yield running
            finally:
                running.stop()
        finally:
            manager.close()


def start(folder: Path, manager: Manager, env: Mapping[str, str]) -> Daemon:
    """Start the daemon on ``kioskd.yaml`` in ``folder`` and wait for READY=1."""
    env = {**os.environ, **env, "NOTIFY_SOCKET": manager.address}
    command = [sys.executable, "-m", "kioskd.cli", "run", "-c", str(folder / "kioskd.yaml")]
    with open(folder / "log", "wb") as log:
        began = time.monotonic()
        process = subprocess.Popen(command, env=env, stderr=log, stdout=log)
    running = Daemon(folder, process)
    while time.monotonic() < began + START_S and process.poll() is None:
        if manager.ready.wait(0.2):
            running.ready_s = manager.ready_at - began
            return running
    running.stop()
    raise ProbeFailed(f"the daemon was not ready within {START_S:g} s, or ended: {last_words(folder)}")


class Manager:
    """systemd's end of sd_notify(3): a datagram socket that is read as long as the daemon lives.

    Attributes:
        ready_at: monotonic seconds at which READY=1 came.
    """

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self.ready = threading.Event()
        self.ready_at = 0.0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._thread = threading.Thread(target=self._run, name="bench-notify", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while told := self._socket.recv(4096):
            if b"READY=1" in told.split(b"\n") and not self.ready.is_set():
                self.ready_at = time.monotonic()
                self.ready.set()

    def close(self) -> None:
        """Listen no more."""
        # An empty datagram ends the thread.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self.address)
        self._thread.join(5)
        self._socket.close()


def last_words(folder: Path) -> str:
    """The end of its log, on one line."""
    try:
        lines = (folder / "log").read_text(errors="replace").strip().splitlines()
    except OSError:
        return "it left no log"
    return " | ".join(lines[-3:]) or "it said nothing"
