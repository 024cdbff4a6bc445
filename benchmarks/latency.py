"""How long a word takes through this house: up to the socket, down to the device, and to silence after a cut.

The real threads, lanes and link in this process, the service in another. Devices are the paced ones of
audio/paced.py: 10 ms periods by the clock, three of them held, as a card does. What a bare loop on such a device is
late by in the same run (this machine's timers) is taken off; ``ms`` in the detail has it still in.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import threading
import time
import wave
from array import array
from pathlib import Path
from typing import Callable, Mapping, Sequence

from benchmarks.figure import Measured, ProbeFailed, percentile, spread
from benchmarks.link import LinkBench
from benchmarks.peer import Peer
from kioskd.audio.capture import Capture
from kioskd.audio.playback import Playback
from kioskd.audio.streams import PERIOD_MS, OpenOutput
from kioskd.audio.paced import BUFFERED_PERIODS, NullOutput
from kioskd.audio.wavfile import WavInput
from kioskd.core.gate import Gate
from kioskd.core.ports import Post
from kioskd.core.resample import make_resampler
from kioskd.core.vad import Vad
from kioskd.core.words import Feed
from kioskd.lanes import CHUNK_MS, UPLINK_HZ, Chunk, PlaybackLane

CHUNKS = 600
ANSWERS = 100
ANSWER_MS = 60
CUTS = 200
BARE_PERIODS = 200
PERIOD_S = PERIOD_MS / 1000
OUT_HZ = 24_000
SILENT = bytes(2)  # one sample


def speechlike(path: Path, seconds: float) -> None:
    """Noise in bursts, so that the detector works as it would for a voice."""
    chance = random.Random(16)
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(UPLINK_HZ)
        for burst in range(int(seconds * 5)):
            loud = chance.choice((0, 2000, 8000))
            samples = (chance.randint(-loud, loud) for _ in range(UPLINK_HZ // 5))
            sound.writeframes(b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples))


def uplink_ms() -> Mapping[str, Measured]:
    """Last sample of a chunk to its bytes on the socket, over CHUNKS chunks."""
    return asyncio.run(_uplink())


async def _uplink() -> Mapping[str, Measured]:
    sent: list[tuple[float, float]] = []  # captured, on the socket
    enough = asyncio.Event()

    def on_sent(chunk: Chunk) -> None:
        sent.append((chunk.at, time.monotonic()))
        if len(sent) >= CHUNKS:
            enough.set()

    with tempfile.TemporaryDirectory(prefix="kioskd-bench-") as folder, Peer() as peer:
        path = Path(folder, "visitor.wav")
        speechlike(path, CHUNKS * CHUNK_MS / 1000)
        async with LinkBench(peer.url, on_sent=on_sent) as bench:
            capture = Capture(
                f"file:{path}",
                bench.uplink,
                bench.inbox.post,
                lambda spec: WavInput(str(path)),
                Gate(0, 80, 100, 700),
                Vad(3, -55.0),
                make_resampler,
            )
            capture.feed(Feed.ALWAYS)
            capture.start()
            try:
                async with asyncio.timeout(CHUNKS * CHUNK_MS / 1000 + 10):
                    await enough.wait()
            except TimeoutError as error:
                raise ProbeFailed(f"only {len(sent)} of {CHUNKS} chunks went up") from error
            finally:
                await asyncio.to_thread(capture.stop)
        received_at = peer.ask("received")["received_at"]
    ms = [(out - at) * 1000 for at, out in sent]
    arrived = [(got - at) * 1000 for (at, _), got in zip(sent, received_at)]
    story = f"a chunk's last sample to the socket, p99 of {len(ms)} chunks (median {percentile(ms, 0.5):.2f} ms)"
    detail = {"ms": spread(ms), "until_the_service_has_it_ms": spread(arrived), "chunks_dropped": bench.uplink.dropped}
    return {"uplink_ms": Measured(round(percentile(ms, 0.99), 3), story, detail)}


class Watch:
    """Stamps of what the device takes. ``tap`` in the playback thread, the rest anywhere."""

    def __init__(self) -> None:
        self._seen = threading.Condition()
        self._periods: list[tuple[bytes, float]] = []

    def tap(self, pcm: bytes, rate_hz: int, at: float) -> None:
        """A period was handed over."""
        with self._seen:
            self._periods.append((pcm, at))
            self._seen.notify_all()

    def forget(self) -> None:
        """What came so far counts no more."""
        with self._seen:
            self._periods.clear()

    def first(self, wanted: Callable[[bytes], bool], after: float, number: int = 1) -> float:
        """When the device took that period of this kind behind ``after``; waits for it.

        Raises:
            ProbeFailed: it did not come.
        """
        until = time.monotonic() + 5.0
        with self._seen:
            while time.monotonic() < until:
                found = [at for pcm, at in self._periods if at >= after and wanted(pcm)]
                if len(found) >= number:
                    return found[number - 1]
                self._seen.wait(0.5)
        raise ProbeFailed("the device was not handed what was waited for within 5 s")


def downlink_ms() -> Mapping[str, Measured]:
    """First delta of an answer to its first sample at the device, over ANSWERS answers."""
    return asyncio.run(_downlink())


async def _downlink() -> Mapping[str, Measured]:
    came_at: list[float] = []
    watch = Watch()

    def on_frame(kind: str) -> None:
        if kind == "response.output_audio.delta":
            came_at.append(time.monotonic())

    with Peer() as peer:
        async with LinkBench(peer.url, on_frame=on_frame) as bench:
            playback = make_playback(bench.lane, bench.inbox.post, lambda spec: NullOutput(OUT_HZ))
            playback.add_tap(watch.tap)
            playback.start()
            try:
                opening, _ = await _one_answer(peer, bench, watch, came_at)
                pairs = [await _one_answer(peer, bench, watch, came_at) for _ in range(ANSWERS)]
            finally:
                await asyncio.to_thread(playback.stop)
    ms, whole = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    late_ms = bare_loop_late_ms()
    story = f"a delta to its first sample at the device, p99 of {len(ms)} answers (median {percentile(ms, 0.5):.1f} ms)"
    detail = {
        "ms": spread(ms),
        "bare_loop_late_ms": spread(late_ms),
        "since_the_service_sent_it_ms": spread(whole),
        "first_answer_opens_the_device_ms": round(opening, 3),
        "of_this_the_device_s_period_ms": PERIOD_MS,
    }
    return {"downlink_ms": Measured(over(ms, late_ms), story, detail)}


async def _one_answer(peer: Peer, bench: LinkBench, watch: Watch, came_at: list[float]) -> tuple[float, float]:
    """Milliseconds since the link had the first delta, and since the service sent it."""
    # Answers come at any phase of the device's period.
    await asyncio.sleep(random.uniform(0.03, 0.03 + PERIOD_S))
    came_at.clear()
    sent_at = (await asyncio.to_thread(peer.ask, "answer", length_ms=ANSWER_MS))["sent_at"]
    at = await asyncio.to_thread(watch.first, lambda pcm: any(pcm), sent_at)
    await bench.seen("PlaybackDrained")
    watch.forget()
    return (at - came_at[0]) * 1000, (at - sent_at) * 1000


def make_playback(lane: PlaybackLane, post: Post, open_output: OpenOutput) -> Playback:
    """The playback thread as the daemon makes it, with a device that stays open."""
    return Playback("bench", lane, post, open_output, idle_s=5.0, volume=1.0, cue_volume=0.3)


def bare_loop_late_ms() -> list[float]:
    """How much later than due a loop that does nothing else hands its periods to such a device."""
    device = NullOutput(OUT_HZ)
    period = bytes(2 * OUT_HZ * PERIOD_MS // 1000)
    began, late_ms = time.monotonic(), []
    for number in range(BARE_PERIODS):
        while not device.write(period, PERIOD_S):
            continue
        due_at = began + (number - BUFFERED_PERIODS + 1) * PERIOD_S
        late_ms.append((time.monotonic() - due_at) * 1000)
    return late_ms[BUFFERED_PERIODS:]  # the first ones fill the device and are not waited for


def over(ms: Sequence[float], late_ms: Sequence[float]) -> float:
    """The p99 over the bare loop's median, which takes off less than the bare loop's own p99 would."""
    return round(percentile(ms, 0.99) - percentile(late_ms, 0.5), 3)


def cut_ms() -> Mapping[str, Measured]:
    """A cut to the first silent sample at the device, over CUTS cuts.

    Sound falls softly over the first period behind a cut; its last sample is silent.
    """
    lane, watch = PlaybackLane(120.0), Watch()
    devices: list[NullOutput] = []

    def open_output(spec: str) -> NullOutput:
        devices.append(NullOutput(OUT_HZ))
        return devices[-1]

    playback = make_playback(lane, lambda event: True, open_output)
    playback.add_tap(watch.tap)
    playback.start()
    try:
        pairs = [_one_cut(lane, watch, PERIOD_S * (n + 0.5) / CUTS) for n in range(CUTS)]
        tail_ms = devices[-1].latency_s * 1000
    finally:
        playback.stop()
    ms, whole = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    late_ms = bare_loop_late_ms()
    story = f"a cut to silence at the device, p99 of {len(ms)} cuts; the device plays {tail_ms:.0f} ms on by itself"
    detail = {
        "ms": spread(ms),
        "bare_loop_late_ms": spread(late_ms),
        "first_wholly_silent_period_ms": spread(whole),
        "device_tail_ms": tail_ms,
    }
    return {"cut_ms": Measured(over(ms, late_ms), story, detail)}


def _one_cut(lane: PlaybackLane, watch: Watch, phase_s: float) -> tuple[float, float]:
    """Milliseconds until silence begins within a period, and until a period is silent all over.

    Args:
        phase_s: so long behind a period the cut is made; all cuts together fall on every part of a period alike.
    """
    # A square wave: no period of it ends in silence by accident.
    piece = array("h", [9000 if n // 12 % 2 else -9000 for n in range(OUT_HZ // 50)]).tobytes()
    watch.forget()
    for _ in range(25):
        lane.put(piece, OUT_HZ, "answer")
    sounding_at = watch.first(lambda pcm: pcm[-2:] != SILENT, 0.0, number=5)
    time.sleep(max(0.0, sounding_at + PERIOD_S + phase_s - time.monotonic()))
    cut_at = time.monotonic()
    lane.cut()
    falling = watch.first(lambda pcm: pcm[-2:] == SILENT, cut_at)
    silent = watch.first(lambda pcm: not any(pcm), cut_at)
    return (falling - cut_at) * 1000, (silent - cut_at) * 1000
