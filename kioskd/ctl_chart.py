"""Lines in a frame as inline SVG, for a report that is one file. Pure, standard library only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from math import isfinite, log10

WIDTH, HEIGHT = 720, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 34
# Colours of lines, readable on white and on black.
COLOURS = ("#c2410c", "#2563eb", "#15803d")

Point = tuple[float, float]


class Chart:
    """One picture: axes first, then lines and marks, then ``svg``.

    Args:
        across: lowest and highest value of the horizontal axis; both above 0 if ``octaves``.
        up: of the vertical one.
        ticks: values that are written below the picture; they may be any within ``across``.
        steps: values that are written at its side.
        units: what stands at the ends of the two axes.
        octaves: the horizontal axis is logarithmic.
    """

    def __init__(
        self,
        across: Point,
        up: Point,
        ticks: Sequence[float],
        steps: Sequence[float],
        units: tuple[str, str],
        octaves: bool = False,
    ) -> None:
        self._scale: Callable[[float], float] = log10 if octaves else float
        self._low, self._high = self._scale(across[0]), self._scale(across[1])
        self._up = up
        self._legend: list[tuple[str, str]] = []
        self._parts = [f'<rect x="{LEFT}" y="{TOP}" width="{self._inner_width}" height="{self._inner_height}"/>']
        for value in steps:
            y = self._y(value)
            self._parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
            self._text(LEFT - 6, y + 4, f"{value:g}", "end")
        for value in ticks:
            self._text(self._x(value), HEIGHT - BOTTOM + 16, f"{value:g}", "middle")
        self._text(WIDTH - RIGHT, HEIGHT - 2, units[0], "end")
        self._text(2, TOP + 2, units[1], "start")

    _inner_width = WIDTH - LEFT - RIGHT
    _inner_height = HEIGHT - TOP - BOTTOM

    def _x(self, value: float) -> float:
        share = (self._scale(value) - self._low) / ((self._high - self._low) or 1.0)
        return LEFT + self._inner_width * min(1.0, max(0.0, share))

    def _y(self, value: float) -> float:
        share = (value - self._up[0]) / ((self._up[1] - self._up[0]) or 1.0)
        return TOP + self._inner_height * (1 - min(1.0, max(0.0, share)))

    def _text(self, x: float, y: float, text: str, anchor: str) -> None:
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>')

    def line(self, name: str, points: Iterable[Point]) -> None:
        """One curve in the next colour; points that are no numbers are left out."""
        colour = COLOURS[len(self._legend) % len(COLOURS)]
        self._legend.append((name, colour))
        shown = [f"{self._x(x):.1f} {self._y(y):.1f}" for x, y in points if isfinite(x) and isfinite(y)]
        if shown:
            self._parts.append(f'<path class="line" stroke="{colour}" d="M{"L".join(shown)}"/>')

    def mark(self, at: float, name: str) -> None:
        """An upright line with a word."""
        x = self._x(at)
        self._parts.append(f'<path class="mark" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        self._text(min(x + 4, WIDTH - 90), TOP + 14, name, "start")

    def level(self, at: float, name: str) -> None:
        """A lying line with a word."""
        y = self._y(at)
        self._parts.append(f'<path class="mark" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        self._text(WIDTH - RIGHT - 4, y - 4, name, "end")

    def svg(self, title: str) -> str:
        """The picture with its legend; ``title`` is read to those who do not see it."""
        legend = "".join(
            f'<text x="{LEFT + 10 + 150 * i}" y="{HEIGHT - BOTTOM - 8}" fill="{colour}" style="fill:{colour}">'
            f"{escape(name)}</text>"
            for i, (name, colour) in enumerate(self._legend)
        )
        return (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
            f"{''.join(self._parts)}{legend}</svg>"
        )
