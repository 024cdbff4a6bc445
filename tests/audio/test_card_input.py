"""A microphone: chunks whole, longer pieces while nobody waits, and only from a device that keeps them."""

from __future__ import annotations

import time
from array import array
from typing import Any

import pytest

from kioskd.audio.card_input import CardInput
from kioskd.audio.port import open_card_input
from kioskd.audio.streams import DeviceError


def test_read_is_entered_only_when_a_chunk_is_there(microphone: Any) -> None:
    mic, script, _ = microphone(0, 159, 319, 320)
    assert len(mic.read(1.0) or b"") == 640, "a chunk's two periods are fetched at once"
    assert script.entered == 1 and not script.answers[1:]
    mic, script, _ = microphone(319)
    assert mic.read(0.02) is None
    assert script.entered == 0


def test_at_leisure_two_chunks_are_fetched_at_once_and_their_age_is_told(microphone: Any) -> None:
    mic, script, _ = microphone(320, 640, latency_s=0.04)
    mic.relax(2)
    assert len(mic.read(1.0) or b"") == 1280 and mic.held == 0
    assert script.entered == 1 and not script.answers[1:]
    mic.relax(1)
    assert len(mic.read(1.0) or b"") == 640 and mic.held == 2, "the device still has two"


@pytest.mark.parametrize(("latency_s", "is_card"), [(0.03, False), (0.06, True)])
def test_a_device_that_keeps_little_is_not_left_alone_for_long(
    latency_s: float, is_card: bool, microphone: Any
) -> None:
    mic, _, _ = microphone(320, latency_s=latency_s, is_card=is_card)
    mic.relax(2)
    assert len(mic.read(0.01) or b"") == 640


def test_a_device_that_never_has_two_chunks_at_once_is_heard_all_the_same(microphone: Any) -> None:
    mic, _, _ = microphone(480, latency_s=0.04)
    mic.relax(2)
    assert mic.read(0.05) is None and mic.read(0.05) is None
    assert [len(mic.read(0.05) or b"") for _ in range(2)] == [640] * 2


def test_a_device_that_stood_still_is_left_alone_again_afterwards(microphone: Any) -> None:
    mic, script, _ = microphone(0, latency_s=0.04)
    mic.relax(2)
    assert mic.read(0.02) is None and mic.read(0.02) is None
    script.answers[:] = [640]
    assert len(mic.read(0.05) or b"") == 1280


class Ring:
    """A source of counted frames at the pace of the clock, in blocks of 20 ms, that shows 60 ms of what it has.

    Args:
        keeps: what is not fetched stays (a sound server); otherwise it runs over, and the oldest is lost.
    """

    HZ, BLOCK, SHOWN = 16000, 320, 960

    def __init__(self, keeps: bool) -> None:
        self._keeps, self._began, self._at = keeps, time.monotonic(), 0
        self.looks = self.lost = self.closed = 0

    def _have(self) -> int:
        have = int((time.monotonic() - self._began) * self.HZ) // self.BLOCK * self.BLOCK - self._at
        if not self._keeps and have > self.SHOWN:
            self.lost += have - self.SHOWN
            self._at += have - self.SHOWN
            have = self.SHOWN
        return have

    def get_read_available(self) -> int:
        self.looks += 1
        return min(self.SHOWN, self._have())

    def get_input_latency(self) -> float:
        return 0.04

    def read(self, frames: int, exception_on_overflow: bool) -> bytes:
        assert self._have() >= frames, "a read that would have to wait"
        first, self._at = self._at, self._at + frames
        return array("h", [frame % 30_000 for frame in range(first, self._at)]).tobytes()


def listened(scripted: Any, ring: Ring, chunks: int, seconds: float) -> list[bytes]:
    """What each read gave in that time."""
    mic = CardInput("alsa:x", Ring.HZ, scripted.Shelf(ring))
    mic.relax(chunks)
    until, pieces = time.monotonic() + seconds, []
    while time.monotonic() < until:
        pieces.append(mic.read(0.16) or b"")
    return pieces


def test_at_rest_four_chunks_of_a_sound_server_are_fetched_at_once_and_none_is_lost(scripted: Any) -> None:
    ring = Ring(keeps=True)
    pieces = listened(scripted, ring, 4, 1.0)
    heard = array("h", b"".join(pieces))
    assert heard.tolist() == [frame % 30_000 for frame in range(len(heard))], "all of it, in order"
    assert sum(len(piece) >= 4 * 640 for piece in pieces) >= 5
    # A piece of 80 ms costs three looks at most: two bites and one that finds no third.
    assert ring.looks <= 3 * len(pieces) + 12


def test_a_ring_that_runs_over_is_left_alone_once_and_never_again(scripted: Any, watch: Any) -> None:
    began, ring = time.monotonic(), Ring(keeps=False)
    pieces = listened(scripted, ring, 4, 0.6)
    assert max(len(piece) for piece in pieces[2:]) <= 2 * 640
    held = watch.held_s(began)
    assert 0 < ring.lost <= (0.15 + held) * Ring.HZ, "what was lost was lost by the trial"


def test_while_somebody_may_speak_nothing_is_tried(scripted: Any, watch: Any) -> None:
    began, ring = time.monotonic(), Ring(keeps=False)
    for chunks in (1, 2):
        listened(scripted, ring, chunks, 0.2)
    assert ring.lost <= watch.held_s(began) * Ring.HZ


def test_what_came_short_is_neither_lost_nor_given_twice(microphone: Any) -> None:
    mic, script, _ = microphone(640)
    script.gives = 500
    pcm = b"".join(mic.read(0.5) or b"" for _ in range(3))
    assert pcm == script.given[: len(pcm)] and len(pcm) == 3 * 640


def test_a_timeout_is_kept_and_costs_no_cpu(watch: Any, microphone: Any) -> None:
    mic, _, _ = microphone(0)
    began, worked = time.monotonic(), time.thread_time()
    assert mic.read(0.2) is None
    took_s, worked_s = time.monotonic() - began, time.thread_time() - worked
    assert 0.2 <= took_s < 0.3 + watch.held_s(began) and worked_s < 0.05


def test_a_card_that_nobody_looked_at_for_longer_than_its_ring_has_overrun(microphone: Any) -> None:
    for is_card, xruns in ((True, 1), (False, 0)):
        mic, _, _ = microphone(160, is_card=is_card)
        mic.read(1.0)
        time.sleep(0.05)
        mic.read(1.0)
        assert mic.xruns == xruns


def test_a_stream_that_has_become_another_is_given_up(microphone: Any) -> None:
    mic, script, shelf = microphone(320)
    shelf.stale, shelf.rate_hz = True, 48000
    with pytest.raises(DeviceError, match=r"alsa:x has another rate than before \(48000 Hz\)"):
        mic.read(0.1)
    mic.close()
    assert script.closed == 2


def test_a_stream_that_does_not_come_back_is_gone(microphone: Any) -> None:
    mic, script, shelf = microphone(320)
    shelf.stale, shelf.gone = True, "no card 'x'"
    with pytest.raises(DeviceError, match="no card 'x'"):
        mic.read(0.1)
    mic.close()
    assert script.closed == 1


@pytest.mark.parametrize("gives", [1, 100, 321, 639])
def test_short_reads_are_joined_and_counted(gives: int, microphone: Any) -> None:
    mic, script, _ = microphone(640)
    script.gives = gives
    until = time.monotonic() + 5
    pcm = None
    while pcm is None and time.monotonic() < until:
        pcm = mic.read(0.5)
    assert len(pcm or b"") == 640
    assert mic.xruns == -(-640 // gives) - 1


def test_a_device_that_promises_and_gives_nothing_is_waited_for_no_longer_than_asked(microphone: Any) -> None:
    mic, script, _ = microphone(640)
    script.gives = 0
    began, worked = time.monotonic(), time.thread_time()
    assert mic.read(0.2) is None
    assert 0.2 <= time.monotonic() - began < 0.4 and time.thread_time() - worked < 0.1
    assert mic.xruns > 10


def test_closing_twice_is_harmless_and_a_closed_stream_says_so(microphone: Any) -> None:
    mic, script, _ = microphone(160)
    mic.close()
    mic.close()
    assert script.closed == 1
    with pytest.raises(DeviceError, match="has been closed"):
        mic.read(0.1)


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
