"""Device specs: what they mean, what is wrong with one, what this machine has; and the door to every kind of device.

``alsa:CARD_ID``, ``pulse``, ``pulse:SERVER``, ``default``, ``file:PATH.wav``, ``null``. A kiosk that works on files
never loads PortAudio (12 MB): port is imported when a card is asked for.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from kioskd.audio.streams import DeviceError, InputStream, OutputStream
from kioskd.audio.wavfile import NullInput, NullOutput, WavInput, WavOutput

KINDS = "alsa:CARD_ID, pulse, pulse:SERVER, default, file:PATH.wav or null"
# Rates to try beside the wanted one, in the order in which hardware likes them. All have whole frames in 10 ms.
NATIVE_RATES_HZ = (48000, 44100, 32000, 96000, 24000, 16000, 8000)
MOST_CHANNELS = 8
PROC_ASOUND = Path("/proc/asound")
# PulseAudio's server strings: unix:/path, tcp:host:port, a host; no blanks, nothing that ends a word.
SERVER = re.compile(r"[\w.:/\[\]{}@+-]+")


class Card(NamedTuple):
    """One device that PortAudio lists. ``spec`` is what to write into the YAML; rates are those it takes."""

    name: str
    spec: str
    card_id: str | None
    inputs: int
    outputs: int
    default_rate_hz: int
    input_rates_hz: tuple[int, ...]
    output_rates_hz: tuple[int, ...]


class Device(NamedTuple):
    """A row of PortAudio's list."""

    number: int
    name: str
    inputs: int
    outputs: int
    default_rate_hz: int

    @property
    def card_number(self) -> int | None:
        """The ALSA card behind ``... (hw:N,M)``; None for a plugin."""
        found = re.search(r"\(hw:(\d+),\d+\)", self.name)
        return int(found[1]) if found else None

    def channels(self, direction: str) -> int:
        """How many channels it has for "input" or "output"."""
        return self.inputs if direction == "input" else self.outputs


def alsa_cards(proc: Path = PROC_ASOUND) -> dict[str, int]:
    """ALSA's card ids and their numbers; empty on a machine without sound cards. Numbers change, ids stay."""
    try:
        text = (proc / "cards").read_text(errors="replace")
    except OSError:
        return {}
    return {found[2]: int(found[1]) for found in re.finditer(r"^\s*(\d+) \[(\S+)\s*\]", text, re.MULTILINE)}


def resolve(spec: str, direction: str, devices: list[Device], cards: dict[str, int]) -> Device:
    """The device that ``spec`` means, for "input" or "output".

    Raises:
        DeviceError: there is none; the sentence names what there is.
    """
    usable = [device for device in devices if device.channels(direction)]
    kind, _, name = spec.partition(":")
    if kind in ("pulse", "default"):
        found = [device for device in usable if device.name == kind]
    else:
        number = cards.get(name)
        found = [device for device in usable if number is not None and device.card_number == number]
        found += [device for device in usable if device.name == name]
    if found:
        return found[0]
    raise DeviceError(_absent(spec, direction, usable, cards))


def _absent(spec: str, direction: str, usable: list[Device], cards: dict[str, int]) -> str:
    kind, _, name = spec.partition(":")
    if kind == "pulse":
        where = name or os.environ.get("PULSE_SERVER", "its usual place")
        return f"no sound server answers at {where}: is it running, and is libasound2-plugins installed?"
    if kind == "alsa" and name in cards:
        verb = "recording" if direction == "input" else "playing"
        return f"card '{name}' is there but cannot be opened for {verb}: another program holds it, or it cannot do that"
    there = [*cards, *(device.name for device in usable if device.card_number is None)]
    wanted = f"no card '{name}'" if kind == "alsa" else f"no {spec} {direction}"
    if not there:
        return f"{wanted}; this machine has no sound card; plug one in, or use file:PATH.wav or null"
    return f"{wanted}; this machine has: {', '.join(there)}; see kioskd devices"


def formats(want_rate_hz: int, channels: int) -> list[tuple[int, int]]:
    """(rate, channels) in the order in which to try them: no conversion, then channels only, then whole ratios."""
    rates = sorted(NATIVE_RATES_HZ, key=lambda rate: (rate < want_rate_hz, rate % want_rate_hz != 0))
    counts = [count for count in dict.fromkeys((1, 2, channels)) if count <= min(channels, MOST_CHANNELS)]
    return [(rate, count) for rate in dict.fromkeys((want_rate_hz, *rates)) for count in counts]


def validate_spec(spec: str) -> str | None:
    """What is wrong with a spec, as a sentence; None when it could name a device. Looks at no device."""
    kind, colon, rest = spec.partition(":")
    if kind in ("default", "null", "pulse") and not colon:
        return None
    if kind == "alsa":
        if re.fullmatch(r"(plug)?hw(:.*)?|\d+(,\d+)?", rest):
            return f"'{spec}' names a card by number, which changes; write alsa:CARD_ID (kioskd devices lists them)"
        return (
            None
            if rest.strip() == rest != ""
            else f"'{spec}' needs a card id: alsa:CARD_ID (kioskd devices lists them)"
        )
    if kind == "file":
        return (
            None if rest.endswith(".wav") and len(rest) > 4 else f"'{spec}' needs the path of a WAV file: file:PATH.wav"
        )
    if kind == "pulse":
        return (
            None
            if SERVER.fullmatch(rest)
            else f"'{spec}' needs a server behind the colon: pulse:unix:/run/pulse/native"
        )
    return f"'{spec}' is no device: write {KINDS}"


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


def describe() -> list[dict[str, object]]:
    """What this machine has, one row a device, for ``kioskd devices``; files and nothing are always there.

    Raises:
        DeviceError: the sound library does not load or start.
    """
    try:
        from kioskd.audio import port
    except ImportError as error:
        raise DeviceError(f"PortAudio does not load ({error}): apt-get install libportaudio2") from error
    rows: list[dict[str, object]] = [
        {
            "spec": card.spec,
            "name": card.name,
            "card_id": card.card_id,
            "inputs": card.inputs,
            "outputs": card.outputs,
            "default_rate_hz": card.default_rate_hz,
            "input_rates_hz": list(card.input_rates_hz),
            "output_rates_hz": list(card.output_rates_hz),
        }
        for card in port.list_cards()
    ]
    nothing: dict[str, object] = {"card_id": None, "default_rate_hz": None, "input_rates_hz": [], "output_rates_hz": []}
    rows.append({"spec": "file:PATH.wav", "name": "a WAV file", "inputs": 1, "outputs": 1, **nothing})
    rows.append({"spec": "null", "name": "silence", "inputs": 1, "outputs": 1, **nothing})
    return rows
