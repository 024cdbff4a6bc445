"""The picture's data: small, JSON, and true to the room."""

from __future__ import annotations

import json
from typing import Any, Callable

import numpy as np
import pytest

from kioskd.audio.doctor.curves import BANDS_HZ, curves
from kioskd.audio.doctor.measure import measure
from kioskd.audio.doctor.take import Take


def drawn(take: Take) -> dict[str, Any]:
    """Through JSON, as kioskctl gets it."""
    return dict(json.loads(json.dumps(curves(measure(take)), allow_nan=False)))


def test_it_is_small_enough_for_one_answer(room_take: Callable[..., Take]) -> None:
    take = room_take()
    assert len(json.dumps(curves(measure(take._replace(clean=take.raw))))) < 32_000


def test_the_levels_show_silence_sweep_pause_and_speech(room_take: Callable[..., Take]) -> None:
    found = drawn(room_take(delay_ms=10.0))
    marks = {name: at for at, name in found["marks"]}
    level = {row[0]: row[1] for row in found["levels"]}
    assert marks["sweep"] == pytest.approx(1.0, abs=0.05)
    assert level[0.5] == pytest.approx(-60.0, abs=2)
    assert level[2.0] > -30 and level[5.3] < -55, "the sweep, and the pause behind it"
    assert marks["sweep"] < marks["speech"] < marks["judged"]


def test_the_decay_begins_at_zero_and_falls(room_take: Callable[..., Take]) -> None:
    decay = drawn(room_take(rt60_s=0.6, reverb=0.3, noise_dbfs=-80.0))["decay"]
    assert decay[0] == [0.0, 0.0]
    levels = [row[1] for row in decay]
    assert levels == sorted(levels, reverse=True) and levels[-1] < -40
    at_20 = next(ms for ms, db in decay if db <= -20)
    assert at_20 == pytest.approx(200, rel=0.2), "60 dB in 600 ms"


def test_the_response_shows_when_the_echo_arrives(room_take: Callable[..., Take]) -> None:
    response = drawn(room_take(delay_ms=120.0))["response"]
    assert max(response, key=lambda row: row[1])[0] == pytest.approx(120.0, abs=5.0)


def test_the_spectrum_has_noise_echo_and_what_is_left(room_take: Callable[..., Take]) -> None:
    take = room_take()
    tenth = (np.frombuffer(take.raw, "<i2") // 10).astype("<i2").tobytes()
    rows = drawn(take._replace(clean=tenth))["spectrum"]
    assert [row[0] for row in rows] == list(BANDS_HZ)
    for _, noise, echo, left in rows[3:8]:
        assert echo > noise + 10 and left == pytest.approx(echo - 20, abs=1.5)


def test_a_room_without_an_echo_is_drawn_too(room_take: Callable[..., Take]) -> None:
    found = drawn(room_take(loss_db=120.0))
    assert found["decay"] == [] and found["levels"] and found["spectrum"]


def test_dead_silence_is_drawn_too(room_take: Callable[..., Take]) -> None:
    take = room_take()
    found = drawn(take._replace(raw=bytes(len(take.raw))))
    assert {row[1] for row in found["levels"]} == {-100.0} and found["response"] == []
