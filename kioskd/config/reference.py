"""The reference configuration: every key with its unit, bounds, default and moment, around a realistic kiosk.

``config/kioskd.yaml`` is this text, so it cannot state a default that is not true. Written anew with
``python -m kioskd.config.reference > config/kioskd.yaml``.
"""

from __future__ import annotations

import re
import textwrap
from typing import Any, Iterator, Mapping

from kioskd.config.budget import Limits, ServiceBudget
from kioskd.config.keys import Key, keys, number, words
from kioskd.config.sections import (
    Announce,
    Audio,
    Config,
    Endpoint,
    Kiosk,
    Lamp,
    Metrics,
    Ops,
    Panel,
    Policy,
    Power,
    SecretRef,
    SensorAction,
)
from kioskd.config.road import ServiceProxy
from kioskd.config.show import emit, plain, scalar
from kioskd.config.suggested import ACTIONS

_WIDTH = 100
_HEAD = """\
# kioskd: reference configuration.
#
# A line that begins with '#' and a key, as in '#volume: 1.0', shows a default or an example:
# take the '#' away to change it, and those of the lines that begin with '#  ' right below it. In brackets
# behind each key: its bounds or choices, its default, and what a change touches - what is live, the next
# session, or what only a restart changes.
#
#   kioskd check FILE     every mistake at once, each with its line
#   kioskctl apply FILE   check it, try it, watch the kiosk, keep it or go back by itself
#   kioskctl reload       read this file again, after an edit in place
#   kioskd config         all values in effect
"""

# A reception with a hosted service, the service on the device to fall back on, a button, a lamp and a door.
EXAMPLE: Mapping[str, Any] = {
    "kiosk": {"name": "Front door", "lockout": {"refusals": 30, "per_s": 60.0, "for_s": 300.0}},
    "service": [
        {"dialect": "hydra", "voice": "aria", "key": {"credential": "hydra-key"}},
        {"dialect": "local"},
    ],
    "persona": {
        "instructions": "You are the voice of the reception at 12 Harbour Street. Answer in one short sentence.\n"
        "Call a tool whenever the visitor asks for what it does, and say what its result says.\n"
        "If you cannot help, offer to call somebody.\n"
    },
    "talk": {"mode": "push_to_talk"},
    "audio": {"cues": {}},
    "announce": {},
    "panel": {
        "talk": {"pin": "GPIO17"},
        "buttons": [{"name": "help", "pin": "GPIO12", "press": "help"}],
        "gestures": {},
        "help": {"tool": "call_staff", "arguments": {"reason": "The help button was pressed."}},
        "volume": {},
        "contacts": [{"name": "lid", "pin": "GPIO25", "rest": "inactive", "alarm": True}],
        "lamp": {"red": "GPIO5", "green": "GPIO6", "blue": "GPIO13"},
    },
    "confirm": {"wrong_codes": {"refusals": 5, "per_s": 600.0, "for_s": 900.0}},
    "tools": [
        {
            "name": "unlock_door",
            "description": "Unlock the front door for a visitor who asks to be let in.",
            "phrases": ["open the door", "unlock the door", "let me in please"],
            "class": "access",
            "action": {"relay": {"pin": "GPIO27", "pulse_ms": 3000, "min_gap_s": 10.0}},
            "policy": {
                "allow": True,
                "confirm": "button",
                "rate": {"count": 3, "per_s": 60.0},
                "lockout": {"refusals": 10, "per_s": 60.0, "for_s": 120.0},
                "interlocks": [{"pin": "GPIO25", "must_be": "inactive", "name": "the tamper contact"}],
            },
            "say_done": "The door is open.",
            "say_failed": "Sorry, the door did not open.",
        },
        {
            "name": "read_temperature",
            "description": "Read the temperature in the lobby.",
            "phrases": ["how warm is it", "what is the temperature"],
            "class": "read",
            "action": {
                "sensor": {
                    "file": "/sys/bus/iio/devices/iio:device0/in_temp_input",
                    "scale": 0.001,
                    "unit": "degrees",
                    "low": -40.0,
                    "high": 85.0,
                }
            },
            "policy": {"allow": True},
        },
        {
            "name": "call_staff",
            "description": "Call a member of staff to the front door.",
            "phrases": ["call somebody", "i need help"],
            "parameters": {
                "type": "object",
                "properties": {"reason": {"type": "string", "description": "in a few words", "maxLength": 200}},
            },
            "class": "notify",
            "action": {
                "staff": {"url": "https://staff.example.org/kiosk/call", "token": {"credential": "staff-token"}}
            },
            "policy": {"allow": True, "rate": {"count": 2, "per_s": 300.0}},
            "say_done": "Somebody is on the way.",
        },
    ],
    "session": {},
    "budget": {
        "when_spent": "local",
        "hour": {},
        "day": {"session_minutes": 120.0},
        "services": [{"service": "hydra-1", "price_per_minute": 0.05, "hour": {}, "day": {"cost": 5.0}}],
    },
    "metrics": {},
    "power": {},
    "ops": {},
}

# What a commented-out key without a default shows.
_SUGGESTED: Mapping[tuple[type, str], Any] = {
    **ACTIONS,
    (SecretRef, "env"): "HYDRA_API_KEY",
    (SecretRef, "file"): "/etc/kioskd/hydra.key",
    (Endpoint, "url"): "wss://api.smallest.ai/waves/v1/s2s",
    (Endpoint, "model"): "hydra-v1.1",
    (Endpoint, "auth"): "header",
    (Endpoint, "token"): {"url": "https://kiosks.example.org/token", "secret": {"credential": "kiosk-secret"}},
    (Endpoint, "proxy"): {"url": "http://proxy.example.org:3128"},
    (ServiceProxy, "user"): "kiosk",
    (ServiceProxy, "password"): {"credential": "proxy-password"},
    (Endpoint, "profile"): {"catch_up": 1.0},
    (Endpoint, "out_rate_hz"): 24000,
    (Panel, "mute"): {"pin": "GPIO22"},
    (Lamp, "single"): "GPIO26",
    (Lamp, "strip"): {"count": 12},
    (Audio, "echo_tail_ms"): 250,
    (Audio, "record"): {"dir": "/var/lib/kioskd/recordings"},
    (Announce, "service"): {"key": {"credential": "lightning-key"}},
    (Announce, "voice"): "sophia",
    (Announce, "local_voice"): "en-gb",
    (SensorAction, "pin"): "GPIO24",
    (Limits, "session_minutes"): 30.0,
    (Limits, "turns"): 200,
    (Limits, "traffic_mb"): 500.0,
    (Limits, "cost"): 5.0,
    (ServiceBudget, "price_per_turn"): 0.01,
    (Kiosk, "time_zone"): "Europe/Berlin",
    (Policy, "confirm"): "button",
    (Policy, "confirm_by"): ["button", "code"],
    (Policy, "hours"): ["mon-fri 08:00-18:30", "sat 09:00-13:00"],
    (Policy, "holidays"): ["2026-12-25", "2026-12-26"],
    (Metrics, "file"): "/var/lib/prometheus/node-exporter/kioskd.prom",
    (Metrics, "listen"): "127.0.0.1:9109",
    (Power, "pin"): "GPIO23",
    (Ops, "timeline"): "/var/lib/kioskd/timeline.jsonl",
    (Ops, "wire_log"): "/var/lib/kioskd/wire.jsonl",
}
_MOMENT = {"live": "live", "session": "next session", "restart": "restart"}


def reference() -> str:
    """The whole text of ``config/kioskd.yaml``."""
    writer = _Writer()
    blocks = [_HEAD]
    for key in keys(Config):
        heading = f"# {key.doc[:1].upper()}{key.doc[1:]}"
        known = key.name in EXAMPLE
        lines = writer.key(Config, key, EXAMPLE[key.name], "") if known else writer.offered(Config, key, "")
        blocks.append("\n".join([heading, *lines]) + "\n")
    return "\n".join(blocks)


class _Writer:
    """Explains each key where it first occurs; later items of a list show only what they set."""

    def __init__(self) -> None:
        self._explained: set[tuple[type, str]] = set()
        self._set_somewhere = set(_set_in(Config, EXAMPLE))

    def key(self, cls: type, key: Key, value: Any, indent: str) -> Iterator[str]:
        """The lines of a key that the example sets."""
        if key.many and key.is_section:
            yield f"{indent}{key.name}:"
            for index, item in enumerate(value):
                yield from _dashed(list(self._section(key.kind, item, indent + "    ", bare=index > 0)))
        elif key.is_section:
            yield f"{indent}{key.name}:"
            yield from self._section(key.kind, value, indent + "  ")
        else:
            yield from emit({key.name: value}, indent)

    def _section(self, cls: type, values: Mapping[str, Any], indent: str, bare: bool = False) -> Iterator[str]:
        for key in keys(cls):
            mark = (cls, key.name)
            known = mark in self._explained
            if key.name not in values and (known or bare or mark in self._set_somewhere):
                continue
            self._explained.add(mark)
            if not known:
                yield from explain(key, indent)
            if key.name in values:
                yield from self.key(cls, key, values[key.name], indent)
            else:
                yield from self.offered(cls, key, indent)

    def offered(self, cls: type, key: Key, indent: str) -> Iterator[str]:
        """A key that the example leaves at its default, commented out; a section with what is new in it."""
        value = _SUGGESTED.get((cls, key.name), key.default)
        whole = key.is_section and value is not None and not isinstance(value, key.kind)
        lines = self.key(cls, key, value, "") if whole else emit({key.name: value})
        yield from (f"{indent}#{line}" for line in lines)


def _dashed(lines: list[str]) -> Iterator[str]:
    """The lines of a list's item, with its dash at the first key; the comment above that key moves with it."""
    first = next(index for index, line in enumerate(lines) if not line.lstrip().startswith("#"))
    for index, line in enumerate(lines):
        margin = len(line) - len(line.lstrip())
        if index <= first:
            line = f"{' ' * (margin - 2)}{'- ' if index == first else ''}{line[margin:]}"
        yield line


def explain(key: Key, indent: str = "") -> list[str]:
    """The comment above a key: its sentence and, in brackets, what it takes, its default, and its moment."""
    facts = [key.bounds or (key.unit and f"in {key.unit}"), "" if key.is_section else _choices(key)]
    if key.required and not key.is_section:
        facts.append("required")
    elif not key.is_section or key.optional:
        told = key.default is None and "default" in key.doc.lower()
        facts.append("" if told else f"default: {default(key)}")
    if not key.is_section or key.kind is SecretRef:
        facts.append(_MOMENT[key.applies])
    known = "; ".join(fact for fact in facts if fact)
    text = f"{key.doc} ({known})" if known else key.doc
    return textwrap.wrap(text, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}#   ")


def _choices(key: Key) -> str:
    if all(re.search(rf"\b{choice}\b", key.doc) for choice in key.choices):  # the sentence names them already
        return {bool: "true or false"}.get(key.kind, "")
    return words(key.choices)


def default(key: Key) -> str:
    """A default as the comment states it."""
    if key.default is None or key.default == () or key.default == {}:
        return "none"
    if isinstance(key.default, float):
        return number(key.default)
    return scalar(plain(key.default) if key.is_section else key.default)


def _set_in(cls: type, values: Mapping[str, Any]) -> Iterator[tuple[type, str]]:
    for key in keys(cls):
        if key.name in values:
            yield cls, key.name
            if key.is_section:
                for item in values[key.name] if key.many else [values[key.name]]:
                    yield from _set_in(key.kind, item)


if __name__ == "__main__":
    print(reference(), end="")
