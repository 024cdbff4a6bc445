"""The playback thread on a speaker of its own kind: paced like a card, and it remembers what it was given."""

from __future__ import annotations

import struct
import threading
import time
from typing import Any, Callable

import pytest

from kioskd.audio.cues import cue
from kioskd.audio.devices import open_output
from kioskd.audio.playback import Playback
from kioskd.audio.streams import DeviceError, OutputStream
from kioskd.audio.wavfile import NullOutput
from kioskd.core.events import Event, PartChanged, PlaybackDrained, PlaybackStarted, ThreadDied
from kioskd.core.words import PartState
from kioskd.lanes import PlaybackLane, Slice

HZ = 24000
SILENCE = bytes(480)


def level(value: int, ms: int, rate_hz: int = HZ) -> bytes:
    return struct.pack("<h", value) * (rate_hz * ms // 1000)


class Recorder(NullOutput):
    """A paced speaker that keeps what it was given. ``fault`` is an exception to raise; ``full``: it has no room."""

    def __init__(self, rate_hz: int = HZ) -> None:
        super().__init__(rate_hz)
        self.heard: list[tuple[float, bytes]] = []
        self.fault: Exception | None = None
        self.full = False
        self.refused = 0
        self.closed = threading.Event()

    def write_period(self, pcm: bytes, timeout_s: float) -> bool:
        if self.fault is not None:
            raise self.fault
        if self.full:
            time.sleep(timeout_s)
            self.refused += 1
            return False
        return super().write_period(pcm, timeout_s)

    def _keep(self, pcm: bytes) -> None:
        self.heard.append((time.monotonic(), pcm))

    def sound(self) -> bytes:
        return b"".join(pcm for _, pcm in self.heard).strip(b"\0")

    def close(self) -> None:
        self.closed.set()


class Stage:
    """A running playback with its lane, its facts and its speakers."""

    def __init__(self, idle_s: float = 0.15, volume: float = 1.0, cue_volume: float = 1.0) -> None:
        self.lane = PlaybackLane(10.0)
        self.facts: list[Event] = []
        self.changed = threading.Condition()
        self.recorders: list[Recorder] = []
        self.absent = False
        self.rate_hz = HZ
        self.playback = Playback("alsa:card", self.lane, self.post, self.open, idle_s, volume, cue_volume, retry_s=0.05)

    def open(self, spec: str) -> OutputStream:
        if self.absent:
            raise DeviceError("no card 'card'; plug one in")
        self.recorders.append(Recorder(self.rate_hz))
        return self.recorders[-1]

    def post(self, event: Event) -> bool:
        with self.changed:
            self.facts.append(event)
            self.changed.notify_all()
        return True

    def wait(self, true: Callable[[], bool], timeout_s: float = 3.0) -> None:
        with self.changed:
            while not true():
                before = time.monotonic()
                assert timeout_s > 0, f"waited in vain; facts: {self.facts}"
                self.changed.wait(min(timeout_s, 0.02))
                timeout_s -= time.monotonic() - before

    def told(self, kind: type[Event], count: int = 1) -> list[Event]:
        self.wait(lambda: sum(isinstance(event, kind) for event in self.facts) >= count)
        return [event for event in self.facts if isinstance(event, kind)]

    def claims(self, state: PartState) -> None:
        self.wait(lambda: self.playback.progress().state is state)

    def __enter__(self) -> Stage:
        self.playback.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self.playback.stop()


def test_sound_comes_out_as_it_went_in_behind_a_silent_lead_in() -> None:
    with Stage() as stage:
        stage.lane.put(level(5000, 25), HZ)
        stage.lane.put(level(6000, 25), HZ)
        stage.told(PlaybackDrained)
    heard = b"".join(pcm for _, pcm in stage.recorders[0].heard)
    assert heard.startswith(3 * SILENCE + level(5000, 25) + level(6000, 25))
    assert all(len(pcm) == 480 for _, pcm in stage.recorders[0].heard)


def test_started_is_told_with_the_first_sound_and_drained_when_the_device_has_played_it() -> None:
    with Stage() as stage:
        put_at = time.monotonic()
        stage.lane.put(level(5000, 100), HZ)
        (drained,) = stage.told(PlaybackDrained)
        (started,) = stage.told(PlaybackStarted)
    sounds = [at for at, pcm in stage.recorders[0].heard if pcm.strip(b"\0")]
    assert isinstance(started, PlaybackStarted) and isinstance(drained, PlaybackDrained)
    assert started.at - sounds[0] < 0.01 and sounds[0] - put_at < 0.08
    assert 0.03 <= drained.at - sounds[-1] < 0.08


def test_while_nothing_is_played_the_output_is_closed_and_nobody_wakes() -> None:
    with Stage(idle_s=0.05) as stage:
        stage.claims(PartState.ASLEEP)
        assert not stage.recorders
        stage.lane.put(level(5000, 20), HZ)
        stage.told(PlaybackDrained)
        assert stage.recorders[0].closed.wait(2)
        stage.claims(PartState.ASLEEP)
        stage.lane.put(level(7000, 20), HZ)
        stage.told(PlaybackDrained, 2)
        assert len(stage.recorders) == 2 and stage.recorders[1].sound()[:2] == struct.pack("<h", 7000)


def test_a_pause_shorter_than_idle_keeps_the_device_open_with_silence() -> None:
    with Stage(idle_s=5) as stage:
        for _ in range(2):
            stage.lane.put(level(5000, 20), HZ)
            stage.told(PlaybackDrained, 1 + _)
        assert len(stage.recorders) == 1
        assert stage.recorders[0].xruns == 0
    assert len(stage.told(PlaybackStarted)) == 2


def test_after_a_cut_the_next_period_is_a_fade_and_then_silence() -> None:
    with Stage(idle_s=5) as stage:
        stage.lane.put(level(9000, 3000), HZ)
        stage.told(PlaybackStarted)
        stage.lane.cut("r1")
        cut_at = time.monotonic()
        (drained,) = stage.told(PlaybackDrained)
        assert time.monotonic() - cut_at < 0.1
        assert isinstance(drained, PlaybackDrained) and drained.at - cut_at < 0.05
        stage.wait(lambda: len(stage.recorders[0].heard) > 12)
    after = [pcm for at, pcm in stage.recorders[0].heard if at > cut_at]
    loud = [pcm for pcm in after if pcm == level(9000, 10)]
    fades = [pcm for pcm in after if pcm != level(9000, 10) and pcm.strip(b"\0")]
    assert len(loud) <= 1  # one may have been on its way into the device
    assert len(fades) == 1 and fades[0][-2:] == b"\0\0"


def test_a_period_that_waits_for_room_is_not_handed_over_after_a_cut() -> None:
    with Stage(idle_s=5) as stage:
        stage.lane.put(level(9000, 3000), HZ)
        stage.told(PlaybackStarted)
        speaker = stage.recorders[0]
        speaker.full = True
        stage.wait(lambda: speaker.refused > 2)
        before = len(speaker.heard)
        stage.lane.cut()
        refused = speaker.refused
        stage.wait(lambda: speaker.refused > refused + 2)
        speaker.full = False
        stage.told(PlaybackDrained)
        after = [pcm for _, pcm in speaker.heard[before:]]
    assert after[0] != level(9000, 10) and after[0][-2:] == bytes(2)
    assert not any(pcm.strip(b"\0") for pcm in after[1:])


def test_a_slice_that_was_taken_as_the_cut_came_is_not_played() -> None:
    class Racing(PlaybackLane):
        def take(self, timeout_s: float | None = None) -> Slice | None:
            piece = super().take(timeout_s)
            if piece is not None and piece.pcm[:2] == struct.pack("<h", 9000):
                self.cut()
            return piece

    stage = Stage()
    stage.lane = Racing(10.0)
    stage.playback = Playback(
        "x", stage.lane, stage.post, stage.open, idle_s=0.15, volume=1.0, cue_volume=1.0, retry_s=0.05
    )
    with stage:
        stage.lane.put(level(9000, 100), HZ)
        stage.lane.wake()
        time.sleep(0.05)
        stage.lane.put(level(3000, 20), HZ)
        stage.told(PlaybackDrained)
    assert stage.recorders[0].sound()[: len(level(3000, 20))] == level(3000, 20)


def test_a_cut_makes_way_for_what_is_put_in_behind_it() -> None:
    with Stage(idle_s=5) as stage:
        stage.lane.put(level(9000, 3000), HZ)
        stage.told(PlaybackStarted)
        stage.lane.cut("r1")
        assert not stage.lane.put(level(9000, 100), HZ, response="r1")
        stage.lane.put(level(-3000, 40), HZ, response="r2")
        stage.told(PlaybackDrained, 2)
    heard = b"".join(pcm for _, pcm in stage.recorders[0].heard)
    assert level(-3000, 40) in heard
    kinds = [type(event) for event in stage.facts if not isinstance(event, PartChanged)]
    assert kinds == [PlaybackStarted, PlaybackDrained, PlaybackStarted, PlaybackDrained]


def test_a_cut_while_asleep_takes_nothing_from_the_next_sound() -> None:
    with Stage() as stage:
        stage.claims(PartState.ASLEEP)
        stage.lane.cut()
        stage.lane.put(level(5000, 20), HZ)
        stage.told(PlaybackDrained)
        assert stage.recorders[0].sound()[: len(level(5000, 20))] == level(5000, 20)


def test_ducking_is_heard_within_a_few_periods_and_volume_too() -> None:
    with Stage(idle_s=5) as stage:
        stage.lane.put(level(10000, 2000), HZ)
        stage.told(PlaybackStarted)
        stage.playback.duck(True)
        stage.wait(lambda: stage.recorders[0].heard[-1][1] == level(2511, 10), 1)
        stage.playback.duck(False)
        stage.playback.set_volume(0.5)
        stage.wait(lambda: stage.recorders[0].heard[-1][1] == level(5000, 10), 1)


def test_a_cue_plays_at_its_own_volume() -> None:
    with Stage(volume=0.1, cue_volume=1.0) as stage:
        assert stage.playback.play_cue("woken")
        stage.told(PlaybackDrained)
        assert stage.recorders[0].sound() == cue("woken", HZ).strip(b"\0")
        stage.playback.set_cue_volume(0.0)
        stage.playback.play_cue("woken")
        stage.told(PlaybackDrained, 2)
        assert not any(pcm.strip(b"\0") for at, pcm in stage.recorders[-1].heard[-5:])
        with pytest.raises(KeyError):
            stage.playback.play_cue("bell")


def test_a_device_at_another_rate_gets_converted_sound() -> None:
    stage = Stage()
    stage.rate_hz = 48000
    with stage:
        stage.lane.put(level(5000, 100), HZ)
        stage.told(PlaybackDrained)
    assert all(len(pcm) == 960 for _, pcm in stage.recorders[0].heard)
    assert 0.1 <= len(stage.recorders[0].sound()) / 96000 < 0.112


def test_without_a_device_the_conversation_goes_on_at_real_pace() -> None:
    stage = Stage()
    stage.absent = True
    with stage:
        put_at = time.monotonic()
        stage.lane.put(level(5000, 100), HZ)
        (drained,) = stage.told(PlaybackDrained)
        (started,) = stage.told(PlaybackStarted)
        assert isinstance(started, PlaybackStarted) and isinstance(drained, PlaybackDrained)
        assert 0.09 < drained.at - put_at < 0.4
        now = stage.playback.progress()
        assert now.state is PartState.ABSENT and "plug one in" in now.reason and not now.open
        assert now.lost_ms == 100
        stage.absent = False
        stage.claims(PartState.ASLEEP)  # healed while nobody spoke, and closed again
        stage.lane.put(level(5000, 20), HZ)
        stage.told(PlaybackDrained, 2)
        assert stage.recorders[-1].sound()[:40] == level(5000, 20)[:40]
        assert stage.playback.progress().lost_ms == 100
    states = [event.state for event in stage.facts if isinstance(event, PartChanged)]
    assert states[:3] == [PartState.ASLEEP, PartState.ABSENT, PartState.RUNNING]


def test_a_missing_device_is_tried_again_while_nothing_is_played() -> None:
    stage = Stage(idle_s=0.05)
    stage.absent = True
    with stage:
        stage.lane.put(level(5000, 20), HZ)
        stage.told(PlaybackDrained)
        tries = stage.playback.progress().tries
        stage.wait(lambda: stage.playback.progress().tries >= tries + 2, 1)


def test_a_device_that_dies_in_mid_answer_comes_back_in_mid_answer() -> None:
    with Stage() as stage:
        stage.lane.put(level(5000, 400), HZ)
        stage.told(PlaybackStarted)
        stage.recorders[0].fault = DeviceError("alsa:card is gone")
        stage.claims(PartState.ABSENT)
        stage.claims(PartState.RUNNING)
        stage.told(PlaybackDrained)
        assert stage.recorders[0].closed.is_set() and level(5000, 10) in stage.recorders[1].sound()
        now = stage.playback.progress()
        assert 50 <= now.lost_ms < 200 and now.reopened == 1
    assert len(stage.told(PlaybackStarted)) == 1


def test_an_unexpected_error_ends_the_thread_loudly(caplog: pytest.LogCaptureFixture) -> None:
    with Stage() as stage:
        stage.lane.put(level(5000, 400), HZ)
        stage.told(PlaybackStarted)
        stage.recorders[0].fault = ZeroDivisionError("of the device")
        (died,) = stage.told(ThreadDied)
        assert died == ThreadDied("kioskd-play", "ZeroDivisionError: of the device")
        assert stage.recorders[0].closed.wait(1)
        assert stage.playback.progress().state is PartState.FAILED
    assert "Traceback" in caplog.text


def test_stop_ends_a_thread_that_waits_and_one_that_plays() -> None:
    for sound in (b"", level(5000, 3000)):
        stage = Stage()
        with stage:
            stage.claims(PartState.ASLEEP)
            if sound:
                stage.lane.put(sound, HZ)
                stage.told(PlaybackStarted)
            began = time.monotonic()
            assert stage.playback.stop()
            assert time.monotonic() - began < 0.2
        assert all(recorder.closed.is_set() for recorder in stage.recorders)


def test_stop_tells_of_a_wedged_thread() -> None:
    stage, free = Stage(), threading.Event()

    class Wedged(Recorder):
        def write_period(self, pcm: bytes, timeout_s: float) -> bool:
            free.wait(10)
            return True

    stage.playback = Playback(
        "x", stage.lane, stage.post, lambda spec: Wedged(), idle_s=0.1, volume=1.0, cue_volume=1.0
    )
    with stage:
        stage.lane.put(level(5000, 20), HZ)
        stage.wait(lambda: stage.playback.progress().open)
        assert not stage.playback.stop(0.1)
        free.set()


def test_each_period_is_shown_to_the_hook() -> None:
    stage = Stage()
    seen: list[bytes] = []
    stage.playback.on_period = lambda pcm, at: seen.append(pcm)
    with stage:
        stage.lane.put(level(5000, 20), HZ)
        stage.told(PlaybackDrained)
    assert seen == [pcm for _, pcm in stage.recorders[0].heard]


@pytest.mark.sound
def test_an_answer_is_heard_through_a_sound_server(sound_server: Any) -> None:
    stage = Stage(idle_s=1)
    stage.playback = Playback(
        sound_server.spk_spec, stage.lane, stage.post, open_output, idle_s=1, volume=1.0, cue_volume=1.0
    )
    with sound_server.hear(HZ) as recording, stage:
        stage.lane.put(level(8000, 300), HZ)
        stage.told(PlaybackDrained)
        recording.wait(len(recording.pcm) + 9600)
    heard = struct.unpack(f"<{len(recording.pcm) // 2}h", recording.pcm)
    loud = [i for i, value in enumerate(heard) if abs(value) > 4000]
    assert 0.28 < len(loud) / HZ < 0.32
    # In one piece; a machine that is busy with other tests may have torn it once.
    assert loud[-1] - loud[0] - len(loud) < 0.1 * HZ
