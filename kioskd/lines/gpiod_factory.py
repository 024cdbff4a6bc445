"""A gpiozero pin factory over libgpiod 2, for any Linux board with a GPIO character device.

The line is requested when its function is first set, direction and level in one step: no glitch. On close it is given
back as it is; what the level is from then on is not defined by the kernel's interface (docs/door.md).
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Callable

from kioskd.lines.chips import Chips, Held, Wish
from kioskd.lines.edges import EdgeReader
from kioskd.lines.naming import LineError
from kioskd.lines.zero import (
    Board,
    Factory,
    Pin,
    PinFixedPull,
    PinInfo,
    PinInvalidFunction,
    PinInvalidPull,
    PinPWMUnsupported,
    PinSetInput,
)

if TYPE_CHECKING:
    from kioskd.lines.zero import WhenChanged

log = logging.getLogger(__name__)


class GpiodFactory(Factory):
    """Makes one ``GpiodPin`` for each line.

    Args:
        chips: the machine's chips.
    """

    def __init__(self, chips: Chips) -> None:
        super().__init__()
        self.chips = chips
        self.reader = EdgeReader()
        self._board = Board()
        self._pins: dict[PinInfo, GpiodPin] = {}

    def _get_board_info(self) -> Board:
        return self._board

    def pin(self, name: str) -> GpiodPin:
        """The pin of that name (``GPIO17``, ``CHIP_LABEL:OFFSET``); the same object every time."""
        info = next(info for _, info in self._board.find_pin(name))
        if info not in self._pins:
            self._pins[info] = GpiodPin(self, info, name)
        return self._pins[info]

    def close(self) -> None:
        """Give every line back and end the reader thread."""
        for pin in self._pins.values():
            pin.close()
        self._pins.clear()
        self.reader.close()

    @staticmethod
    def ticks() -> float:
        """CLOCK_MONOTONIC, the clock of the kernel's edge stamps."""
        return time.monotonic()

    @staticmethod
    def ticks_diff(later: float, earlier: float) -> float:
        """Seconds between two ticks; they do not wrap."""
        return later - earlier


class GpiodPin(Pin):
    """One line. Level, pull and edges are those of the wire; polarity is the device's business."""

    _FRESH = Wish("input")

    def __init__(self, factory: GpiodFactory, info: PinInfo, name: str) -> None:
        super().__init__()
        self._factory = factory
        self._info = info
        self._name = name
        self._wish = self._FRESH
        self._held: Held | None = None
        self._edges = "both"
        self._bounce: float | None = None
        self._when_changed: WhenChanged | None = None
        self.when_lost: Callable[[str], None] | None = None

    def __repr__(self) -> str:
        return self._name

    # -- what gpiozero asks of a pin -------------------------------------------------------------

    def _get_info(self) -> PinInfo:
        return self._info

    def _get_function(self) -> str:
        return self._wish.function

    def _set_function(self, value: str) -> None:
        if value == "output":
            # As the line stands now, so that becoming an output moves nothing.
            self.output_with_state(self._line().read())
        elif value == "input":
            self._become(replace(self._wish, function="input"))
        else:
            raise PinInvalidFunction(f'invalid function "{value}" for pin {self!r}')

    def output_with_state(self, state: float) -> None:
        """Direction and level in one request."""
        self._stop_edges()
        self._become(Wish("output", level=bool(state)))

    def input_with_pull(self, pull: str) -> None:
        """Direction and pull in one request."""
        self._check_pull(pull)
        self._become(replace(self._wish, function="input", pull=pull))

    def _get_state(self) -> bool:
        return self._line().read()

    def _set_state(self, value: float) -> None:
        if self._wish.function != "output":
            raise PinSetInput(f"cannot set state of pin {self!r}")
        self._line().write(bool(value))
        self._wish = replace(self._wish, level=bool(value))

    def _get_pull(self) -> str:
        return self._wish.pull

    def _set_pull(self, value: str) -> None:
        if self._wish.function != "input":
            raise PinFixedPull(f"cannot set pull on non-input pin {self!r}")
        self._check_pull(value)
        self._become(replace(self._wish, pull=value))

    def _check_pull(self, value: str) -> None:
        if value not in ("floating", "up", "down"):
            raise PinInvalidPull(f'invalid pull "{value}" for pin {self!r}')

    def _get_frequency(self) -> None:
        return None

    def _set_frequency(self, value: float | None) -> None:
        if value is not None:
            raise PinPWMUnsupported(f"no PWM on pin {self!r}: a GPIO character device has none")

    def _get_bounce(self) -> float | None:
        return self._bounce

    def _set_bounce(self, value: float | None) -> None:
        self._bounce = value
        self._renew_edges()

    def _get_edges(self) -> str:
        return self._edges

    def _set_edges(self, value: str) -> None:
        self._edges = value
        self._renew_edges()

    def _get_when_changed(self) -> WhenChanged | None:
        return self._when_changed

    def _set_when_changed(self, value: WhenChanged | None) -> None:
        watched = self._when_changed is not None
        self._when_changed = value
        if value is None:
            self._stop_edges()
        elif not watched:
            self._renew_edges()
            self._factory.reader.watch(self._line().fileno(), self._drain, self._lost)

    def close(self) -> None:
        """Give the line back. Idempotent."""
        held, self._held = self._held, None
        self._wish, self._when_changed, self.when_lost = self._FRESH, None, None
        if held is not None:
            self._factory.reader.unwatch(held.fileno())
            held.release()

    # -- how it is done --------------------------------------------------------------------------

    def _line(self) -> Held:
        if self._held is None:
            self._held = self._factory.chips.request(self._name, self._wish)
        return self._held

    def _become(self, wish: Wish) -> None:
        if self._held is None:
            self._held = self._factory.chips.request(self._name, wish)
        else:
            self._held.reconfigure(wish)
        self._wish = wish

    def _renew_edges(self) -> None:
        if self._when_changed is not None:
            self._become(replace(self._wish, edges=self._edges, debounce_s=self._bounce or 0.0))

    def _stop_edges(self) -> None:
        if self._held is not None and self._wish.edges != "none":
            self._factory.reader.unwatch(self._held.fileno())
            self._become(replace(self._wish, edges="none", debounce_s=0.0))

    def _drain(self) -> None:
        """Reader thread."""
        held, report = self._held, self._when_changed
        if held is None or report is None:
            return
        for at, level in held.edges():
            report(at, level)

    def _lost(self, error: OSError) -> None:
        """Reader thread: the chip is gone."""
        sentence = str(error) if isinstance(error, LineError) else f"{self._name}: {error}."
        log.error("%s", sentence)
        if self.when_lost is not None:
            self.when_lost(sentence)
