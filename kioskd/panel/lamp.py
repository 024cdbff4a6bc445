"""Keeps a lamp at what it shall show. Loop only."""

from __future__ import annotations

from kioskd.core.lamp import Light, glow
from kioskd.core.ports import LampLine


class Lamp:
    """Writes to the line only what changed.

    Args:
        line: one line, three, or a strip; None: the kiosk has no lamp, or it cannot be had.
        brightness: of whatever is lit, 0.0 to 1.0.
    """

    def __init__(self, line: LampLine | None, brightness: float = 1.0) -> None:
        self._line = line
        self._brightness = brightness
        self._written: tuple[float, float, float] | None = None
        self.light: Light | None = None
        self.writes = 0

    def show(self, light: Light) -> None:
        """Show this.

        Raises:
            OSError: the line cannot be set; the text is a sentence.
        """
        self.light = light
        colour = (light.red, light.green, light.blue)
        if self._line is not None and colour != self._written:
            # Forgotten until it has worked: a lamp that came back is to be written to again.
            self._written = None
            self._line.set(*(self._brightness * level for level in colour))
            self._written = colour
            self.writes += 1

    def tick(self, t: float) -> float | None:
        """Go on with the rhythm of what is shown.

        Returns:
            monotonic seconds of the next tick, None when nothing will change by itself (or nothing is shown yet).
        """
        if self.light is None:
            return None
        light = glow(self.light.name, t)
        self.show(light)
        return light.next_change if self._line is not None else None
