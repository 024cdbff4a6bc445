"""A number pad behind ``/dev/input``: what its keys say, and to nobody else while it is read (input.h, evdev)."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import time
from typing import Callable

from kioskd.panel.keys import CODES

# linux/input.h: struct input_event with the kernel's struct timeval of this machine.
EVENT = struct.Struct("llHHi")
EV_KEY, PRESSED = 1, 1
_GRAB, _SET_CLOCK = 0x40044590, 0x400445A0  # EVIOCGRAB and EVIOCSCLOCKID, _IOW('E', ..., int)
MOST_EVENTS = 64


def grab(descriptor: int) -> None:
    """Have the device for us alone, with stamps of CLOCK_MONOTONIC: what is typed must not reach a console.

    Raises:
        OSError: it is no input device, or somebody else has it.
    """
    fcntl.ioctl(descriptor, _SET_CLOCK, struct.pack("i", time.CLOCK_MONOTONIC))
    fcntl.ioctl(descriptor, _GRAB, 1)


class Keyboard:
    """Any one thread.

    Args:
        path: as ``/dev/input/by-id/usb-...-event-kbd``.
        prepare: takes the open device.
    """

    def __init__(self, path: str, prepare: Callable[[int], None] = grab) -> None:
        self._path = path
        self._prepare = prepare
        self._descriptor = -1

    def open(self) -> None:
        """Begin to read; what was typed before is not seen.

        Raises:
            OSError: it cannot be had; the text is a sentence.
        """
        descriptor = -1
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            self._prepare(descriptor)
        except OSError as error:
            if descriptor >= 0:
                os.close(descriptor)
            raise OSError(f"{self._path} cannot be read as a keypad: {error.strerror}; see confirm.keypad") from error
        self._descriptor = descriptor

    def read(self, timeout_s: float) -> list[tuple[str, float]]:
        """Keys that went down, each with its time (monotonic seconds); waits for at most ``timeout_s``.

        Raises:
            OSError: it is gone; the text is a sentence.
        """
        ready, _, _ = select.select([self._descriptor], [], [], timeout_s)
        if not ready:
            return []
        try:
            raw = os.read(self._descriptor, EVENT.size * MOST_EVENTS)
        except BlockingIOError:
            return []
        except OSError as error:
            raise OSError(f"{self._path} is gone: {error.strerror}; plug the keypad in again") from error
        if not raw:
            raise OSError(f"{self._path} is gone; plug the keypad in again")
        keys = []
        for seconds, micros, kind, code, value in EVENT.iter_unpack(raw[: len(raw) - len(raw) % EVENT.size]):
            if kind == EV_KEY and value == PRESSED and code in CODES:
                keys.append((CODES[code], seconds + micros / 1e6))
        return keys

    def close(self) -> None:
        """Give it back. Idempotent."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
