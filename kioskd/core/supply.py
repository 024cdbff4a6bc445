"""How the board's supply is, from what its firmware and its voltage monitor tell. Pure: numbers in, sentences out."""

from __future__ import annotations

from typing import NamedTuple

# Bits of get_throttled (Raspberry Pi documentation, vcgencmd): now, and 16 higher: has been so since the boot.
UNDER_VOLTAGE, CAPPED, THROTTLED, HOT = 1, 2, 4, 8
SINCE = 16
NOW: dict[int, str] = {
    UNDER_VOLTAGE: "too weak, below 4.63 V now: use the board's own power supply and a short cable",
    THROTTLED: "the processor is throttled now: it is too hot, or the supply too weak",
    HOT: "the board is so hot that it is slowed down: give it air or a heat sink",
}
BEFORE: dict[int, str] = {
    UNDER_VOLTAGE: "the supply was below 4.63 V",
    THROTTLED: "the processor was throttled",
    HOT: "the board was too hot",
}


class Supply(NamedTuple):
    """What could be read.

    Attributes:
        throttled: the firmware's bits; None: this board has no such file.
        alarm: the monitor's under-voltage alarm; None: this board has no such monitor.
    """

    throttled: int | None = None
    alarm: bool | None = None

    @property
    def known(self) -> bool:
        """Whether this board tells at all."""
        return self.throttled is not None or self.alarm is not None

    @property
    def now(self) -> tuple[str, ...]:
        """What is wrong at this moment."""
        bits = (self.throttled or 0) | (UNDER_VOLTAGE if self.alarm else 0)
        return tuple(sentence for bit, sentence in NOW.items() if bits & bit)

    @property
    def before(self) -> tuple[str, ...]:
        """What was wrong since the boot, and is not now."""
        bits = (self.throttled or 0) >> SINCE & ~(self.throttled or 0)
        return tuple(sentence for bit, sentence in BEFORE.items() if bits & bit)


def bits_of(text: str) -> int | None:
    """The bits in ``50005``, ``0x50005`` or ``throttled=0x50005``; None when it is something else."""
    try:
        return int(text.strip().rpartition("=")[2], 16)
    except ValueError:
        return None
