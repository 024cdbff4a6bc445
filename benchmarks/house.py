"""A kiosk whose steps are stamped: ``python -m benchmarks.house CONFIG`` is ``kioskd run`` that keeps a diary.

It obeys one command a line from standard input and answers each with one line of JSON; it ends with its standard
input. ``diary``: the events since the last time. ``lag``: how late its loop was since the last time. ``press`` and
``release``: its talk button.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Iterator, Mapping

import yaml

from benchmarks.daemon import configuration, last_words
from benchmarks.figure import ProbeFailed
from benchmarks.sound import Sound
from kioskd.app import House
from kioskd.boot import Source
from kioskd.config.loader import load
from kioskd.core.events import Event, GateStirred, Pressed
from kioskd.core.machine import phase
from kioskd.lanes import Chunk

KEPT_CHUNKS = 100
TICK_S = 0.002


class Diary(House):
    """A house that writes down what its machine hears, and when."""

    def watch(self) -> None:
        """Begin."""
        self.rows: list[dict[str, object]] = []
        self.lags: list[float] = []
        self._chunks: deque[Chunk] = deque(maxlen=KEPT_CHUNKS)
        self.capture.add_tap("raw", self._chunks.append)
        self._due = self.loop.time() + TICK_S
        self.loop.call_at(self._due, self._tick)

    def _tick(self) -> None:
        now = self.loop.time()
        self.lags.append((now - self._due) * 1000)
        self._due = now + TICK_S
        self.loop.call_at(self._due, self._tick)

    def _deliver(self, event: Event) -> None:
        super()._deliver(event)
        if hasattr(self, "rows"):
            row: dict[str, object] = {"kind": type(event).__name__, "now": time.monotonic()}
            if isinstance(event, GateStirred):
                # With a canceller in the way the chunk that stirred the detector has another one behind it.
                near = min(self._chunks.copy(), key=lambda chunk: abs(chunk.at - event.at), default=None)
                row["pcm"] = "" if near is None else near.pcm.hex()
                row["behind_s"] = 0.0 if near is None else event.at - near.at
            if isinstance(event, Pressed):
                row |= {"at": event.at, "phase": phase(self.machine.state).value}
            self.rows.append(row)

    def obey(self, line: bytes) -> dict[str, object]:
        """One command."""
        do = json.loads(line)["do"]
        if do in ("press", "release") and self.panel is not None:
            (self.panel.press if do == "press" else self.panel.release)("talk")
            return {}
        if do == "lag":
            lags, self.lags = self.lags, []
            return {"lag_ms": lags}
        rows, self.rows = self.rows, []
        return {"rows": rows, "page": self.page()}

    def page(self) -> dict[str, object]:
        """What playback counts."""
        return self.playback.progress()._asdict() | {"state": ""}


async def main(path: str) -> None:
    """Live until standard input ends."""
    loaded = load(path)
    if loaded.config is None:
        raise SystemExit("; ".join(map(str, loaded.problems)))
    for folder in (loaded.config.ops.state_dir, loaded.config.ops.runtime_dir):
        os.makedirs(folder, exist_ok=True)
    house = Diary(loaded.config, Source(path, ()), time.monotonic(), set())
    lines = asyncio.StreamReader()
    await house.loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    try:
        await house.open()
        house.watch()
        print(json.dumps({"open": True}), flush=True)
        while line := await lines.readline():
            print(json.dumps(house.obey(line)), flush=True)
    finally:
        await house.close()


class Kiosk:
    """The other end of ``main``."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self._folder, self._process = folder, process

    def ask(self, do: str) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        pipe = self._pipe(self._process.stdin)
        pipe.write(json.dumps({"do": do}).encode() + b"\n")
        pipe.flush()
        return self.reply()

    def reply(self) -> dict[str, Any]:
        """A line from it."""
        line = self._pipe(self._process.stdout).readline()
        if not line:
            raise ProbeFailed(f"the kiosk of the bench ended: {last_words(self._folder)}")
        said: dict[str, Any] = json.loads(line)
        return said

    def events(self, kind: str, within_s: float) -> list[dict[str, Any]]:
        """The diary until an event of that kind stands in it, or the time is over."""
        rows: list[dict[str, Any]] = []
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            rows += self.ask("diary")["rows"]
            if any(row["kind"] == kind for row in rows):
                break
            time.sleep(0.02)
        return rows

    def close(self) -> None:
        """End it in order."""
        self._pipe(self._process.stdin).close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        self._pipe(self._process.stdout).close()

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise ProbeFailed("the kiosk of the bench has no pipe")
        return pipe


@contextmanager
def kiosk(url: str, devices: Sound, sections: Mapping[str, Mapping[str, object]]) -> Iterator[Kiosk]:
    """A kiosk with a diary, which is open.

    Args:
        sections: keys of the configuration, by section.
    """
    with tempfile.TemporaryDirectory(prefix="kioskd-bench-") as name:
        folder = Path(name)
        (folder / "temperature").write_text("21500\n")
        tree = configuration(folder, url, devices)
        for section, keys in sections.items():
            tree[section].update(keys)
        (folder / "kioskd.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
        command = [sys.executable, "-m", "benchmarks.house", str(folder / "kioskd.yaml")]
        env = {**os.environ, **devices.env}
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        running = Kiosk(folder, process)
        try:
            running.reply()
            yield running
        finally:
            running.close()


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    asyncio.run(main(sys.argv[1]))
