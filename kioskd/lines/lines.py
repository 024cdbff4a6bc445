"""The room's door: ``open_lines`` and what it gives. gpiozero is loaded when lines are opened, not before."""

from __future__ import annotations

import json
import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Iterator, Mapping, Protocol

from kioskd.lines.line import LONGEST_ON_S, ButtonLine, InputLine, LampLine, RelayLine, speaking_of
from kioskd.lines.naming import LineError

if TYPE_CHECKING:
    from kioskd.lines.chips import Chips
    from kioskd.lines.zero import Factory, InputDevice, OutputDevice

log = logging.getLogger(__name__)

# A release that is under way for so long is taken for a driver that hangs; it takes microseconds, or 0.2 s where it
# waits for a lock. A guess.
HANGS_S = 1.0


class Source(Protocol):
    """Where gpiozero's pins come from."""

    pins: str

    @property
    def errors(self) -> int:
        """What its threads could not report, or do."""

    def factory(self, pin: str, moves: bool) -> tuple[str, Factory]:
        """Name and factory that serve this pin."""

    def why(self) -> str:
        """Why no other factory serves."""

    def place(self, pin: str) -> str | None:
        """``CHIP_LABEL:OFFSET``, if known."""

    def explain(self, pin: str, sentence: str) -> str:
        """A better sentence for why ``pin`` cannot be had, where there is one."""

    def drive(self, device_pin: object, high: bool) -> None:
        """Put a simulated input to a level."""

    def close(self) -> None:
        """Give all lines back."""


def open_lines(pins: str, runtime_dir: str | None, chips: Chips | None = None) -> Lines:
    """Make ready to open lines; none is touched yet.

    Args:
        pins: "gpio" or "simulated".
        runtime_dir: a directory that lgpio may write to.
        chips: for tests; None: the chips of this machine.

    Raises:
        LineError: ``pins`` is neither.
    """
    if pins == "simulated":
        from kioskd.lines.simulated import SimulatedSource

        return Lines(SimulatedSource())
    if pins == "gpio":
        from kioskd.lines.gpio import GpioSource

        return Lines(GpioSource(runtime_dir, chips))
    raise LineError(f"panel.pins: {pins!r} is unknown; write gpio or simulated.")


class Lines:
    """Opens lines, and knows all that are open. Opening and closing: one thread (the loop at start and end)."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._served: dict[str, tuple[str, str, InputDevice | OutputDevice]] = {}  # pin: role, factory, device
        self._inputs: dict[str, tuple[InputDevice, bool]] = {}  # pin: device, active low
        self._relays: dict[str, tuple[RelayLine, str]] = {}  # pin: relay, active
        self._others: list[ButtonLine | InputLine | LampLine] = []
        self._closed = False
        self.safe_failures = 0  # relays that make_safe could not release
        self.released: Mapping[str, object] = {}  # what is known of this machine's chips, for status (released.kept)

    # -- opening ---------------------------------------------------------------------------------

    def button(
        self,
        pin: str,
        pull: str,
        debounce_s: float,
        on_press: Callable[[float], None],
        on_release: Callable[[float], None],
        on_lost: Callable[[str], None] | None = None,
    ) -> ButtonLine:
        """A line whose edges are reported, in the driver's thread, with monotonic seconds.

        Args:
            pin: ``GPIO17`` or ``CHIP_LABEL:OFFSET``.
            pull: "up" (pressed is low) or "down" (pressed is high).
            debounce_s: the driver drops shorter changes where it can; simulated lines do not.
            on_press, on_release: see above; must not block.
            on_lost: called with a sentence when the line's chip is gone (libgpiod only).

        Raises:
            LineError: the line cannot be had.
        """
        device = self._input_device(pin, pull, "button")
        line = ButtonLine(pin, device, pull == "up", on_press, on_release)
        self._others.append(line)
        if on_lost is not None and hasattr(device.pin, "when_lost"):
            device.pin.when_lost = on_lost
        with self._opening(pin):
            line.watch(debounce_s)
        return line

    def input(self, pin: str, pull: str) -> InputLine:
        """A line that is read. ``pull``: "up" (active is low), "down" or "none" (active is high).

        Raises:
            LineError: the line cannot be had.
        """
        line = InputLine(pin, self._input_device(pin, pull, "input"))
        self._others.append(line)
        return line

    def relay(self, pin: str, active: str, longest_s: float = LONGEST_ON_S) -> RelayLine:
        """A line that moves something; released from its first moment on.

        Args:
            active: "high" or "low".
            longest_s: it is never on for longer, whatever hangs (``fuse.Fuse``).

        Raises:
            LineError: the line cannot be had.
        """
        line = RelayLine(pin, self._output_device(pin, active, "relay"), longest_s)
        self._relays[pin] = (line, active)
        return line

    def lamp(self, single: str | None, red: str | None, green: str | None, blue: str | None, active: str) -> LampLine:
        """A lamp of one line or three, dark. Without any line it shows nothing.

        Raises:
            LineError: one of its lines cannot be had.
        """
        names = {"single": single, "red": red, "green": green, "blue": blue}
        line = LampLine({})
        self._others.append(line)
        for name, pin in names.items():
            if pin is not None:
                line.channels[name] = self._output_device(pin, active, f"lamp {name}")
        return line

    def _input_device(self, pin: str, pull: str, role: str) -> InputDevice:
        from kioskd.lines.zero import InputDevice

        served, factory = self._serve(pin, moves=False)
        pull_up = {"up": True, "down": False, "none": None}[pull]
        with self._opening(pin):
            device = InputDevice(
                pin, pull_up=pull_up, active_state=True if pull_up is None else None, pin_factory=factory
            )
        self._served[pin] = (role, served, device)
        self._inputs[pin] = (device, pull == "up")
        return device

    def _output_device(self, pin: str, active: str, role: str) -> OutputDevice:
        from kioskd.lines.zero import OutputDevice

        served, factory = self._serve(pin, moves=role == "relay")
        with self._opening(pin):
            device = OutputDevice(pin, active_high=active == "high", initial_value=False, pin_factory=factory)
        self._served[pin] = (role, served, device)
        return device

    def _serve(self, pin: str, moves: bool) -> tuple[str, Factory]:
        # Two factories know nothing of each other's pins, and a kernel names only itself.
        if pin in self._served and not self._served[pin][2].closed:
            raise LineError(f"{pin} is used twice in the configuration: it already is the {self._served[pin][0]}.")
        return self._source.factory(pin, moves)

    @contextmanager
    def _opening(self, pin: str) -> Iterator[None]:
        try:
            with speaking_of(pin):
                yield
        except LineError as error:
            raise LineError(self._source.explain(pin, str(error))) from error

    # -- the simulated world ---------------------------------------------------------------------

    def press(self, pin: str) -> None:
        """Make a simulated input active, soon, in the driver's thread. Any thread.

        Raises:
            LineError: the lines are real, or no input is there.
        """
        self._drive(pin, active=True)

    def release(self, pin: str) -> None:
        """Make a simulated input inactive, as ``press``."""
        self._drive(pin, active=False)

    def _drive(self, pin: str, active: bool) -> None:
        if pin not in self._inputs:
            raise LineError(f"{pin} is neither a button nor an input of this kiosk.")
        device, active_low = self._inputs[pin]
        if device.closed:
            raise LineError(f"{pin} is closed: kioskd is ending.")
        self._source.drive(device.pin, active != active_low)

    # -- safety ----------------------------------------------------------------------------------

    def make_safe(self) -> None:
        """Release every relay. Any thread; never raises; may be used again afterwards."""
        for pin, (relay, _) in list(self._relays.items()):
            try:
                relay.off()
            except Exception:
                # The last resort has no caller who could do better: say it, count it, go on to the next relay.
                self.safe_failures += 1
                log.exception("%s could not be released", pin)

    def hanging(self) -> str:
        """A sentence about a relay whose driver does not return from releasing it; empty: there is none. Any thread.

        Another process can release it: the kernel takes the line back when this one is gone.
        """
        late = [pin for pin, (relay, _) in list(self._relays.items()) if relay.fuse.hangs_s > HANGS_S]
        return f"the driver of {', '.join(late)} hangs while the relay should be released" if late else ""

    def write_facts(self, path: str) -> None:
        """Write down the relays and their polarity for ``kioskd.lines.safe``, at once or not at all.

        Raises:
            OSError: it cannot be written.
        """
        relays = [
            {"pin": pin, "place": self._source.place(pin), "active": active}
            for pin, (_, active) in self._relays.items()
        ]
        fresh = f"{path}.new"
        with open(fresh, "w", encoding="utf-8") as file:
            json.dump({"pins": self._source.pins, "relays": relays}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)

    def close(self) -> None:
        """Release the relays and let go of all lines. Idempotent.

        What a line's level is afterwards is the chip driver's business: an ``access`` relay wants a pull resistor
        or a driver that releases by itself.
        """
        if self._closed:
            return
        self._closed = True
        self.make_safe()
        for line in [*self._others, *(relay for relay, _ in self._relays.values())]:
            try:
                line.close()
            except Exception as error:
                # The last resort, as above: one line that cannot be given back must not keep the others.
                log.error("a line could not be closed: %s", error)
        self._source.close()

    # -- status ----------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, object]:
        """For status: which factories serve, why not another, and what every line is."""
        return {
            "pins": self._source.pins,
            "why": self._source.why(),
            "lines": {pin: _describe(*served) for pin, served in self._served.items()},
            "callback_errors": self._source.errors
            + sum(line.errors for line in self._others if isinstance(line, ButtonLine)),
            "released": self.released,
            "safe_failures": self.safe_failures,
            "fuses_blown": sum(relay.fuse.blown for relay, _ in self._relays.values()),
        }


def _describe(role: str, served: str, device: InputDevice | OutputDevice) -> dict[str, object]:
    about: dict[str, object] = {"role": role, "factory": served}
    if device.closed:
        return about | {"function": "closed"}
    try:
        with speaking_of(role):
            return about | {"function": device.pin.function, "value": int(device.value)}
    except LineError as error:
        return about | {"function": "lost", "reason": str(error)}
