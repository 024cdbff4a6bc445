"""Device specs: what they mean on this machine, what is wrong with one; and the door to every kind of device.

``alsa:CARD_ID``, ``alsa:NAME``, ``usb:PORT``, ``pulse``, ``pulse:SERVER``, ``default``, ``file:PATH.wav``, ``null``. A
kiosk that works on files never loads PortAudio (12 MB): port is imported when a card is asked for.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple, Sequence

from kioskd.audio.cards import Kernel, SoundCard, find_card, listed
from kioskd.audio.holders import tell
from kioskd.audio.streams import DeviceError, InputStream, OutputStream
from kioskd.audio.paced import NullInput, NullOutput
from kioskd.audio.wavfile import WavInput, WavOutput
from kioskd.config.device_spec import problem as validate_spec

# Rates to try beside the wanted one, in the order in which hardware likes them. All have whole frames in 10 ms.
NATIVE_RATES_HZ = (48000, 44100, 32000, 96000, 24000, 16000, 8000, 88200, 192000)
MOST_CHANNELS = 8
VERBS = {"input": "record", "output": "play"}


class Device(NamedTuple):
    """A row of PortAudio's list."""

    number: int
    name: str
    inputs: int
    outputs: int
    default_rate_hz: int

    @property
    def hardware(self) -> tuple[int, int] | None:
        """Number of ALSA's card, and of the device on it, behind ``... (hw:N,M)``; None for a plugin."""
        found = re.search(r"\(hw:(\d+),(\d+)\)", self.name)
        return (int(found[1]), int(found[2])) if found else None

    @property
    def card_number(self) -> int | None:
        """The ALSA card; None for a plugin."""
        return self.hardware[0] if self.hardware else None

    @property
    def alsa_name(self) -> str:
        """By what ALSA opens it."""
        return "hw:%d,%d" % self.hardware if self.hardware else self.name

    def channels(self, direction: str) -> int:
        """How many channels it has for "input" or "output"."""
        return self.inputs if direction == "input" else self.outputs


def resolve(spec: str, direction: str, devices: Sequence[Device], kernel: Kernel) -> Device:
    """The device that ``spec`` means, for "input" or "output".

    Raises:
        DeviceError: there is none, or it is held; the sentence names what there is, or who holds it.
    """
    usable = [device for device in devices if device.channels(direction)]
    kind, _, name = spec.partition(":")
    cards = kernel.cards()
    card = find_card(spec, cards)
    if card is not None:
        found = [device for device in usable if device.card_number == card.number]
    else:
        wanted = kind if kind in ("pulse", "default") else name
        found = [device for device in usable if device.name == wanted and kind != "usb"]
    if found:
        return found[0]
    if card is not None:
        raise DeviceError(_closed(spec, card, direction, usable, kernel))
    raise DeviceError(_absent(spec, direction, usable, cards))


def _absent(spec: str, direction: str, usable: Sequence[Device], cards: Sequence[SoundCard]) -> str:
    kind, _, name = spec.partition(":")
    if kind == "pulse":
        where = name or os.environ.get("PULSE_SERVER", "its usual place")
        return f"no sound server answers at {where}: is it running, and is libasound2-plugins installed?"
    there = [listed(cards), *(device.name for device in usable if device.card_number is None)]
    wanted = {"alsa": f"no card '{name}'", "usb": f"no sound card at USB port {name}"}.get(
        kind, f"no {spec} {direction}"
    )
    if not any(there):
        return f"{wanted}; this machine has no sound card; plug one in, or use file:PATH.wav or null"
    return f"{wanted}; this machine has: {', '.join(filter(None, there))}; see kioskd devices"


def _closed(spec: str, card: SoundCard, direction: str, usable: Sequence[Device], kernel: Kernel) -> str:
    """Why a card that is there cannot be used."""
    if kernel.has(card.number, direction):
        return held(spec, card.number, direction, kernel)
    would = would_serve(direction, usable, kernel.cards())
    return f"{spec} cannot {VERBS[direction]}: the card has nothing for that; {would}"


def held(spec: str, card: int, direction: str, kernel: Kernel) -> str:
    """The sentence for a card that another process has, or that does not let us in."""
    who = tell(kernel.holders(card, direction))
    if who:
        return f"{spec} is held by {who}: end that, or have both use the sound server (pulse)"
    return (
        f"{spec} does not open to {VERBS[direction]}: another program holds it that cannot be seen from here (as root, "
        "fuser -v /dev/snd/* names it), or the kiosk's user is not in the group audio"
    )


def would_serve(direction: str, usable: Sequence[Device], cards: Sequence[SoundCard], without: int = -1) -> str:
    """What to use instead, for a sentence."""
    ids = {card.number: card.card_id for card in cards}
    others = [device for device in usable if device.number != without]
    specs = [spec_of(device, ids) for device in others]
    here = f"; here that may be {', '.join(dict.fromkeys(specs))}" if specs else "; there is none here"
    return f"a device would serve that can {VERBS[direction]} with 1 to {MOST_CHANNELS} channels at 8 to 192 kHz{here}"


def spec_of(device: Device, ids: dict[int, str]) -> str:
    """What to write into the YAML for a device that PortAudio lists; ``ids`` are the cards' by number."""
    if device.name in ("pulse", "default"):
        return device.name
    return f"alsa:{ids.get(device.card_number, device.name) if device.card_number is not None else device.name}"


def formats(want_rate_hz: int, channels: int, direction: str = "input", card: bool = False) -> list[tuple[int, int]]:
    """(rate, channels) in the order in which to try them: no conversion, then channels only, then whole ratios.

    A card with two channels is opened with both: asked for one, PortAudio opens two all the same, hears the left one
    only and leaves the right one silent. Of a card with more it gives the first, which is the one that is wanted.
    """
    rates = sorted(NATIVE_RATES_HZ, key=lambda rate: (rate < want_rate_hz, rate % want_rate_hz != 0))
    both = card and (channels == 2 or direction == "output")
    first = (2, 1) if both else (1, 2)
    counts = [count for count in dict.fromkeys((*first, channels)) if count <= min(channels, MOST_CHANNELS)]
    return [(rate, count) for rate in dict.fromkeys((want_rate_hz, *rates)) for count in counts]


def open_input(spec: str, want_rate_hz: int = 16000) -> InputStream:
    """Open a microphone; the calling thread owns it. ``rate_hz`` of what comes back may differ from the wanted one.

    Raises:
        DeviceError: a sentence with what would help.
    """
    _refuse_nonsense(spec)
    if spec == "null":
        return NullInput(want_rate_hz)
    if spec.startswith("file:"):
        return WavInput(spec.removeprefix("file:"))
    from kioskd.audio import port

    return port.open_card_input(spec, want_rate_hz)


def open_output(spec: str, want_rate_hz: int = 24000) -> OutputStream:
    """Open a speaker; the calling thread owns it. 24 kHz is what the services speak.

    Raises:
        DeviceError: a sentence with what would help.
    """
    _refuse_nonsense(spec)
    if spec == "null":
        return NullOutput(want_rate_hz)
    if spec.startswith("file:"):
        return WavOutput(spec.removeprefix("file:"), want_rate_hz)
    from kioskd.audio import port

    return port.open_card_output(spec, want_rate_hz)


def _refuse_nonsense(spec: str) -> None:
    problem = validate_spec(spec)
    if problem is not None:
        raise DeviceError(problem)
