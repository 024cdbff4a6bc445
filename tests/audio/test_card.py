"""One stream: waits without work, counts xruns, and turns every end into a sentence."""

from __future__ import annotations

import subprocess
import time
from typing import Any

import pytest

from kioskd.audio.card import CardInput, CardOutput
from kioskd.audio.port import open_card_input, open_card_output
from kioskd.audio.streams import DeviceError

# -- a stream whose answers the test writes ---------------------------------------------------------


class Script:
    """PyAudio's stream: what is available is read off a list, the last answer stays."""

    def __init__(self, available: list[Any]) -> None:
        self.answers = available
        self.entered = 0
        self.closed = 0
        self.gives: int | None = None  # at most so many bytes a read
        self.latency_s = 0.01

    def _available(self) -> int:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return int(answer)

    get_read_available = get_write_available = _available

    def get_input_latency(self) -> float:
        return self.latency_s

    get_output_latency = get_input_latency

    def read(self, frames: int, exception_on_overflow: bool) -> bytes:
        assert not exception_on_overflow
        self.entered += 1
        return bytes(2 * frames)[: self.gives]

    def write(self, pcm: bytes, frames: int, exception_on_underflow: bool) -> None:
        assert not exception_on_underflow and len(pcm) == 2 * frames
        self.entered += 1


class Shelf:
    """A library that gives one scripted stream; what was stale is fresh once it has been closed."""

    def __init__(self, script: Script, is_card: bool = False) -> None:
        self.script, self.is_card, self.stale = script, is_card, False
        self.rate_hz: int | None = None
        self.gone = ""

    def open(self, spec: str, direction: str, want_rate_hz: int) -> tuple[Any, int, int, bool]:
        if self.gone:
            raise DeviceError(self.gone)
        return self.script, self.rate_hz or want_rate_hz, 1, self.is_card

    def close(self, stream: Any) -> None:
        stream.closed += 1
        self.stale = False


def microphone(*available: Any, is_card: bool = False, latency_s: float = 0.01) -> tuple[CardInput, Script, Shelf]:
    script = Script(list(available))
    script.latency_s = latency_s
    shelf = Shelf(script, is_card)
    return CardInput("alsa:x", 16000, shelf), script, shelf


def speaker(*available: Any) -> tuple[CardOutput, Script, Shelf]:
    script = Script(list(available))
    shelf = Shelf(script)
    return CardOutput("alsa:x", 24000, shelf), script, shelf


def test_read_is_entered_only_when_a_chunk_is_there() -> None:
    mic, script, _ = microphone(0, 159, 319, 320)
    assert len(mic.read(1.0) or b"") == 640, "a chunk's two periods are fetched at once"
    assert script.entered == 1 and not script.answers[1:]
    mic, script, _ = microphone(319)
    assert mic.read(0.02) is None
    assert script.entered == 0


def test_at_leisure_two_chunks_are_fetched_at_once_and_their_age_is_told() -> None:
    mic, script, _ = microphone(320, 640, latency_s=0.04)
    mic.relax(True)
    assert len(mic.read(1.0) or b"") == 1280 and mic.held == 0
    assert script.entered == 1 and not script.answers[1:]
    mic.relax(False)
    assert len(mic.read(1.0) or b"") == 640 and mic.held == 2, "the device still has two"


@pytest.mark.parametrize(("latency_s", "is_card"), [(0.03, False), (0.06, True)])
def test_a_device_that_keeps_little_is_not_left_alone_for_long(latency_s: float, is_card: bool) -> None:
    mic, _, _ = microphone(320, latency_s=latency_s, is_card=is_card)
    mic.relax(True)
    assert len(mic.read(0.01) or b"") == 640


def test_a_device_that_never_has_two_chunks_at_once_is_heard_all_the_same() -> None:
    mic, _, _ = microphone(480, latency_s=0.04)
    mic.relax(True)
    assert mic.read(0.05) is None and mic.read(0.05) is None
    assert [len(mic.read(0.05) or b"") for _ in range(2)] == [640] * 2


def test_a_device_that_stood_still_is_left_alone_again_afterwards() -> None:
    mic, script, _ = microphone(0, latency_s=0.04)
    mic.relax(True)
    assert mic.read(0.02) is None and mic.read(0.02) is None
    script.answers[:] = [640]
    assert len(mic.read(0.05) or b"") == 1280


def test_a_timeout_is_kept_and_costs_no_cpu(watch: Any) -> None:
    mic, _, _ = microphone(0)
    began, worked = time.monotonic(), time.thread_time()
    assert mic.read(0.2) is None
    took_s, worked_s = time.monotonic() - began, time.thread_time() - worked
    assert 0.2 <= took_s < 0.3 + watch.held_s(began) and worked_s < 0.05


def test_write_is_entered_only_when_there_is_room() -> None:
    spk, script, _ = speaker(720, 0, 100, 240)
    assert spk.write(bytes(480), 1.0)
    assert script.entered == 1
    spk, script, _ = speaker(720, 0)
    assert not spk.write(bytes(480), 0.02)
    assert script.entered == 0


def test_a_speaker_tells_how_many_periods_it_has_room_for_and_takes_them_at_once() -> None:
    spk, script, _ = speaker(720, 720, 480, 239, 0)
    assert [spk.await_room(0.02), spk.await_room(0.02), spk.await_room(0.001)] == [3, 2, 0]
    spk, script, _ = speaker(720, 480, 480)
    assert spk.await_room(0.02) == 2 and spk.write(bytes(960), 0.0)
    assert script.entered == 1
    began = time.monotonic()
    assert spk.await_room(0.05) == 2
    assert time.monotonic() - began > 0.015, "two periods were handed over: the next look is two later"


def test_a_speaker_that_ran_dry_is_kept_full_unless_more_room_is_asked_for() -> None:
    script = Script([720] + 11 * [480] + [720, 240, 300, 480])
    spk = CardOutput("alsa:wary", 24000, Shelf(script))
    for _ in range(12):
        assert spk.await_room(0.05) >= 2 and spk.write(bytes(480), 0.0)
    assert spk.xruns == 1
    assert spk.await_room(0.05) == 1 and spk.write(bytes(480), 0.0)
    assert spk.await_room(0.05, 2) == 2


def test_xruns_that_portaudio_reports_are_counted() -> None:
    mic, _, _ = microphone(-9981, 0, 320)
    assert mic.read(1.0) is not None
    assert mic.xruns == 1
    spk, _, _ = speaker(720, -9980, 720)
    assert spk.write(bytes(480), 1.0)
    assert spk.xruns == 1


def test_a_speaker_that_ran_empty_counts_one() -> None:
    spk, _, _ = speaker(720, 720, 480, 720)
    for _ in range(3):
        assert spk.write(bytes(480), 1.0)
    assert spk.xruns == 1


def test_a_card_that_nobody_looked_at_for_longer_than_its_ring_has_overrun() -> None:
    for is_card, xruns in ((True, 1), (False, 0)):
        mic, _, _ = microphone(160, is_card=is_card)
        mic.read(1.0)
        time.sleep(0.05)
        mic.read(1.0)
        assert mic.xruns == xruns


@pytest.mark.parametrize("end", [-9999, -9988, OSError(-9988, "Stream closed"), OSError("Stream not open")])
def test_every_end_of_a_device_is_a_sentence(end: Any) -> None:
    mic, _, _ = microphone(end)
    with pytest.raises(DeviceError, match="alsa:x is gone"):
        mic.read(0.1)
    spk, _, _ = speaker(720, end)
    with pytest.raises(DeviceError, match="alsa:x is gone"):
        spk.write(bytes(480), 0.1)


def test_a_stream_of_a_stale_list_lets_go_and_goes_on_with_a_gap_that_is_counted() -> None:
    mic, script, shelf = microphone(320)
    assert mic.read(0.1) is not None
    shelf.stale = True
    assert len(mic.read(0.1) or b"") == 640
    assert (script.closed, mic.xruns, shelf.stale) == (1, 1, False)
    spk, script, shelf = speaker(720)
    shelf.stale = True
    assert spk.write(bytes(480), 0.1)
    assert (script.closed, spk.xruns) == (1, 1)


def test_a_stream_that_has_become_another_is_given_up() -> None:
    mic, script, shelf = microphone(320)
    shelf.stale, shelf.rate_hz = True, 48000
    with pytest.raises(DeviceError, match=r"alsa:x has another rate than before \(48000 Hz\)"):
        mic.read(0.1)
    mic.close()
    assert script.closed == 2


def test_a_stream_that_does_not_come_back_is_gone() -> None:
    mic, script, shelf = microphone(320)
    shelf.stale, shelf.gone = True, "no card 'x'"
    with pytest.raises(DeviceError, match="no card 'x'"):
        mic.read(0.1)
    mic.close()
    assert script.closed == 1


def test_a_device_that_goes_while_it_is_opened_is_a_sentence_and_is_closed() -> None:
    script = Script([OSError(-9988, "Stream closed")])
    with pytest.raises(DeviceError, match=r"alsa:x went while it was opened \(Stream closed\)"):
        CardOutput("alsa:x", 24000, Shelf(script))
    assert script.closed == 1


@pytest.mark.parametrize("gives", [1, 100, 321, 639])
def test_short_reads_are_joined_and_counted(gives: int) -> None:
    mic, script, _ = microphone(640)
    script.gives = gives
    until = time.monotonic() + 5
    pcm = None
    while pcm is None and time.monotonic() < until:
        pcm = mic.read(0.5)
    assert len(pcm or b"") == 640
    assert mic.xruns == -(-640 // gives) - 1


def test_a_device_that_promises_and_gives_nothing_is_waited_for_no_longer_than_asked() -> None:
    mic, script, _ = microphone(640)
    script.gives = 0
    began, worked = time.monotonic(), time.thread_time()
    assert mic.read(0.2) is None
    assert 0.2 <= time.monotonic() - began < 0.4 and time.thread_time() - worked < 0.1
    assert mic.xruns > 10


def test_closing_twice_is_harmless_and_a_closed_stream_says_so() -> None:
    mic, script, _ = microphone(160)
    mic.close()
    mic.close()
    assert script.closed == 1
    with pytest.raises(DeviceError, match="has been closed"):
        mic.read(0.1)


# -- real streams -----------------------------------------------------------------------------------


@pytest.mark.sound
def test_what_is_said_into_the_microphone_is_read(sound_server: Any) -> None:
    mic = open_card_input(sound_server.mic_spec, 16000)
    try:
        with sound_server.speak(b"\x10\x27" * 8000):
            until = time.monotonic() + 5
            while b"\x10\x27" * 320 != mic.read(0.1) and time.monotonic() < until:
                pass
            assert time.monotonic() < until
    finally:
        mic.close()


@pytest.mark.sound
def test_a_microphone_keeps_real_time_and_little_cpu(sound_server: Any, watch: Any) -> None:
    mic = open_card_input(sound_server.silent_mic_spec, 16000)
    try:
        mic.read(1.0)
        took_s = 0.0
        for _ in range(5):  # what had piled up while the machine stood still comes at once, and is fetched first
            began, worked = time.monotonic(), time.thread_time()
            for _ in range(25):
                assert mic.read(0.5) is not None
            took_s, worked_s = time.monotonic() - began, time.thread_time() - worked
            if took_s > 0.4:
                break
        held_s = watch.held_s(began)
        assert 0.4 < took_s < 0.7 + held_s
        assert worked_s < 0.1 + held_s  # a virtual machine charges us for what it takes
    finally:
        mic.close()


@pytest.mark.sound
def test_a_speaker_takes_ten_ms_every_ten_ms_and_notices_when_it_ran_dry(sound_server: Any, watch: Any) -> None:
    spk = open_card_output(sound_server.spk_spec, 24000)
    try:
        began = time.monotonic()
        for _ in range(50):
            assert spk.write(bytes(480), 1.0)
        took_s = time.monotonic() - began
        held_s = watch.held_s(began)
        assert 0.4 - held_s < took_s < 0.7 + held_s
        before, since = spk.xruns, time.monotonic()
        time.sleep(0.1)
        assert spk.write(bytes(480), 1.0)
        # Held up for longer than the ring lasts, it runs dry once more.
        assert spk.xruns == before + 1 or spk.xruns > before and watch.worst_s(since) > 0.01
    finally:
        spk.close()


@pytest.mark.sound
def test_a_sound_server_that_dies_ends_both_streams_with_a_sentence(
    sound_server: Any, frail_server: subprocess.Popen[bytes]
) -> None:
    mic, spk = open_card_input(sound_server.frail_mic_spec, 16000), open_card_output(sound_server.frail_spk_spec, 24000)
    try:
        assert mic.read(1.0) is not None and spk.write(bytes(480), 1.0)
        frail_server.kill()
        frail_server.wait(10)
        with pytest.raises(DeviceError, match="is gone"):
            while mic.read(1.0) is not None:
                pass
        with pytest.raises(DeviceError, match="is gone"):
            while spk.write(bytes(480), 1.0):
                pass
    finally:
        mic.close()
        spk.close()
    with pytest.raises(DeviceError, match="no card 'kfrailmic'"):
        open_card_input(sound_server.frail_mic_spec, 16000)
