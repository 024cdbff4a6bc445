"""What cancelling costs: CPU of the real audio threads on real PyAudio streams, in a process of their own; and memory
over an hour of it.

``aec_cpu_pct`` is what it takes to listen while the kiosk speaks: the process without playback (its thread, and the one
that ALSA's pulse plugin runs for its stream), but with what playback does for the canceller. ``detail`` has all of it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Mapping

from benchmarks.figure import Measured, ProbeFailed
from benchmarks.host import often
from benchmarks.sound import Sound, sound
from kioskd import sound as wing
from kioskd.config.sections import Audio, Config, Talk
from kioskd.core.words import Feed, PartState
from kioskd.lanes import UPLINK_HZ, PlaybackLane, UplinkLane

SETTLE_S = 4.0
OVER_S = float(often(25, 3))
SPEECH_S = 60.0
ANSWER_DBFS, VISITOR_DBFS, ROOM_DBFS = -20.0, -26.0, -65.0
BACK_DBFS = -23.0
# From the loudspeaker back into the microphone, as far as the sound server can keep to it.
ECHO_MS = 30
HOUR_BLOCKS = often(60, 1) * 60 * 100
# The allocator has what it needs after so much of it.
WARM_BLOCKS = HOUR_BLOCKS // 6
PAGE = 4096


# -- the process that is measured ------------------------------------------------------------------------


def threads(devices: Mapping[str, str], answer: bytes) -> dict[str, object]:
    """Capture with cancelling, gate and neural confirmation, and playback, as ``kioskd run`` has them; no link.

    Args:
        answer: S16_LE mono 16 kHz that the kiosk says over and over; empty: it is silent.
    """
    audio = Audio(input=devices["microphone"], output=devices["speaker"], echo=devices["echo"])
    config = dataclasses.replace(Config(), audio=audio, talk=Talk(mode="voice"))
    canceller = wing.open_canceller(config, _deliver)
    fed = Fed(canceller.far if canceller is not None else lambda pcm, rate_hz: None)
    if canceller is not None:
        canceller.far = fed.far  # type: ignore[method-assign]  # nobody but a benchmark wants to know
    uplink, lane = UplinkLane(10.0, lambda ms: None), PlaybackLane(3600.0)
    playback = wing.open_playback(config, lane, _deliver, canceller)
    capture = wing.open_capture(config, uplink, _deliver, canceller)
    capture.feed(Feed.GATED)
    capture.watch_barge_in(bool(answer))
    capture.start()
    try:
        time.sleep(SETTLE_S / 2)
        listening = _tasks()
        playback.start()
        for start in range(0, len(answer), UPLINK_HZ // 5):
            lane.put(answer[start : start + UPLINK_HZ // 5], UPLINK_HZ)
        time.sleep(SETTLE_S)
        before, whole, began = _cpu_s(listening), time.process_time(), time.monotonic()
        heard, fed.cpu_s = capture.progress().periods, 0.0
        time.sleep(OVER_S)
        took_s = time.monotonic() - began
        return {
            "listening_pct": _pct(_cpu_s(listening) - before + fed.cpu_s, took_s),
            "process_pct": _pct(time.process_time() - whole, took_s),
            "reference_pct": _pct(fed.cpu_s, took_s),
            "over_s": round(took_s, 2),
            "periods": capture.progress().periods - heard,
            "running": capture.progress().state is PartState.RUNNING,
            "xruns": capture.progress().xruns + playback.progress().xruns,
            "echo": canceller.progress()._asdict() if canceller is not None else {},
        }
    finally:
        capture.stop(2.0)
        playback.stop(2.0)


def _deliver(event: object) -> bool:
    return True


class Fed:
    """What the playback thread does for the canceller."""

    def __init__(self, far: Callable[[bytes, int], None]) -> None:
        self._far = far
        self.cpu_s = 0.0

    def far(self, pcm: bytes, rate_hz: int) -> None:
        """See Canceller."""
        began = time.thread_time()
        self._far(pcm, rate_hz)
        self.cpu_s += time.thread_time() - began


def _tasks() -> frozenset[str]:
    """The threads of this process as the kernel counts them, those of libraries too."""
    return frozenset(os.listdir("/proc/self/task"))


def _cpu_s(tasks: frozenset[str]) -> float:
    """CPU seconds of these threads; of one that has ended, none."""
    total_ns = 0
    for task in tasks & _tasks():
        with open(f"/proc/self/task/{task}/schedstat", encoding="ascii") as spent:
            total_ns += int(spent.read().split()[0])
    return total_ns / 1e9


def _pct(cpu_s: float, took_s: float) -> float:
    return round(cpu_s / took_s * 100, 3)


def hour() -> dict[str, object]:
    """An hour of reference and microphone through the canceller, as fast as it goes; memory before and after."""
    from benchmarks.acoustics import STANDARD, conversation, echo, noise
    from benchmarks.corpus import pcm
    from benchmarks.rooms import canceller as made

    far = conversation(30.0, 1)
    mic = pcm(echo(far, STANDARD) + noise(len(far), STANDARD))
    played, one = pcm(far), made(Audio())
    sizes: list[int] = []
    began = time.process_time()
    for number in range(HOUR_BLOCKS):
        at = number % (len(played) // 320) * 320
        if number % 6000 < 5000:
            one.far(played[at : at + 320], UPLINK_HZ)
        elif number % 6000 == 5000:
            one.rest()
        one.near(mic[at : at + 320])
        if number >= WARM_BLOCKS and number % WARM_BLOCKS == 0:
            sizes.append(_resident_kb())
    sizes.append(_resident_kb())
    per_block_us = (time.process_time() - began) / HOUR_BLOCKS * 1e6
    return {"resident_kb": sizes, "cpu_us_a_block": round(per_block_us, 1), "echo": one.progress()._asdict()}


def _resident_kb() -> int:
    with open("/proc/self/statm", encoding="ascii") as sizes:
        return int(sizes.read().split()[1]) * PAGE // 1024


# -- the bench -------------------------------------------------------------------------------------------


def child(task: Mapping[str, object], env: Mapping[str, str]) -> Mapping[str, object]:
    """Run ``main`` in a process of its own.

    Raises:
        ProbeFailed: it ended badly.
    """
    command = [sys.executable, "-m", "benchmarks.aec", json.dumps(task)]
    # As kioskd.cli has it: no threads in numpy.
    whole = {**os.environ, **env, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, env=whole, timeout=600)
    if done.returncode:
        raise ProbeFailed(done.stderr.decode(errors="replace").strip().splitlines()[-1])
    answer: Mapping[str, object] = json.loads(done.stdout.splitlines()[-1])
    return answer


def looped(devices: Sound) -> Callable[[], None]:
    """Lead the loudspeaker back into the microphone."""
    volume = round(65536 * 10.0 ** ((BACK_DBFS - ANSWER_DBFS) / 60.0))  # PulseAudio's volumes are cubic
    pactl = ["pactl", "-s", devices.server]
    load = ["load-module", "module-loopback", "source=speaker.monitor", "sink=visitor", f"latency_msec={ECHO_MS}"]
    number = subprocess.run([*pactl, *load], capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    inputs = subprocess.run([*pactl, "list", "short", "sink-inputs"], capture_output=True, text=True, timeout=10)
    for row in inputs.stdout.splitlines():
        subprocess.run([*pactl, "set-sink-input-volume", row.split()[0], str(volume)], timeout=10, check=True)

    def unload() -> None:
        subprocess.run([*pactl, "unload-module", number], timeout=10, check=True)

    return unload


def both(task: Mapping[str, str], devices: Sound) -> Mapping[str, object]:
    """The figures with cancelling, and in ``without_cancelling_pct`` what the same run takes without.

    Raises:
        ProbeFailed: the microphone was not read.
    """
    plain, figures = (child({**task, "echo": mode}, devices.env) for mode in ("half_duplex", "cancel"))
    if not (plain["running"] and figures["running"]):
        raise ProbeFailed(f"the microphone was not read; {devices.why}")
    return {**figures, "without_cancelling_pct": plain["listening_pct"]}


def cpu() -> Mapping[str, Measured]:
    """A room's noise and nobody there, then the kiosk and a visitor who both talk all the time."""
    from benchmarks.acoustics import conversation
    from benchmarks.corpus import at_dbfs, pcm
    from numpy.random import default_rng

    hiss = at_dbfs(default_rng(3).standard_normal(int(SPEECH_S * UPLINK_HZ)), ROOM_DBFS)
    with tempfile.TemporaryDirectory(prefix="kioskd-bench-") as folder, sound() as devices:
        quiet, loud, answer = (Path(folder, name) for name in ("quiet.raw", "loud.raw", "answer.raw"))
        quiet.write_bytes(pcm(hiss))
        loud.write_bytes(pcm(hiss + conversation(SPEECH_S, 7, VISITOR_DBFS)[: len(hiss)]))
        answer.write_bytes(pcm(conversation(SPEECH_S, 1, ANSWER_DBFS)))
        if not devices.real:
            raise ProbeFailed(devices.why)
        task = {"microphone": devices.microphone, "speaker": devices.speaker, "answer": ""}
        with devices.saying(quiet):
            idle = both(task, devices)
        # Not before: it makes the server work in smaller pieces, which costs its clients CPU even when all is silent.
        unload = looped(devices)
        try:
            with devices.saying(loud):
                speech = both({**task, "answer": str(answer)}, devices)
        finally:
            unload()
    about = {"devices": devices.why, "measured": "capture, canceller, gate and playback in one process, without a link"}
    return {
        "aec_idle_cpu_pct": _measured(idle, "of one core: a room's noise, the output closed", about),
        "aec_cpu_pct": _measured(speech, "of one core: the kiosk and a visitor talk at once, without a pause", about),
    }


def _measured(figures: Mapping[str, object], story: str, about: Mapping[str, object]) -> Measured:
    pct = figures["listening_pct"]
    assert isinstance(pct, float)
    return Measured(pct, story, {**figures, **about})


def growth() -> Mapping[str, Measured]:
    """By how much the process has grown in the last fifty minutes of an hour."""
    figures = child({"hour": True}, {})
    sizes = figures["resident_kb"]
    assert isinstance(sizes, list)
    story = "resident memory after an hour of cancelling against after ten minutes, in fast time"
    return {"aec_growth_kb": Measured(float(sizes[-1] - sizes[0]), story, figures)}


def main(task: Mapping[str, str]) -> dict[str, object]:
    """The process that is measured."""
    if "hour" in task:
        return hour()
    return threads(task, Path(task["answer"]).read_bytes() if task["answer"] else b"")


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
