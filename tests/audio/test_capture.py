"""The capture thread against a microphone that behaves, and (marked sound) against a sound server."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from statistics import median

import pytest

from kioskd.audio.capture import FIRST_STALLS, PART, THREAD, Capture
from kioskd.audio.detector import MARGIN_DB, Confirmation, Detector
from kioskd.audio.devices import open_input
from kioskd.audio.echo import Canceller, EchoProgress
from kioskd.audio.intake import Resampler
from kioskd.audio.streams import DeviceError, InputStream
from kioskd.core.events import (
    Event,
    GateCalmed,
    GateClosed,
    GateOpened,
    GateStirred,
    PartChanged,
    ThreadDied,
    UplinkOverflowed,
)
from kioskd.core.floor import NoiseFloor
from kioskd.core.gate import Gate
from kioskd.core.resample import make_resampler
from kioskd.core.vad import SILENCE_DBFS, Vad
from kioskd.core.words import Feed, PartState
from kioskd.core.words import Vad as GateState
from kioskd.inbox import Inbox
from kioskd.lanes import CHUNK_BYTES, Chunk, UplinkLane

PERIOD_BYTES = 320
QUIET = bytes(PERIOD_BYTES)
SOON_S = 5.0  # how long a test waits for what takes milliseconds


@cache
def spoken(text: str = "please open the door") -> bytes:
    """``text`` by espeak-ng as S16_LE mono at 16 kHz, whole chunks."""
    wav = subprocess.run(["espeak-ng", "--stdout", text], capture_output=True, check=True).stdout
    start = wav.index(b"data") + 8
    source = array("h", wav[start : start + (len(wav) - start) // 2 * 2])
    step = int.from_bytes(wav[24:28], "little") / 16000
    out = array("h", (source[int(n * step)] for n in range(int((len(source) - 1) / step))))
    return out.tobytes()[: len(out) * 2 // CHUNK_BYTES * CHUNK_BYTES]


def periods(pcm: bytes) -> list[bytes]:
    return [pcm[at : at + PERIOD_BYTES] for at in range(0, len(pcm), PERIOD_BYTES)]


def seconds(length_s: float) -> list[bytes]:
    """So much silence."""
    return [QUIET] * round(length_s * 100)


class Clock:
    """Time that passes only while the microphone is read."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeMicrophone:
    """A microphone that plays a script.

    bytes: the next period, for which a read waits; tuple of bytes: these lie ready; float: for so many seconds
    nothing comes; an exception: raised; a callable: called (in the capture thread, just before the next
    period is returned). After the script no time passes and nothing comes.
    """

    def __init__(self, clock: Clock, *script: object, rate_hz: int = 16000) -> None:
        self.clock = clock
        self.script = list(script)
        self.rate_hz = rate_hz
        self.xruns = self.held = 0
        self.relaxed: list[int] = []
        self.played = threading.Event()
        self.closed = threading.Event()
        self.threads: set[str] = set()

    def relax(self, chunks: int) -> None:
        self.relaxed.append(chunks)

    def read(self, timeout_s: float) -> bytes | None:
        assert not self.closed.is_set(), "read after close"
        self.threads.add(threading.current_thread().name)
        while self.script:
            item = self.script.pop(0)
            if isinstance(item, BaseException):
                raise item
            if isinstance(item, bytes):
                self.clock.now += 0.01
                return item
            if isinstance(item, tuple):
                if item[1:]:
                    self.script.insert(0, item[1:])
                assert isinstance(item[0], bytes)
                return item[0]
            if isinstance(item, float):
                self.clock.now += min(timeout_s, item)
                if item > timeout_s:
                    self.script.insert(0, item - timeout_s)
                return None
            assert callable(item)
            item()
        self.played.set()
        time.sleep(0.001)
        return None

    def close(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.closed.set()


class Studio:
    """A capture thread with its lane, its devices, and all it posted."""

    def __init__(
        self,
        *devices: object,
        retry_s: float = 0.01,
        post: Callable[[Event], bool] | None = None,
        canceller: Canceller | None = None,
        give_way: Callable[[bool], object] = bool,
        vad: Vad | Detector | None = None,
    ) -> None:
        self.devices = list(devices)
        self.opened: list[str] = []
        self.events: list[Event] = []
        self.news = threading.Condition()
        self.clock = Clock()
        self.lane = UplinkLane(1000.0, lambda ms: None)
        self.resampled: list[tuple[int, int]] = []
        self.capture = Capture(
            "alsa:kiosk",
            self.lane,
            post or self.post,
            self.open_input,
            Gate(300, 80, 100, 700),
            vad or Vad(3, -55.0),
            self.make_resampler,
            retry_s=retry_s,
            stall_s=1.0,
            clock=self.clock,
            canceller=canceller,
            give_way=give_way,
        )

    def post(self, event: Event) -> bool:
        with self.news:
            self.events.append(event)
            self.news.notify_all()
        return True

    def open_input(self, spec: str) -> InputStream:
        """The next device; the last one is there for ever."""
        with self.news:
            self.opened.append(spec)
            self.news.notify_all()
        device = self.devices.pop(0) if len(self.devices) > 1 else self.devices[0]
        if isinstance(device, BaseException):
            raise device
        assert isinstance(device, FakeMicrophone)
        device.clock = self.clock
        device.closed.clear()
        return device

    def make_resampler(self, from_hz: int, to_hz: int) -> Resampler:
        self.resampled.append((from_hz, to_hz))
        return EveryThird()

    def wait_for(self, what: Callable[[], object]) -> None:
        with self.news:
            assert self.news.wait_for(what, SOON_S), self.events

    @contextmanager
    def running(self) -> Iterator[Capture]:
        self.capture.start()
        try:
            yield self.capture
        finally:
            assert self.capture.stop(SOON_S)

    def kinds(self) -> list[type[Event]]:
        """Kinds of the gate's events."""
        return [type(event) for event in self.events if not isinstance(event, PartChanged)]

    def claims(self) -> list[PartState]:
        return [event.state for event in self.events if isinstance(event, PartChanged)]

    def sent(self) -> list[Chunk]:
        chunks = []
        for chunk in self.lane.clear():
            chunks.append(chunk)
        return chunks


class EveryThird:
    def process(self, pcm: bytes) -> bytes:
        return array("h", pcm)[::3].tobytes()


def mic(*script: object, rate_hz: int = 16000) -> FakeMicrophone:
    return FakeMicrophone(Clock(), *script, rate_hz=rate_hz)


def play(studio: Studio, mode: Feed = Feed.NEVER) -> None:
    """Run until the only device has played its script."""
    (device,) = studio.devices
    assert isinstance(device, FakeMicrophone)
    studio.capture.feed(mode)
    with studio.running():
        assert device.played.wait(SOON_S), studio.events


# -- speech --------------------------------------------------------------------------------------


def test_one_sentence_goes_up_whole_with_what_was_before_and_after() -> None:
    words = spoken()
    script = [*seconds(1), *periods(words), *seconds(1)]
    studio = Studio(mic(*script))
    play(studio, Feed.GATED)
    sent = studio.sent()
    assert studio.kinds() == [GateOpened, GateClosed]
    assert sent[-1].ends and not any(chunk.ends for chunk in sent[:-1])
    whole = b"".join(chunk.pcm for chunk in sent)
    heard = b"".join(script)
    assert whole in heard
    loud = next(at for at in range(0, len(words), CHUNK_BYTES) if max(array("h", words[at : at + CHUNK_BYTES])) > 500)
    assert heard.index(whole) <= seconds_bytes(1) + loud - seconds_bytes(0.2), "the preroll"


def seconds_bytes(length_s: float) -> int:
    return round(length_s * 32000)


@pytest.mark.parametrize(("in_session", "chunks"), [(False, 4), (True, 2)])
def test_the_device_may_take_its_time_only_while_nobody_speaks_and_nobody_may_be_interrupted(
    in_session: bool, chunks: int
) -> None:
    device = mic(*seconds(1), *periods(spoken()), *seconds(1))
    studio = Studio(device)
    if in_session:
        studio.lane.attach(lambda: None)
    play(studio, Feed.GATED)
    assert {device.relaxed[0], device.relaxed[-1]} == {chunks} and set(device.relaxed) == {1, chunks}
    began, ended = device.relaxed.index(1), len(device.relaxed) - device.relaxed[::-1].index(1)
    assert set(device.relaxed[began:ended]) == {1}, "from the first stirring to the end of the hangover"
    for watched, feed in ((True, Feed.NEVER), (False, Feed.ALWAYS)):
        device = mic(*seconds(0.1))
        studio = Studio(device)
        studio.capture.watch_barge_in(watched)
        play(studio, feed)
        assert set(device.relaxed[1:]) == {1}


def test_the_canceller_has_its_reference_by_the_period_so_its_device_takes_no_time() -> None:
    device = mic(*seconds(0.1))
    play(Studio(device, canceller=FakeCanceller()), Feed.GATED)
    assert set(device.relaxed) == {1}


def test_stamps_are_those_of_the_last_sample() -> None:
    studio = Studio(mic(*seconds(1), *periods(spoken()), *seconds(1)))
    play(studio, Feed.GATED)
    sent = studio.sent()
    times = [chunk.at for chunk in sent[:-1]]
    assert all(later - earlier == pytest.approx(0.02) for earlier, later in zip(times, times[1:]))
    assert sent[-1].at == sent[-2].at
    opened, closed = (event for event in studio.events if isinstance(event, (GateOpened, GateClosed)))
    assert closed.at == sent[-1].at and sent[0].at < opened.at < closed.at


def test_press_and_release_in_the_same_instant_are_both_obeyed() -> None:
    device = mic(*seconds(1))
    studio = Studio(device)
    device.script += [lambda: studio.capture.feed(Feed.ALWAYS), lambda: studio.capture.feed(Feed.NEVER), *seconds(1)]
    play(studio)
    sent = studio.sent()
    assert len(sent) == (300 + 700) / 20 + 1 and sent[-1].ends
    assert studio.kinds() == [GateClosed]


def test_barge_in_is_told_from_the_first_stirring() -> None:
    device = mic(*seconds(1), *periods(spoken()), *seconds(1))
    studio = Studio(device)
    studio.capture.watch_barge_in(True)
    play(studio)
    kinds = studio.kinds()
    assert kinds[0] is GateStirred and kinds[-2:] == [GateOpened, GateClosed]
    assert kinds.count(GateStirred) == kinds.count(GateCalmed) + 1
    assert studio.sent()[-1].ends


@pytest.mark.parametrize("sure", [True, False])
def test_barge_in_lowers_the_voice_before_the_machine_hears_of_it_and_lifts_it_after_the_watch(sure: bool) -> None:
    told: list[object] = []
    detector = Detector(Vad(3, -55.0), NoiseFloor(-55.0, MARGIN_DB), Confirmation(None)) if sure else None
    device = mic(*seconds(1), *periods(spoken()), *seconds(1))
    studio = Studio(device, give_way=told.append, vad=detector, post=lambda event: told.append(type(event)) is None)
    studio.capture.watch_barge_in(True)
    play(studio)
    stirred = told.index(GateStirred)
    assert True in (told[:stirred] if sure else told[: stirred + 2])
    assert [what for what in told if isinstance(what, bool)][-1] is False


def test_a_device_with_another_rate_is_resampled() -> None:
    thrice = [array("h", [sample for sample in array("h", p) for _ in range(3)]).tobytes() for p in periods(spoken())]
    studio = Studio(mic(*[bytes(960)] * 100, *thrice, *[bytes(960)] * 100, rate_hz=48000))
    play(studio, Feed.GATED)
    assert studio.resampled == [(48000, 16000)]
    assert b"".join(chunk.pcm for chunk in studio.sent()) in bytes(32000) + spoken() + bytes(32000)


def test_a_tap_sees_each_chunk_in_every_feed_until_it_is_removed() -> None:
    device = mic(*seconds(0.5))
    studio = Studio(device)
    seen: list[Chunk] = []
    raw: list[Chunk] = []
    studio.capture.add_tap("clean", seen.append)
    studio.capture.add_tap("raw", raw.append)
    device.script += [lambda: studio.capture.remove_tap("clean", seen.append), *seconds(0.5)]
    play(studio)
    assert len(seen) == 25 and len(raw) == 50 and raw[:25] == seen


def test_an_unknown_stage_is_refused_where_it_is_asked_for() -> None:
    with pytest.raises(ValueError, match="raw, clean"):
        Studio(mic()).capture.add_tap("sent", print)


# -- the kiosk's own voice -----------------------------------------------------------------------


class FakeCanceller:
    """Takes away everything while ``speaking``; notes what it was told."""

    delay_s = 0.008

    def __init__(self) -> None:
        self.told: list[str] = []
        self.speaking = False

    def prepare(self) -> None:
        self.told.append("prepare " + threading.current_thread().name)

    def near(self, pcm: bytes) -> bytes:
        assert len(pcm) == PERIOD_BYTES
        return bytes(len(pcm)) if self.speaking else pcm

    def interrupt(self) -> None:
        self.told.append("interrupt")

    def far(self, pcm: bytes, rate_hz: int) -> None:
        raise AssertionError("the playback thread's business")

    def rest(self) -> None:
        raise AssertionError("the playback thread's business")

    def progress(self) -> EchoProgress:
        raise AssertionError("not asked here")


def test_the_ears_hear_what_the_canceller_leaves_and_stamps_know_its_delay() -> None:
    canceller = FakeCanceller()
    device = mic(*seconds(1), *periods(spoken()), *seconds(1))
    studio = Studio(device, canceller=canceller)
    raw: list[Chunk] = []
    clean: list[Chunk] = []
    studio.capture.add_tap("raw", raw.append)
    studio.capture.add_tap("clean", clean.append)
    canceller.speaking = True
    play(studio, Feed.GATED)
    assert studio.sent() == [] and studio.kinds() == []
    assert any(any(chunk.pcm) for chunk in raw) and not any(any(chunk.pcm) for chunk in clean)
    assert [chunk.at for chunk in clean] == [pytest.approx(chunk.at - 0.008) for chunk in raw]


def test_the_canceller_is_prepared_in_the_thread_and_told_of_every_interruption() -> None:
    canceller = FakeCanceller()
    device = mic(*seconds(0.1))
    studio = Studio(device, canceller=canceller)
    device.script += [lambda: studio.capture.mute(True), *seconds(0.5)]
    with studio.running() as capture:
        studio.wait_for(lambda: PartState.MUTED in studio.claims())
        assert canceller.told == [f"prepare {THREAD}", "interrupt"]
        capture.mute(False)
        studio.wait_for(lambda: studio.claims()[-1] is PartState.RUNNING)
    assert canceller.told[-1] == "interrupt" and len(canceller.told) == 3


# -- nobody speaks -------------------------------------------------------------------------------


def test_while_nobody_speaks_the_loop_is_woken_zero_times() -> None:
    click = array("h", [12000, -12000] * 40).tobytes() + bytes(PERIOD_BYTES - 160)
    device = mic(*seconds(2), click, *seconds(2), *periods(spoken()), *seconds(1))

    async def kiosk() -> None:
        loop = asyncio.get_running_loop()
        delivered: list[Event] = []
        inbox = Inbox(loop, delivered.append)
        studio = Studio(device, post=inbox.post)
        bell = inbox.bell(lambda: None)
        studio.lane.attach(bell.ring)
        # Gated through silence and a click, then never through speech.
        at = device.script.index(click) + 201
        device.script.insert(at, lambda: studio.capture.feed(Feed.NEVER))
        studio.capture.feed(Feed.GATED)
        with studio.running():
            assert await asyncio.to_thread(device.played.wait, SOON_S)
            await asyncio.sleep(0)
            progress = studio.capture.progress()
        assert progress.periods > 500 and progress.chunks == progress.periods // 2
        assert delivered == [PartChanged(PART, PartState.RUNNING, "")] and inbox.posted == 1
        assert bell.rings == 0 and studio.lane.pushed == 0

    asyncio.run(kiosk())


# -- devices that are not there, die, stall --------------------------------------------------------


def test_an_absent_device_is_tried_again_until_it_is_there(caplog: pytest.LogCaptureFixture) -> None:
    absent = DeviceError("No microphone named kiosk: plug it in.")
    studio = Studio(absent, absent, absent, mic(*seconds(0.1)))
    with caplog.at_level(logging.INFO, "kioskd.audio.claim"), studio.running() as capture:
        studio.wait_for(lambda: PartState.RUNNING in studio.claims())
        progress = capture.progress()
    assert studio.events == [
        PartChanged(PART, PartState.ABSENT, "No microphone named kiosk: plug it in."),
        PartChanged(PART, PartState.RUNNING, ""),
    ]
    assert studio.opened == ["alsa:kiosk"] * 4
    assert progress.ticks == 3 and progress.reopened == 0 and progress.reason == ""
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_an_absent_device_proves_its_retries() -> None:
    studio = Studio(DeviceError("gone"))
    with studio.running() as capture:
        until = time.monotonic() + SOON_S
        while capture.progress().ticks < 5 and time.monotonic() < until:
            time.sleep(0.005)
        progress = capture.progress()
    assert progress.state is PartState.ABSENT and progress.reason == "gone" and progress.ticks >= 5
    assert progress.level_dbfs == SILENCE_DBFS
    assert studio.claims() == [PartState.ABSENT], "told once"


def test_a_press_is_worth_a_try_at_once() -> None:
    studio = Studio(DeviceError("gone"), mic(*seconds(0.1)), retry_s=60.0)
    with studio.running() as capture:
        studio.wait_for(lambda: studio.claims() == [PartState.ABSENT])
        capture.feed(Feed.ALWAYS)
        studio.wait_for(lambda: PartState.RUNNING in studio.claims())


def test_a_device_that_dies_ends_the_utterance_and_comes_back() -> None:
    dying = mic(*seconds(1), *periods(spoken())[:80], DeviceError("The microphone was unplugged."))
    again = mic(*seconds(1), *periods(spoken()), *seconds(1))
    studio = Studio(dying, again)
    studio.capture.feed(Feed.GATED)
    with studio.running() as capture:
        assert again.played.wait(SOON_S)
        progress = capture.progress()
    assert dying.closed.is_set() and again.closed.is_set()
    assert studio.kinds() == [GateOpened, GateClosed] * 2
    assert [chunk.ends for chunk in studio.sent()].count(True) == 2
    assert studio.claims() == [PartState.RUNNING, PartState.ABSENT, PartState.RUNNING]
    assert progress.reopened == 1
    closed, absent = studio.events[2:4]
    assert isinstance(closed, GateClosed) and absent == PartChanged(
        PART, PartState.ABSENT, "The microphone was unplugged."
    )


def test_a_device_that_gives_nothing_is_opened_again() -> None:
    stalling = mic(*seconds(0.5), 1.1)
    again = mic(*seconds(0.5))
    studio = Studio(stalling, again)
    with studio.running() as capture:
        assert again.played.wait(SOON_S)
        progress = capture.progress()
    assert stalling.closed.is_set() and len(studio.opened) == 2
    assert studio.claims() == [PartState.RUNNING, PartState.ABSENT, PartState.RUNNING]
    assert progress.reopened == 1 and progress.periods == 100
    assert "gives no sound" in next(e.reason for e in studio.events if isinstance(e, PartChanged) and e.reason)


def test_a_device_that_dies_at_once_is_not_opened_in_a_rush() -> None:
    studio = Studio(mic(DeviceError("gone"), DeviceError("gone"), *seconds(0.1)), retry_s=60.0)
    with studio.running() as capture:
        studio.wait_for(lambda: studio.claims() == [PartState.ABSENT])
        capture.feed(Feed.GATED)
        studio.wait_for(lambda: len(studio.opened) == 2)
    assert studio.claims() == [PartState.ABSENT] and len(studio.opened) == 2


def test_a_short_pause_of_the_device_is_no_stall() -> None:
    studio = Studio(mic(*seconds(0.5), 0.9, *seconds(0.5)))
    play(studio)
    assert len(studio.opened) == 1 and studio.capture.progress().reopened == 0


def test_a_device_that_opens_but_never_speaks_is_not_called_running() -> None:
    studio = Studio(mic(FIRST_STALLS + 0.5), mic(FIRST_STALLS + 0.5), mic(*seconds(0.1)))
    with studio.running():
        studio.wait_for(lambda: PartState.RUNNING in studio.claims())
    assert studio.claims() == [PartState.ABSENT, PartState.RUNNING]


def test_a_device_that_needs_a_while_for_its_first_sound_is_given_it() -> None:
    slow = mic(FIRST_STALLS - 0.5, *seconds(0.5))
    studio = Studio(slow)
    play(studio)
    assert studio.claims() == [PartState.RUNNING] and len(studio.opened) == 1


def test_a_device_without_a_clock_does_not_take_the_core() -> None:
    flood = mic(tuple([QUIET] * 100_000))
    studio = Studio(flood, DeviceError("gone"))
    with studio.running() as capture:
        studio.wait_for(lambda: len(studio.claims()) == 3)
        assert capture.progress().periods < 600
    assert "without a clock" in next(e.reason for e in studio.events if isinstance(e, PartChanged) and e.reason)


def test_overruns_are_added_up_over_all_devices() -> None:
    first, second, third = mic(*seconds(0.1), DeviceError("gone")), mic(DeviceError("gone")), mic(*seconds(0.1))
    first.xruns, second.xruns, third.xruns = 3, 4, 5
    studio = Studio(first, second, third)
    with studio.running() as capture:
        assert third.played.wait(SOON_S)
        assert capture.progress().xruns == 12


def test_old_audio_is_dropped_and_the_turn_is_told() -> None:
    device = mic(*seconds(1), *periods(spoken())[:80])
    studio = Studio(device)

    def stall() -> None:
        studio.clock.now += 3.0

    device.script += [stall, tuple(seconds(3)), *seconds(1)]
    play(studio, Feed.GATED)
    lost = next(event for event in studio.events if isinstance(event, UplinkOverflowed))
    assert lost.lost_ms == studio.capture.progress().dropped_ms == pytest.approx(2500, abs=50)
    assert studio.kinds() == [GateOpened, UplinkOverflowed, GateClosed]


# -- mute ----------------------------------------------------------------------------------------


def test_mute_closes_the_device_and_nothing_more_goes_up() -> None:
    device = mic(*seconds(1), *periods(spoken())[:80])
    studio = Studio(device)
    seen: list[Chunk] = []
    studio.capture.add_tap("clean", seen.append)
    device.script += [lambda: studio.capture.mute(True), *periods(spoken())]
    studio.capture.feed(Feed.GATED)
    with studio.running() as capture:
        studio.wait_for(lambda: PartState.MUTED in studio.claims())
        assert device.closed.is_set()
        heard, left = len(seen), len(device.script)
        assert heard == 90 and studio.sent()[-1].ends
        assert capture.progress().level_dbfs == SILENCE_DBFS
        capture.mute(False)
        studio.wait_for(lambda: studio.claims()[-2:] == [PartState.MUTED, PartState.RUNNING])
    assert left == len(periods(spoken())) - 1, "the period in flight was read and thrown away"
    assert studio.kinds()[:2] == [GateOpened, GateClosed]


def test_mute_is_looked_after() -> None:
    studio = Studio(mic(*seconds(0.1)))
    studio.capture.mute(True)
    with studio.running() as capture:
        until = time.monotonic() + SOON_S
        while capture.progress().ticks < 3 and time.monotonic() < until:
            time.sleep(0.005)
        assert capture.progress().ticks >= 3
    assert studio.opened == [] and studio.claims() == [PartState.MUTED]


def test_an_absent_device_can_be_muted_at_once() -> None:
    studio = Studio(DeviceError("gone"), retry_s=60.0)
    with studio.running() as capture:
        studio.wait_for(lambda: studio.claims() == [PartState.ABSENT])
        capture.mute(True)
        studio.wait_for(lambda: studio.claims() == [PartState.ABSENT, PartState.MUTED])


# -- start, stop, faults -------------------------------------------------------------------------


@pytest.mark.parametrize("device", [DeviceError("gone"), mic(*[0.05] * 10), mic(*seconds(1))])
def test_stop_does_not_wait_for_anything(device: object) -> None:
    studio = Studio(device, retry_s=60.0)
    studio.capture.start()
    studio.wait_for(lambda: studio.events or not isinstance(device, DeviceError))
    began = time.monotonic()
    assert studio.capture.stop(1.0)
    assert time.monotonic() - began < 0.5
    assert not isinstance(device, FakeMicrophone) or device.closed.is_set() or not studio.opened


def test_stop_ends_the_utterance_in_progress() -> None:
    device = mic(*seconds(1), *periods(spoken())[:80])
    studio = Studio(device)
    play(studio, Feed.GATED)
    assert studio.sent()[-1].ends and studio.kinds() == [GateOpened, GateClosed]


def test_only_the_capture_thread_touches_the_device() -> None:
    device = mic(*seconds(0.5))
    play(Studio(device))
    assert device.threads == {THREAD}


def test_a_capture_that_was_never_started_has_stopped() -> None:
    assert Studio(DeviceError("gone")).capture.stop()


def test_stop_says_so_when_the_thread_is_wedged() -> None:
    wedge = threading.Event()
    studio = Studio(mic(wedge.wait))
    studio.capture.start()
    assert not studio.capture.stop(0.05)
    wedge.set()
    assert studio.capture.stop(SOON_S)


def test_a_fault_in_the_thread_is_its_last_word(caplog: pytest.LogCaptureFixture) -> None:
    device = mic(*seconds(0.1), ZeroDivisionError("nobody thought of this"))
    studio = Studio(device)
    with studio.running() as capture:
        studio.wait_for(lambda: ThreadDied in studio.kinds())
        progress = capture.progress()
    assert studio.events[-1] == ThreadDied(THREAD, "ZeroDivisionError('nobody thought of this')")
    assert progress.state is PartState.FAILED and "nobody thought of this" in progress.reason
    assert device.closed.is_set()
    assert caplog.records[-1].exc_info is not None


def test_progress_shows_level_and_gate_while_running() -> None:
    device = mic(*seconds(1), *periods(spoken())[:80])
    studio = Studio(device)
    studio.capture.feed(Feed.GATED)
    assert studio.capture.progress().state is PartState.STARTING
    with studio.running() as capture:
        assert device.played.wait(SOON_S)
        progress = capture.progress()
    assert progress.state is PartState.RUNNING and progress.since == 1000.01
    assert progress.gate in (GateState.SPEAKING, GateState.STOPPING)
    assert -40 < progress.level_dbfs < 0
    assert (progress.periods, progress.chunks, progress.dropped_ms) == (180, 90, 0.0)


# -- over a sound server -------------------------------------------------------------------------


class Speaker:
    """What the tests need of the fixture ``sound_server`` (conftest.py)."""

    mic_spec: str
    frail_mic_spec: str

    def speak(self, pcm: bytes, rate_hz: int = 16000) -> AbstractContextManager[object]:
        raise AssertionError("only a type")


@contextmanager
def listening(spec: str, studio: Studio) -> Iterator[Capture]:
    """A capture thread on a real device, with the real clock."""
    capture = Capture(
        spec, studio.lane, studio.post, open_input, Gate(300, 80, 100, 700), Vad(3, -55.0), make_resampler, retry_s=0.2
    )
    capture.feed(Feed.GATED)
    capture.start()
    try:
        yield capture
    finally:
        assert capture.stop(SOON_S)


@pytest.mark.sound
def test_a_sentence_spoken_into_a_real_stream_goes_up_once(sound_server: Speaker) -> None:
    studio = Studio(DeviceError("not used"))
    words = spoken()
    with listening(sound_server.mic_spec, studio) as capture:
        studio.wait_for(lambda: PartState.RUNNING in studio.claims())
        with sound_server.speak(bytes(32000) + words + bytes(64000)):
            studio.wait_for(lambda: GateClosed in studio.kinds())
        progress = capture.progress()
    assert studio.kinds() == [GateOpened, GateClosed]
    sent = studio.sent()
    spoken_s, sent_s = len(words) / 32000, (len(sent) - 1) * 0.02
    assert sent[-1].ends and spoken_s - 0.3 < sent_s < spoken_s + 1.1
    # The pace, as most see it: a machine that stands still at an end of it moves few of them.
    half = len(sent) // 2
    paces = [(later.at - earlier.at) / half for earlier, later in zip(sent, sent[half:-1])]
    assert median(paces) == pytest.approx(0.02, rel=0.1)
    assert (progress.xruns, progress.reopened, progress.dropped_ms) == (0, 0, 0.0)
    assert progress.chunks in (progress.periods // 2, (progress.periods + 1) // 2)


@pytest.mark.sound
def test_a_sound_server_that_dies_is_waited_for(sound_server: Speaker, frail_server: subprocess.Popen[bytes]) -> None:
    studio = Studio(DeviceError("not used"))
    with listening(sound_server.frail_mic_spec, studio) as capture:
        studio.wait_for(lambda: PartState.RUNNING in studio.claims())
        frail_server.kill()
        studio.wait_for(lambda: studio.claims() == [PartState.RUNNING, PartState.ABSENT])
        ticks = capture.progress().ticks
        until = time.monotonic() + SOON_S
        while capture.progress().ticks < ticks + 2 and time.monotonic() < until:
            time.sleep(0.01)
        progress = capture.progress()
    assert progress.state is PartState.ABSENT and progress.reason and progress.ticks >= ticks + 2


@pytest.mark.sound
def test_a_real_device_is_muted_and_reopened(sound_server: Speaker) -> None:
    studio = Studio(DeviceError("not used"))
    with listening(sound_server.mic_spec, studio) as capture:
        studio.wait_for(lambda: PartState.RUNNING in studio.claims())
        capture.mute(True)
        studio.wait_for(lambda: studio.claims()[-1] is PartState.MUTED)
        periods_read = capture.progress().periods
        time.sleep(0.05)
        assert capture.progress().periods == periods_read
        capture.mute(False)
        studio.wait_for(lambda: studio.claims()[-1] is PartState.RUNNING)
