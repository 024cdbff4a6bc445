"""Synthetic rooms whose delay, loss, decay, noise and distortion are known: the doctor finds them again."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest

from kioskd.audio.doctor.measure import Measured, MeasureError, measure, reference
from kioskd.audio.doctor.take import Take
from kioskd.audio.doctor.stimulus import RATE_HZ
from kioskd.audio.doctor.sweep import to_pcm
from kioskd.core.resample import make_resampler

LATENCY_S = 0.03


@pytest.fixture
def take(room_take: Callable[..., Take]) -> Callable[..., Take]:
    return room_take


@pytest.fixture
def figures(room_take: Callable[..., Take]) -> Callable[..., Any]:
    """The figures of a room."""
    return lambda **room: measure(room_take(**room)).figures


@pytest.mark.parametrize("delay_ms", [0.0, 7.5, 80.0, 260.0, 480.0, 900.0])
def test_the_delay_is_found(delay_ms: float, figures: Callable[..., Any]) -> None:
    assert figures(delay_ms=delay_ms).delay_ms == pytest.approx(delay_ms, abs=0.3)


@pytest.mark.parametrize("loss_db", [-3.0, 0.0, 12.0, 25.0])
def test_the_return_loss_is_found(loss_db: float, figures: Callable[..., Any]) -> None:
    found = figures(loss_db=loss_db)
    assert found.return_loss_db == pytest.approx(loss_db, abs=0.3)
    assert found.echo_dbfs == pytest.approx(found.reference_dbfs - loss_db, abs=0.3)


def test_an_echo_below_the_noise_is_told_by_the_sweep(figures: Callable[..., Any]) -> None:
    found = figures(loss_db=48.0, noise_dbfs=-55.0, rt60_s=0.0)
    assert found.heard and found.return_loss_db == pytest.approx(48.0, abs=2.5)


@pytest.mark.parametrize("noise_dbfs", [-75.0, -60.0, -45.0])
def test_the_noise_floor_is_found(noise_dbfs: float, figures: Callable[..., Any]) -> None:
    assert figures(noise_dbfs=noise_dbfs).noise_floor_dbfs == pytest.approx(noise_dbfs, abs=0.5)


def test_a_slammed_door_is_not_the_rooms_noise_and_an_offset_of_the_converter_is_not_either(
    take: Callable[..., Take],
) -> None:
    loud = take(offset=0.02)
    raw = bytearray(loud.raw)
    raw[6400:9600] = to_pcm(0.3 * np.random.default_rng(6).standard_normal(1600))
    slammed = loud._replace(raw=bytes(raw))
    assert measure(slammed).figures.noise_floor_dbfs == pytest.approx(-60.0, abs=1.0)


@pytest.mark.parametrize("rt60_s", [0.2, 0.5, 1.0])
def test_the_tail_is_as_long_as_the_room_rings(rt60_s: float, figures: Callable[..., Any]) -> None:
    # So much reverberation that the direct sound is nothing in it: a voice that ends falls by 60 dB in RT60.
    found = figures(rt60_s=rt60_s, reverb=0.3, noise_dbfs=-90.0, loss_db=10.0)
    assert found.decay_ms == pytest.approx(rt60_s * 1000 * 40 / 60, rel=0.15)
    late_ms = found.delay_ms - LATENCY_S * 1000
    assert found.decay_ms + late_ms < found.tail_ms <= found.decay_ms + late_ms + 50


def test_a_loud_room_hides_the_tail(figures: Callable[..., Any]) -> None:
    loud, quiet = figures(rt60_s=0.8, reverb=0.3, noise_dbfs=-55.0), figures(rt60_s=0.8, reverb=0.3, noise_dbfs=-85.0)
    assert loud.decay_ms < quiet.decay_ms - 200, "10 dB above the noise is all that is asked for"


def test_nothing_heard_is_told_as_nothing(figures: Callable[..., Any]) -> None:
    found = figures(loss_db=120.0)
    assert not found.heard and found.delay_ms is None and found.return_loss_db is None and found.tail_ms is None
    assert found.noise_floor_dbfs == pytest.approx(-60.0, abs=0.5)


def test_a_dead_microphone_hears_nothing(take: Callable[..., Take]) -> None:
    silent = take()
    assert not measure(silent._replace(raw=bytes(len(silent.raw)))).figures.heard


def test_a_clipping_microphone_is_told_by_its_samples(figures: Callable[..., Any]) -> None:
    assert figures(loss_db=-8.0).clipped > 0.005
    assert figures().clipped == 0.0 and figures().peak_dbfs < -10


def test_a_clipping_speaker_is_told_by_its_harmonics(figures: Callable[..., Any]) -> None:
    assert figures(limit=0.25).distortion > 0.15
    assert figures().distortion < 0.02


def test_a_lower_volume_changes_levels_and_not_the_room(figures: Callable[..., Any]) -> None:
    low = figures(volume=0.25, noise_dbfs=-80.0)
    assert low.reference_dbfs == pytest.approx(figures().reference_dbfs - 12.0, abs=0.1)
    assert low.return_loss_db == pytest.approx(12.0, abs=0.3) and low.delay_ms == pytest.approx(80.0, abs=0.3)


def test_a_device_at_another_rate_changes_nothing(take: Callable[..., Take]) -> None:
    plain = take()
    converter = make_resampler(RATE_HZ, 48_000)
    played = converter.process(plain.played + bytes(640))
    played_at = plain.played_at - converter.delay_s
    card = plain._replace(played=played, played_hz=48_000, played_at=played_at)
    assert measure(card).figures.delay_ms == pytest.approx(80.0, abs=0.3)
    assert len(reference(card)[0]) // 2 == len(played) // 6


def test_what_was_not_played_or_recorded_to_the_end_is_refused(take: Callable[..., Take]) -> None:
    with pytest.raises(MeasureError, match="microphone"):
        measure(take(cut_s=2.0))
    whole = take()
    with pytest.raises(MeasureError, match="speaker"):
        measure(whole._replace(played=whole.played[: len(whole.played) // 2]))


def test_sound_that_broke_off_on_its_way_to_the_speaker_is_refused(take: Callable[..., Take]) -> None:
    whole = take()
    middle = len(whole.played) // 4 * 2
    torn = whole._replace(played=whole.played[:middle] + bytes(3200) + whole.played[middle:])
    with pytest.raises(MeasureError, match="torn"):
        measure(torn)


def scaled_clean(take: Callable[..., Take], residual_db: float) -> Measured:
    noisy = take(noise_dbfs=-90.0)
    samples = np.frombuffer(noisy.raw, "<i2").astype(np.float64) / 32768 * 10 ** (residual_db / 20)
    return measure(noisy._replace(clean=to_pcm(samples)))


@pytest.mark.parametrize("taken_db", [10.0, 25.0, 40.0])
def test_what_a_canceller_takes_away_is_found(taken_db: float, take: Callable[..., Take]) -> None:
    found = scaled_clean(take, -taken_db).figures
    assert found.erle_db == pytest.approx(taken_db, abs=0.5)
    assert found.residual_dbfs == pytest.approx((found.echo_dbfs or 0.0) - taken_db, abs=0.5)


def test_webrtc_learns_the_room_from_what_is_played(take: Callable[..., Take]) -> None:
    from pywebrtc_audio import EchoCanceller

    room = take(rt60_s=0.4)
    raw = np.frombuffer(room.raw, "<i2")
    far = np.zeros(len(raw), "<i2")
    played = np.frombuffer(room.played, "<i2")
    begins = round((room.played_at - room.raw_at) * RATE_HZ)
    far[begins : begins + len(played)] = played
    canceller = EchoCanceller(RATE_HZ, 1)
    blocks = [canceller.process(raw[i : i + 160], far[i : i + 160]) for i in range(0, len(raw) // 160 * 160, 160)]
    clean = np.concatenate(blocks).astype("<i2").tobytes()
    found = measure(room._replace(clean=clean)).figures
    assert found.erle_db is not None and found.erle_db > 25, "as deep as the noise allows"
