"""The wake word: when the model hears, what it is shown, and the models themselves with synthetic voices."""

from __future__ import annotations

import logging
import sys
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import corpus
from kioskd.audio.wakeword import (
    CONTEXT_CHUNKS,
    LATE_CHUNKS,
    LINGER_CHUNKS,
    Ear,
    MicroWakeWord,
    Spotter,
    WakeWordFailed,
    open_spotter,
)
from kioskd.config.sound import Talk
from kioskd.core.vad import Vad
from kioskd.core.words import PartState
from kioskd.lanes import CHUNK_BYTES, CHUNK_FRAMES, SILENT_CHUNK, Chunk

WORDS = {"okay_nabu": "okay nabu", "alexa": "alexa", "hey_jarvis": "hey jarvis", "hey_mycroft": "hey mycroft"}


class Model:
    """Hears the word in one chunk, and writes down what it is shown: a list for each fresh start."""

    def __init__(self, word: int = -1) -> None:
        self.word = word
        self.shown: list[list[int]] = []
        self.breaks = False

    def hear(self, pcm: bytes) -> bool:
        if self.breaks:
            raise WakeWordFailed("wake word broken: it gave up")
        self.shown[-1].append(int.from_bytes(pcm[:4], "little"))
        return self.shown[-1][-1] == self.word

    def reset(self) -> None:
        self.shown.append([])


def chunk(number: int) -> Chunk:
    return Chunk(number.to_bytes(4, "little") + bytes(CHUNK_BYTES - 4), float(number))


def spotter(model: Model) -> Spotter:
    made = Spotter("alexa", lambda: model)
    assert not made.prepare()
    return made


def run(listener: Spotter, drawing: str, first: int = 0) -> list[int]:
    """The chunks at which the word was heard."""
    return [first + n for n, mark in enumerate(drawing) if listener.hear(chunk(first + n), mark == "#")]


def in_silence(said: corpus.Sound, before_s: float = 1.5, behind_s: float = 1.5) -> list[bytes]:
    hiss = np.random.default_rng(1).standard_normal(int((before_s + behind_s) * 16000) + len(said))
    sound = corpus.at_dbfs(hiss, -65.0)
    sound[int(before_s * 16000) :][: len(said)] += said
    return corpus.chunks(corpus.pcm(sound))


def spotted(word: str, pieces: list[bytes]) -> list[int]:
    listener, vad = Spotter(word, lambda: MicroWakeWord(word)), Vad(3, -55.0)
    listener.prepare()
    return [n for n, pcm in enumerate(pieces) if listener.hear(Chunk(pcm, float(n)), vad.is_candidate(pcm))]


# -- what the model is shown ---------------------------------------------------------------------


def test_in_silence_the_model_is_shown_nothing() -> None:
    model = Model()
    listener = spotter(model)
    run(listener, "." * 1000)
    assert model.shown == [] and listener.progress().chunks == 0


def test_a_candidate_starts_it_afresh_with_what_came_before() -> None:
    model = Model()
    run(spotter(model), "." * 100 + "#")
    assert model.shown == [list(range(100 - CONTEXT_CHUNKS, 101))]


def test_it_lingers_over_pauses_without_a_hole_and_then_stops() -> None:
    model = Model()
    listener = spotter(model)
    run(listener, "." * 100 + "##....#" + "." * 500)
    first = 100 - CONTEXT_CHUNKS
    assert model.shown == [list(range(first, 107 + LINGER_CHUNKS))]
    run(listener, "#", first=607)
    assert model.shown[1] == list(range(607 - CONTEXT_CHUNKS, 608))


def test_the_word_is_told_once_with_what_was_said_behind_it() -> None:
    model = Model(word=103)
    listener = spotter(model)
    assert run(listener, "." * 100 + "####" + "." * 10) == [103]
    assert listener.progress().heard == 1


def test_what_may_lie_behind_the_word_is_what_came_last() -> None:
    listener = spotter(Model(word=103))
    run(listener, "." * 100 + "####")
    assert [int(each.at) for each in listener.behind()] == list(range(104 - LATE_CHUNKS, 104))


def test_the_word_may_lie_in_the_context() -> None:
    assert run(spotter(Model(word=95)), "." * 100 + "#") == [100]


def test_what_is_forgotten_does_not_come_back() -> None:
    model = Model()
    listener = spotter(model)
    run(listener, "." * 100 + "##")
    listener.forget()
    assert listener.behind() == ()
    run(listener, "..#", first=200)
    assert model.shown[-1] == [200, 201, 202]


@settings(max_examples=200, deadline=None)
@given(st.text(".#", max_size=200).map(lambda text: text.replace(".", "." * 9)))
def test_each_stretch_that_the_model_is_shown_is_whole_and_holds_every_candidate(drawing: str) -> None:
    model = Model()
    run(spotter(model), drawing)
    for stretch in model.shown:
        assert stretch == list(range(stretch[0], stretch[-1] + 1))
    seen = {number for stretch in model.shown for number in stretch}
    assert {n for n, mark in enumerate(drawing) if mark == "#"} <= seen


# -- the models ----------------------------------------------------------------------------------


def test_every_choice_of_the_configuration_has_its_model() -> None:
    choices = Talk.__dataclass_fields__["wake_word"].metadata["choices"]
    assert set(choices) == set(WORDS)
    for word in choices:
        ear: Ear = MicroWakeWord(word)
        assert not ear.hear(SILENT_CHUNK)


@pytest.mark.parametrize("word", ["okay_nabu", "alexa"])
def test_synthetic_voices_are_heard_by_a_model_that_hears_only_them(word: str) -> None:
    hits = 0
    for voice in corpus.VOICES:
        said = corpus.speak(WORDS[word], voice, 150)
        heard = spotted(word, in_silence(said.sound))
        hits += len(heard) == 1
        for at in heard:
            late_ms = ((at + 1) * CHUNK_FRAMES - 24000 - said.end) / 16
            assert -100 <= late_ms <= LATE_CHUNKS * 20 + 60
    assert hits >= 5, "of eight; real voices are heard more often (the models were trained on them)"


def test_other_sentences_are_not_the_word() -> None:
    for said in corpus.utterances()[::4]:
        assert spotted("okay_nabu", in_silence(said.sound, 0.5, 0.5)) == []


# -- faults --------------------------------------------------------------------------------------


def test_only_the_mode_with_a_wake_word_has_a_spotter() -> None:
    assert open_spotter("voice", "alexa") is None
    made = open_spotter("wake_word", "alexa")
    assert made is not None and made.progress().state is PartState.STARTING
    assert not made.prepare() and made.progress().state is PartState.RUNNING


def test_a_missing_library_is_told_once_and_nothing_is_heard(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "pymicro_wakeword", None)
    listener = Spotter("alexa", lambda: MicroWakeWord("alexa"))
    with caplog.at_level(logging.WARNING):
        assert listener.prepare()
        assert not listener.prepare()
    assert listener.progress().state is PartState.FAILED
    assert "wake word missing: pip install pymicro-wakeword" in listener.progress().reason
    assert "only the button opens a conversation" in caplog.text
    assert run(listener, "####") == []


def test_a_broken_model_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    library = types.ModuleType("pymicro_wakeword")
    for name in ("MicroWakeWord", "MicroWakeWordFeatures", "Model"):
        setattr(library, name, str)
    monkeypatch.setitem(sys.modules, "pymicro_wakeword", library)
    with pytest.raises(WakeWordFailed, match="wake word broken: reinstall pymicro-wakeword .*from_builtin"):
        MicroWakeWord("alexa")


def test_a_model_that_gives_up_in_the_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ear = MicroWakeWord("alexa")
    monkeypatch.setattr(ear, "_network", None)
    monkeypatch.setattr(ear, "_features", None)
    with pytest.raises(WakeWordFailed, match="wake word broken: it gave up"):
        ear.hear(SILENT_CHUNK)
    with pytest.raises(WakeWordFailed, match="wake word broken: it gave up"):
        ear.reset()


def test_a_model_that_gives_up_is_a_state_and_the_thread_lives() -> None:
    model = Model()
    listener = spotter(model)
    run(listener, "##")
    model.breaks = True
    assert run(listener, "##", first=2) == []
    assert listener.progress().state is PartState.FAILED
    assert run(listener, "##", first=4) == []
