"""Plots as one self-contained SVG: readable in print and without colour (each line has a dash of its own)."""

from __future__ import annotations

from html import escape
from typing import NamedTuple, Sequence

WIDTH, HEIGHT, LEFT, TOP, GAP = 860, 210, 70, 56, 62
# Okabe and Ito's palette, made to be told apart by colour-blind readers.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9")
DASHES = ("", "7 3", "2 2", "9 3 2 3", "4 4", "1 4")
# More points than pixels only make the file long.
MOST_POINTS = 430


class Line(NamedTuple):
    """One line: its name, and a value for each step of the horizontal axis."""

    name: str
    values: Sequence[float]


class Panel(NamedTuple):
    """One plot of several lines."""

    title: str
    y_name: str
    x_name: str
    lines: Sequence[Line]


class Bars(NamedTuple):
    """One plot of groups of bars, in the order (and colours) of the lines; None: there is no such value."""

    title: str
    unit: str
    groups: Sequence[tuple[str, Sequence[float | None]]]


def page(title: str, panels: Sequence[Panel | Bars]) -> str:
    """All panels under one another, with one legend."""
    height = TOP + len(panels) * (HEIGHT + GAP) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="15">{escape(title)}</text>',
        *_legend(next((panel.lines for panel in panels if isinstance(panel, Panel)), ())),
    ]
    for place, panel in enumerate(panels):
        top = TOP + 24 + place * (HEIGHT + GAP)
        parts += _panel(panel, top) if isinstance(panel, Panel) else _bars(panel, top)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend(lines: Sequence[Line]) -> list[str]:
    parts, x = [], LEFT
    for place, line in enumerate(lines):
        parts.append(f'<line x1="{x}" x2="{x + 26}" y1="40" y2="40" {_stroke(place)}/>')
        parts.append(f'<text x="{x + 31}" y="44">{escape(line.name)}</text>')
        x += 44 + round(6.4 * len(line.name))
    return parts


def _stroke(place: int) -> str:
    colour, dash = COLOURS[place % len(COLOURS)], DASHES[place % len(DASHES)]
    return f'fill="none" stroke="{colour}" stroke-width="1.6"' + (f' stroke-dasharray="{dash}"' if dash else "")


def _panel(panel: Panel, top: int) -> list[str]:
    high = max((max(line.values, default=0) for line in panel.lines), default=0) or 1
    steps = max((len(line.values) for line in panel.lines), default=1)
    bottom, right = top + HEIGHT, WIDTH - 20
    parts = [f'<text x="{LEFT}" y="{top - 8}" font-weight="bold">{escape(panel.title)}</text>']
    for part in range(5):
        y = bottom - HEIGHT * part / 4
        parts.append(f'<line x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{high * part / 4:,.4g}</text>')
        x = LEFT + (right - LEFT) * part / 4
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{steps * part / 4:,.4g}</text>')
    parts.append(f'<text x="{right}" y="{bottom + 31}" text-anchor="end">{escape(panel.x_name)}</text>')
    parts.append(f'<text x="{right}" y="{top - 8}" text-anchor="end">{escape(panel.y_name)}</text>')
    for place, line in enumerate(panel.lines):
        points = " ".join(
            f"{LEFT + (right - LEFT) * at / steps:.1f},{bottom - HEIGHT * value / high:.1f}"
            for at, value in thinned(line.values)
        )
        parts.append(f'<polyline points="{points}" {_stroke(place)}/>')
    return parts


def _bars(panel: Bars, top: int) -> list[str]:
    high = max((value for _, values in panel.groups for value in values if value is not None), default=0) or 1
    bottom, right = top + HEIGHT, WIDTH - 20
    parts = [
        f'<text x="{LEFT}" y="{top - 8}" font-weight="bold">{escape(panel.title)}</text>',
        f'<line x1="{LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}" stroke="#888"/>',
    ]
    room = (right - LEFT) / max(1, len(panel.groups))
    for place, (name, values) in enumerate(panel.groups):
        left, width = LEFT + place * room, (room - 16) / max(1, len(values))
        parts.append(f'<text x="{left}" y="{bottom + 16}" font-size="10">{escape(name)}</text>')
        for at, value in enumerate(values):
            # The number stands in the room above, and a bar of what never came has none.
            tall, x = (HEIGHT - 16) * (value or 0) / high, left + at * width
            said = "never" if value is None else f"{value:,.0f}{panel.unit}"
            colour = COLOURS[at % len(COLOURS)]
            bar = f'x="{x:.1f}" y="{bottom - tall:.1f}" width="{width - 3:.1f}" height="{tall:.1f}" fill="{colour}"'
            parts.append(f"<rect {bar}/>")
            parts.append(f'<text x="{x:.1f}" y="{bottom - tall - 3:.1f}" font-size="8">{said}</text>')
    return parts


def thinned(values: Sequence[float]) -> list[tuple[int, float]]:
    """At most MOST_POINTS of them; of each stretch the highest, because peaks are what is looked for."""
    stretch = max(1, -(-len(values) // MOST_POINTS))
    places = range(0, len(values), stretch)
    return [(place, max(values[place : place + stretch])) for place in places]
