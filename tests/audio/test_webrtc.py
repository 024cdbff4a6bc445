"""The canceller itself, with the real library: what it takes away, what it leaves alone, what it refuses."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kioskd.audio.reference import BLOCK_BYTES, SILENT_BLOCK
from kioskd.audio.webrtc import (
    HIGH_PASS_HZ,
    OPEN_HZ,
    REST_BLOCKS,
    EchoError,
    EchoMissing,
    Rumble,
    WebRtc,
    butterworth,
)

RATE = 16000
Samples = NDArray[Any]


def voice(seconds: float, seed: int, level: float = 3000.0) -> Samples:
    """Noise in syllables: as loud and as quiet by turns as speech."""
    count = int(seconds * RATE)
    syllables = np.maximum(0.0, np.sin(2 * np.pi * 3.0 * np.arange(count) / RATE + seed))
    return (np.random.default_rng(seed).standard_normal(count) * level * syllables).astype(np.int16)


def echoed(far: Samples, delay_ms: int = 60) -> Samples:
    kernel = np.random.default_rng(9).standard_normal(2400) * 10.0 ** (-3.0 * np.arange(2400) / 2400)
    kernel /= np.sqrt(np.sum(kernel * kernel))
    whole = np.convolve(far.astype(float), kernel)[: len(far)]
    late = delay_ms * RATE // 1000
    return np.concatenate((np.zeros(late), whole))[: len(far)].astype(np.int16)


def run(cleaner: WebRtc, near: Samples, far: Samples | None) -> Samples:
    out = []
    for at in range(0, len(near) // 160 * 160, 160):
        reference = None if far is None else far[at : at + 160].tobytes()
        out.append(np.frombuffer(cleaner.clean(near[at : at + 160].tobytes(), reference), np.int16))
    return np.concatenate(out)


def db(sound: Samples) -> float:
    return 10 * math.log10(np.mean(sound.astype(float) ** 2) + 1e-9)


@pytest.mark.parametrize(("noise_suppression", "gain_control"), [(False, False), (True, False)])
def test_the_kiosk_s_own_voice_is_taken_away(noise_suppression: bool, gain_control: bool) -> None:
    far = voice(8, 1)
    heard = echoed(far)
    out = run(WebRtc(noise_suppression, True, gain_control), heard, far)
    assert db(heard[5 * RATE :]) - db(out[5 * RATE :]) > 20  # noise, the hardest there is; benchmarks.rooms has speech


def test_a_visitor_alone_is_left_alone_and_comes_later_by_what_was_said() -> None:
    near = voice(3, 2)
    for noise_suppression in (False, True):
        cleaner = WebRtc(noise_suppression, True, False)
        out = run(cleaner, near, np.zeros_like(near))
        late = round(cleaner.delay_s * RATE)
        spectrum = np.fft.rfft(out.astype(float), 1 << 17) * np.conj(np.fft.rfft(near.astype(float), 1 << 17))
        assert int(np.argmax(np.fft.irfft(spectrum)[:1000])) == late
    assert abs(db(run(WebRtc(False, True, False), near, np.zeros_like(near))) - db(near)) < 0.5


def test_leaving_the_canceller_out_changes_no_sample() -> None:
    near = voice(4, 3)
    inside = run(WebRtc(False, True, False), near, np.zeros_like(near))
    around = WebRtc(False, True, False)
    outside = run(around, near, None)
    assert around.bypassed == len(near) // 160
    assert np.max(np.abs(inside[1600:].astype(int) - outside[1600:].astype(int))) <= 8, "but for noise of one step"


def test_there_is_no_seam_where_the_canceller_begins_and_ends() -> None:
    near = voice(6, 4)
    steady = run(WebRtc(False, True, False), near, None)
    changing = WebRtc(False, True, False)
    out = [run(changing, near[:RATE], None)]
    out.append(run(changing, near[RATE : 2 * RATE], np.zeros(RATE, np.int16)))
    before = changing.bypassed
    out.append(run(changing, near[2 * RATE :], None))
    assert np.max(np.abs(np.concatenate(out).astype(int) - steady.astype(int))) <= 8, "but for noise of one step"
    assert changing.bypassed - before == 400 - REST_BLOCKS


def test_digital_silence_never_reaches_the_library() -> None:
    cleaner = WebRtc(False, True, False)
    for pcm in (None, SILENT_BLOCK, b"\x10\x00" * 160):
        block = cleaner._lively(pcm)
        assert len(set(block.tolist())) > 1 and np.max(np.abs(block)) <= 1
    assert np.max(np.abs(run(cleaner, np.zeros(RATE, np.int16), np.zeros(RATE, np.int16)))) <= 8


def test_without_the_high_pass_the_low_notes_come_back() -> None:
    at = np.arange(2 * RATE) / RATE
    for hz, kept, taken in ((50.0, -0.5, -12.1), (30.0, -3.0, -20.3), (300.0, -0.1, -0.1)):
        note = (8000 * np.cos(2 * np.pi * hz * at)).astype(np.int16)
        for high_pass, expected in ((False, kept), (True, taken)):
            out = run(WebRtc(False, high_pass, False), note, None)
            assert db(out[RATE:]) - db(note[RATE:]) == pytest.approx(expected, abs=0.7)


def test_the_shelf_is_the_recursion_it_stands_for() -> None:
    (taken_gain, *taken), (gain, *kept) = butterworth(HIGH_PASS_HZ), butterworth(OPEN_HZ)
    sound = voice(0.2, 5)
    wanted: list[float] = []
    x1 = x2 = y1 = y2 = 0.0
    for x in sound.astype(float):
        y = (x + taken[0] * x1 + taken[1] * x2) * gain / taken_gain - kept[0] * y1 - kept[1] * y2
        x2, x1, y2, y1 = x1, x, y1, y
        wanted.append(y)
    shelf = Rumble()
    out = np.concatenate([shelf.process(sound[at : at + 160]) for at in range(0, len(sound), 160)])
    assert np.max(np.abs(out - np.clip(wanted, -32768, 32767))) <= 0.51


def test_gain_control_lifts_a_soft_voice_but_not_without_end() -> None:
    soft = voice(12, 6, level=60.0)
    out = run(WebRtc(True, True, True), soft, None)
    plain = run(WebRtc(True, True, False), soft, None)
    assert 3 < db(out[8 * RATE :]) - db(plain[8 * RATE :]) < 19


@pytest.mark.parametrize("bad", [b"", b"\0", bytes(BLOCK_BYTES - 2), bytes(2 * BLOCK_BYTES), bytes(321)])
def test_anything_but_a_block_is_refused(bad: bytes) -> None:
    cleaner = WebRtc(True, True, False)
    with pytest.raises(ValueError):
        cleaner.clean(bad, SILENT_BLOCK)
    with pytest.raises(ValueError):
        cleaner.clean(SILENT_BLOCK, bad)
    assert len(cleaner.clean(SILENT_BLOCK, SILENT_BLOCK)) == BLOCK_BYTES


def test_full_scale_is_clipped_not_wrapped() -> None:
    loud = np.where(np.arange(RATE) // 40 % 2, 32767, -32768).astype(np.int16)
    for high_pass in (True, False):
        out = run(WebRtc(False, high_pass, False), loud, None)
        turned = loud[: RATE - 128].astype(int) * out[128:].astype(int) < 0
        assert np.mean(turned[1600:]) < 0.1


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    with pytest.raises(EchoMissing, match="pywebrtc-audio"):
        WebRtc(True, True, False)


def test_a_failure_of_the_library_is_an_echo_error() -> None:
    class Broken:
        def process(self, near: Samples, far: Samples) -> Samples:
            raise RuntimeError("out of order")

    cleaner = WebRtc(False, True, False)
    cleaner._canceller = Broken()  # type: ignore[assignment]  # the library has no way to fail on demand
    with pytest.raises(EchoError, match="out of order"):
        cleaner.clean(SILENT_BLOCK, SILENT_BLOCK)
