"""What this room has of the world around it: a socket to the house's voice, and what comes of a text."""

from __future__ import annotations

from typing import Awaitable, Callable, NamedTuple, Protocol


class VoiceFailed(Exception):
    """A voice did not speak a text. The text of this is a sentence for people and holds no key."""


class Socket(Protocol):
    """One WebSocket. Loop only. What it raises is VoiceFailed; what it gives holds no key."""

    async def receive(self) -> str | bytes:
        """The next frame."""

    async def send(self, frame: str) -> None:
        """Hand one text frame over."""

    async def close(self, code: int) -> None:
        """Say goodbye; never raises."""


# Opens a socket to the house's voice, or raises VoiceFailed.
Dial = Callable[[], Awaitable[Socket]]


class Recording(NamedTuple):
    """A text, spoken: S16_LE mono."""

    pcm: bytes
    rate_hz: int

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return len(self.pcm) / 2 / self.rate_hz


class Voice(Protocol):
    """Something that speaks."""

    async def speak(self, text: str, voice: str = "") -> Recording:
        """Speak a plain text, in another voice than the configured one if it is named.

        Raises:
            VoiceFailed: it cannot.
        """
