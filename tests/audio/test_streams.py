"""The contract of streams.py, held by every kind of device: card, file and nothing."""

from __future__ import annotations

import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kioskd.audio.devices import open_input, open_output
from kioskd.audio.streams import PERIOD_MS, DeviceError, InputStream, OutputStream

INPUTS = [pytest.param("card", marks=pytest.mark.sound), "file", "null"]


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def spec(kind: str, direction: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    if kind == "card":
        server = request.getfixturevalue("sound_server")
        return str(server.mic_spec if direction == "input" else server.spk_spec)
    if kind == "file" and direction == "input":
        with wave.open(str(tmp_path / "in.wav"), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(b"\1\0" * 1600)
    return f"file:{tmp_path}/{direction[:-3]}.wav" if kind == "file" else "null"


@pytest.fixture
def microphone(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[InputStream]:
    stream = open_input(spec(kind, "input", tmp_path, request))
    yield stream
    stream.close()


@pytest.fixture
def speaker(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[OutputStream]:
    stream = open_output(spec(kind, "output", tmp_path, request))
    yield stream
    stream.close()


@pytest.mark.parametrize("kind", INPUTS, indirect=True)
def test_a_microphone_gives_whole_periods_in_real_time(microphone: InputStream) -> None:
    assert microphone.read_period(1.0) is not None
    began = time.monotonic()
    for _ in range(20):
        period = microphone.read_period(1.0)
        assert period is not None and len(period) == 2 * microphone.rate_hz * PERIOD_MS // 1000
    assert 0.15 < time.monotonic() - began < 0.4


@pytest.mark.parametrize("kind", INPUTS, indirect=True)
def test_a_read_never_blocks_beyond_its_timeout(microphone: InputStream) -> None:
    for _ in range(10):
        began = time.monotonic()
        microphone.read_period(0.003)
        assert time.monotonic() - began < 0.05
    assert isinstance(microphone.xruns, int)


@pytest.mark.parametrize("kind", INPUTS, indirect=True)
def test_a_speaker_pushes_back_in_real_time(speaker: OutputStream) -> None:
    pcm = bytes(2 * speaker.rate_hz * PERIOD_MS // 1000)
    began = time.monotonic()
    for _ in range(30):
        assert speaker.write_period(pcm, 1.0)
    assert 0.15 < time.monotonic() - began < 0.5
    assert 0.005 < speaker.latency_s <= 0.0301


@pytest.mark.parametrize("kind", INPUTS, indirect=True)
def test_a_full_speaker_says_so_within_the_timeout(speaker: OutputStream) -> None:
    pcm = bytes(2 * speaker.rate_hz * PERIOD_MS // 1000)
    answers = []
    for _ in range(8):
        began = time.monotonic()
        answers.append(speaker.write_period(pcm, 0.0))
        assert time.monotonic() - began < 0.05
    assert answers[0] and not all(answers)
    assert isinstance(speaker.xruns, int)


@pytest.mark.parametrize("kind", INPUTS, indirect=True)
def test_closing_twice_is_harmless(microphone: InputStream, speaker: OutputStream) -> None:
    for stream in (microphone, speaker):
        stream.close()
        stream.close()


def test_a_device_error_is_an_ordinary_exception_with_a_sentence() -> None:
    assert str(DeviceError("no card; plug one in")) == "no card; plug one in"
