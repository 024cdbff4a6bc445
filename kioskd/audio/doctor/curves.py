"""What a picture of a measured room needs, thinned out for JSON: levels over time, spectra, decay. Pure, with numpy."""

from __future__ import annotations

import numpy as np

from kioskd.audio.doctor.measure import DECAY_DB, Measured
from kioskd.audio.doctor.stimulus import RATE_HZ
from kioskd.audio.doctor.sweep import Samples, decibels, power

# A picture is some 700 points wide: more is sent for nothing.
LEVEL_S = 0.05
DECAY_S = 0.005
LONGEST_DECAY_S = 1.5
# Third-octave bands (IEC 61260-1), nominal mid-band frequencies in Hz.
BANDS_HZ = (125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150, 4000, 5000, 6300)
LOWEST_DB = -100.0

Rows = list[list[float]]


def curves(measured: Measured) -> dict[str, object]:
    """JSON-ready.

    Returns:
        ``levels``: rows of seconds, dBFS as captured, and after cancelling where there is a canceller;
        ``marks``: (seconds, what begins there); ``spectrum``: rows of Hz, noise, echo and residual in dBFS;
        ``decay``: rows of ms after the arrival, dB; ``response``: rows of ms after writing, dB under the highest.
    """
    placed = measured.placed
    said = placed.said
    return {
        "levels": _levels(placed.raw, placed.clean),
        "marks": [
            [round((placed.start + part.start) / RATE_HZ, 2), name]
            for part, name in ((said.sweep, "sweep"), (said.speech, "speech"), (said.judged, "judged"))
        ],
        "spectrum": _spectrum(measured),
        "decay": _decay(measured.decay_db),
        "response": _response(measured),
    }


def _levels(raw: Samples, clean: Samples | None) -> Rows:
    width = round(LEVEL_S * RATE_HZ)
    rows = []
    for start in range(0, len(raw) - width + 1, width):
        row = [round(start / RATE_HZ, 2), _level(raw[start : start + width])]
        if clean is not None:
            row.append(_level(clean[start : start + width]))
        rows.append(row)
    return rows


def _level(samples: Samples) -> float:
    return round(max(LOWEST_DB, decibels(power(samples))), 1)


def _spectrum(measured: Measured) -> Rows:
    placed = measured.placed
    delay_s = (measured.figures.delay_ms or 0.0) / 1000
    heard = placed.heard(placed.said.judged, delay_s)
    parts = [placed.raw[: max(1, placed.start)], placed.raw[heard]]
    if placed.clean is not None:
        parts.append(placed.clean[heard])
    bands = [_bands(part) for part in parts]
    return [[float(hz), *(levels[i] for levels in bands)] for i, hz in enumerate(BANDS_HZ)]


def _bands(samples: Samples) -> list[float]:
    """The level in each band, dBFS."""
    energy = np.square(np.abs(np.fft.rfft(samples))) * 2 / max(1, len(samples)) ** 2
    pitch = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    half = 2 ** (1 / 6)
    return [
        round(max(LOWEST_DB, decibels(float(np.sum(energy[(pitch >= hz / half) & (pitch < hz * half)])))), 1)
        for hz in BANDS_HZ
    ]


def _decay(curve: Samples) -> Rows:
    step = round(DECAY_S * RATE_HZ)
    shown = curve[: round(LONGEST_DECAY_S * RATE_HZ) : step]
    # A little below the deepest line that matters, so that the crossing is seen.
    return [[round(i * DECAY_S * 1000, 1), round(float(db), 1)] for i, db in enumerate(shown) if db > -DECAY_DB - 20]


def _response(measured: Measured) -> Rows:
    delay_s = (measured.figures.delay_ms or 0.0) / 1000
    taps = np.square(measured.response.window(0.0, delay_s + 0.5))
    width = round(DECAY_S * RATE_HZ)
    whole = taps[: len(taps) // width * width].reshape(-1, width)
    if not whole.size or not float(np.max(whole)):
        return []
    highest = decibels(float(np.max(whole)))
    return [
        [round(i * DECAY_S * 1000, 1), round(max(LOWEST_DB, decibels(float(np.max(row))) - highest), 1)]
        for i, row in enumerate(whole)
    ]
