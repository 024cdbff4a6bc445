"""The measure of all delays: the shortest program that brings a microphone to a speaker.

``python -m benchmarks.bare SECONDS`` reads 10 ms and writes 10 ms, blocking, until the time is over; it prints a line
of JSON when it begins and one when it ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import Any, Iterator

from benchmarks.figure import ProbeFailed
from benchmarks.sound import Sound

RATE_HZ = 16_000
PERIOD_FRAMES = RATE_HZ // 100
# Silence before the loop. Without it the loop begins with underruns, and how long it takes from then on is whatever
# they have left behind (measured: 10 to 130 ms); with one period it still underruns. Two are the shortest loop that
# plays what it reads (18 to 25 ms).
PRIMED_PERIODS = 2


def main(seconds: float, microphone: str, speaker: str) -> None:
    """Loop. The output first: what the microphone gives while the output opens would stay late for ever."""
    import pyaudio

    audio = pyaudio.PyAudio()
    named = {audio.get_device_info_by_index(i)["name"]: i for i in range(audio.get_device_count())}
    form: dict[str, Any] = dict(rate=RATE_HZ, channels=1, format=pyaudio.paInt16, frames_per_buffer=PERIOD_FRAMES)
    output = audio.open(output=True, output_device_index=named[speaker], **form)
    source = audio.open(input=True, input_device_index=named[microphone], **form)
    ring, dry, periods = output.get_write_available(), 0, 0
    print(json.dumps({"ring_frames": ring}), flush=True)
    output.write(bytes(2 * PERIOD_FRAMES * PRIMED_PERIODS), PERIOD_FRAMES * PRIMED_PERIODS, False)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pcm = source.read(PERIOD_FRAMES, False)
        # Negative: PortAudio found it dry before we did.
        dry += not 0 <= output.get_write_available() < ring
        output.write(pcm, PERIOD_FRAMES, False)
        periods += 1
    print(json.dumps({"periods": periods, "underruns": int(dry)}), flush=True)


class Bare:
    """A running loop. ``ended`` waits for its end and tells what it counted."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def line(self) -> dict[str, Any]:
        """The next line it prints."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ProbeFailed("the bare loop did not run: PyAudio does not open the devices of the bench")
        said: dict[str, Any] = json.loads(line)
        return said


@contextmanager
def bare(devices: Sound, seconds: float) -> Iterator[Bare]:
    """A bare loop that runs."""
    microphone, speaker = (spec.removeprefix("alsa:") for spec in (devices.microphone, devices.speaker))
    command = [sys.executable, "-m", "benchmarks.bare", str(seconds), microphone, speaker]
    process = subprocess.Popen(
        command, env={**os.environ, **devices.env}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        running = Bare(process)
        running.line()
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(5)
        if process.stdout is not None:
            process.stdout.close()


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2], sys.argv[3])
