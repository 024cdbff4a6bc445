"""What a device may be called: ``audio.input`` and ``audio.output``. Pure: no device is looked at.

Never by index: ALSA's card numbers, and the order in which a bus finds its devices, change from one boot to the next.
"""

from __future__ import annotations

import re

KINDS = "alsa:CARD_ID, alsa:NAME, usb:PORT, pulse, pulse:SERVER, default, file:PATH.wav or null"
# A port in sysfs: bus, then the port of each hub on the way (kernel, Documentation/ABI/testing/sysfs-bus-usb).
USB_PORT = re.compile(r"[1-9]\d{0,2}-\d{1,3}(\.\d{1,3}){0,6}")
# PulseAudio's server strings: unix:/path, tcp:host:port, a host; no blanks, nothing that ends a word.
SERVER = re.compile(r"[\w.:/\[\]{}@+-]+")
_NUMBERED = re.compile(r"(plug)?hw(:.*)?|\d+(,\d+)?", re.IGNORECASE)
# Ids and names of cards are single lines; none is longer than a kernel's long name (80 characters).
_NAME = re.compile(r"[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]{0,98}[^\s\x00-\x1f\x7f])?")


def problem(spec: str) -> str | None:
    """What is wrong with a spec, as a sentence; None when it could name a device."""
    kind, colon, rest = spec.partition(":")
    if kind in ("default", "null", "pulse") and not colon:
        return None
    sort = {"alsa": _alsa, "usb": _usb, "file": _file, "pulse": _pulse}.get(kind)
    if _NUMBERED.fullmatch(spec):
        why = _alsa(spec)
    else:
        why = sort(rest) if sort is not None and colon else f"is no device: write {KINDS} (kioskd devices lists them)"
    return None if why is None else f"'{spec}' {why}"


def _alsa(name: str) -> str | None:
    if _NUMBERED.fullmatch(name):
        return "names a card by number, which changes: run kioskd devices, and write what it says, as alsa:CARD_ID"
    if not _NAME.fullmatch(name):
        return "needs a card id or the card's name: alsa:CARD_ID (kioskd devices lists them)"
    return None


def _usb(port: str) -> str | None:
    if not USB_PORT.fullmatch(port):
        return "needs a USB port: usb:1-1.3 is port 3 of the hub at port 1 of bus 1 (kioskd devices shows them)"
    return None


def _file(path: str) -> str | None:
    # A path ends at its NUL for the kernel, and would be another file.
    if not path.endswith(".wav") or len(path) <= 4 or "\0" in path:
        return "needs the path of a WAV file: file:PATH.wav"
    return None


def _pulse(server: str) -> str | None:
    return None if SERVER.fullmatch(server) else "needs a server behind the colon: pulse:unix:/run/pulse/native"


def apart(given: str, other: str) -> str | None:
    """Why two specs cannot serve in one process; None when they can.

    libpulse takes its server from PULSE_SERVER, and a process has one environment.
    """
    servers = [spec.partition(":")[2] for spec in (given, other) if spec.partition(":")[0] == "pulse"]
    if len(servers) < 2 or servers[0] == servers[1]:
        return None
    named = next(server for server in servers if server)
    return (
        f"{given} and {other} are two sound servers, and one process reaches only one: write pulse:{named} for both, "
        "or reach one of them by a name in ALSA's configuration (alsa:NAME)"
    )
