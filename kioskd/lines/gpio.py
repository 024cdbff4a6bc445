"""Which gpiozero factory serves a real line, and why not another."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Callable

from kioskd.lines.naming import LineError
from kioskd.lines.zero import Factory, GPIOZeroError, driver_errors, lgpio_factory

if TYPE_CHECKING:
    from kioskd.lines.chips import Chips
    from kioskd.lines.gpiod_factory import GpiodFactory

log = logging.getLogger(__name__)


class GpioSource:
    """lgpio for buttons, inputs and lamps of a Raspberry Pi (it dims); our libgpiod factory for all the rest.

    Whatever moves something is served by libgpiod, on a Pi too: it sets direction and level in one request, keeps
    the pull that the board booted with, and leaves the line alone on close. lgpio's pins pass through a floating
    input and a low level first, which would energise a relay that is active low (read in gpiozero 2.0.1).

    Args:
        runtime_dir: where lgpio may put its pipe.
        chips: the GPIO chips; None: those of this machine.
        lgpio: makes gpiozero's lgpio factory, or raises.
    """

    pins = "gpio"

    def __init__(
        self,
        runtime_dir: str | None,
        chips: Chips | None = None,
        lgpio: Callable[[str | None], Factory] = lgpio_factory,
    ) -> None:
        self._chips = chips
        self._gpiod: GpiodFactory | None = None
        self._lgpio: Factory | None = None
        try:
            self._lgpio = lgpio(runtime_dir)
            self._why = "gpiod: only for relays and CHIP_LABEL:OFFSET, because lgpio serves"
        except ImportError as error:
            self._why = f"lgpio: not installed ({error})"
        except (FileNotFoundError, PermissionError) as error:
            where = runtime_dir or os.environ.get("LG_WD", os.getcwd())
            self._why = f"lgpio: its pipe cannot be made in {where} ({error.strerror}); see ops.runtime_dir"
        except driver_errors() as error:
            self._why = f"lgpio: {_plain(error)}"
        log.debug("GPIO: %s", self._why)

    @property
    def errors(self) -> int:
        """Edges that could not be reported."""
        return 0 if self._gpiod is None else self._gpiod.reader.errors

    def factory(self, pin: str, moves: bool) -> tuple[str, Factory]:
        """Who serves this pin. ``moves``: something in the world moves when it is energised.

        Raises:
            LineError: nobody can.
        """
        if self._lgpio is not None and not moves and ":" not in pin:
            return "lgpio", self._lgpio
        if self._gpiod is None:
            # Late: libgpiod is not needed on a Pi without relays.
            from kioskd.lines.gpiod_factory import GpiodFactory

            self._gpiod = GpiodFactory(self._have_chips())
        return "gpiod", self._gpiod

    def why(self) -> str:
        """Why no other factory serves."""
        return self._why

    def place(self, pin: str) -> str | None:
        """``CHIP_LABEL:OFFSET`` of a line, for those who have no names; None when it is not found."""
        try:
            found = self._have_chips().find(pin)
            labelled = f"{found.label}:{found.offset}"
        except LineError:
            return None
        try:
            self._have_chips().find(labelled)
        except LineError:
            # Two chips have that label. The number can change when a chip is plugged in, so it is second choice.
            return f"{os.path.basename(found.path)}:{found.offset}"
        return labelled

    def explain(self, pin: str, sentence: str) -> str:
        """lgpio says "GPIO busy" and no more; the kernel knows who holds the line."""
        if not sentence.endswith("busy'"):
            return sentence
        chips = self._have_chips()
        who = chips.holder(chips.find(pin))
        return f"{pin} is already taken by {who or 'another program'}; free it there or choose another line."

    def drive(self, device_pin: object, high: bool) -> None:
        """Real inputs are driven by the world.

        Raises:
            LineError: always.
        """
        raise LineError("Only simulated lines can be pressed from here; set panel.pins: simulated for that.")

    def close(self) -> None:
        """Give all lines back."""
        for factory in (self._lgpio, self._gpiod):
            if factory is not None:
                factory.close()
        self._lgpio = self._gpiod = None

    def _have_chips(self) -> Chips:
        if self._chips is None:
            try:
                from kioskd.lines.chips import Chips
            except ImportError as error:
                raise LineError(f"The Python package gpiod is missing, so no line can be used ({error}).") from error
            self._chips = Chips()
        return self._chips


def _plain(error: Exception) -> str:
    if isinstance(error, GPIOZeroError) and type(error).__name__ == "PinUnknownPi":
        return "this is no Raspberry Pi"
    return str(error)
