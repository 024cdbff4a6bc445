"""Listens at the two ends of the bench: what the microphone heard and what the speaker played, each with its time.

Both ends are tapped in the same way, for a daemon and for a bare loop, so that what a tap adds falls out.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import Iterator

from benchmarks.figure import ProbeFailed
from benchmarks.sound import Sound

MICROPHONE, SPEAKER = "visitor.monitor", "speaker.monitor"
MICROPHONE_HZ, SPEAKER_HZ = 16_000, 48_000
# What a tap asks of the server: a period, as the daemon's own streams do. It sets the server's beat.
LATENCY_MS = 10
SETTLE_READS = 20
SETTLE_S = 5.0


class Tap:
    """A recording with a clock. The server keeps time by CLOCK_MONOTONIC, as this does.

    A sample's time is counted from the start; the start is taken from the read that came with the least delay.
    """

    def __init__(self, devices: Sound, source: str, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._pieces: list[bytes] = []
        self._frames = self._reads = 0
        self._began = float("inf")
        command = ["parec", "-s", devices.server, "-d", source, "--raw", "--format=s16le", "--channels=1"]
        command += [f"--rate={rate_hz}", f"--latency-msec={LATENCY_MS}"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0)
        self._thread = threading.Thread(target=self._run, name=f"bench-{source}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        assert self._process.stdout is not None
        source = self._process.stdout.fileno()
        while piece := os.read(source, 65536):
            now = time.monotonic()
            self._pieces.append(piece)
            self._frames += len(piece) // 2
            self._reads += 1
            if self._reads > SETTLE_READS:
                self._began = min(self._began, now - self._frames / self._rate_hz)

    def settled(self) -> bool:
        """Whether it runs and its clock is set."""
        return self._began < float("inf")

    def close(self) -> None:
        """End the recording."""
        self._process.kill()
        self._process.wait(5)
        self._thread.join(5)
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def rate_hz(self) -> int:
        """Frames a second."""
        return self._rate_hz

    @property
    def pcm(self) -> bytes:
        """All of it, S16_LE mono."""
        whole = b"".join(self._pieces)
        return whole[: len(whole) // 2 * 2]

    def at(self, frame: int) -> float:
        """When that frame was there, monotonic seconds."""
        return self._began + frame / self._rate_hz

    def frame(self, at: float) -> int:
        """The other way round, within the recording."""
        return max(0, min(self._frames, round((at - self._began) * self._rate_hz)))


@contextmanager
def taps(devices: Sound) -> Iterator[tuple[Tap, Tap]]:
    """Microphone and speaker, tapped while the ``with`` lasts; the recordings stay.

    Raises:
        ProbeFailed: there is no sound server, or it gives nothing.
    """
    if not devices.real:
        raise ProbeFailed(devices.why)
    both = Tap(devices, MICROPHONE, MICROPHONE_HZ), Tap(devices, SPEAKER, SPEAKER_HZ)
    try:
        until = time.monotonic() + SETTLE_S
        while not all(tap.settled() for tap in both):
            if time.monotonic() > until:
                raise ProbeFailed("the sound server gives nothing to listen to")
            time.sleep(0.02)
        yield both
    finally:
        for tap in both:
            tap.close()
