"""The gate on labelled speech in noise: what it misses, clips and takes for speech, and what it costs.

``python -m benchmarks.speech --table`` compares webrtcvad alone with the stages that kioskd adds.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import Mapping, NamedTuple, Sequence

from benchmarks import corpus
from benchmarks.corpus import CLEAN, NOISES, Scene
from benchmarks.figure import Measured, ProbeFailed
from kioskd.audio.detector import DOUBT_MS, MARGIN_DB, Confirmation, Detector, Neural
from kioskd.audio.neural import Silero
from kioskd.config.sound import Talk
from kioskd.core.floor import NoiseFloor
from kioskd.core.gate import Gate
from kioskd.core.vad import Vad
from kioskd.lanes import CHUNK_FRAMES, CHUNK_MS, UPLINK_HZ, Chunk

TALK = Talk()
# So much of an utterance is its first syllable, for the question whether it was clipped.
SYLLABLE = UPLINK_HZ * 50 // 1000
# Noise that nobody speaks in stands this much below a visitor's voice.
ALONE_DB = 5.0
ALONE_S = 300.0
# Nothing tells a visitor from people who talk to one another, except that these are quieter. In the table, not in the
# bound: they are speech.
NOT_SPEECH = ("music", "traffic", "knocks")


class Variant(NamedTuple):
    """Which stages take part."""

    name: str
    neural: bool
    margin_db: float


ALONE = Variant("webrtcvad alone", False, -100.0)
CONFIRMED = Variant("confirmed", True, -100.0)
WHOLE = Variant("confirmed, floor", True, MARGIN_DB)


def detector(variant: Variant) -> Detector:
    """A fresh one, as the configuration's defaults make it."""
    vad = Vad(TALK.vad_aggressiveness, TALK.min_dbfs)
    floor = NoiseFloor(TALK.min_dbfs, variant.margin_db)
    return Detector(vad, floor, Confirmation(Silero if variant.neural else None))


def gate() -> Gate:
    """A fresh one, as the configuration's defaults make it."""
    return Gate(TALK.preroll_ms, TALK.start_ms, TALK.start_window_ms, TALK.hangover_ms, DOUBT_MS)


@dataclass(slots=True)
class Heard:
    """What the gate made of a scene.

    Attributes:
        sent: bounds in samples of what went up, utterance by utterance.
        opened: at which sample the gate had heard enough, for each of them.
        cpu_s: of this process.
        windows: that the network judged.
    """

    sent: list[tuple[int, int]] = field(default_factory=list)
    opened: list[int] = field(default_factory=list)
    cpu_s: float = 0.0
    windows: int = 0

    def covers(self, start: int, end: int) -> bool:
        """Whether all of it went up. Utterances that follow without a hole count as one."""
        for first, last in self.sent:
            if first <= start < last:
                start = last
        return start >= end


def hear(data: bytes, variant: Variant) -> Heard:
    """A scene through detector and gate.

    Raises:
        ProbeFailed: the network is missing.
    """
    ears, door, heard = detector(variant), gate(), Heard()
    pieces = corpus.chunks(data)
    first = 0
    began = time.process_time()
    for number, pcm in enumerate(pieces):
        step = door.step(Chunk(pcm, float(number)), ears.is_speech(pcm), ears.doubtful)
        if step.opened:
            first = int(step.out[0].at)
            heard.opened.append((number + 1) * CHUNK_FRAMES)
        if step.closed:
            heard.sent.append((first * CHUNK_FRAMES, (number + 1) * CHUNK_FRAMES))
    heard.cpu_s = time.process_time() - began
    if len(heard.opened) > len(heard.sent):
        heard.sent.append((first * CHUNK_FRAMES, len(pieces) * CHUNK_FRAMES))
    progress = ears.progress()
    if progress.neural is Neural.FAILED:
        raise ProbeFailed(progress.reason)
    heard.windows = progress.windows
    return heard


@dataclass(frozen=True, slots=True)
class Score:
    """Heard against the labels.

    Attributes:
        missed: utterances of which not even half went up.
        clipped: others of whose first 50 ms something did not go up.
        late_ms: from the onset to the moment in which the gate opened, for those that opened it.
    """

    count: int
    missed: int
    clipped: int
    late_ms: tuple[float, ...]


def score(scene: Scene, heard: Heard) -> Score:
    """Compare."""
    missed = clipped = 0
    late: list[float] = []
    for onset, end in scene.speech:
        up = sum(max(0, min(end, last) - max(onset, first)) for first, last in heard.sent)
        if up < (end - onset) / 2:
            missed += 1
            continue
        clipped += not heard.covers(onset, onset + SYLLABLE)
        late += [(at - onset) * 1000 / UPLINK_HZ for at in heard.opened if onset <= at < end][:1]
    return Score(len(scene.speech), missed, clipped, tuple(late))


def open_share(scene: Scene, heard: Heard) -> float:
    """How much of what is no speech went up, the hangover and the preroll around speech included."""
    speech = sum(end - onset for onset, end in scene.speech)
    up = sum(last - first for first, last in heard.sent)
    spoken = sum(
        max(0, min(end, last) - max(onset, first)) for onset, end in scene.speech for first, last in heard.sent
    )
    return (up - spoken) / (scene.seconds * UPLINK_HZ - speech)


def onsets() -> Mapping[str, Measured]:
    """Missed and clipped utterances, in quiet and 10 dB above each noise."""
    missed = clipped = count = 0
    late: list[float] = []
    rows: dict[str, object] = {}
    for name in (CLEAN, *NOISES):
        scene = corpus.scene(name, 10.0, len(corpus.utterances()))
        got = score(scene, hear(scene.data, WHOLE))
        missed, clipped, count = missed + got.missed, clipped + got.clipped, count + got.count
        late += got.late_ms
        rows[name] = {"count": got.count, "missed": got.missed, "clipped": got.clipped}
    late.sort()
    detail = {"by_noise": rows, "median_open_ms": round(late[len(late) // 2], 1), "latest_open_ms": round(late[-1], 1)}
    story = f"of {count} utterances, quiet and 10 dB above lobby, music, traffic and knocks"
    return {
        "vad_missed_onsets": Measured(float(missed), story, detail),
        "vad_clipped_syllables": Measured(float(clipped), f"first 50 ms {story}", detail),
    }


def false_opens() -> Mapping[str, Measured]:
    """Openings in noise in which nobody speaks."""
    rows: dict[str, float] = {}
    for name in NOISES:
        rows[name] = false_opens_h(name, WHOLE, ALONE_S)
    value = sum(rows[name] for name in NOT_SPEECH) / len(NOT_SPEECH)
    story = f"{', '.join(NOT_SPEECH)} at 5 dB below a visitor's voice, {ALONE_S * len(NOT_SPEECH) / 60:.0f} min in all"
    return {"vad_false_opens_h": Measured(value, story, {"an_hour_of": rows})}


def false_opens_h(name: str, variant: Variant, seconds: float) -> float:
    """How often an hour one noise alone opens the gate."""
    bed = corpus.noise(name, seconds) * corpus.gain(-ALONE_DB)
    return len(hear(corpus.pcm(bed), variant).opened) * 3600.0 / seconds


def cost() -> Mapping[str, Measured]:
    """What a second of sound costs while somebody speaks half of the time."""
    scene = corpus.scene(CLEAN, 0.0, 32)
    loud = corpus.scene("music", 10.0, 32)
    silence = corpus.pcm(corpus.at_dbfs(corpus.noise("traffic", 60.0), -65.0))
    heard = hear(scene.data, WHOLE)
    us = {
        "speech": heard.cpu_s / scene.seconds * 1e6,
        "speech in music": hear(loud.data, WHOLE).cpu_s / loud.seconds * 1e6,
        "silence": hear(silence, WHOLE).cpu_s / 60.0 * 1e6,
        "speech, webrtcvad alone": hear(scene.data, ALONE).cpu_s / scene.seconds * 1e6,
    }
    story = (
        f"of CPU for a second of sound: {us['speech'] / 1e4:.2g} % of a core, {heard.windows / scene.seconds:.1f} of "
    )
    story += f"31 windows judged; in silence {us['silence'] / 1e4:.1g} %"
    return {"vad_us": Measured(us["speech"], story, {"us_per_s": {name: round(at) for name, at in us.items()}})}


def table(count: int = 24, alone_s: float = 120.0) -> list[str]:
    """For people: each variant in each noise."""
    lines = [
        f"{'noise':<8} {'SNR':>5}  {'gate':<17} {'missed':>7} {'clipped':>8} {'open at':>8} {'non-speech open':>16}"
    ]
    for name in (CLEAN, *NOISES):
        for snr_db in (20.0,) if name == CLEAN else (20.0, 10.0, 5.0):
            scene = corpus.scene(name, snr_db, count)
            for variant in (ALONE, CONFIRMED, WHOLE):
                lines.append(_row(name, snr_db, variant, scene))
    lines += ["", f"{'noise alone':<14}  {'gate':<17} {'false opens/h':>14} {'open':>7} {'of a core':>10}"]
    for name in NOISES:
        data = corpus.pcm(corpus.noise(name, alone_s) * corpus.gain(-ALONE_DB))
        for variant in (ALONE, CONFIRMED, WHOLE):
            heard = hear(data, variant)
            up = sum(last - first for first, last in heard.sent) / UPLINK_HZ / alone_s
            opens = len(heard.opened) * 3600 / alone_s
            cpu = heard.cpu_s / alone_s
            lines.append(f"{name:<14}  {variant.name:<17} {opens:>14.0f} {up:>7.0%} {cpu:>10.1%}")
    return lines


def _row(name: str, snr_db: float, variant: Variant, scene: Scene) -> str:
    heard = hear(scene.data, variant)
    got = score(scene, heard)
    late = sorted(got.late_ms)
    opened = f"{late[len(late) // 2]:.0f} ms" if late else "-"
    snr = "" if name == CLEAN else f"{snr_db:+.0f}"
    share = open_share(scene, heard)
    return f"{name:<8} {snr:>5}  {variant.name:<17} {got.missed:>7} {got.clipped:>8} {opened:>8} {share:>16.0%}"


def main(given: Sequence[str]) -> int:
    """``--table``."""
    if list(given) != ["--table"]:
        print("usage: python -m benchmarks.speech --table", file=sys.stderr)
        return 2
    print(f"{CHUNK_MS} ms chunks, default configuration, {len(corpus.VOICES)} voices; noise alone 5 dB below a voice\n")
    print("\n".join(table()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
