"""The doctor's programme through real streams of a sound server whose microphone hears its speaker; what ends it."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import Any, Callable, Iterator

import pytest

from kioskd.audio.doctor import audition
from kioskd.audio.doctor.audition import Audition, AuditionError, Heard, aligned, deaf, dumb
from kioskd.audio.capture import Capture
from kioskd.audio.devices import open_input, open_output
from kioskd.audio.doctor.diagnosis import PLAY_HZ, prepare
from kioskd.audio.doctor.measure import MeasureError, measure
from kioskd.audio.doctor.take import Take
from kioskd.audio.playback import Playback
from kioskd.audio.streams import DeviceError, OutputStream
from kioskd.audio.doctor.track import Track
from kioskd.audio.doctor.verdict import Figures
from kioskd.core.events import Event
from kioskd.core.gate import Gate
from kioskd.core.resample import make_resampler
from kioskd.core.vad import Vad
from kioskd.core.words import PartState
from kioskd.lanes import CHUNK_BYTES, UPLINK_HZ, Chunk, PlaybackLane, UplinkLane

SHORT = prepare(1.0)[: PLAY_HZ * 2]  # the first second of it


class Wing:
    """Both audio threads, and what they posted."""

    def __init__(self, mic: str, speaker: str, opens: Callable[[str], OutputStream]) -> None:
        self.events: list[Event] = []
        self.steps: list[str] = []
        self.lane = PlaybackLane(5.0)  # the shortest that can be configured
        self.playback = Playback(speaker, self.lane, self._post, opens, 1.0, 0.2, 0.2)
        gate, uplink = Gate(300, 80, 100, 700), UplinkLane(1.0, lambda lost_ms: None)
        self.capture = Capture(mic, uplink, self._post, open_input, gate, Vad(3, -55.0), make_resampler)

    def _post(self, event: Event) -> bool:
        self.events.append(event)
        return True

    def audition(self, disturbed: Callable[[], str] = lambda: "", cancels: bool = False) -> Audition:
        return Audition(self.capture, self.playback, self.lane, cancels, disturbed, self.steps.append)

    def perform(self, pcm: bytes, **wishes: Any) -> Heard:
        return asyncio.run(asyncio.wait_for(self.audition(**wishes).perform(pcm), 25))

    def take(self, pcm: bytes, volume: float, **wishes: Any) -> Take | AuditionError:
        """Perform and take, or why it was refused."""
        try:
            return self.perform(pcm, **wishes).take(volume)
        except AuditionError as error:
            return error

    def until(self, holds: Callable[[], bool]) -> None:
        until = time.monotonic() + 5
        while not holds():
            assert time.monotonic() < until
            time.sleep(0.01)


@contextmanager
def wing(mic: str, speaker: str, opens: Callable[[str], OutputStream] = open_output) -> Iterator[Wing]:
    made = Wing(mic, speaker, opens)
    made.playback.start()
    made.capture.start()
    try:
        made.until(lambda: made.capture.progress().state is not PartState.STARTING)
        made.until(lambda: made.playback.progress().state is not PartState.STARTING)
        yield made
    finally:
        assert made.capture.stop(2.0) and made.playback.stop(2.0)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses around what is played."""
    monkeypatch.setattr(audition, "QUIET_S", 0.1)
    monkeypatch.setattr(audition, "AFTER_S", 0.1)


def taps(made: Wing) -> list[object]:
    """Every hook that is left on the two threads."""
    speaker = made.playback._speaker.taps._taps
    return [*speaker, *(hook for hooks in made.capture._stages._hooks.values() for hook in hooks)]


def measured(take: Take | AuditionError) -> Figures | str:
    """What a take shows, or why there is none."""
    try:
        return str(take) if isinstance(take, AuditionError) else measure(take).figures
    except MeasureError as error:
        return str(error)


def refused_or_heard(found: Figures | str) -> None:
    """What holds on any machine: sound that broke off is no result, or is told with it; nothing is made up."""
    if isinstance(found, str):
        assert "is this board busy? Try again." in found
    else:
        assert found.clipped == 0.0 and found.noise_floor_dbfs < -80


def test_a_wire_from_speaker_to_microphone_is_found(sound_server: Any, watch: Any) -> None:
    def judge(found: Figures | str) -> None:
        assert isinstance(found, Figures), found
        assert found.heard and found.delay_ms is not None and 0.0 < found.delay_ms < 200.0
        assert found.return_loss_db == pytest.approx(0.0, abs=0.5), "volume and ducking do not touch the doctor's sound"
        assert found.distortion is not None and found.distortion < 0.02

    with wing(sound_server.loop_mic_spec, sound_server.spk_spec) as made:
        pcm = prepare(0.5)
        watch.in_peace(lambda: measured(made.take(pcm, 0.5)), judge, refused_or_heard, attempts=2)
        assert taps(made) == []
    assert made.steps[-3:] == ["listening to the room", "playing the sweep", "listening to what still sounds"]


def test_whoever_comes_first_ends_it_and_the_sound_is_cut(brief: None) -> None:
    with wing("null", "null") as made:
        since = time.monotonic()
        with pytest.raises(AuditionError, match="A visitor came."):
            made.perform(SHORT, disturbed=lambda: "A visitor came." if time.monotonic() > since + 0.5 else "")
        assert made.lane.waiting_s == 0.0 and made.lane.epoch == 1 and taps(made) == []


def test_a_cut_by_somebody_else_ends_it(brief: None) -> None:
    with wing("null", "null") as made:

        async def main() -> None:
            asyncio.get_running_loop().call_later(0.4, made.lane.cut)
            await made.audition().perform(SHORT)

        with pytest.raises(AuditionError, match="cut the sound"):
            asyncio.run(main())
        assert made.lane.epoch == 1 and taps(made) == [], "it does not cut what somebody else plays by now"


def test_cancelled_from_outside_it_leaves_nothing_behind(brief: None) -> None:
    with wing("null", "null") as made:

        async def main() -> None:
            task = asyncio.create_task(made.audition().perform(SHORT))
            await asyncio.sleep(0.4)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled()

        asyncio.run(main())
        assert taps(made) == [] and made.lane.waiting_s == 0.0


def test_a_speaker_that_is_missing_is_named(brief: None) -> None:
    def none(spec: str) -> OutputStream:
        raise DeviceError("The speaker is unplugged.")

    with wing("null", "somewhere", none) as made:
        with pytest.raises(AuditionError, match="The speaker is unplugged."):
            made.perform(SHORT)
        assert dumb(made.playback) == "The speaker is unplugged." and taps(made) == []


def test_a_microphone_that_is_missing_is_named(brief: None, tmp_path: Any) -> None:
    with wing(f"file:{tmp_path / 'none.wav'}", "null") as made:
        assert "none.wav" in deaf(made.capture) and dumb(made.playback) == ""
        with pytest.raises(AuditionError, match="none.wav"):
            made.perform(SHORT)


def test_what_is_cancelled_is_recorded_beside_what_is_not(brief: None, watch: Any) -> None:
    def attempt() -> tuple[Heard, Heard]:
        with wing("null", "null") as made:
            return made.perform(SHORT, cancels=True), made.perform(SHORT)

    def always(both: tuple[Heard, Heard]) -> None:
        assert both[0].clean.seconds == pytest.approx(both[0].raw.seconds, abs=0.05)
        assert not both[1].clean.seconds and both[1].raw.seconds

    def judge(both: tuple[Heard, Heard]) -> None:
        try:
            takes = [heard.take(1.0) for heard in both]
        except AuditionError as error:
            raise AssertionError(str(error)) from error
        assert takes[0].clean is not None and len(takes[0].clean) == len(takes[0].raw) and takes[1].clean is None

    watch.in_peace(attempt, judge, always)


def fill(heard: Heard, lost_at_s: float) -> None:
    """Eleven seconds, and 0.3 s of the microphone's are lost; the sweep begins after one."""
    for i in range(1100):
        heard.see_played(b"\x01\x00" * 160 if i >= 100 else bytes(320), UPLINK_HZ, 10.0 + i * 0.01)
    for i in range(550):
        heard.hear_raw(Chunk(bytes(CHUNK_BYTES), 10.02 + i * 0.02 + (0.3 if i * 0.02 > lost_at_s else 0.0)))


def test_a_sweep_that_was_torn_is_refused() -> None:
    heard = Heard()
    fill(heard, 2.5)
    with pytest.raises(AuditionError, match="The microphone lost 300 ms of the sweep"):
        heard.take(1.0)


def test_what_is_lost_behind_the_sweep_is_told_and_moves_nothing() -> None:
    heard = Heard()
    fill(heard, 8.0)
    take = heard.take(1.0)
    assert take.lost_ms == pytest.approx(300, abs=1)
    assert take.raw_at == pytest.approx(10.0) and take.played_at == pytest.approx(10.0)


def test_a_clean_track_that_begins_later_is_moved_to_where_it_belongs() -> None:
    raw, clean = Track(), Track()
    for i in range(40):
        raw.add(b"\x01\x00" * 320, 5.0 + i * 0.02, UPLINK_HZ)
    for i in range(30):
        clean.add(b"\x02\x00" * 320, 5.1 + i * 0.02, UPLINK_HZ)
    pcm = aligned(clean, raw)
    assert len(pcm) == len(raw.pcm)
    assert pcm[: 5 * CHUNK_BYTES] == bytes(5 * CHUNK_BYTES)
    assert pcm[5 * CHUNK_BYTES : 35 * CHUNK_BYTES] == clean.pcm and not any(pcm[35 * CHUNK_BYTES :])
    early = aligned(raw, clean)
    assert early == raw.pcm[5 * CHUNK_BYTES : 35 * CHUNK_BYTES]
