"""libgpiod 2: finding a line, requesting it, reading, writing and reconfiguring it. The one module that imports gpiod.

Polarity is not its business: levels are True for high. Everything that goes wrong becomes a LineError.
"""

from __future__ import annotations

import errno
import glob
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Callable, Iterator, NamedTuple

import gpiod
from gpiod.line import Bias, Direction, Edge, Value

from kioskd.lines.naming import LineError, Pin, parse

CONSUMER = "kioskd"

# The chips behind the 40-pin header: bcm2835 to bcm2711 (Pi Zero to 4) and RP1 (Pi 5).
HEADER_LABELS = ("pinctrl-bcm", "pinctrl-rp1")

# A write waits this long for another thread's call on the same line and then goes ahead: a wedged reader must not
# keep a relay on. The calls are single ioctls of some microseconds; 0.2 s is a guess far above that.
LOCK_S = 0.1

_BIAS = {"as_is": Bias.AS_IS, "floating": Bias.DISABLED, "up": Bias.PULL_UP, "down": Bias.PULL_DOWN}
_EDGE = {"none": Edge.NONE, "rising": Edge.RISING, "falling": Edge.FALLING, "both": Edge.BOTH}


class Place(NamedTuple):
    """Where a line is: the chip's device file and label, and the offset on it."""

    path: str
    label: str
    offset: int


@dataclass(frozen=True, slots=True)
class Wish:
    """How a line shall be: ``function`` input, output, or as_is (only looked at); ``level`` of an output; ``pull``
    as_is, floating, up or down; ``edges`` none, rising, falling or both."""

    function: str
    level: bool = False
    pull: str = "as_is"
    edges: str = "none"
    debounce_s: float = 0.0

    def settings(self) -> gpiod.LineSettings:
        """The same for libgpiod. The level is part of the request: the kernel sets it together with the direction."""
        if self.function == "output":
            return gpiod.LineSettings(direction=Direction.OUTPUT, output_value=Value(int(self.level)))
        if self.function == "as_is":
            return gpiod.LineSettings(direction=Direction.AS_IS)
        return gpiod.LineSettings(
            direction=Direction.INPUT,
            bias=_BIAS[self.pull],
            edge_detection=_EDGE[self.edges],
            debounce_period=timedelta(seconds=self.debounce_s if self.edges != "none" else 0.0),
        )


class Held:
    """A line that is ours until ``release``. Any thread: libgpiod's objects want a lock, and have it here."""

    def __init__(self, pin: str, place: Place, request: gpiod.LineRequest) -> None:
        self.place = place
        self._pin = pin
        self._request = request
        self._lock = threading.Lock()

    def read(self) -> bool:
        """The level."""
        with self._use():
            return bool(self._request.get_value(self.place.offset))

    def write(self, level: bool) -> None:
        """Set the level of an output."""
        with self._use():
            self._request.set_value(self.place.offset, Value(int(level)))

    def reconfigure(self, wish: Wish) -> None:
        """Make the line as wished, without letting go of it."""
        with self._use():
            self._request.reconfigure_lines({self.place.offset: wish.settings()})

    def fileno(self) -> int:
        """Readable when ``edges`` has something."""
        return self._request.fd

    def edges(self) -> list[tuple[float, bool]]:
        """The edges since last time: (the kernel's stamp in CLOCK_MONOTONIC seconds, level). Blocks without any."""
        rising = gpiod.EdgeEvent.Type.RISING_EDGE
        with self._use():
            events = self._request.read_edge_events()
        return [(event.timestamp_ns / 1e9, event.event_type is rising) for event in events]

    def release(self) -> None:
        """Give the line back. Its level afterwards is the driver's business, not defined by the kernel's interface."""
        with self._use():
            self._request.release()

    @contextmanager
    def _use(self) -> Iterator[None]:
        got = self._lock.acquire(timeout=LOCK_S)
        try:
            yield
        except OSError as error:
            raise LineError(_sentence(self._pin, self.place, error)) from error
        finally:
            if got:
                self._lock.release()


class Seen(NamedTuple):
    """A chip that was looked at; ``named`` is the offset of the line with the sought name, if it has one."""

    path: str
    name: str
    label: str
    num_lines: int
    named: int | None


def device_paths() -> list[str]:
    """The device files of this machine's chips. Links are left out: some systems have /dev/gpiochip4 -> gpiochip0."""
    return sorted(path for path in glob.glob("/dev/gpiochip*") if not os.path.islink(path))


class Chips:
    """All GPIO chips of the machine.

    Args:
        open_chip: ``gpiod.Chip``, or what behaves like it.
        paths: lists the device files.
    """

    def __init__(
        self,
        open_chip: Callable[[str], gpiod.Chip] = gpiod.Chip,
        paths: Callable[[], list[str]] = device_paths,
    ) -> None:
        self._open = open_chip
        self._paths = paths

    def find(self, text: str) -> Place:
        """Where the line of that name is.

        Raises:
            LineError: no chip, no such line, no permission, or two lines of that name.
        """
        pin = parse(text)
        chips, closed = self._survey(pin)
        if not chips:
            raise LineError(closed or f"{text} cannot be used: this machine has no GPIO chip (no /dev/gpiochip*).")
        place = _on_chip(pin, chips) if pin.chip is not None else _by_name(pin, chips)
        if place is None:
            known = ", ".join(f"{chip.label} ({chip.num_lines} lines)" for chip in chips)
            raise LineError(f"{text} is on no chip of this machine, which has {known}; gpioinfo lists all lines.")
        return place

    def request(self, text: str, wish: Wish) -> Held:
        """Take the line, in one step with direction and level.

        Raises:
            LineError: as ``find``, or the line is taken.
        """
        place = self.find(text)
        try:
            with self._open(place.path) as chip:
                request = chip.request_lines({place.offset: wish.settings()}, consumer=CONSUMER)
        except OSError as error:
            raise LineError(_sentence(text, place, error, self.holder(place))) from error
        return Held(text, place, request)

    def holder(self, place: Place) -> str:
        """Who uses the line, as they called themselves; empty when nobody does or it cannot be seen."""
        try:
            with self._open(place.path) as chip:
                info = chip.get_line_info(place.offset)
        except OSError:
            return ""
        return (info.consumer or "something in the kernel") if info.used else ""

    def is_output(self, place: Place) -> bool:
        """Whether the line is an output, also when nobody has it.

        Raises:
            LineError: it cannot be seen.
        """
        try:
            with self._open(place.path) as chip:
                return bool(chip.get_line_info(place.offset).direction is Direction.OUTPUT)
        except OSError as error:
            raise LineError(_sentence(f"{place.label}:{place.offset}", place, error)) from error

    def _survey(self, pin: Pin) -> tuple[list[Seen], str]:
        """The chips that open, and a sentence about the last one that does not."""
        seen, closed = [], ""
        for path in self._paths():
            try:
                with self._open(path) as chip:
                    info = chip.get_info()
                    seen.append(Seen(path, info.name, info.label, info.num_lines, _named(chip, pin)))
            except OSError as error:
                closed = _sentence(pin.text, Place(path, path, pin.offset), error)
        return seen, closed


def _named(chip: gpiod.Chip, pin: Pin) -> int | None:
    """The offset of the line that is called so (``GPIO17``) on this chip."""
    if pin.chip is not None:
        return None
    try:
        return chip.line_offset_from_id(pin.text)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return None


def _on_chip(pin: Pin, chips: list[Seen]) -> Place | None:
    found = [chip for chip in chips if pin.chip in (chip.label, chip.name)]
    if len(found) > 1:
        names = " or ".join(f"{chip.name}:{pin.offset}" for chip in found)
        raise LineError(f"{pin.text} could be on {len(found)} chips of that label; write {names}.")
    return next((Place(chip.path, chip.label, pin.offset) for chip in found if pin.offset < chip.num_lines), None)


def _by_name(pin: Pin, chips: list[Seen]) -> Place | None:
    """By line name; if there is none of that name, by number on the chip of the Raspberry Pi header."""
    named = [Place(chip.path, chip.label, chip.named) for chip in chips if chip.named is not None]
    header = [chip for chip in chips if chip.label.startswith(HEADER_LABELS)]
    if len(named) > 1:
        named = [place for place in named if place.label.startswith(HEADER_LABELS)] or named
    if len(named) > 1:
        both = " or ".join(f"{place.label}:{place.offset}" for place in named)
        raise LineError(f"{len(named)} lines are called {pin.text}; write {both}.")
    if named:
        return named[0]
    return next((Place(chip.path, chip.label, pin.offset) for chip in header if pin.offset < chip.num_lines), None)


def _sentence(pin: str, place: Place, error: OSError, holder: str = "") -> str:
    where = place.label if place.label == place.path else f"{place.label} line {place.offset}"
    if error.errno == errno.EBUSY and holder == CONSUMER:
        return (
            f"{pin} ({where}) is already in use by kioskd itself: "
            "under another name in the configuration, or by a second kioskd."
        )
    if error.errno == errno.EBUSY:
        return (
            f"{pin} ({where}) is already taken by {holder or 'another program'}; free it there or choose another line."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"{pin} ({where}): no permission; add the service user to the group gpio "
            "and let the unit have DeviceAllow=char-gpiochip rw."
        )
    if error.errno in (errno.ENODEV, errno.ENXIO):
        return f"{pin} ({where}): the chip is gone; plug it in again and restart kioskd."
    return f"{pin} ({where}): {error.strerror or error}."
