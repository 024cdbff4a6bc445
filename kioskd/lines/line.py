"""What the other rooms hold in their hands: button, input, relay and lamp lines, over gpiozero's devices.

gpiozero does the polarity. None of these starts a thread (gpiozero's own Button and LED do).
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Iterator

from kioskd.lines.fuse import Fuse
from kioskd.lines.naming import LineError

if TYPE_CHECKING:
    from kioskd.lines.zero import InputDevice, OutputDevice

log = logging.getLogger(__name__)

# Releasing does not wait longer than this for another thread that is inside the same line (guess; a call takes
# microseconds): a wedged thread must not keep a relay on.
LOCK_S = 0.1

# A stamp older than this, or in the future, is not from CLOCK_MONOTONIC (kernels before 5.7 gave wall-clock time).
STAMP_AGE_S = 60.0

# A relay of which nobody said how long it may be on: the longest pulse that can be configured.
LONGEST_ON_S = 60.0

PWM_HZ = 100.0  # gpiozero's own default for a dimmed LED


class InputLine:
    """A line that is read (ports.InputLine). Active: low with a pull-up, high otherwise."""

    def __init__(self, name: str, device: InputDevice) -> None:
        self.name = name
        self.device = device

    @property
    def active(self) -> bool:
        """The line's level, polarity applied. Any thread.

        Raises:
            LineError: it cannot be read any more.
        """
        with speaking_of(self.name):
            return bool(self.device.value)

    def close(self) -> None:
        """Let go of the line. Idempotent."""
        self.device.close()


class ButtonLine:
    """A line whose edges are awaited.

    ``on_press`` and ``on_release`` get monotonic seconds and run in the driver's thread; an exception in them is
    logged and counted here, because lgpio's thread would end by it and be deaf from then on.
    """

    def __init__(
        self,
        name: str,
        device: InputDevice,
        active_low: bool,
        on_press: Callable[[float], None],
        on_release: Callable[[float], None],
    ) -> None:
        self.name = name
        self.device = device
        self._active_low = active_low
        self._on_press = on_press
        self._on_release = on_release
        self.errors = 0

    def watch(self, debounce_s: float) -> None:
        """Begin to report edges. ``debounce_s``: the driver drops shorter changes, where it can; 0: it does not."""
        pin = self.device.pin
        pin.bounce = debounce_s or None
        pin.edges = "both"
        pin.when_changed = self._changed

    @property
    def is_pressed(self) -> bool:
        """How the button stands now. Any thread."""
        with speaking_of(self.name):
            return bool(self.device.value)

    def close(self) -> None:
        """Report nothing more, and let go of the line. Idempotent."""
        try:
            if not self.device.closed:
                with speaking_of(self.name):
                    self.device.pin.when_changed = None
        finally:
            self.device.close()

    def _changed(self, ticks: float, state: float) -> None:
        now = time.monotonic()
        at = ticks if now - STAMP_AGE_S < ticks <= now else now
        pressed = bool(state) != self._active_low
        try:
            (self._on_press if pressed else self._on_release)(at)
        except Exception:
            # The boundary of the driver's thread.
            self.errors += 1
            log.exception("what %s had to report could not be taken", self.name)


class RelayLine:
    """A line that moves something (ports.RelayLine). Any thread.

    Args:
        longest_s: it is released after so long (and ``fuse.GRACE_S``) whatever became of the thread that energised it.
    """

    def __init__(self, name: str, device: OutputDevice, longest_s: float = LONGEST_ON_S) -> None:
        self._name = name
        self.device = device
        self._lock = threading.Lock()
        self._closed = False
        self.fuse = Fuse(name, longest_s, self.off)

    @property
    def name(self) -> str:
        """As in the configuration."""
        return self._name

    @property
    def is_on(self) -> bool:
        """What the line really is, read back."""
        if self._closed:
            return False
        with speaking_of(self._name):
            return bool(self.device.value)

    def on(self) -> None:
        """Energise.

        Raises:
            LineError: closed, or the line cannot be moved.
        """
        if not self._lock.acquire(timeout=LOCK_S):
            raise LineError(f"{self._name} does not answer: another thread is stuck in it; kioskd must be restarted.")
        try:
            if self._closed:
                raise LineError(f"{self._name} is closed: kioskd is ending.")
            self.fuse.arm()  # before it moves: a driver may never return from moving it
            with speaking_of(self._name):
                self.device.on()
            self.fuse.arm()  # once more: where the driver was that late, it has blown meanwhile
        finally:
            self._lock.release()

    def off(self) -> None:
        """Release. Also twice, also after ``close``; never waits longer than ``LOCK_S``.

        Raises:
            LineError: the line cannot be moved.
        """
        got = self._lock.acquire(timeout=LOCK_S)
        try:
            if not self._closed:
                with speaking_of(self._name):
                    self.device.off()
                if got:  # else somebody is inside ``on``, and a driver that is late energises the line after this
                    self.fuse.disarm()
        finally:
            if got:
                self._lock.release()

    def close(self) -> None:
        """Release for the last time and let go of the line. Idempotent."""
        try:
            self.off()
        finally:
            self._closed = True
            self.fuse.close()
            self.device.close()


class LampLine:
    """One lamp or three (ports.LampLine). Loop only.

    Args:
        channels: by "single", "red", "green", "blue".
    """

    def __init__(self, channels: dict[str, OutputDevice]) -> None:
        self.channels = channels
        self._without_pwm: set[str] = set()

    def set(self, red: float, green: float, blue: float) -> None:
        """Each 0.0 to 1.0; a single lamp shows the largest. Without PWM anything above 0 is on: a lamp that has
        something to say must not look dark.

        Raises:
            LineError: a channel cannot be set any more.
        """
        levels = {"single": max(red, green, blue), "red": red, "green": green, "blue": blue}
        for name, device in self.channels.items():
            with speaking_of(f"the lamp's {name} line"):
                self._put(name, device, min(1.0, max(0.0, levels[name])))

    def _put(self, name: str, device: OutputDevice, level: float) -> None:
        if 0.0 < level < 1.0 and self._dim(name, device, level):
            return
        if device.pin.frequency is not None:
            device.pin.frequency = None  # PWM costs a thread of the driver; a lamp that is just on or off needs none
        (device.on if level else device.off)()

    def _dim(self, name: str, device: OutputDevice, level: float) -> bool:
        from kioskd.lines.zero import PinPWMUnsupported  # gpiozero is here already when a lamp is

        if name in self._without_pwm:
            return False
        try:
            device.pin.frequency = PWM_HZ
        except PinPWMUnsupported:
            self._without_pwm.add(name)
            return False
        device.pin.state = level if device.active_high else 1.0 - level
        return True

    def close(self) -> None:
        """Dark, and let go of the lines. Idempotent."""
        for device in self.channels.values():
            if not device.closed:
                device.off()
            device.close()


@contextmanager
def speaking_of(name: str) -> Iterator[None]:
    """Turn what a driver raises into a LineError about ``name``."""
    from kioskd.lines.zero import driver_errors  # late: whoever only knows these classes does not load gpiozero

    try:
        yield
    except LineError:
        raise
    except driver_errors() as error:
        raise LineError(f"{name}: {error}") from error
