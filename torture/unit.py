"""systemd's part in systemd/kioskd.service, played for one daemon on the chips of torture/wires.py: READY, the
watchdog, the end, and ExecStopPost after it. There is no systemd where the tests run; the numbers come from the unit.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Mapping

import yaml

from torture.wires import Wires

ROOT = Path(__file__).resolve().parent.parent
UNIT = ROOT / "systemd" / "kioskd.service"
PATIENCE_S = 20.0
DOOR, LOW_DOOR, TALK = 27, 5, 17
UNIT_SETTLE_S = 0.5  # the least that can be configured


def seconds(key: str, unit: str | None = None) -> float:
    """A time span of the unit; plain numbers are seconds (systemd.time(7))."""
    found = re.search(rf"^{key}=(\d+)(ms|s)?$", unit if unit is not None else UNIT.read_text(), re.MULTILINE)
    if found is None:
        raise LookupError(f"the unit says nothing of {key}")
    return int(found[1]) / (1000 if found[2] == "ms" else 1)


def configuration(folder: Path, url: str, pulse_ms: int) -> dict[str, Any]:
    """A kiosk with two relays, one of each polarity, and a door that wants a hand."""

    def relay(name: str, pin: str, active: str, **more: object) -> dict[str, Any]:
        action = {"relay": {"pin": pin, "active": active, "pulse_ms": pulse_ms, "min_gap_s": pulse_ms / 1000}}
        policy = {"allow": True, "rate": {"count": 1000, "per_s": 60}}
        tool = {"name": name, "description": name, "class": "actuate", "action": action, "policy": policy}
        return {**tool, **more}

    return {
        "kiosk": {"settle_s": UNIT_SETTLE_S},
        "service": [{"dialect": "local", "url": url}],
        "talk": {"mode": "push_to_talk"},
        "audio": {"input": "null", "output": "null"},
        "panel": {"pins": "gpio", "talk": {"pin": f"GPIO{TALK}"}},
        "tools": [relay("ring", f"GPIO{DOOR}", "high"), relay("low_ring", f"GPIO{LOW_DOOR}", "low")],
        "ops": {"state_dir": str(folder / "state"), "runtime_dir": str(folder / "run")},
    }


class Unit:
    """One run of the unit.

    Args:
        url: of the service.
        fault: see torture/onwires.py.
        pulse_ms: of both relays.
        after: what a released line does, see torture/wires.py.
        watchdog_s: WatchdogSec; None: that of the unit.
        sections: more keys of the configuration, by section.
        state: where the ledger lies; None: beside everything else.

    Attributes:
        wires: the chip.
        began_at, ready_at, ended_at, safe_at: monotonic seconds: start, READY=1, the process gone, ExecStopPost done.
        code: how the process ended.
        said: what ExecStopPost said.
    """

    def __init__(
        self,
        url: str,
        fault: str = "",
        pulse_ms: int = 30_000,
        after: str = "keeps",
        watchdog_s: float | None = None,
        sections: Mapping[str, Any] = {},
        base: str | None = None,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="kioskd-", dir=base)
        self.folder = Path(self._temporary.name)
        self.wires = Wires.make(self.folder / "gpiochip0", after=after)
        tree = configuration(self.folder, url, pulse_ms)
        for section, keys in sections.items():
            tree[section] = keys if isinstance(keys, list) else {**tree.get(section, {}), **keys}
        (self.folder / "kioskd.yaml").write_text(yaml.safe_dump(tree))
        self._fault = fault
        self.watchdog_s = seconds("WatchdogSec") if watchdog_s is None else watchdog_s
        self.abort_s = seconds("TimeoutAbortSec")
        self.ready_at = self.ended_at = self.safe_at = 0.0
        self.code: int | None = None
        self.said = ""
        self.ready, self.over = threading.Event(), threading.Event()
        self._fed_at = 0.0

    def __enter__(self) -> Unit:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.folder / "notify"))
        env = {**os.environ, "NOTIFY_SOCKET": str(self.folder / "notify"), "LG_WD": str(self.folder)}
        env["WATCHDOG_USEC"] = str(round(self.watchdog_s * 1e6))
        command = [*self.command("run"), "-c", str(self.folder / "kioskd.yaml")]
        with open(self.folder / "log", "wb") as log:
            self.began_at = time.monotonic()
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
        resource.prlimit(self.process.pid, resource.RLIMIT_CORE, (0, 0))  # LimitCORE=0
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._hear, self._wait, self._watch)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.over.wait(PATIENCE_S)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", str(self.folder / "notify"))  # ends the thread that reads it
        for thread in self._threads:
            thread.join(PATIENCE_S)
        self._socket.close()
        self._temporary.cleanup()

    def command(self, *words: str) -> list[str]:
        """A command of kioskd, on this chip."""
        chip = str(self.wires.folder)
        if words[0] == "run" and self._fault:
            chip = f"{chip},{self._fault}"
        return [sys.executable, "-m", "torture.onwires", chip, *words]

    def signal(self, number: signal.Signals) -> float:
        """Send it; when."""
        at = time.monotonic()
        self.process.send_signal(number)
        return at

    def await_ready(self) -> None:
        """Until READY=1.

        Raises:
            RuntimeError: it ended first, or took too long; with its last words.
        """
        if not self.ready.wait(PATIENCE_S):
            raise RuntimeError(f"not ready: {self.log()}")

    def await_over(self) -> None:
        """Until ExecStopPost is done."""
        if not self.over.wait(PATIENCE_S):
            raise RuntimeError(f"it does not end: {self.log()}")

    def log(self) -> str:
        """What the daemon said."""
        return (self.folder / "log").read_text(errors="replace")

    def _hear(self) -> None:
        while told := self._socket.recv(4096):
            lines = told.split(b"\n")
            if b"READY=1" in lines:
                self.ready_at = self._fed_at = time.monotonic()
                self.ready.set()
            if b"WATCHDOG=1" in lines:
                self._fed_at = time.monotonic()

    def _wait(self) -> None:
        self.code = self.process.wait()
        self.ended_at = time.monotonic()
        facts = str(self.folder / "run" / "lines.json")
        done = subprocess.run(self.command("safe", facts), cwd=ROOT, capture_output=True, text=True, timeout=60)
        self.safe_at = time.monotonic()
        self.said = done.stderr
        self.over.set()

    def _watch(self) -> None:
        while not self.ready.wait(0.1):
            if self.over.is_set():
                return
        while (left_s := self._fed_at + self.watchdog_s - time.monotonic()) > 0:
            if self.over.wait(left_s):
                return
        self.process.send_signal(signal.SIGABRT)
        if not self.over.wait(self.abort_s) and self.process.poll() is None:
            self.process.kill()
