"""Pieces with jittering times become one stretch with one time; a hole in it is told."""

from __future__ import annotations

import random

import pytest

from kioskd.audio.doctor.track import HOLE_MS, Track

PIECE = bytes(320)  # 10 ms at 16 kHz


def fill(track: Track, pieces: int, begins_at: float, jitter_s: float = 0.0) -> None:
    chance = random.Random(3)
    for i in range(pieces):
        track.add(PIECE, begins_at + i * 0.01 + chance.uniform(-jitter_s, jitter_s), 16_000)


def test_jitter_hardly_moves_the_beginning() -> None:
    track = Track()
    fill(track, 300, 50.0, jitter_s=0.008)
    assert track.began_at() == pytest.approx(50.0, abs=0.002)
    assert track.seconds == pytest.approx(3.0) and len(track.pcm) == 300 * 320
    assert track.hole_ms() < HOLE_MS


def test_a_burst_at_the_start_is_forgotten() -> None:
    track = Track()
    for i in range(200):
        track.add(PIECE, 70.0 + max(0, i - 3) * 0.01, 16_000)
    assert track.began_at() == pytest.approx(70.0 - 0.03)


def test_a_hole_in_the_middle_is_told() -> None:
    track = Track()
    fill(track, 150, 10.0)
    fill(track, 150, 10.0 + 1.5 + 0.06)
    assert track.hole_ms() == pytest.approx(60, abs=1) and track.hole_ms() > HOLE_MS


def test_a_device_that_comes_back_at_another_rate_starts_afresh() -> None:
    track = Track()
    fill(track, 10, 10.0)
    track.add(bytes(960), 20.0, 48_000)
    assert track.rate_hz == 48_000 and track.seconds == pytest.approx(0.01) and track.began_at() == 20.0


def test_nothing_is_nothing() -> None:
    track = Track()
    assert (track.pcm, track.seconds, track.began_at(), track.hole_ms()) == (b"", 0.0, 0.0, 0.0)


def test_a_part_has_its_own_time_and_its_own_holes() -> None:
    track = Track()
    fill(track, 200, 10.0)
    fill(track, 200, 10.0 + 2.0 + 0.06)
    assert track.began_at(0.0, 1.9) == pytest.approx(10.0) and track.began_at(2.1) == pytest.approx(10.06)
    assert track.hole_ms(0.0, 1.9) < 1 and track.hole_ms(2.1) < 1 and track.hole_ms(1.0, 3.0) == pytest.approx(60)
    assert track.began_at(99.0) == track.began_at(), "a part without pieces has the time of the whole"


def test_the_sound_begins_where_the_silence_ends() -> None:
    track = Track()
    fill(track, 7, 10.0)
    assert track.sound_from_s == track.seconds
    track.add(b"\x01\x00" * 160, 10.07, 16_000)
    fill(track, 7, 10.08)
    assert track.sound_from_s == pytest.approx(0.07)
