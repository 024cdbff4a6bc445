"""The sound cards as the kernel lists them, in /proc/asound and /sys/class/sound: ids, names, USB ports.

Reading a few small files: any thread may. Numbers change from boot to boot; they are looked up at each opening.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple, Sequence

from kioskd.audio.holders import PROC, Holder, holders
from kioskd.audio.streams import DeviceError

SYS_SOUND = Path("/sys/class/sound")
# Two lines a card (kernel, sound/core/init.c): "NN [ID             ]: DRIVER - NAME" and, indented, the long name.
_CARD = re.compile(r"^ *(\d+) \[(\S+) *\]: (?:.*? - )?(.*)\n? *(.*)$", re.MULTILINE)
# The interface that holds the sound function: PORT:CONFIGURATION.INTERFACE.
_INTERFACE = re.compile(r"(\d+-\d+(?:\.\d+)*):\d+\.\d+")


class SoundCard(NamedTuple):
    """One card of the kernel.

    Attributes:
        name: the short name, as the maker wrote it; long_name adds driver and bus.
        usb: its port (``1-1.3``); None when it is no USB card.
    """

    number: int
    card_id: str
    name: str
    long_name: str
    usb: str | None


Cards = tuple[SoundCard, ...]


def sound_cards(asound: Path, sysfs: Path) -> Cards:
    """Every card there is; none on a machine without."""
    return tuple(
        SoundCard(int(number), card_id, name.strip(), long_name.strip(), usb_port(int(number), sysfs))
        for number, card_id, name, long_name in _CARD.findall(_text(asound / "cards"))
    )


def usb_port(number: int, sysfs: Path) -> str | None:
    """The USB port behind a card: the innermost interface on the way to its device in sysfs."""
    where = os.path.realpath(sysfs / f"card{number}" / "device")
    found = [match[1] for part in where.split("/") if (match := _INTERFACE.fullmatch(part))]
    return found[-1] if found else None


def find_card(spec: str, cards: Sequence[SoundCard]) -> SoundCard | None:
    """The card that ``alsa:CARD_ID``, ``alsa:NAME`` or ``usb:PORT`` means; None when it is not there.

    An id comes before a name: ids are unique.

    Raises:
        DeviceError: two cards have that name.
    """
    kind, _, rest = spec.partition(":")
    if kind == "usb":
        found = [card for card in cards if card.usb == rest]
    elif kind == "alsa":
        found = [card for card in cards if card.card_id == rest]
        found = found or [card for card in cards if rest in (card.name, card.long_name)]
    else:
        found = []
    if len(found) > 1:
        ways = " or ".join(call(card) for card in found)
        raise DeviceError(f"{len(found)} cards are named '{rest}': write {ways}")
    return found[0] if found else None


def call(card: SoundCard) -> str:
    """What to write for a card where its name would not do: the port tells two cards of one make apart for ever."""
    return f"usb:{card.usb}" if card.usb else f"alsa:{card.card_id}"


def listed(cards: Sequence[SoundCard]) -> str:
    """The cards for a sentence, each in every way in which it may be written."""
    return ", ".join(f"{card.card_id} (usb:{card.usb})" if card.usb else card.card_id for card in cards)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


class Kernel:
    """What the kernel tells of its cards. Any thread.

    Args:
        proc: a tree like /proc.
        sysfs: a tree like /sys/class/sound.
    """

    def __init__(self, proc: Path = PROC, sysfs: Path = SYS_SOUND) -> None:
        self._proc, self._sysfs = proc, sysfs

    def cards(self) -> Cards:
        """The cards of this moment."""
        return sound_cards(self._proc / "asound", self._sysfs)

    def alsa_name(self, number: int, direction: str) -> str:
        """By what ALSA opens the card's first device for "input" or "output", held or not; empty when it has none."""
        letter = "c" if direction == "input" else "p"
        found = (self._proc / "asound" / f"card{number}").glob(f"pcm*{letter}")
        devices = [int(name) for name in (path.name[3:-1] for path in found) if name.isdigit()]
        return f"hw:{number},{min(devices)}" if devices else ""

    def has(self, number: int, direction: str) -> bool:
        """Whether a card has a device for "input" or "output", held or not."""
        return bool(self.alsa_name(number, direction))

    def told(self, number: int, direction: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The rates in Hz and channel counts that a USB card's descriptors name, also while it is held; else nothing.

        From /proc/asound/cardN/streamM (kernel, sound/usb/proc.c); a range of rates is given by its two ends.
        """
        rates_hz: set[int] = set()
        channels: set[int] = set()
        for path in (self._proc / "asound" / f"card{number}").glob("stream*"):
            _, _, rest = _text(path).partition("\nCapture:" if direction == "input" else "\nPlayback:")
            part = re.split(r"\n(?=\S)", rest, maxsplit=1)[0]
            channels.update(int(count) for count in re.findall(r"^\s*Channels: (\d+)", part, re.MULTILINE))
            for line in re.findall(r"^\s*Rates: (.*)", part, re.MULTILINE):
                rates_hz.update(map(int, re.findall(r"\d+", line)))
        return tuple(sorted(rates_hz)), tuple(sorted(channels))

    def holders(self, number: int, direction: str) -> tuple[Holder, ...]:
        """Who has the card open."""
        return holders(number, direction, self._proc)
