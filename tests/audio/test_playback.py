"""The playback thread on a speaker of its own kind: paced like a card, and it remembers what it was given."""

from __future__ import annotations

import math
import struct
import threading
import time
import wave
from array import array
from pathlib import Path
from typing import Any, Callable

import pytest

from kioskd.audio.conceal import CONCEALED_MS
from kioskd.audio.cues import cue
from kioskd.audio.devices import open_output
from kioskd.audio.playback import Playback
from kioskd.audio.streams import DeviceError, OutputStream
from kioskd.audio.paced import NullOutput
from kioskd.core.events import Event, PartChanged, PlaybackCut, PlaybackDrained, PlaybackStarted, ThreadDied
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

    def write(self, pcm: bytes, timeout_s: float) -> bool:
        if self.fault is not None:
            raise self.fault
        if self.full:
            time.sleep(timeout_s)
            self.refused += 1
            return False
        return super().write(pcm, timeout_s)

    def _keep(self, pcm: bytes) -> None:
        self.heard.append((time.monotonic(), pcm))

    def sound(self) -> bytes:
        return b"".join(pcm for _, pcm in self.heard).strip(b"\0")

    def close(self) -> None:
        self.closed.set()


class Stage:
    """A running playback with its lane, its facts and its speakers."""

    def __init__(self, idle_s: float = 0.15, volume: float = 1.0, cue_volume: float = 1.0, **more: Any) -> None:
        self.lane = PlaybackLane(60.0)
        self.facts: list[Event] = []
        self.changed = threading.Condition()
        self.recorders: list[Recorder] = []
        self.absent = False
        self.rate_hz = HZ
        self.speaker: type[Recorder] = Recorder
        self.playback = Playback(
            "alsa:card", self.lane, self.post, self.open, idle_s, volume, cue_volume, retry_s=0.05, **more
        )

    def open(self, spec: str) -> OutputStream:
        if self.absent:
            raise DeviceError("no card 'card'; plug one in")
        self.recorders.append(self.speaker(self.rate_hz))
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


class Roomy(Recorder):
    """It says that it has room for three periods whenever it has room at all."""

    def await_room(self, timeout_s: float, periods: int = 1) -> int:
        return 3 * super().await_room(timeout_s)


def handed_at_once(stage: Stage) -> set[int]:
    """How many periods of silence were handed over at a time since the last sound."""
    heard = stage.recorders[0].heard
    last = max((number for number, (_, pcm) in enumerate(heard) if pcm.strip(b"\0")), default=0)
    return {len(pcm) // len(SILENCE) for _, pcm in heard[last + 10 :]}


@pytest.mark.parametrize(
    ("conversing", "soon", "tapped", "sizes"),
    [(False, False, False, {2}), (True, False, False, {2}), (True, True, False, {1}), (True, False, True, {1})],
)
def test_silence_fills_the_ring_where_nobody_expects_an_answer(
    conversing: bool, soon: bool, tapped: bool, sizes: set[int]
) -> None:
    stage = Stage(idle_s=5.0)
    stage.speaker = Roomy
    with stage:
        stage.playback.keep_open(conversing, soon)
        if tapped:
            stage.playback.add_tap(lambda pcm, rate_hz, at: None)
        stage.lane.put(level(5000, 20), HZ)
        stage.told(PlaybackDrained)
        count = len(stage.recorders[0].heard)
        stage.wait(lambda: len(stage.recorders[0].heard) >= count + 20)
        assert handed_at_once(stage) == sizes
        stage.lane.put(level(6000, 20), HZ, "another")
        stage.told(PlaybackDrained, 2)
    assert level(6000, 20) in stage.recorders[0].sound(), "what comes all the same is played whole"


def test_sound_comes_out_as_it_went_in_behind_a_silent_lead_in() -> None:
    with Stage() as stage:
        stage.lane.put(level(5000, 25), HZ)
        stage.lane.put(level(6000, 25), HZ)
        stage.told(PlaybackDrained)
    heard = b"".join(pcm for _, pcm in stage.recorders[0].heard)
    assert heard.startswith(3 * SILENCE + level(5000, 25) + level(6000, 25))
    assert all(len(pcm) == 480 for _, pcm in stage.recorders[0].heard)


def test_started_is_told_with_the_first_sound_and_drained_when_the_device_has_played_it(watch: Any) -> None:
    with Stage() as stage:
        put_at = time.monotonic()
        stage.lane.put(level(5000, 100), HZ)
        (drained,) = stage.told(PlaybackDrained)
        (started,) = stage.told(PlaybackStarted)
    sounds = [at for at, pcm in stage.recorders[0].heard if pcm.strip(b"\0")]
    assert isinstance(started, PlaybackStarted) and isinstance(drained, PlaybackDrained)
    held_s = watch.held_s(put_at)
    assert started.at - sounds[0] < 0.01 + held_s and sounds[0] - put_at < 0.08 + held_s
    assert 0.03 <= drained.at - sounds[-1] < 0.08 + held_s


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


def test_a_pause_shorter_than_idle_keeps_the_device_open_with_silence(watch: Any) -> None:
    began = time.monotonic()
    with Stage(idle_s=5) as stage:
        for _ in range(2):
            stage.lane.put(level(5000, 20), HZ)
            stage.told(PlaybackDrained, 1 + _)
        assert len(stage.recorders) == 1
        assert (
            stage.recorders[0].xruns == 0 or watch.worst_s(began) > 0.01
        ), "only a machine that stood still lets it dry"
    assert len(stage.told(PlaybackStarted)) == 2


def test_after_a_cut_the_next_period_is_a_fade_and_then_silence(watch: Any) -> None:
    with Stage(idle_s=5) as stage:
        stage.lane.put(level(9000, 3000), HZ)
        stage.told(PlaybackStarted)
        stage.lane.cut("r1")
        cut_at = time.monotonic()
        (drained,) = stage.told(PlaybackDrained)
        took_s = time.monotonic() - cut_at
        held_s = watch.held_s(cut_at)
        assert took_s < 0.1 + held_s
        assert isinstance(drained, PlaybackDrained) and drained.at - cut_at < 0.05 + held_s
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
        stage.wait(lambda: stage.recorders[0].heard[-1][1] == level(2511, 10))
        stage.playback.duck(False)
        stage.playback.set_volume(0.5)
        stage.wait(lambda: stage.recorders[0].heard[-1][1] == level(5000, 10))


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


def test_an_announcement_plays_at_its_own_volume_and_goes_by_no_answers_rules() -> None:
    with Stage(volume=0.1, cue_volume=0.1, announce_volume=0.5) as stage:
        stage.lane.put(level(10000, 400), HZ, source="announcement")
        stage.told(PlaybackDrained)
        assert stage.recorders[0].sound().startswith(level(5000, 400))
        assert stage.playback.progress().underruns == 0


def test_a_device_at_another_rate_gets_converted_sound() -> None:
    stage = Stage()
    stage.rate_hz = 48000
    with stage:
        stage.lane.put(level(5000, 100), HZ)
        stage.told(PlaybackDrained)
    assert all(len(pcm) == 960 for _, pcm in stage.recorders[0].heard)
    assert 0.1 <= len(stage.recorders[0].sound()) / 96000 < 0.112 + CONCEALED_MS / 1000


def test_without_a_device_the_conversation_goes_on_at_real_pace(watch: Any) -> None:
    stage = Stage()
    stage.absent = True
    with stage:
        put_at = time.monotonic()
        stage.lane.put(level(5000, 100), HZ)
        (drained,) = stage.told(PlaybackDrained)
        (started,) = stage.told(PlaybackStarted)
        assert isinstance(started, PlaybackStarted) and isinstance(drained, PlaybackDrained)
        assert 0.09 < drained.at - put_at < 0.4 + watch.held_s(put_at)
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
        stage.wait(lambda: stage.playback.progress().tries >= tries + 2)


def test_a_device_that_dies_in_mid_answer_comes_back_in_mid_answer(watch: Any) -> None:
    with Stage() as stage:
        stage.lane.put(level(5000, 400), HZ)
        stage.told(PlaybackStarted)
        gone_at = time.monotonic()
        stage.recorders[0].fault = DeviceError("alsa:card is gone")
        stage.claims(PartState.ABSENT)
        stage.claims(PartState.RUNNING)
        stage.told(PlaybackDrained)
        assert stage.recorders[0].closed.is_set() and level(5000, 10) in stage.recorders[1].sound()
        now = stage.playback.progress()
        assert 50 <= now.lost_ms < 200 + watch.held_s(gone_at) * 1000 and now.reopened == 1
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


def test_stop_ends_a_thread_that_waits_and_one_that_plays(watch: Any) -> None:
    for sound in (b"", level(5000, 3000)):
        stage = Stage()
        with stage:
            stage.claims(PartState.ASLEEP)
            if sound:
                stage.lane.put(sound, HZ)
                stage.told(PlaybackStarted)
            began = time.monotonic()
            assert stage.playback.stop()
            took_s = time.monotonic() - began
            assert took_s < 0.2 + watch.held_s(began)
        assert all(recorder.closed.is_set() for recorder in stage.recorders)


def test_stop_tells_of_a_wedged_thread() -> None:
    stage, free = Stage(), threading.Event()

    class Wedged(Recorder):
        def write(self, pcm: bytes, timeout_s: float) -> bool:
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
    seen: list[tuple[bytes, int]] = []

    def tap(pcm: bytes, rate_hz: int, at: float) -> None:
        seen.append((pcm, rate_hz))

    stage.playback.add_tap(tap)
    with stage:
        stage.lane.put(level(5000, 20), HZ)
        stage.told(PlaybackDrained)
        stage.playback.remove_tap(tap)
        stage.claims(PartState.ASLEEP)
        stage.lane.put(level(5000, 20), HZ)
        stage.told(PlaybackDrained, 2)
    heard = [(pcm, HZ) for _, pcm in stage.recorders[0].heard]
    assert len(seen) > 5 and seen == heard[: len(seen)] and len(stage.recorders) == 2


def speech(ms: int, rate_hz: int = HZ, peak: int = 9000) -> bytes:
    """300 Hz, whole waves."""
    return array(
        "h", [round(peak * math.sin(2 * math.pi * 300 * i / rate_hz)) for i in range(rate_hz * ms // 1000)]
    ).tobytes()


def steepest(pcm: bytes) -> int:
    samples = array("h", pcm)
    return max(abs(b - a) for a, b in zip(samples, samples[1:]))


# Between two samples of ``speech`` at 24 kHz.
STEEPEST = 9000 * 2 * math.pi * 300 / HZ


def test_a_cut_answer_tells_how_much_of_it_was_really_heard(watch: Any) -> None:
    with Stage(idle_s=5) as stage:
        stage.lane.put(speech(3000), HZ, "r1")
        (started,) = stage.told(PlaybackStarted)
        assert isinstance(started, PlaybackStarted)
        stage.wait(lambda: time.monotonic() > started.at + 0.3)
        stage.lane.cut("r1")
        (cut,) = stage.told(PlaybackCut)
        assert isinstance(cut, PlaybackCut) and cut.response == "r1"
        # Handed over at ``started.at``, the first sample sounded when the device had played what it held: 20 ms.
        held_ms = watch.held_s(started.at - 0.05) * 1000
        assert abs(cut.heard_ms - (cut.at - started.at - 0.02) * 1000) < 15 + held_ms
        stage.told(PlaybackDrained)
        stage.lane.put(speech(40), HZ, "r2")
        stage.told(PlaybackDrained, 2)
        stage.lane.cut("r2")
        stage.wait(lambda: len(stage.told(PlaybackCut)) == 2)
        assert [event.heard_ms for event in stage.facts if isinstance(event, PlaybackCut)][1] == 40


def test_the_cut_of_what_has_not_begun_tells_nothing() -> None:
    with Stage(idle_s=5) as stage:
        stage.lane.cut("r0")
        stage.playback.play_cue("woken")
        stage.told(PlaybackStarted)
        stage.lane.put(speech(100), HZ, "r1")
        stage.lane.cut("r1")
        stage.told(PlaybackDrained)
        stage.lane.put(speech(40), HZ, "r2")
        stage.told(PlaybackDrained, 2)
        stage.lane.cut("r3")
        stage.lane.put(speech(40), HZ, "r4")
        stage.told(PlaybackDrained, 3)
    assert not [event for event in stage.facts if isinstance(event, PlaybackCut)]


def test_what_went_into_the_void_was_not_heard() -> None:
    stage = Stage(idle_s=5)
    stage.absent = True
    with stage:
        stage.lane.put(speech(1000), HZ, "r1")
        stage.told(PlaybackStarted)
        stage.lane.cut("r1")
        stage.told(PlaybackDrained)
    assert not [event for event in stage.facts if isinstance(event, PlaybackCut)]


@pytest.mark.parametrize("rate_hz", [HZ, 48000])
def test_a_cut_is_a_fade_of_what_would_have_come(rate_hz: int) -> None:
    stage = Stage(idle_s=5)
    stage.rate_hz = rate_hz
    with stage:
        stage.lane.put(speech(3000), HZ, "r1")
        stage.told(PlaybackStarted)
        speaker = stage.recorders[0]
        stage.wait(lambda: len(speaker.heard) > 20)
        stage.lane.cut("r1")
        stage.told(PlaybackDrained)
        stage.wait(lambda: not speaker.heard[-1][1].strip(b"\0"))
    heard = b"".join(pcm for _, pcm in speaker.heard)
    assert steepest(heard) < STEEPEST * HZ / rate_hz + 60
    fade = array("h", speaker.sound()[-rate_hz // 100 * 2 :])
    assert max(map(abs, fade[: len(fade) // 2])) > 4000


def test_an_underrun_is_counted_and_hidden_without_a_click(watch: Any) -> None:
    began = time.monotonic()
    with Stage(idle_s=5) as stage:
        stage.lane.put(speech(100), HZ, "r1")
        stage.wait(lambda: bool(stage.recorders) and len(stage.recorders[0].sound()) > len(speech(100)))
        stage.wait(lambda: not stage.recorders[0].heard[-1][1].strip(b"\0"))
        stage.lane.put(speech(100), HZ, "r1")
        stage.wait(lambda: stage.playback.progress().underruns == 1)
        stage.wait(lambda: not stage.recorders[0].heard[-1][1].strip(b"\0"))
        now = stage.playback.progress()
        assert now.underruns == 1 and 15 < now.underrun_ms < 300 + watch.held_s(began) * 1000
    heard = b"".join(pcm for _, pcm in stage.recorders[0].heard)
    assert steepest(heard) < STEEPEST + 2 * 9000 / (HZ * 0.005) and speech(100) in heard


def test_the_next_answer_is_no_underrun() -> None:
    with Stage(idle_s=5) as stage:
        for number in range(3):
            stage.lane.put(speech(40), HZ, f"r{number}")
            stage.told(PlaybackDrained, number + 1)
        stage.playback.play_cue("woken")
        stage.told(PlaybackDrained, 4)
        assert stage.playback.progress().underruns == 0


def fallen_silent(stage: Stage) -> int:
    """Wait until all has been played; how often drained has been told."""
    heard = stage.recorders[0].heard
    stage.wait(lambda: not stage.lane.waiting_s and not any(pcm.strip(b"\0") for _, pcm in heard[-8:]))
    return len(stage.told(PlaybackDrained))


def deliver(stage: Stage, response: str, count: int = 8, period_ms: int = 100, late_ms: int = 60) -> float:
    """As fast as speech, in bursts, each second one late. By how many ms the latest was, this machine included."""
    began, latest = time.monotonic(), 0.0
    for number in range(count):
        due = began + (number * period_ms + (late_ms if number % 2 else 0)) / 1000
        time.sleep(max(0.0, due - time.monotonic()))
        latest = max(latest, time.monotonic() - began - number * period_ms / 1000)
        stage.lane.put(speech(period_ms), HZ, response)
    return latest * 1000


def test_what_a_bursty_service_sends_is_held_back_once_it_is_known_and_never_breaks_again(watch: Any) -> None:
    with Stage(idle_s=5, prebuffer_most_ms=240) as stage:
        first = time.monotonic()
        deliver(stage, "r0")
        drained = fallen_silent(stage)
        before = stage.playback.progress()
        held_s = watch.held_s(first)
        assert before.underruns >= 1 and 50 < before.held_back_ms < 200 + held_s * 1000
        began = time.monotonic()
        late_ms = deliver(stage, "r1")
        stage.told(PlaybackDrained, drained + 1)
        started = [event.at for event in stage.told(PlaybackStarted) if isinstance(event, PlaybackStarted)]
        assert 0.05 < started[-1] - began < 0.2 + held_s + watch.held_s(began)
        # A busy machine may deliver later than it has so far; then a hole is right.
        assert stage.playback.progress().underruns == before.underruns or late_ms > before.held_back_ms - 5


def test_a_service_in_no_hurry_to_burst_is_played_at_once(watch: Any) -> None:
    with Stage(idle_s=5, prebuffer_most_ms=240) as stage:
        for number in range(2):
            began = time.monotonic()
            for _ in range(20):
                stage.lane.put(speech(50), HZ, f"r{number}")
            stage.told(PlaybackStarted, number + 1)
            took_s = time.monotonic() - began
            assert took_s < 0.1 + watch.held_s(began)
            stage.told(PlaybackDrained, number + 1)
        now = stage.playback.progress()
        assert (now.underruns, now.held_back_ms) == (0, 0.0)


def test_a_cut_takes_what_is_held_back_too() -> None:
    with Stage(idle_s=5, prebuffer_most_ms=240) as stage:
        deliver(stage, "r0")
        drained = fallen_silent(stage)
        stage.lane.put(speech(100), HZ, "r1")
        stage.lane.cut("r1")
        assert stage.lane.waiting_s == 0
        stage.playback.play_cue("woken")  # cues are not held back
        stage.told(PlaybackDrained, drained + 1)
        assert cue("woken", HZ).strip(b"\0") in stage.recorders[0].sound()


def test_thirty_seconds_at_once_are_played_and_cut_like_any_other() -> None:
    with Stage(idle_s=5) as stage:
        assert stage.lane.put(bytes(2 * HZ * 20) + speech(10_000), HZ, "r1")
        assert 29 < stage.lane.waiting_s <= 30
        stage.told(PlaybackStarted)
        assert stage.lane.waiting_s > 29, "what is not played yet still counts as waiting"
        stage.lane.cut("r1")
        stage.told(PlaybackDrained)
        assert stage.lane.waiting_s == 0


def test_the_output_opens_when_a_conversation_begins_and_rests_after_it() -> None:
    with Stage(idle_s=0.05) as stage:
        closed: list[float] = []
        stage.playback.on_rest = lambda: closed.append(time.monotonic())
        stage.claims(PartState.ASLEEP)
        stage.playback.keep_open(True, True)
        stage.claims(PartState.RUNNING)
        stage.wait(lambda: bool(stage.recorders) and len(stage.recorders[0].heard) > 20)
        stage.lane.put(speech(20), HZ, "r")
        stage.told(PlaybackDrained)
        count = len(stage.recorders[0].heard)
        stage.wait(lambda: len(stage.recorders[0].heard) > count + 20)
        assert len(stage.recorders) == 1 and not closed
        stage.playback.keep_open(False, False)
        stage.claims(PartState.ASLEEP)
        assert len(closed) == 1 and stage.recorders[0].closed.is_set()


def test_a_conversation_without_a_speaker_waits_for_it_and_costs_nothing() -> None:
    stage = Stage(idle_s=0.05)
    stage.absent = True
    with stage:
        stage.playback.keep_open(True, True)
        stage.claims(PartState.ABSENT)
        stage.wait(lambda: stage.playback.progress().tries >= 3)
        assert stage.playback.progress().periods == 0
        stage.absent = False
        stage.claims(PartState.RUNNING)
        stage.wait(lambda: len(stage.recorders[0].heard) > 10)


def test_a_lead_in_of_the_length_asked_for_comes_first_and_a_stop_does_not_wait_for_it(watch: Any) -> None:
    with Stage(idle_s=5, lead_in_ms=70) as stage:
        stage.lane.put(speech(40), HZ, "r")
        stage.told(PlaybackStarted)
        stage.wait(lambda: len(stage.recorders[0].heard) > 8)
        heard = b"".join(pcm for _, pcm in stage.recorders[0].heard)
        assert heard.startswith(7 * SILENCE + speech(10))
    with Stage(lead_in_ms=1000) as stage:
        stage.lane.put(speech(40), HZ, "r")
        stage.claims(PartState.RUNNING)
        began = time.monotonic()
        assert stage.playback.stop()
        took_s = time.monotonic() - began
        assert took_s < 0.3 + watch.held_s(began)


def wav(path: Path, pcm: bytes, rate_hz: int) -> str:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate_hz)
        sound.writeframes(pcm)
    return str(path)


def test_a_cue_may_be_a_file_a_tone_or_nothing(tmp_path: Path) -> None:
    spoken, bad = wav(tmp_path / "spoken.wav", speech(50), HZ), tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF")
    cues = {"done": spoken, "busy": str(bad), "woken": "silent"}
    with Stage(idle_s=0.05, cues=cues) as stage:
        stage.wait(lambda: stage.playback.progress().bad_cues == 1)
        assert f"{bad}, is not a WAV file" in stage.playback.progress().cue_problem
        assert [event.part for event in stage.facts if isinstance(event, PartChanged)].count("cues") == 1
        assert stage.playback.play_cue("woken") and stage.lane.waiting_s == 0
        stage.playback.play_cue("done")
        stage.told(PlaybackDrained)
        assert speech(50).strip(b"\0") in stage.recorders[0].sound()
        stage.claims(PartState.ASLEEP)
        stage.playback.play_cue("busy")
        stage.told(PlaybackDrained, 2)
        assert cue("busy", HZ).strip(b"\0") in stage.recorders[1].sound()
        stage.playback.set_cues({"busy": spoken})
        stage.wait(lambda: stage.playback.progress().bad_cues == 0)
        stage.playback.play_cue("busy")
        stage.told(PlaybackDrained, 3)
        assert speech(50).strip(b"\0") in stage.recorders[-1].sound()


def test_a_volume_that_is_no_number_changes_nothing() -> None:
    with Stage(idle_s=5) as stage:
        stage.lane.put(level(10000, 500), HZ)
        stage.told(PlaybackStarted)
        for set_volume in (stage.playback.set_volume, stage.playback.set_cue_volume):
            with pytest.raises(ValueError):
                set_volume(math.nan)
        stage.wait(lambda: stage.recorders[0].heard[-1][1] == level(10000, 10))


def real(stage: Stage, spec: str, idle_s: float) -> Stage:
    """The stage with a real stream to a sound server."""
    stage.playback = Playback(spec, stage.lane, stage.post, open_output, idle_s=idle_s, volume=1.0, cue_volume=1.0)
    return stage


def torn(heard: array[int]) -> bool:
    """Whether the sound has a hole of a ms or more: the server itself had no time on a busy machine."""
    sound = bytes(heard).strip(b"\0")
    return bytes(2 * HZ // 1000) in sound


def kinds(stage: Stage) -> list[type[Event]]:
    """What was told of the sound itself, in order."""
    return [type(event) for event in stage.facts if not isinstance(event, PartChanged)]


@pytest.mark.sound
def test_an_answer_is_heard_in_one_piece_through_a_sound_server(sound_server: Any, watch: Any) -> None:
    def attempt() -> list[int]:
        stage = real(Stage(), sound_server.spk_spec, idle_s=1)
        with sound_server.hear(HZ) as recording, stage:
            stage.lane.put(level(8000, 300), HZ)
            stage.told(PlaybackDrained)
            recording.wait(len(recording.pcm) + 9600)
        assert kinds(stage) == [PlaybackStarted, PlaybackDrained]
        heard = array("h", bytes(recording.pcm))
        return [i for i, value in enumerate(heard) if abs(value) > 4000]

    def judge(loud: list[int]) -> None:
        assert 0.28 < len(loud) / HZ and loud[-1] - loud[0] == len(loud) - 1

    def always(loud: list[int]) -> None:
        assert 0 < len(loud) / HZ < 0.32, "nothing is heard twice"

    watch.in_peace(attempt, judge, always)


LEVELS = (4000, 6000, 8000)  # the end of one, drawn out, never passes the next


def three_openings(sound_server: Any) -> tuple[dict[int, list[int]], array[int], int]:
    """Where each of three answers behind rests is heard, all that is heard, how often the device ran dry meanwhile."""
    stage = real(Stage(), sound_server.spk_spec, idle_s=0.1)
    with sound_server.hear(HZ) as recording, stage:
        for number, value in enumerate(LEVELS, 1):
            stage.claims(PartState.ASLEEP)
            stage.lane.put(level(value, 100), HZ, f"r{number}")
            stage.told(PlaybackDrained, number)
        stage.claims(PartState.ASLEEP)
        recording.wait(len(recording.pcm) + 9600)
    assert sum(event.state is PartState.RUNNING for event in stage.facts if isinstance(event, PartChanged)) == 3
    assert kinds(stage) == 3 * [PlaybackStarted, PlaybackDrained]
    heard = array("h", bytes(recording.pcm))
    there = {value: [i for i, sample in enumerate(heard) if abs(sample - value) < 100] for value in LEVELS}
    return there, heard, stage.playback.progress().xruns


@pytest.mark.sound
def test_no_sample_is_lost_and_nothing_clicks_when_a_real_output_is_opened_again(sound_server: Any, watch: Any) -> None:
    def judge(found: tuple[dict[int, list[int]], array[int], int]) -> None:
        there, heard, xruns = found
        for value, places in there.items():
            # From the very first sample on: the server's own resampling may round the edge by a few.
            assert len(places) >= 0.1 * HZ - 24, f"{value}: {len(places)} samples; the device ran dry {xruns} times"
            assert not any(heard[max(0, places[0] - HZ // 50) : places[0] - 24]), "silence leads in"

    def always(found: tuple[dict[int, list[int]], array[int], int]) -> None:
        places = [found[0][value] for value in LEVELS]
        assert all(one and len(one) < 0.12 * HZ for one in places), "each is heard, and not twice"
        assert places[0][0] < places[1][0] < places[2][0], "one behind the other"

    watch.in_peace(lambda: three_openings(sound_server), judge, always)


def cut_for_real(sound_server: Any) -> tuple[PlaybackCut, float, array[int], Any]:
    """What is told of an answer that is cut after 0.3 s, after how many ms it was, what is heard, and the progress."""
    stage = real(Stage(), sound_server.spk_spec, idle_s=5)
    with sound_server.hear(HZ) as recording, stage:
        stage.lane.put(level(8000, 5000), HZ, "r1")  # no wave that happens to end at zero
        (started,) = stage.told(PlaybackStarted)
        assert isinstance(started, PlaybackStarted)
        stage.wait(lambda: time.monotonic() > started.at + 0.3)
        stage.lane.cut("r1")
        (cut,) = stage.told(PlaybackCut)
        stage.told(PlaybackDrained)
        recording.wait(len(recording.pcm) + 19200)
        now = stage.playback.progress()
    assert isinstance(cut, PlaybackCut)
    assert sorted(kind.__name__ for kind in kinds(stage)) == ["PlaybackCut", "PlaybackDrained", "PlaybackStarted"]
    return cut, (cut.at - started.at) * 1000, array("h", bytes(recording.pcm)), now


@pytest.mark.sound
def test_a_cut_of_a_real_stream_fades_and_tells_what_was_heard(sound_server: Any, watch: Any) -> None:
    def judge(found: tuple[PlaybackCut, float, array[int], Any]) -> None:
        cut, after_ms, heard, now = found
        loud = [i for i, sample in enumerate(heard) if sample]
        # What the device held at the cut was played on, and counts as unheard; the fade is 10 ms more.
        played_ms = (loud[-1] - loud[0]) * 1000 / HZ
        told = f"{cut.heard_ms} ms told, {played_ms:.0f} ms heard, the device ran dry {now.xruns} times"
        assert not torn(heard) and not now.xruns, told
        assert -5 < played_ms - cut.heard_ms < now.latency_s * 1000 + 10 + 20, told
        assert after_ms - 120 < cut.heard_ms, told
        end = heard[loud[-1] - HZ // 20 : loud[-1] + 100]
        assert steepest(end.tobytes()) < 500, told

    def always(found: tuple[PlaybackCut, float, array[int], Any]) -> None:
        cut, after_ms, heard, now = found
        sounding_ms = sum(1 for sample in heard if sample) * 1000 / HZ
        told = f"{cut.heard_ms} ms told {after_ms:.0f} ms after the beginning, {sounding_ms:.0f} ms heard"
        # The ring is filled with a burst at the beginning: so much may have been handed over at once.
        assert 0 < cut.heard_ms <= after_ms + now.latency_s * 1000, told
        assert 0 < sounding_ms < after_ms + now.latency_s * 1000 + 30, f"it sounds on: {told}"

    watch.in_peace(lambda: cut_for_real(sound_server), judge, always)


# -- before anything is played -------------------------------------------------------------------------


def test_a_speaker_that_is_doubted_is_tried_before_anything_is_played() -> None:
    stage = Stage(doubt=lambda: "no card")
    stage.absent = True
    with stage:
        stage.claims(PartState.ABSENT)
        assert stage.playback.progress().reason == "no card 'card'; plug one in" and not stage.recorders
        stage.absent = False
        stage.claims(PartState.ASLEEP)
        stage.wait(lambda: all(recorder.closed.is_set() for recorder in stage.recorders))
        assert not stage.recorders[0].heard, "no sound and no silence: it was opened to know"


def test_a_speaker_that_nobody_doubts_is_left_alone() -> None:
    with Stage() as stage:
        stage.claims(PartState.ASLEEP)
        assert stage.playback.progress().tries == 0 and not stage.recorders
