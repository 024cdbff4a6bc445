"""How long the sound takes, measured on half a second of it."""

from __future__ import annotations

import numpy as np
import pytest

from kioskd.audio.delay import BLOCKS, LONGEST, Delay, between
from kioskd.audio.reference import BLOCK_BYTES, BLOCK_FRAMES

RNG = np.random.default_rng(5)
FRAMES = BLOCKS * BLOCK_FRAMES


def speech(frames: int, seed: int = 1) -> np.ndarray:
    """Syllables of noise: as uneven as speech."""
    rng = np.random.default_rng(seed)
    rise = np.maximum(0.0, np.sin(2 * np.pi * 3.0 * np.arange(frames) / 16_000 + seed))
    return rng.standard_normal(frames) * 3000 * rise


def room(far: np.ndarray, lag: int, seed: int = 2) -> np.ndarray:
    """A direct sound after ``lag`` samples and 200 ms of reverberation behind it."""
    tail = np.random.default_rng(seed).standard_normal(3200) * np.exp(-np.arange(3200) / 500) * 0.03
    tail[0] = 0.6
    return np.concatenate((np.zeros(lag), np.convolve(far, tail)))[: len(far)]


def pcm(sound: np.ndarray) -> bytes:
    return np.clip(sound, -32768, 32767).astype("<i2").tobytes()


@pytest.mark.parametrize("lag", [0, 1, 160, 969, 3209, 5000])
def test_it_is_exact_to_a_sample_in_a_room_with_noise(lag: int) -> None:
    far = speech(FRAMES)
    near = room(far, lag) + RNG.standard_normal(FRAMES) * 60
    assert between(pcm(far), pcm(near)) == lag


@pytest.mark.parametrize(
    "near",
    [np.zeros(FRAMES), RNG.standard_normal(FRAMES) * 500, speech(FRAMES, 9)],
    ids=["silence", "noise", "visitor"],
)
def test_where_no_echo_stands_out_it_says_nothing(near: np.ndarray) -> None:
    assert between(pcm(speech(FRAMES)), pcm(near)) is None


def test_one_stretch_is_measured_from_the_first_loud_block_on() -> None:
    delay, far = Delay(), speech(FRAMES + 40 * BLOCK_FRAMES)
    near = room(far, 480)
    blocks = [
        (pcm(far)[at : at + BLOCK_BYTES], pcm(near)[at : at + BLOCK_BYTES])
        for at in range(0, 2 * len(far), BLOCK_BYTES)
    ]
    assert [delay.add(*block, loud=False) for block in blocks[:10]] == [None] * 10 and not delay.done
    told = [delay.add(*block, loud=n == 0) for n, block in enumerate(blocks[10:])]
    assert [one for one in told if one is not None] == [30.0] and delay.done and told.index(30.0) == BLOCKS - 1
    delay.restart()
    assert not delay.done and delay.add(*blocks[0], loud=True) is None


def test_no_lag_folds_back() -> None:
    far = speech(FRAMES)
    found = between(pcm(far), pcm(room(far, LONGEST + 200)))
    assert found is None or found != 200
