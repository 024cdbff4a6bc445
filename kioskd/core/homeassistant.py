"""What a fleet's eyes get over MQTT: the state of a kiosk as one retained message, and how Home Assistant shows it.

Pure: the status page in, topics and payloads out. Nothing here can be commanded: no topic is listened to, and no
entity has a command. (Home Assistant, "MQTT Discovery": PREFIX/COMPONENT/NODE/OBJECT/config, retained.)
"""

from __future__ import annotations

import json
import re
from typing import Callable, Iterator, Mapping, NamedTuple, Protocol

ONLINE, OFFLINE = "online", "offline"
# Home Assistant refuses a state of more than 255 characters.
LONGEST_STATE = 255
# What changes with every look and is no news by itself.
RESTLESS = ("uptime_s", "session_s")


class Board(Protocol):
    """Where retained messages are put. Any thread; nothing blocks but ``keep`` with a time to wait."""

    def keep(self, topic: str, payload: bytes, wait_s: float = 0.0) -> bool:
        """Send it, and have the broker keep it for whoever comes later. False: no broker takes it now.

        Args:
            wait_s: blocks until the broker has confirmed it, so long at most.
        """

    @property
    def connections(self) -> int:
        """How often a broker was reached: one that restarted may have forgotten everything."""


class Message(NamedTuple):
    """One retained message."""

    topic: str
    payload: bytes


class Names(NamedTuple):
    """Where a kiosk's messages are.

    Attributes:
        base: all its topics begin with it.
        node: what tells it from every other kiosk.
        kiosk: its name, for people.
        version: of kioskd.
    """

    base: str
    node: str
    kiosk: str
    version: str

    @property
    def state(self) -> str:
        """The topic of the state."""
        return f"{self.base}/{slug(self.node)}/state"

    @property
    def availability(self) -> str:
        """The topic that says whether the kiosk is there; its last will."""
        return f"{self.base}/{slug(self.node)}/availability"

    @property
    def here(self) -> Message:
        """Said after each connect."""
        return Message(self.availability, ONLINE.encode())

    @property
    def gone(self) -> Message:
        """Said at the end, and by the broker itself when the kiosk is cut off."""
        return Message(self.availability, OFFLINE.encode())


def slug(text: str) -> str:
    """As part of a topic and of an id: letters, digits, dash and underscore (others mean something to MQTT)."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_") or "kiosk"


def _part(page: object, *names: str) -> Mapping[str, object]:
    for name in names:
        page = page.get(name) if isinstance(page, Mapping) else None
    return page if isinstance(page, Mapping) else {}


def _sentences(found: object, redact: Callable[[str], str]) -> str:
    """Redacted before it is cut: half a secret is one that nothing finds."""
    whole = redact("; ".join(map(str, found)) if isinstance(found, (list, tuple)) else "")
    return whole if len(whole) <= LONGEST_STATE else f"{whole[:LONGEST_STATE - 3]}..."


def state(page: Mapping[str, object], redact: Callable[[str], str] = lambda text: text) -> dict[str, object]:
    """What of the status page a fleet looks at: no speech, no name of a visitor, nothing that a tool was asked with.

    Args:
        redact: takes secrets out of a text.
    """
    shown = _shown(page, redact)
    return {name: redact(value) if isinstance(value, str) else value for name, value in shown.items()}


def _shown(page: Mapping[str, object], redact: Callable[[str], str]) -> dict[str, object]:
    health, usage, supply = _part(page, "health"), _part(page, "usage"), _part(page, "power", "supply")
    return {
        "healthy": health.get("ok") is True,
        "reasons": _sentences(health.get("reasons"), redact) or "all is well",
        "phase": page.get("phase"),
        "muted": page.get("muted") is True,
        "link": _part(page, "link").get("state"),
        "service": _part(page, "link").get("endpoint") or "none",
        "microphone": _part(page, "audio", "capture").get("state"),
        "speaker": _part(page, "audio", "playback").get("state"),
        "lamp": _part(page, "panel").get("lamp"),
        "power_going": _part(page, "power").get("going") is True,
        "supply_weak": supply.get("weak") is True,
        "turns": usage.get("turns", 0),
        "session_s": usage.get("session_s", 0),
        "budget": _part(usage, "budget").get("state") or "none",
        "version": page.get("version"),
        "uptime_s": page.get("uptime_s", 0),
    }


def said(names: Names, shown: Mapping[str, object]) -> Message:
    """The state as a message."""
    return Message(names.state, json.dumps(dict(shown), separators=(",", ":"), default=str).encode())


def news(before: Mapping[str, object] | None, now: Mapping[str, object]) -> bool:
    """Whether anything changed that somebody waits for."""
    if before is None:
        return True
    return any(_still(before.get(name)) != _still(value) for name, value in now.items() if name not in RESTLESS)


def _still(value: object) -> object:
    """Without seconds: a sentence that says how long something has lasted is another one with every look."""
    return re.sub(r"\b[0-9]+ s\b", "", value) if isinstance(value, str) else value


class Entity(NamedTuple):
    """One thing that Home Assistant shows.

    Attributes:
        component: ``sensor`` or ``binary_sensor``.
        field: of the state.
        name: for people.
        more: what else the discovery says of it.
        inverted: a binary sensor that is on when the field is not.
    """

    component: str
    field: str
    name: str
    more: Mapping[str, object]
    inverted: bool = False


DIAGNOSTIC: Mapping[str, object] = {"entity_category": "diagnostic"}
ENTITIES: tuple[Entity, ...] = (
    Entity("binary_sensor", "healthy", "Problem", {"device_class": "problem"}, inverted=True),
    Entity("sensor", "reasons", "Reasons", {"icon": "mdi:message-alert-outline"}),
    Entity("sensor", "phase", "Phase", {"icon": "mdi:account-voice"}),
    Entity("binary_sensor", "muted", "Muted", {"icon": "mdi:microphone-off"}),
    Entity("sensor", "link", "Link", {"icon": "mdi:cloud-outline"}),
    Entity("sensor", "service", "Service", DIAGNOSTIC),
    Entity("sensor", "microphone", "Microphone", DIAGNOSTIC),
    Entity("sensor", "speaker", "Speaker", DIAGNOSTIC),
    Entity("sensor", "lamp", "Lamp", DIAGNOSTIC),
    Entity("binary_sensor", "power_going", "Power going", {"device_class": "problem"}),
    Entity("binary_sensor", "supply_weak", "Supply weak", {"device_class": "problem", **DIAGNOSTIC}),
    Entity("sensor", "turns", "Turns", {"state_class": "total_increasing", "icon": "mdi:counter"}),
    Entity(
        "sensor",
        "session_s",
        "Session time",
        {"state_class": "total_increasing", "device_class": "duration", "unit_of_measurement": "s"},
    ),
    Entity("sensor", "budget", "Budget", {"icon": "mdi:wallet-outline"}),
    Entity("sensor", "uptime_s", "Uptime", {"device_class": "duration", "unit_of_measurement": "s", **DIAGNOSTIC}),
)


def discovery(names: Names, prefix: str) -> Iterator[Message]:
    """What makes Home Assistant show the kiosk by itself."""
    node = slug(names.node)
    device = {
        "identifiers": [node],
        "name": names.kiosk,
        "manufacturer": "kioskd",
        "model": "voice kiosk",
        "sw_version": names.version,
    }
    for entity in ENTITIES:
        value = f"value_json.{entity.field}"
        if entity.component == "binary_sensor":
            on, off = ("OFF", "ON") if entity.inverted else ("ON", "OFF")
            value = f"'{on}' if {value} else '{off}'"
        config = {
            "name": entity.name,
            "unique_id": f"{node}_{entity.field}",
            "object_id": f"{slug(names.kiosk).lower()}_{entity.field}",
            "state_topic": names.state,
            "value_template": f"{{{{ {value} }}}}",
            "availability_topic": names.availability,
            "payload_available": ONLINE,
            "payload_not_available": OFFLINE,
            "device": device,
            **entity.more,
        }
        topic = f"{prefix}/{entity.component}/{node}/{entity.field}/config"
        yield Message(topic, json.dumps(config, separators=(",", ":")).encode())


def forgotten(names: Names, prefix: str) -> Iterator[Message]:
    """What takes the kiosk out of Home Assistant again: empty retained messages."""
    return (Message(one.topic, b"") for one in discovery(names, prefix))
