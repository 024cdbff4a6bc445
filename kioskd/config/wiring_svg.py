"""The wiring as a picture: the board's header, the parts on both sides, a wire for each connection. Pure."""

from __future__ import annotations

from html import escape
from typing import Iterator, Sequence

from kioskd.config.board import GROUND, HEADER, SUPPLY_3V3, SUPPLY_5V
from kioskd.config.wiring import Part

# Colours that stay apart for colour-blind eyes (Okabe and Ito), and what electricians expect of them.
COLOURS = {"signal": "#0072b2", GROUND: "#222222", SUPPLY_5V: "#d55e00", SUPPLY_3V3: "#e69f00"}
ROW, TOP, PIN = 30, 70, 22  # pixels: between two rows, above the first, a pin's square
CENTRE, BOX_WIDTH, MARGIN = 560, 300, 20
WIDTH = 2 * CENTRE
LINE = 17  # of text
INNER_X, OUTER_X = CENTRE - 20, CENTRE + 20  # centres of the two rows of pins
LABEL_ROOM = 62  # names of the lines, beside the pins
WRAP = 43  # characters in a box


class Placed:
    """A part and where its box lies."""

    def __init__(self, part: Part, left: bool, y: float) -> None:
        self.part, self.left, self.y = part, left, y
        self.rows = [("", row) for line in part.lines for row in wrapped(line)]
        self.rows += [("warning", row) for warning in part.warnings for row in wrapped(f"! {warning}")]
        self.height = 34 + LINE * len(self.rows) + 8

    @property
    def x(self) -> int:
        """The left edge."""
        return MARGIN if self.left else WIDTH - MARGIN - BOX_WIDTH


def drawing(found: Sequence[Part], title: str) -> str:
    """An SVG of these parts on the header; self-contained, on white."""
    left = _stacked([part for part in found if _is_left(part)], True)
    right = _stacked([part for part in found if not _is_left(part)], False)
    bottom = max([TOP + 20 * ROW, *(box.y + box.height for box in (*left, *right))])
    height = round(bottom + 80)
    width = WIDTH if right else CENTRE + 150
    body = [*_header(found), *_wires(left), *_wires(right), *_boxes((*left, *right)), *_legend(height)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'font-family="DejaVu Sans, Verdana, sans-serif" font-size="13">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            _text(width / 2, 32, title, size=20, anchor="middle", weight="bold"),
            *body,
            "</svg>",
            "",
        ]
    )


def _is_left(part: Part) -> bool:
    return part.wires[0].position % 2 == 1 or not part.wires[0].position


def _stacked(found: Sequence[Part], left: bool) -> list[Placed]:
    """Boxes beside their pins, pushed down where they would overlap."""
    placed: list[Placed] = []
    free = float(TOP - 10)
    for part in sorted(found, key=lambda part: part.wires[0].position or 99):
        box = Placed(part, left, 0)
        wanted = _pin_y(part.wires[0].position) - box.height / 2 if part.wires[0].position else free
        box.y = max(free, wanted)
        free = box.y + box.height + 12
        placed.append(box)
    return placed


def _pin_x(position: int) -> int:
    return INNER_X if position % 2 else OUTER_X


def _pin_y(position: int) -> float:
    return TOP + (position - 1) // 2 * ROW + ROW / 2


def _header(found: Sequence[Part]) -> Iterator[str]:
    used = {wire.position: wire.role for part in found for wire in part.wires}
    yield f'<rect x="{CENTRE - 42}" y="{TOP - 8}" width="84" height="{20 * ROW + 16}" rx="8" fill="#2f4f3f"/>'
    for position, name in HEADER.items():
        x, y = _pin_x(position), _pin_y(position)
        colour = COLOURS[used[position]] if position in used else "#d9d9d9"
        ink = "#ffffff" if position in used else "#555555"
        yield (
            f'<rect x="{x - PIN / 2}" y="{y - PIN / 2}" width="{PIN}" height="{PIN}" '
            f'rx="{3 if position > 1 else 0}" fill="{colour}" stroke="#ffffff"/>'
        )
        yield _text(x, y + 4, str(position), size=11, anchor="middle", colour=ink)
        side = -1 if position % 2 else 1
        yield _text(
            x + side * (PIN / 2 + 14),
            y + 4,
            name,
            size=11,
            anchor="end" if side < 0 else "start",
            weight="bold" if position in used else "normal",
            colour=COLOURS[used[position]] if position in used else "#999999",
        )


def _wires(boxes: Sequence[Placed]) -> Iterator[str]:
    """Each wire leaves its box, turns in a channel of its own, and ends at the pin's name."""
    ends = [(box, number, wire) for box in boxes for number, wire in enumerate(box.part.wires) if wire.position]
    channels = max(1, len(ends))
    for channel, (box, number, wire) in enumerate(ends):
        side = -1 if box.left else 1
        start = box.x + (BOX_WIDTH if box.left else 0)
        y = box.y + 18 + number * 12
        pin_y = _pin_y(wire.position)
        near = CENTRE + side * (20 + PIN / 2 + 14 + LABEL_ROOM)
        span = abs(near - start) - 20
        turn = start - side * (10 + span * (channel + 1) / (channels + 1))
        points = f"{start},{y} {turn:.1f},{y} {turn:.1f},{pin_y} {near},{pin_y}"
        if wire.position % 2 != box.left:  # in the other row: round the label, between two rows of pins
            between = pin_y + ROW / 2
            points = f"{start},{y} {turn:.1f},{y} {turn:.1f},{between} {_pin_x(wire.position)},{between} "
            points += f"{_pin_x(wire.position)},{pin_y + PIN / 2}"
        colour = COLOURS[wire.role]
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.2" stroke-linejoin="round"/>'
        yield f'<circle cx="{start}" cy="{y}" r="3.5" fill="{colour}"/>'


def _boxes(boxes: Sequence[Placed]) -> Iterator[str]:
    for box in boxes:
        frame = "#b00020" if box.part.warnings else "#666666"
        yield (
            f'<rect x="{box.x}" y="{box.y}" width="{BOX_WIDTH}" height="{box.height}" rx="6" fill="#f7f7f7" '
            f'stroke="{frame}" stroke-width="1.3"/>'
        )
        yield f'<g transform="translate({box.x + 10},{box.y + 7})" {_PEN}>{_ICONS[box.part.kind]}</g>'
        yield _text(box.x + 46, box.y + 23, f"{box.part.title}", size=14, weight="bold")
        for number, (kind, row) in enumerate(box.rows):
            colour = "#b00020" if kind else "#333333"
            yield _text(box.x + 12, box.y + 46 + number * LINE, row, size=12, colour=colour)


_PEN = 'fill="none" stroke="#333333" stroke-width="1.6"'
# Symbols of 28 by 20 pixels, near those of IEC 60617.
_ICONS = {
    "button": '<path d="M0 16H8M20 16H28M6 11H22M14 11V4M10 4H18"/>',
    "lamp": '<path d="M0 12H9M19 12H28M9 5L19 12L9 19ZM19 5V19M17 3L22 -1M21 6L26 2"/>',
    "relay": '<rect x="2" y="6" width="10" height="12"/><path d="M2 18L12 6M17 18V14L24 6M17 2V4M24 2V4"/>',
    "sensor": '<circle cx="14" cy="11" r="9"/><path d="M14 11L19 6M0 11H5M23 11H28"/>',
}


def _legend(height: int) -> Iterator[str]:
    x = MARGIN
    for role, colour in COLOURS.items():
        yield f'<line x1="{x}" y1="{height - 46}" x2="{x + 26}" y2="{height - 46}" stroke="{colour}" stroke-width="3"/>'
        yield _text(x + 32, height - 42, role, size=12)
        x += 60 + 8 * len(role)
    note = "Seen from above; position 1 is the square one. Switch the board off before a wire is moved."
    yield _text(MARGIN, height - 18, note, size=12, colour="#555555")


def wrapped(text: str) -> list[str]:
    """Rows that fit into a box."""
    rows = [""]
    for word in text.split():
        if rows[-1] and len(rows[-1]) + 1 + len(word) > WRAP:
            rows.append("")
        rows[-1] = f"{rows[-1]} {word}".strip()
    return rows


def _text(
    x: float, y: float, text: str, size: int, anchor: str = "start", weight: str = "normal", colour: str = "#111111"
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" fill="{colour}">'
        f"{escape(text)}</text>"
    )
