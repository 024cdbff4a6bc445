"""Which parts of the audio wing a configuration asks for."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import pytest

from kioskd import sound
from kioskd.audio.capture import Capture
from kioskd.audio.detector import Detector, Neural
from kioskd.config.sections import Audio, Config, Talk
from kioskd.core.events import Event
from kioskd.core.words import Feed, PartState
from kioskd.lanes import PlaybackLane, UplinkLane

SILENT = dataclasses.replace(Config(), audio=Audio(input="null", output="null"))


def test_the_microphone_of_the_configuration_is_heard() -> None:
    heard: list[Event] = []
    capture = sound.open_capture(SILENT, UplinkLane(1.0, lambda ms: None), heard.append)
    capture.start()
    try:
        assert capture.stop(2.0)
    finally:
        capture.stop(0.0)
    assert capture.progress().state in (PartState.RUNNING, PartState.STARTING)


def test_the_speaker_of_the_configuration_sleeps_until_there_is_sound() -> None:
    heard: list[Event] = []
    playback = sound.open_playback(SILENT, PlaybackLane(1.0), heard.append)
    playback.start()
    assert playback.stop(2.0)
    assert [getattr(event, "state", None) for event in heard] == [PartState.ASLEEP]


def test_the_gate_is_confirmed_and_a_word_is_listened_for_only_if_the_configuration_says_so() -> None:
    lane, heard = UplinkLane(1.0, lambda ms: None), list[Event]()

    def capture(**talk: str) -> Capture:
        return sound.open_capture(dataclasses.replace(SILENT, talk=Talk(**talk)), lane, heard.append)

    button, voice = capture(mode="push_to_talk"), capture(mode="voice", confirm_vad="none")
    word = capture(mode="wake_word", wake_word="alexa")
    assert button.spotter is None and voice.spotter is None
    assert word.spotter is not None and word.spotter.progress().word == "alexa"
    neural = [each.detector.progress().neural for each in (button, voice, word) if isinstance(each.detector, Detector)]
    assert neural == [Neural.ASLEEP, Neural.OFF, Neural.ASLEEP], "nothing is loaded before it is needed"


def test_one_canceller_stands_between_the_two_threads() -> None:
    heard: list[Event] = []

    def post(event: Event) -> bool:
        heard.append(event)
        return True

    config = dataclasses.replace(SILENT, audio=Audio(input="null", output="null", echo="cancel", output_idle_s=0.2))
    canceller = sound.open_canceller(config, post)
    assert canceller is not None
    lane = PlaybackLane(1.0)
    playback = sound.open_playback(config, lane, post, canceller)
    capture = sound.open_capture(config, UplinkLane(1.0, lambda ms: None), post, canceller)
    playback.start()
    capture.start()
    try:
        lane.put(b"\1\1" * 4800, 24000)
        until = time.monotonic() + 10.0
        while time.monotonic() < until and not (canceller.progress().blocks >= 20 and capture.progress().chunks >= 20):
            time.sleep(0.01)
    finally:
        assert capture.stop(2.0) and playback.stop(2.0)
    progress = canceller.progress()
    assert progress.mode == "cancel" and progress.blocks >= 20 and progress.faults == 0
    assert capture.progress().chunks >= 20


def test_other_echo_modes_have_none() -> None:
    for echo in ("half_duplex", "system", "hardware"):
        config = dataclasses.replace(SILENT, audio=Audio(echo=echo))
        assert sound.open_canceller(config, lambda event: True) is None


@pytest.mark.parametrize(("echo", "deaf"), [("half_duplex", True), ("system", False), ("hardware", False)])
def test_in_half_duplex_the_two_threads_keep_it_deaf_without_the_loop(echo: str, deaf: bool) -> None:
    """Nobody tells the microphone anything while the speaker plays; the button is held."""
    config = dataclasses.replace(SILENT, audio=Audio(input="null", output="null", echo=echo))
    lane, uplink, closers = PlaybackLane(5.0), UplinkLane(60.0, lambda ms: None), list[Callable[[], object]]()

    def closes(name: str, close: Callable[[], object]) -> None:
        closers.append(close)

    wing = sound.furnish(config, lane, uplink, lambda event: True, closes, 5.0, False, lambda: 0.2)
    marks, chunks = 0, 0
    try:
        wing.capture.feed(Feed.ALWAYS)
        until = time.monotonic() + 10.0
        while wing.capture.progress().chunks < 5 and time.monotonic() < until:
            time.sleep(0.01)
        while wing.playback.progress().periods < 30 and time.monotonic() < until:
            lane.put(b"\1\1" * 240, 24000)
            time.sleep(0.01)
        for chunk in uplink.clear():
            marks, chunks = marks + chunk.ends, chunks + (not chunk.ends)
    finally:
        assert all(close() is not False for close in reversed(closers))
    assert (marks == 1) is deaf and chunks >= 4
