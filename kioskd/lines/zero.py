"""The one module that imports gpiozero: what this room uses of it, under the types that gpiozero does not state.

Import it late: gpiozero costs about 4 MB and 35 ms (measured on x86), and a kiosk without lines needs neither.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Iterator, NamedTuple

if TYPE_CHECKING:
    # gpiozero has no annotations; this is its shape as far as we lean on it (gpiozero 2.0, "API - Pins").
    WhenChanged = Callable[[float, float], None]

    class PinInfo(NamedTuple):
        number: int
        name: str
        names: frozenset[str]
        pull: str
        row: int
        col: int
        interfaces: frozenset[str]

    class Factory:
        board_info: Any

        def pin(self, name: str) -> Pin: ...
        def close(self) -> None: ...

    class Pin:
        info: PinInfo
        function: str
        state: float
        pull: str
        bounce: float | None
        edges: str
        frequency: float | None
        when_changed: WhenChanged | None

        def output_with_state(self, state: float) -> None: ...
        def input_with_pull(self, pull: str) -> None: ...
        def close(self) -> None: ...

    class Device:
        pin: Pin
        closed: bool

        @property
        def value(self) -> float: ...
        def close(self) -> None: ...

    class InputDevice(Device):
        def __init__(
            self, pin: str, *, pull_up: bool | None, active_state: bool | None = None, pin_factory: Factory
        ) -> None: ...

    class OutputDevice(Device):
        def __init__(self, pin: str, *, active_high: bool, initial_value: bool, pin_factory: Factory) -> None: ...

        active_high: bool

        def on(self) -> None: ...
        def off(self) -> None: ...

    class MockPWMPin(Pin):
        def drive_high(self) -> None: ...
        def drive_low(self) -> None: ...

    class MockFactory(Factory):
        def __init__(self, *, pin_class: type[MockPWMPin]) -> None: ...

    class GPIOZeroError(Exception): ...

    class PinPWMUnsupported(GPIOZeroError): ...

    class PinInvalidFunction(GPIOZeroError): ...

    class PinInvalidPull(GPIOZeroError): ...

    class PinSetInput(GPIOZeroError): ...

    class PinFixedPull(GPIOZeroError): ...

else:
    from gpiozero import InputDevice, OutputDevice
    from gpiozero.exc import (
        GPIOZeroError,
        PinFixedPull,
        PinInvalidFunction,
        PinInvalidPull,
        PinPWMUnsupported,
        PinSetInput,
    )
    from gpiozero.pins import Factory, Pin, PinInfo
    from gpiozero.pins.mock import MockFactory, MockPWMPin

__all__ = [
    "Board",
    "Factory",
    "GPIOZeroError",
    "InputDevice",
    "MockFactory",
    "MockPWMPin",
    "OutputDevice",
    "Pin",
    "PinFixedPull",
    "PinInfo",
    "PinInvalidFunction",
    "PinInvalidPull",
    "PinPWMUnsupported",
    "PinSetInput",
    "driver_errors",
    "lgpio_factory",
]


class Board:
    """Stands where gpiozero looks for its map of the header: any name is a pin, ``GPIO17`` as well as ``label:3``.

    Whether a line is really there, the chip says when it is requested.
    """

    def __init__(self) -> None:
        self._pins: dict[str, PinInfo] = {}

    def find_pin(self, name: str) -> Iterator[tuple[None, PinInfo]]:
        """The pin of that name, in the pair that gpiozero expects (it has a header as well, we have none)."""
        known = self._pins.get(name)
        if known is None:
            # gpiozero's own pins take their number out of a name like GPIO17, so every line gets such a name.
            alias = name if name.startswith("GPIO") else f"GPIO{1000 + len(self._pins)}"
            known = PinInfo(len(self._pins), alias, frozenset((name, alias)), "", 1, 1, frozenset(("gpio",)))
            self._pins[name] = self._pins[alias] = known
        yield None, known


def lgpio_factory(runtime_dir: str | None) -> Factory:
    """gpiozero's factory over lgpio, for a Raspberry Pi.

    lgpio makes a named pipe ``.lgd-nfy*`` in ``LG_WD`` when it is imported, and moves the whole process to that
    directory (measured with 0.2.2); the process is moved back here. Its pins turn into floating inputs when they
    are closed, so nothing that moves something is given to it.

    Raises:
        ImportError, OSError, gpiozero.PinUnknownPi, lgpio.error: it cannot serve here.
    """
    from gpiozero.pins.local import get_pi_revision

    get_pi_revision()  # first, because the import starts a thread
    here = os.getcwd()
    if runtime_dir is not None:
        os.environ["LG_WD"] = runtime_dir
    try:
        from gpiozero.pins.lgpio import LGPIOFactory, lgpio
    finally:
        os.chdir(here)
    _DRIVER_ERRORS.append(lgpio.error)
    factory: Factory = LGPIOFactory()
    return factory


# What a driver may raise; lgpio's own error joins when lgpio does.
_DRIVER_ERRORS: list[type[Exception]] = [OSError, GPIOZeroError]


def driver_errors() -> tuple[type[Exception], ...]:
    """For an ``except`` clause, which evaluates it when something was raised."""
    return tuple(_DRIVER_ERRORS)
