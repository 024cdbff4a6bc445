"""Not one sample of the kiosk's own voice goes up in half duplex, whatever the loop does meanwhile."""

from __future__ import annotations

import threading
import time
from array import array
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.audio.capture import Capture
from kioskd.audio.ears import Ears
from kioskd.audio.ownvoice import OwnVoice
from kioskd.audio.paced import PERIOD_S, NullInput, NullOutput
from kioskd.audio.playback import Playback
from kioskd.audio.streams import InputStream, OutputStream
from kioskd.core.events import Event, GateClosed, GateOpened
from kioskd.core.gate import Gate
from kioskd.core.resample import make_resampler
from kioskd.core.words import Feed
from kioskd.lanes import CHUNK_BYTES, CHUNK_MS, Chunk, PlaybackLane, UplinkLane

VISITOR, KIOSK = 1000, 9000
CHUNK_S = CHUNK_MS / 1000
# How long the room holds a sound, and the kiosk was told so: there is nothing to spare.
REVERB_S = TAIL_S = 0.2


class Believer:
    """Everything is speech."""

    doubtful, fault, level_dbfs = False, "", -20.0

    def is_speech(self, pcm: bytes) -> bool:
        return True

    is_candidate = is_speech


def gate() -> Gate:
    return Gate(100, 20, 20, 100)


# -- the clock -----------------------------------------------------------------------------------------


def test_a_sound_covers_its_latency_its_length_and_its_tail() -> None:
    now = [100.0]
    voice = OwnVoice(lambda: 0.25, lambda: now[0])
    assert not voice.in_chunk(99.9) and not voice.in_chunk(1e9), "nothing was said yet"
    voice.sounds(0.03)
    last = 100.0 + 0.03 + 0.01 + 0.25
    assert voice.in_chunk(100.0) and voice.in_chunk(last + CHUNK_S - 0.001)
    assert not voice.in_chunk(last + CHUNK_S + 0.001)


def test_while_a_period_is_handed_over_every_chunk_may_hold_it() -> None:
    voice = OwnVoice(lambda: 0.25, lambda: 100.0)
    voice.begins()
    assert voice.in_chunk(1e9)
    voice.sounds(0.0)
    assert not voice.in_chunk(101.0)


def test_the_tail_is_asked_anew_each_time() -> None:
    tail = [0.0]
    voice = OwnVoice(lambda: tail[0], lambda: 0.0)
    voice.sounds(0.0)
    assert not voice.in_chunk(0.1)
    tail[0] = 1.0
    voice.sounds(0.0)
    assert voice.in_chunk(1.0)


# -- the ears ------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    mode=st.sampled_from([Feed.ALWAYS, Feed.GATED]),
    spoken=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 60)), min_size=1, max_size=4),
    late=st.integers(0, 30),
)
def test_whenever_it_speaks_and_however_late_chunks_are_none_holds_it(
    mode: Feed, spoken: list[tuple[int, int]], late: int
) -> None:
    """A loop that never answers; the ears look at chunks up to 600 ms after they were captured."""
    now, lane, events = [0.0], UplinkLane(1000.0, lambda ms: None), list[Event]()
    voice = OwnVoice(lambda: TAIL_S, lambda: now[0])
    ears = Ears(lane, lambda event: events.append(event) is None, gate(), Believer(), None, voice)
    ears.feed(mode, False, 0.0)
    loud: list[bool] = []  # each 20 ms: whether the room holds the kiosk's voice
    for silent, sounding in spoken:
        loud += [False] * (silent + 30) + [True] * sounding
    loud += [False] * 40
    echo = round(REVERB_S / CHUNK_S)
    held = [any(loud[max(0, n - echo) : n + 1]) for n in range(len(loud))]
    for n in range(len(loud) + late):
        now[0] = n * CHUNK_S
        if n < len(loud) and loud[n]:
            voice.begins()
            now[0] += PERIOD_S
            voice.sounds(0.0)
        if n >= late:
            ears.hear(Chunk(str(n - late).encode().ljust(CHUNK_BYTES, b"\0"), (n - late + 1) * CHUNK_S))
    ears.interrupt()
    sent = []
    for chunk in lane.clear():
        sent.append(chunk)
    numbers = [int(chunk.pcm.rstrip(b"\0")) for chunk in sent if not chunk.ends]
    assert not [n for n in numbers if held[n]]
    assert numbers == sorted(set(numbers)) and len(loud) - 1 in numbers, "and the visitor is heard again behind it"
    for before, after in zip(sent, sent[1:]):
        assert before.ends or after.ends or abs(after.at - before.at - CHUNK_S) < 1e-6, "an utterance has no hole"
    opened = sum(isinstance(event, GateOpened) for event in events)
    assert mode is Feed.ALWAYS or opened == sum(isinstance(event, GateClosed) for event in events)


# -- both threads, and a loop that is blocked ----------------------------------------------------------


class Air:
    """A room: what the speaker plays is in what the microphone hears, sample by sample, and hangs there for a time."""

    def __init__(self) -> None:
        self.spans: list[tuple[float, float]] = []

    def kiosk_at(self, when: float) -> bool:
        return any(start <= when < end for start, end in self.spans)


class Speaker(NullOutput):
    def __init__(self, air: Air) -> None:
        super().__init__(24_000)
        self.air = air

    def _keep(self, pcm: bytes) -> None:
        if any(pcm):
            self.air.spans.append((self._dry_at - PERIOD_S, self._dry_at + REVERB_S))


class Microphone(NullInput):
    def __init__(self, air: Air) -> None:
        super().__init__(16_000)
        self.air = air

    def _frames(self, count: int) -> bytes:
        end = self._began + self._periods * PERIOD_S
        times = (end - PERIOD_S + n / 16_000 for n in range(count))
        return array("h", [KIOSK if self.air.kiosk_at(when) else VISITOR for when in times]).tobytes()


def heard(voice: OwnVoice | None) -> list[Chunk]:
    """A held button, half a second of the kiosk's voice in the middle, and a loop that says nothing to anybody."""
    air, lane, uplink = Air(), PlaybackLane(60.0), UplinkLane(60.0, lambda ms: None)

    def silent(event: Event) -> bool:
        return True

    def speaker(spec: str) -> OutputStream:
        return Speaker(air)

    def microphone(spec: str) -> InputStream:
        return Microphone(air)

    playback = Playback("s", lane, silent, speaker, 5.0, 1.0, 0.3, voice=voice)
    hearing: Any = Believer()
    capture = Capture("m", uplink, silent, microphone, gate(), hearing, make_resampler, voice=voice)
    capture.feed(Feed.ALWAYS)
    chunks: list[Chunk] = []
    playback.start()
    capture.start()
    try:
        end = time.monotonic() + 1.6
        asked = False
        while time.monotonic() < end:
            if not asked and time.monotonic() > end - 1.2:
                lane.put(array("h", [KIOSK] * 12_000).tobytes(), 24_000)
                asked = True
            threading.Event().wait(0.02)
    finally:
        assert capture.stop(5.0) and playback.stop(5.0)
    for chunk in uplink.clear():
        chunks.append(chunk)
    return chunks


def samples(chunks: list[Chunk]) -> set[int]:
    return {value for chunk in chunks for value in array("h", chunk.pcm)}


def test_no_sample_of_its_voice_goes_up_while_the_loop_is_blocked() -> None:
    chunks = heard(OwnVoice(lambda: TAIL_S))
    assert samples(chunks) == {VISITOR}
    marks = [n for n, chunk in enumerate(chunks) if chunk.ends]
    assert len(marks) == 2, "what was said before it is one utterance, what was said behind it another"
    before, after = chunks[: marks[0]], chunks[marks[0] + 1 : marks[1]]
    assert len(before) > 5 and len(after) > 5
    assert after[0].at - before[-1].at == pytest.approx(0.5 + 0.03 + TAIL_S, abs=0.25)


def test_without_that_clock_the_voice_would_go_up() -> None:
    assert KIOSK in samples(heard(None))
