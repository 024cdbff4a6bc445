"""How soon the kiosk gives way: a visitor speaks while it speaks, and its voice at the speaker falls.

``barge_in_ms`` begins with the last sample, at the virtual microphone, of the chunk that made the local detector stir,
and ends when the level at the virtual speaker has fallen by half (6 of the 12 dB of a duck); the bare loop of the
same run is taken off. What the detector needs before that chunk is its quality, not this house's speed: ``vad_*`` and
``wake_loss`` measure it. ``detail`` tells it all the same: from the first sound of the word, and to the cut.

Which chunk stirred the detector is known by its samples: they are looked for in the tap of the microphone.
"""

from __future__ import annotations

import random
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Mapping, NamedTuple, Sequence

from benchmarks.figure import Measured, ProbeFailed, percentile, spread
from benchmarks.host import often
from benchmarks.house import Kiosk, kiosk
from benchmarks.mouth import LOOPS, Loops, bare_loops, base, joined, spoken
from benchmarks.peer import Peer
from benchmarks.sound import Sound, sound
from benchmarks.taps import Tap, taps

PARTS, PART_WORDS = 2, 20
WORD = "hello hello"
ANSWER_MS = 2500
SPEAKS_S = 0.5  # before it is interrupted, and up to 40 ms more
OVER_S = 2.0  # what does not happen within this does not happen
WINDOW_S = 0.0025  # a level is taken over so long: a little more than one wave of the tone that the service speaks
HALF, GONE = 0.5, 0.03
LOUD = 600  # of 32767: where a word begins at the microphone
LEAST_SHARE = 0.8


class Word(NamedTuple):
    """One interruption, in ms.

    Attributes:
        duck: from the last sample of the chunk that stirred the detector to half of the level at the speaker.
        cut: from there to silence.
        onset: from the first sound of the word to half of the level.
        told: from the last sample of the chunk to when the machine had been told.
    """

    duck: float
    cut: float
    onset: float
    told: float


def levels(pcm: bytes, rate_hz: int) -> Any:
    """The level over each WINDOW_S, in units of a sample."""
    import numpy as np

    size = int(rate_hz * WINDOW_S)
    sound_ = np.frombuffer(pcm, "<i2").astype(np.float64)
    return np.sqrt(np.mean(np.square(sound_[: len(sound_) // size * size].reshape(-1, size)), axis=1))


def falls(level: Any, first: int, share: float) -> int | None:
    """The first window from ``first`` on whose level is at most that share of what it was in the 50 ms before."""
    import numpy as np

    usual = float(np.median(level[max(0, first - 20) : first])) if first else 0.0
    if usual < LOUD:
        return None  # it did not speak
    below = np.flatnonzero(level[first:] <= share * usual)
    return first + int(below[0]) if len(below) else None


def chunk_ends(ear: Tap, pcm: bytes) -> float | None:
    """When the last sample of that chunk was at the microphone."""
    import numpy as np

    whole, wanted = (np.frombuffer(part, "<i2").astype(np.float32) for part in (ear.pcm, pcm))
    if not len(wanted) or len(whole) < len(wanted):
        return None
    # Likeness and not equality: a canceller in the way changes every sample a little.
    energy = np.concatenate(([0.0], np.cumsum(np.square(whole, dtype=np.float64))))
    loud = np.sqrt(np.maximum(energy[len(wanted) :] - energy[: -len(wanted)], 1.0)) * float(np.linalg.norm(wanted))
    likeness = np.correlate(whole, wanted, "valid") / np.maximum(loud, 1.0)
    best = int(np.argmax(likeness))
    return ear.at(best + len(wanted)) if likeness[best] > 0.9 else None


def read(ears: tuple[Tap, Tap], row: Mapping[str, Any]) -> Word | None:
    """What the two taps heard of one interruption, which the kiosk's diary has in that row."""
    import numpy as np

    ear, speaker = ears
    stirred_at, told_at = chunk_ends(ear, bytes.fromhex(row["pcm"])), row["now"]
    onset = np.flatnonzero(np.abs(np.frombuffer(ear.pcm, "<i2").astype(np.int32)) > LOUD)
    if stirred_at is None or not len(onset):
        return None
    stirred_at += row["behind_s"]
    level = levels(speaker.pcm, speaker.rate_hz)
    first = int(speaker.frame(stirred_at) / int(speaker.rate_hz * WINDOW_S))
    half, gone = falls(level, first, HALF), falls(level, first, GONE)
    if half is None or gone is None:
        return None
    # The end of the window in which it was so: later than the truth, by half a window in the mean.
    half_at, gone_at = (speaker.at(int((n + 1) * speaker.rate_hz * WINDOW_S)) for n in (half, gone))
    duck, cut = ((at - stirred_at) * 1000 for at in (half_at, gone_at))
    return Word(duck, cut, (half_at - ear.at(int(onset[0]))) * 1000, (told_at - stirred_at) * 1000)


def interruption(devices: Sound, peer: Peer, running: Kiosk, raw: Path, chance: random.Random) -> Word | None:
    """The kiosk speaks, somebody speaks over it."""
    running.ask("diary")
    with taps(devices) as ears:
        peer.ask("answer", length_ms=ANSWER_MS)
        time.sleep(SPEAKS_S + chance.uniform(0, 0.04))
        with devices.saying(raw):
            rows = running.events("GateOpened", OVER_S)
            time.sleep(0.2)
    stirring = [row for row in rows if row["kind"] == "GateStirred"]
    running.events("GateClosed", OVER_S)
    return read(ears, stirring[-1]) if stirring else None


def conversation(devices: Sound, echo: str, seed: int) -> tuple[list[Word], int, Mapping[str, Any]]:
    """A kiosk that is interrupted again and again: what was heard, how often it was tried, what playback counted."""
    chance, tries = random.Random(seed), often(PART_WORDS, 2)
    sections: Mapping[str, Mapping[str, object]] = {
        "talk": {"mode": "voice", "hangover_ms": 200},
        "audio": {"echo": echo},
    }
    with tempfile.TemporaryDirectory(prefix="kioskd-bench-") as folder, Peer() as peer:
        raw = Path(folder, "visitor.raw")
        raw.write_bytes(spoken(WORD))
        wall = devices.echoing() if echo == "cancel" else nullcontext()
        with wall, kiosk(peer.url, devices, sections) as running:
            time.sleep(1.0)
            with devices.saying(raw):  # the first word opens the session
                if not any(row["kind"] == "SessionReady" for row in running.events("SessionReady", 10.0)):
                    raise ProbeFailed("the kiosk opened no session when it was spoken to")
                running.events("GateClosed", OVER_S)
            # Unheeded: before it has heard itself a canceller believes nothing that comes while it speaks.
            interruption(devices, peer, running, raw, chance)
            words = [interruption(devices, peer, running, raw, chance) for _ in range(tries)]
            page = running.ask("diary")["page"]
    return [word for word in words if word is not None], tries, page


def measured(echo: str, name: str) -> Mapping[str, Measured]:
    """Bare loops, half of the words, bare loops, the other half, bare loops."""
    words: list[Word] = []
    tries, underruns = 0, 0
    with sound() as devices:
        loops: list[Loops] = [bare_loops(devices, often(LOOPS, 1), 300)]
        for part in range(often(PARTS, 1)):
            heard, tried, page = conversation(devices, echo, part)
            words, tries, underruns = words + heard, tries + tried, underruns + int(page["xruns"])
            loops.append(bare_loops(devices, often(LOOPS, 1), 400 + 10 * part))
        why = devices.why
    if len(words) < LEAST_SHARE * tries:
        raise ProbeFailed(f"{tries} times the kiosk was interrupted and {len(words)} times it gave way; {why}")
    bare_ms, bare_detail = base(joined(loops))
    return {name: reckoned(words, tries, bare_ms, {"devices": why, "echo": echo, "bare_loop": bare_detail}, underruns)}


def reckoned(
    words: Sequence[Word], tries: int, bare_ms: float, about: Mapping[str, object], underruns: int
) -> Measured:
    """The figure."""
    duck = [word.duck for word in words]
    detail = {
        **about,
        "interruptions": tries,
        "from_the_stirring_chunk_ms": spread(duck, 2),
        "from_the_stirring_chunk_to_silence_ms": spread([word.cut for word in words], 2),
        "from_the_first_sound_of_the_word_ms": spread([word.onset for word in words], 2),
        "until_the_machine_was_told_ms": spread([word.told for word in words], 2),
        "median_over_the_bare_loop_ms": round(percentile(duck, 0.5) - bare_ms, 2),
        "underruns": underruns,
    }
    story = f"stirring chunk to duck, p99 of {len(words)} over a bare loop of {bare_ms:.1f} ms (echo: {about['echo']})"
    return Measured(round(percentile(duck, 0.99) - bare_ms, 2), story, detail)


def system() -> Mapping[str, Measured]:
    """The echo is cancelled elsewhere."""
    return measured("system", "barge_in_ms")


def cancel() -> Mapping[str, Measured]:
    """The echo is cancelled here."""
    return measured("cancel", "barge_in_cancel_ms")
