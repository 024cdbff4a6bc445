"""The shapes by which rooms meet without importing one another. ``app`` joins the real things to them."""

from __future__ import annotations

from typing import Callable, Mapping, Protocol

from kioskd.core.events import Event

# Hand a fact to the machine; any thread; never blocks (Inbox.post).
Post = Callable[[Event], bool]


class RelayLine(Protocol):
    """One output line that moves something. Polarity is the line's business: ``on`` means energised."""

    @property
    def name(self) -> str:
        """``GPIO27`` or ``CHIP_LABEL:OFFSET``."""

    def on(self) -> None:
        """Energise. Any thread."""

    def off(self) -> None:
        """Release; safe to call at any time, also twice. Any thread."""

    @property
    def is_on(self) -> bool:
        """What the line really is."""


class InputLine(Protocol):
    """One input line that is read, not awaited."""

    @property
    def name(self) -> str:
        """``GPIO6`` or ``CHIP_LABEL:OFFSET``."""

    @property
    def active(self) -> bool:
        """The line's level, polarity applied."""


class LampLine(Protocol):
    """A lamp: one line or three."""

    def set(self, red: float, green: float, blue: float) -> None:
        """Each 0.0 to 1.0. A single lamp shows the largest of the three."""


class Bus(Protocol):
    """A message bus (MQTT) that keeps its connection by itself. Any thread; neither blocks."""

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send it once, not retained. False: no broker takes it now."""

    def subscribe(self, topic: str, heard: Callable[[bytes, bool], None]) -> None:
        """``heard(payload, retained)`` for each message, over reconnects too; a thread of the bus, must not block."""


class Courier(Bus, Protocol):
    """A bus that can also say whether a message has arrived at the broker."""

    def deliver(self, topic: str, payload: bytes, timeout_s: float) -> str:
        """Send it, and wait until the broker has it; empty, or a sentence why not. Blocks; any thread but the loop."""


# The first argument of a trace is the kind, the second its fields: a row of timeline.jsonl or wire.jsonl.
Trace = Callable[[str, Mapping[str, object]], None]
