"""``kioskd devices``: what this machine has, what to write for it, what it really takes, and who holds it."""

from __future__ import annotations

import errno
from typing import Callable, Iterable, Sequence

from kioskd.audio import alsa
from kioskd.audio.cards import Kernel, SoundCard
from kioskd.audio.devices import Device, spec_of
from kioskd.audio.holders import tell
from kioskd.audio.streams import DeviceError

Row = dict[str, object]
Takes = Callable[[str, str], alsa.Takes]
DIRECTIONS = ("input", "output")
# What is there on every machine, by the name of its row.
FILE, SILENCE = "a WAV file", 'silence; in YAML write it in quotes: "null"'
NONE = (
    "No sound card was found, and no sound server: plug one in, or start the server, and look again. In a container or "
    "over ssh a server that runs for another user is not seen: write pulse:SERVER (docs/audio.md)."
)


def describe() -> list[Row]:
    """One row a device; files and nothing are always there.

    Keys: ``spec`` (what to write), ``name``, ``card_id``, ``usb`` (its port), ``inputs`` and ``outputs`` (how many
    channels PortAudio lists), ``default_rate_hz``, and for each direction ``..._rates_hz``, ``..._channels`` (what the
    device really takes; while it is held, what a USB card's descriptors name) and ``..._busy`` (who holds it, or why it
    does not open; else None).

    Raises:
        DeviceError: the sound library does not load or start.
    """
    try:
        from kioskd.audio import port
    except ImportError as error:
        raise DeviceError(f"PortAudio does not load ({error}): apt-get install libportaudio2") from error
    always = (
        _row("file:PATH.wav", FILE, 1, 1),
        _row("null", SILENCE, 1, 1),
    )
    return [*port.list_devices(), *always]


def rows(devices: Iterable[Device], kernel: Kernel, takes: Takes = alsa.takes) -> list[Row]:
    """PortAudio's devices, and behind them the cards that it leaves out because another program holds them."""
    cards = {card.number: card for card in kernel.cards()}
    ids = {number: card.card_id for number, card in cards.items()}
    found, seen = [], set()
    for device in devices:
        number = device.card_number
        card = None if number is None else cards.get(number)
        seen.add(number)
        row = _row(spec_of(device, ids), device.name, device.inputs, device.outputs, card, device.default_rate_hz)
        for direction in DIRECTIONS:
            if device.channels(direction) or card and kernel.has(card.number, direction):
                row.update(_ask(device.alsa_name, direction, card, kernel, takes))
        found.append(row)
    return found + [_left_out(card, kernel, takes) for card in cards.values() if card.number not in seen]


def _left_out(card: SoundCard, kernel: Kernel, takes: Takes) -> Row:
    row = _row(f"alsa:{card.card_id}", card.name, 0, 0, card)
    for direction in DIRECTIONS:
        name = kernel.alsa_name(card.number, direction)
        if name:
            row.update(_ask(name, direction, card, kernel, takes))
    return row


def _row(
    spec: str, name: str, inputs: int, outputs: int, card: SoundCard | None = None, default_rate_hz: int | None = None
) -> Row:
    blank: Row = {f"{way}_{what}": [] for way in DIRECTIONS for what in ("rates_hz", "channels")}
    return {
        "spec": spec,
        "name": name,
        "card_id": card.card_id if card else None,
        "usb": card.usb if card else None,
        "inputs": inputs,
        "outputs": outputs,
        "default_rate_hz": default_rate_hz,
        **blank,
        "input_busy": None,
        "output_busy": None,
    }


def _ask(name: str, direction: str, card: SoundCard | None, kernel: Kernel, takes: Takes) -> Row:
    """What a device takes in one direction, or why that cannot be known now."""
    try:
        rates_hz, channels = takes(name, direction)
    except OSError as error:
        rates_hz, channels = kernel.told(card.number, direction) if card else ((), ())
        row: Row = {f"{direction}_busy": _why(error, direction, card, kernel)}
        return {**row, f"{direction}_rates_hz": list(rates_hz), f"{direction}_channels": list(channels)}
    return {f"{direction}_rates_hz": list(rates_hz), f"{direction}_channels": list(channels)}


def _why(error: OSError, direction: str, card: SoundCard | None, kernel: Kernel) -> str | None:
    if card is None:
        return None  # a name of ALSA's configuration that has nothing for this direction
    who = tell(kernel.holders(card.number, direction)) if error.errno == errno.EBUSY else ""
    if who:
        return f"held by {who}"
    return f"does not open: {error.strerror}" if error.errno != errno.EBUSY else "held by a program that is not seen"


def table(found: Sequence[Row]) -> str:
    """The rows for people, in columns."""
    lines = [("write this", "USB port", "records", "plays", "name")]
    lines += [(str(row["spec"]), str(row["usb"] or "-"), *_ways(row), str(row["name"])) for row in found]
    widths = [max(len(line[at]) for line in lines) for at in range(4)]
    shown = ["  ".join([*(text.ljust(width) for text, width in zip(line, widths)), line[4]]) for line in lines]
    busy = [
        f"{row['spec']}: its {'microphone' if way == 'input' else 'speaker'} is {row[f'{way}_busy']}"
        for row in found
        for way in DIRECTIONS
        if row[f"{way}_busy"]
    ]
    return "\n".join([*shown, *busy, *([] if any(row["name"] not in (FILE, SILENCE) for row in found) else [NONE])])


def _ways(row: Row) -> tuple[str, str]:
    return _way(row, "input"), _way(row, "output")


def _way(row: Row, direction: str) -> str:
    """What a device takes, in few words: "1-2 ch 16 44.1 48 kHz"."""
    rates_hz, channels = row[f"{direction}_rates_hz"], row[f"{direction}_channels"]
    if row[f"{direction}_busy"] and not rates_hz:
        return "busy"
    if not isinstance(rates_hz, list) or not isinstance(channels, list) or not (rates_hz and channels):
        return "any" if row["name"] in (FILE, SILENCE) else "-"
    return f"{_spans(channels)} ch {' '.join(f'{rate / 1000:g}' for rate in rates_hz)} kHz"


def _spans(numbers: Sequence[int]) -> str:
    """1, 2, 3, 6 as "1-3,6"."""
    starts = [n for n in numbers if n - 1 not in numbers]
    ends = [n for n in numbers if n + 1 not in numbers]
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends))
