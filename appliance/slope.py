"""Does a series grow? A straight line through it, and how sure that is. And a picture of it."""

from __future__ import annotations

import math
from typing import NamedTuple, Sequence

# Two-sided 95 % of Student's t for 30 and more samples is within 2.05; a soak has hundreds.
SURE = 2.05


class Slope(NamedTuple):
    """Of a straight line: units an hour, and half the width of the interval of 95 % around it."""

    per_hour: float
    give: float

    @property
    def is_none(self) -> bool:
        """Not distinguishable from zero."""
        return abs(self.per_hour) <= self.give


def slope(samples: Sequence[tuple[float, float]]) -> Slope:
    """Least squares over (seconds, value); needs three samples at different times.

    Samples that follow one another are alike, so there are fewer facts than samples: the interval is widened by the
    lag-one correlation of what the line leaves over.

    Raises:
        ValueError: too few samples.
    """
    count = len(samples)
    if count < 3:
        raise ValueError("three samples at least")
    mean_t = sum(at for at, _ in samples) / count
    mean_v = sum(value for _, value in samples) / count
    spread = sum((at - mean_t) ** 2 for at, _ in samples)
    if not spread:
        raise ValueError("the samples were taken at one time")
    rise = sum((at - mean_t) * (value - mean_v) for at, value in samples) / spread
    left = [value - mean_v - rise * (at - mean_t) for at, value in samples]
    squares = sum(each * each for each in left)
    alike = sum(a * b for a, b in zip(left, left[1:])) / squares if squares else 0.0
    alike = min(max(alike, 0.0), 0.99)
    error = math.sqrt(squares / (count - 2) / spread) * math.sqrt((1 + alike) / (1 - alike))
    return Slope(rise * 3600, SURE * error * 3600)


def picture(title: str, unit: str, samples: Sequence[tuple[float, float]]) -> str:
    """The series as an SVG: hours to the right, from zero up."""
    wide, high, left, foot = 720, 160, 60, 24
    last = max((at for at, _ in samples), default=1.0) or 1.0
    top = max((value for _, value in samples), default=1.0) * 1.1 or 1.0
    points = " ".join(
        f"{left + at / last * (wide - left - 10):.1f},{high - foot - value / top * (high - foot - 20):.1f}"
        for at, value in samples
    )
    text = 'font-family="sans-serif" font-size="12" fill="#333"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}">\n'
        f'<rect width="{wide}" height="{high}" fill="#fff"/>\n'
        f'<text x="{left}" y="14" {text}>{title} ({unit})</text>\n'
        f'<line x1="{left}" y1="{high - foot}" x2="{wide - 10}" y2="{high - foot}" stroke="#999"/>\n'
        f'<text x="4" y="30" {text}>{top:.0f}</text><text x="4" y="{high - foot}" {text}>0</text>\n'
        f'<text x="{wide - 70}" y="{high - 6}" {text}>{last / 3600:.1f} h</text>\n'
        f'<polyline points="{points}" fill="none" stroke="#1769aa" stroke-width="1.5"/>\n</svg>\n'
    )
