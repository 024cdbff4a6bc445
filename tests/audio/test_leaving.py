"""The end of an audio thread, as whoever stops it sees it."""

from __future__ import annotations

import threading
import time

import pytest

from kioskd.audio.capture import Capture
from kioskd.audio.leaving import OPENING_S, ended
from kioskd.audio.playback import Playback
from kioskd.audio.streams import DeviceError, InputStream, OutputStream
from kioskd.core.gate import Gate
from kioskd.core.resample import make_resampler
from kioskd.core.vad import Vad
from kioskd.lanes import PlaybackLane, UplinkLane


class Server:
    """A sound server that hangs: opening takes until it goes on."""

    def __init__(self) -> None:
        self.goes_on, self.asked = threading.Event(), threading.Event()

    def open_input(self, spec: str) -> InputStream:
        self.asked.set()
        self.goes_on.wait(10)
        raise DeviceError("it has not opened")

    def open_output(self, spec: str) -> OutputStream:
        self.asked.set()
        self.goes_on.wait(10)
        raise DeviceError("it has not opened")


def test_a_thread_that_ends_has_ended_and_one_that_does_not_is_wedged() -> None:
    go = threading.Event()
    thread = threading.Thread(target=go.wait, daemon=True)
    assert ended(thread, 0.1, lambda: False), "it was never started"
    thread.start()
    assert not ended(thread, 0.1, lambda: False)
    assert ended(thread, 5, lambda: False, go.set), "woken while it is waited for"


@pytest.mark.parametrize("part", ["capture", "playback"])
def test_a_thread_that_waits_for_a_device_to_open_does_not_hold_up_the_end(part: str) -> None:
    server = Server()
    thread: Capture | Playback
    if part == "capture":
        uplink = UplinkLane(5.0, lambda ms: None)
        gate, vad = Gate(300, 80, 100, 700), Vad(3, -55.0)
        thread = Capture("x", uplink, lambda e: True, server.open_input, gate, vad, make_resampler)
    else:
        thread = Playback("x", PlaybackLane(5.0), lambda e: True, server.open_output, 5.0, 1.0, 1.0)
        thread.keep_open(True, True)
    thread.start()
    try:
        assert server.asked.wait(5)
        began = time.monotonic()
        assert thread.stop(5.0), "it is not wedged: opening is bounded by itself"
        assert time.monotonic() - began < OPENING_S + 1.0
    finally:
        server.goes_on.set()
    assert thread.stop(5.0)
