"""The section about what hands and eyes find on the kiosk (``panel``): buttons, contacts, mute switch, lamp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

from kioskd.config.option import option

# What a gesture may do (core/deeds.py does it).
DEEDS = ("none", "mute", "help", "louder", "softer", "end")
# Gestures of a button to which the configuration may give a deed, as the keys are called (panel/gestures.py).
GESTURES = ("press", "tap", "double", "hold", "long")


@dataclass(frozen=True, kw_only=True)
class Switch:
    """A contact between a line and ground or supply."""

    pin: str = option("GPIO17 or CHIP_LABEL:OFFSET")
    pull: str = option("up: the button connects to ground; down: to 3.3 V", "up", choices=("up", "down"))
    debounce_ms: int = option("edges closer than this are one", 30, low=1, high=500)


@dataclass(frozen=True, kw_only=True)
class Button(Switch):
    """The talk button. Its press talks and confirms; what else its gestures do is said here."""

    glitch_ms: int = option("it counts as pressed after this long; shorter is interference", 4, low=1, high=100)
    tap: str = option("beside talking: what a tap does", "none", choices=DEEDS)
    double: str = option("beside talking: what two taps do", "none", choices=DEEDS)
    hold: str = option("beside talking: what holding it for panel.gestures.hold_ms does", "none", choices=DEEDS)
    long: str = option("beside talking: what holding it for panel.gestures.long_ms does", "none", choices=DEEDS)


@dataclass(frozen=True, kw_only=True)
class PushButton(Switch):
    """One more button: volume, help, mute."""

    name: str = option("what people and kioskctl panel call it: letters, digits, underscore")
    glitch_ms: int = option("it counts as pressed after this long; shorter is interference", 4, low=1, high=100)
    press: str = option("what a press does, at once: none, mute, help, louder, softer, end", "none", choices=DEEDS)
    tap: str = option("what a tap does, when it is over", "none", choices=DEEDS)
    double: str = option("what two taps do", "none", choices=DEEDS)
    hold: str = option("what holding it for panel.gestures.hold_ms does", "none", choices=DEEDS)
    long: str = option("what holding it for panel.gestures.long_ms does", "none", choices=DEEDS)


@dataclass(frozen=True, kw_only=True)
class Gestures:
    """What makes a gesture, for every button."""

    tap_ms: int = option("a press shorter than this is a tap", 400, low=100, high=1000)
    double_ms: int = option("the second tap begins within this after the first", 350, low=100, high=1000)
    hold_ms: int = option("a button held for this long is held", 700, low=200, high=5000)
    long_ms: int = option("and for this long, long", 2500, low=500, high=20000)


@dataclass(frozen=True, kw_only=True)
class Help:
    """What the deed ``help`` does: it asks for a tool, as the model would, and policy judges it."""

    tool: str = option("name of a tool of class notify", applies="live")
    arguments: Mapping[str, object] = option("its arguments", {}, applies="live")


@dataclass(frozen=True, kw_only=True)
class Volume:
    """What the deeds ``louder`` and ``softer`` do to audio.volume."""

    step_db: float = option("one press", 3.0, low=0.5, high=12, applies="live")
    least: float = option(
        "never softer than this: a kiosk that nobody hears is broken", 0.1, low=0.01, high=1.0, applies="live"
    )
    most: float = option("never louder than this", 1.0, low=0.01, high=1.0, applies="live")
    remember: bool = option("over a restart, until audio.volume is changed", True)


@dataclass(frozen=True, kw_only=True)
class Contact:
    """A contact that is watched: a door, the lid of the housing. A tool's interlock may read the same line."""

    name: str = option("what people and kioskctl panel call it: letters, digits, underscore")
    pin: str = option("GPIO24 or CHIP_LABEL:OFFSET")
    pull: str = option("up: active is low; down or none: active is high", "up", choices=("up", "down", "none"))
    rest: str = option("how it stands when all is well", "active", choices=("active", "inactive"))
    alarm: bool = option("away from rest is a fault (tamper): health, lamp and audit trail say so", False)


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Addressable lamps (APA102, SK9822) on an SPI bus: those of the common microphone boards."""

    count: int = option("how many lamps it has", 12, low=1, high=300)
    spi: str = option("device file of the bus", "/dev/spidev0.0")
    speed_hz: int = option("clock of the bus", 4_000_000, low=100_000, high=20_000_000)
    brightness: float = option("at 1.0 each lamp takes 60 mA", 0.2, low=0.02, high=1.0)


@dataclass(frozen=True, kw_only=True)
class Lamp:
    """One lamp (``single``), three (``red green blue``), or a strip."""

    single: str | None = option("line of a single lamp", None)
    red: str | None = option("line of the red channel", None)
    green: str | None = option("line of the green channel", None)
    blue: str | None = option("line of the blue channel", None)
    active: str = option("level that lights it", "high", choices=("high", "low"))
    brightness: float = option(
        "of lines; below 1.0 they are driven with PWM where the driver can", 1.0, low=0.05, high=1.0
    )
    strip: Strip | None = option("addressable lamps on an SPI bus, in place of lines", None)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Buttons, contacts, lamp and mute switch."""

    pins: str = option("gpio: real lines; simulated: none needed", "gpio", choices=("gpio", "simulated"))
    talk: Button | None = option("the talk button; it also confirms", None)
    mute: Switch | None = option("the mute switch: active means muted", None)
    buttons: tuple[PushButton, ...] = option("more buttons: volume, help", ())
    gestures: Gestures = option("what makes a gesture, for every button", Gestures())
    help: Help | None = option("what the deed help does", None, applies="live")
    volume: Volume = option("what the deeds louder and softer do to audio.volume", Volume())
    contacts: tuple[Contact, ...] = option("door and tamper contacts that are watched", ())
    lamp: Lamp | None = option("the lamp", None)


def deeds_of(panel: Panel) -> Mapping[tuple[str, str], str]:
    """(button, gesture) -> deed, for every gesture to which the configuration gives one."""
    named = {one.name: one for one in panel.buttons} | ({} if panel.talk is None else {"talk": panel.talk})
    found = {(name, gesture): getattr(one, gesture, "none") for name, one in named.items() for gesture in GESTURES}
    return {way: deed for way, deed in found.items() if deed != "none"}
