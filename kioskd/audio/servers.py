"""Which sound server this process talks to: libpulse takes it from PULSE_SERVER, and there is one environment."""

from __future__ import annotations

import os
from typing import Any

from kioskd.audio.streams import DeviceError

VARIABLE = "PULSE_SERVER"


class Servers:
    """The server of each open stream. One thread (the one that opens devices)."""

    def __init__(self) -> None:
        self._of: dict[int, str] = {}  # by the stream's identity
        self._usual: str | None = None  # the environment's own, while it is overwritten
        self._overwritten = False

    def choose(self, spec: str) -> str | None:
        """Point libpulse to the server of ``pulse`` or ``pulse:SERVER``; nothing for other specs.

        Returns:
            what to ``note`` with the stream; "" is the usual place.

        Raises:
            DeviceError: an open stream uses another one.
        """
        kind, _, server = spec.partition(":")
        if kind != "pulse":
            return None
        other = next((used for used in self._of.values() if used != server), None)
        if other is not None:
            raise DeviceError(
                f"{spec} is another sound server than the one in use ({other or 'pulse'}), and one process reaches "
                "only one: write the same for audio.input and audio.output"
            )
        if server:
            if not self._overwritten:
                self._usual, self._overwritten = os.environ.get(VARIABLE), True
            os.environ[VARIABLE] = server
        elif self._overwritten:
            self._overwritten = False
            if self._usual is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = self._usual
        return server

    def note(self, stream: Any, server: str | None) -> None:
        """A stream has been opened there."""
        if server is not None:
            self._of[id(stream)] = server

    def forget(self, stream: Any) -> None:
        """It is closed."""
        self._of.pop(id(stream), None)
