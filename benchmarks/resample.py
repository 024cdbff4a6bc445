"""How clean the streaming resampler is and what it costs, beside libsoxr on the same tones where that is installed."""

from __future__ import annotations

import importlib
import math
from typing import Any, Callable, Mapping

from benchmarks.figure import Measured, spread
from benchmarks.pure import per_call_us
from kioskd.core.resample import make_resampler

PAIRS = ((48000, 16000), (44100, 16000), (24000, 48000), (16000, 48000), (24000, 44100))
PERIODS = 60
# Parts of the lower Nyquist frequency. Up to 0.8 a tone must come through; from 1.0 on nothing may.
PASSED = (0.02, 0.1, 0.3, 0.55, 0.7, 0.8)
FOLDED = (1.0, 1.01, 1.03, 1.1, 1.2, 1.35, 1.6, 1.9, 2.3, 2.7)
# Between the two a tone comes through weaker; its image above the Nyquist frequency may not come at all.
EDGE = (0.85, 0.9, 0.95, 0.98)
LEVEL = 0.89  # -1 dBFS: full scale would be clipped by what is measured
# 16 bit cannot show less: nothing below is invented.
LEAST_DB = -100.0

Convert = Callable[[bytes], bytes]
Make = Callable[[int, int], Convert]


def ours(from_hz: int, to_hz: int) -> Convert:
    """kioskd's own."""
    return make_resampler(from_hz, to_hz).process


def soxr_of(quality: str) -> Make | None:
    """libsoxr's stream at a quality ("HQ", "MQ"); None where it cannot be imported."""
    import numpy

    try:
        soxr = importlib.import_module("soxr")  # for its users only: kioskd does without
    except ImportError:
        return None

    def make(from_hz: int, to_hz: int) -> Convert:
        stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16", quality=quality)
        return lambda pcm: bytes(stream.resample_chunk(numpy.frombuffer(pcm, dtype="<i2")).tobytes())

    return make


def _tone(hz: float, rate_hz: int) -> Any:
    import numpy

    t = numpy.arange(PERIODS * rate_hz // 100) / rate_hz
    return numpy.rint(32767 * LEVEL * numpy.sin(2 * math.pi * hz * t)).astype("<i2")


def _through(make: Make, from_hz: int, to_hz: int, hz: float) -> Any:
    """A tone sent through in periods of 10 ms: the middle of what comes out, in parts of the tone's amplitude."""
    import numpy

    convert, pcm = make(from_hz, to_hz), _tone(hz, from_hz).tobytes()
    step = from_hz // 100 * 2
    out = b"".join(convert(pcm[at : at + step]) for at in range(0, len(pcm), step))
    samples = numpy.frombuffer(out, dtype="<i2").astype(float)
    return samples[len(samples) // 3 : -len(samples) // 8] / (32767 * LEVEL)


def _db(power: float) -> float:
    """Of a power relative to the tone's."""
    return max(LEAST_DB, 10 * math.log10(max(power / 0.5, 1e-12)))


def _split(samples: Any, hz: float, rate_hz: int) -> tuple[float, float]:
    """Level of the tone, and of all the rest, in dB of the tone that was sent."""
    import numpy

    t = numpy.arange(len(samples)) / rate_hz
    basis = numpy.stack([numpy.sin(2 * math.pi * hz * t), numpy.cos(2 * math.pi * hz * t), numpy.ones(len(t))], axis=1)
    fit = basis @ numpy.linalg.lstsq(basis, samples, rcond=None)[0]
    return _db(float(numpy.mean(fit**2))), _db(float(numpy.mean((samples - fit) ** 2)))


def quality(make: Make, from_hz: int, to_hz: int) -> dict[str, float]:
    """Worst noise beside a tone, worst alias or image (dB below the tone), and the passband's ripple in dB."""
    nyquist = min(from_hz, to_hz) / 2
    levels, rests = zip(*(_split(_through(make, from_hz, to_hz, p * nyquist), p * nyquist, to_hz) for p in PASSED))
    if to_hz > from_hz:
        wrong = [_split(_through(make, from_hz, to_hz, p * nyquist), p * nyquist, to_hz)[1] for p in EDGE]
    else:
        parts = [p for p in FOLDED if p * nyquist < from_hz / 2]
        wrong = [_db(float((_through(make, from_hz, to_hz, p * nyquist) ** 2).mean())) for p in parts]
    return {
        "snr_db": round(-max(rests), 1),
        "alias_or_image_db": round(-max(wrong), 1),
        "ripple_db": round(max(levels) - min(levels), 3),
    }


def resample_db() -> Mapping[str, Measured]:
    """The worst of all conversions that a kiosk may meet."""
    detail: dict[str, object] = {}
    worst: dict[str, float] = {}
    for name, make in (("kioskd", ours), ("soxr HQ", soxr_of("HQ")), ("soxr MQ", soxr_of("MQ"))):
        if make is None:
            detail[name] = "soxr is not importable here"
            continue
        rows = {f"{from_hz}->{to_hz}": quality(make, from_hz, to_hz) for from_hz, to_hz in PAIRS}
        worst[name] = min(min(row["snr_db"], row["alias_or_image_db"]) for row in rows.values())
        detail[name] = rows
    beside = ", ".join(f"{name} {value:g}" for name, value in worst.items() if name != "kioskd")
    story = f"worst noise, alias or image of {len(PAIRS)} conversions; {beside or 'soxr is not importable here'}"
    return {"resample_db": Measured(worst["kioskd"], story, detail)}


def resample_us() -> Mapping[str, Measured]:
    """10 ms of sound from one rate to another."""
    rows: dict[str, object] = {}
    medians: dict[str, float] = {}
    for from_hz, to_hz in PAIRS:
        pcm = _tone(440, from_hz).tobytes()[: from_hz // 100 * 2]
        for name, make in (("kioskd", ours), ("soxr HQ", soxr_of("HQ")), ("soxr MQ", soxr_of("MQ"))):
            if make is None:
                rows[name] = "soxr is not importable here"
                continue
            convert = make(from_hz, to_hz)
            us = spread(per_call_us(lambda: convert(pcm), 20, rounds=100))
            rows[f"{name} {from_hz}->{to_hz}"] = us
            medians[f"{name} {from_hz}"] = medians.get(f"{name} {from_hz}", us["median"])
    beside = medians.get("soxr HQ 48000")
    story = f"48 to 16 kHz, a period of 10 ms; soxr HQ {beside:g}" if beside else "48 to 16 kHz, a period of 10 ms"
    return {"resample_us": Measured(medians["kioskd 48000"], story, rows)}
