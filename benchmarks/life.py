"""What the whole daemon costs: CPU while nobody speaks, CPU in a conversation, memory after it, the time to READY."""

from __future__ import annotations

import re
import selectors
import subprocess
import sys
import time
import wave
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Iterator, Mapping

from benchmarks.daemon import Daemon, daemon
from benchmarks.ear import Ear
from benchmarks.figure import Measured, ProbeFailed, percentile, spread
from benchmarks.memory import imports_mb
from benchmarks.sound import Sound, sound
from kioskd.core.resample import make_resampler
from kioskd.lanes import UPLINK_HZ

# A silent minute, in full.
SILENT_S = 60.0
# After READY: the stream opens, the imports that were put off are done, the probe of the link has been.
SETTLE_S = 3.0
QUESTION = "what is the temperature"
# One question, its answer and a pause.
CYCLE_S = 7.0
CYCLES = 4
STARTS = 5


def cpu_pct(running: Daemon, seconds: float) -> tuple[float, dict[str, float]]:
    """Percent of one core over ``seconds`` from now, and what else was counted meanwhile."""
    cpu_s, wakeups, began = running.cpu_s(), running.wakeups(), time.monotonic()
    time.sleep(seconds)
    took_s = time.monotonic() - began
    cpu_s = running.cpu_s() - cpu_s
    counted = {
        "cpu_s": round(cpu_s, 3),
        "over_s": round(took_s, 2),
        "main_thread_wakeups_per_s": round((running.wakeups() - wakeups) / took_s, 1),
        "threads": running.threads(),
    }
    return round(cpu_s / took_s * 100, 3), counted


# -- nobody speaks -------------------------------------------------------------------------------


def idle() -> Mapping[str, Measured]:
    """One silent minute of the real daemon: its CPU, and every byte that the service heard."""
    with sound() as devices, Ear() as ear, daemon(ear.url, devices) as running:
        time.sleep(SETTLE_S)
        before, said = running.status(), ear.bytes
        pct, counted = cpu_pct(running, SILENT_S)
        after, said = running.status(), ear.bytes - said
        connections = ear.connections
    periods = after["audio"]["capture"]["periods"] - before["audio"]["capture"]["periods"]
    if periods < SILENT_S * 100 * 0.95:
        raise ProbeFailed(f"the microphone was not read: {periods} periods in {SILENT_S:g} s; {devices.why}")
    detail = {
        "devices": devices.why,
        **counted,
        "periods_read": periods,
        "gate": after["audio"]["capture"]["gate"],
        "events": after["counters"]["events"] - before["counters"]["events"],
    }
    bytes_detail = {"seconds": SILENT_S, "connections": connections, "link": after["link"].get("state")}
    return {
        "idle_cpu_pct": Measured(pct, f"closed gate for {SILENT_S:g} s, {periods} periods heard", detail),
        "silent_bytes": Measured(said, f"sent to the service in {SILENT_S:g} silent seconds", bytes_detail),
    }


# -- a conversation ------------------------------------------------------------------------------


def talk() -> Mapping[str, Measured]:
    """A half-duplex conversation with the voice service of the device, which runs in its own process."""
    with TemporaryDirectory(prefix="kioskd-bench-") as folder:
        wav, raw = Path(folder, "visitor.wav"), Path(folder, "visitor.raw")
        visitor(wav, raw)
        with sound(f"file:{wav}") as devices, voice_service() as (url, service):
            with daemon(url, devices) as running:
                pct, counted, page = _converse(running, devices, raw)
                service.terminate()
                service.wait(10)
                # Alone: another Python beside it would share its pages and flatter the figure.
                memory = running.memory_mb()
    turns = page["usage"]["turns"]
    if turns < CYCLES - 1:
        raise ProbeFailed(f"{CYCLES} questions were asked and {turns} turns were taken; {devices.why}")
    detail = {"devices": devices.why, **counted, "turns": turns, "played_periods": page["audio"]["playback"]["periods"]}
    story = f"proportional set size after {turns} turns (rss {memory['rss']:.0f} MB)"
    sizes = {"devices": devices.why, **memory, "threads": counted["threads"], "imports_mb": imports_mb()}
    return {
        "talk_cpu_pct": Measured(pct, f"{turns} spoken turns in {counted['over_s']:.0f} s", detail),
        "pss_mb": Measured(memory["pss"], story, sizes),
    }


def _converse(running: Daemon, devices: Sound, raw: Path) -> tuple[float, dict[str, float], dict[str, Any]]:
    seconds = CYCLE_S * CYCLES
    if not devices.real:
        return *cpu_pct(running, seconds), running.status()
    time.sleep(1.0)
    with devices.saying(raw):
        return *cpu_pct(running, seconds), running.status()


def visitor(wav: Path, raw: Path) -> None:
    """The visitor's questions, one each CYCLE_S, as a WAV and as bare samples."""
    command = ["espeak-ng", "-v", "en-us", "-s", "140", "--stdout", QUESTION]
    try:
        spoken = subprocess.run(command, capture_output=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ProbeFailed(f"espeak-ng cannot speak for the visitor ({error}); apt-get install espeak-ng") from error
    rate_hz = int.from_bytes(spoken[24:28], "little")
    pcm = bytes(UPLINK_HZ) + make_resampler(rate_hz, UPLINK_HZ).process(spoken[44:])
    cycle = pcm.ljust(int(CYCLE_S * UPLINK_HZ) * 2, b"\0")
    raw.write_bytes(cycle * CYCLES)
    with wave.open(str(wav), "wb") as sound_file:
        sound_file.setnchannels(1)
        sound_file.setsampwidth(2)
        sound_file.setframerate(UPLINK_HZ)
        sound_file.writeframes(cycle * CYCLES)


@contextmanager
def voice_service() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """``kioskd voice`` on a free port."""
    command = [sys.executable, "-m", "kioskd.cli", "voice", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ)
            line = process.stdout.readline().decode() if ready.select(30) else ""
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        if not found:
            raise ProbeFailed(f"the local voice service did not start; kioskd voice says why (it said {line!r})")
        yield f"ws://127.0.0.1:{found[1]}/waves/v1/s2s", process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        process.stdout.close()


# -- the start -----------------------------------------------------------------------------------


def ready() -> Mapping[str, Measured]:
    """Process start to READY=1, STARTS times."""
    seconds = []
    with sound() as devices, Ear() as ear:
        for _ in range(STARTS):
            with daemon(ear.url, devices) as running:
                seconds.append(running.ready_s)
    median = round(percentile(seconds, 0.5), 3)
    detail = {"devices": devices.why, "s": spread(seconds)}
    return {"ready_s": Measured(median, f"process start to READY=1, median of {STARTS} starts", detail)}
