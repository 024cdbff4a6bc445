"""The configuration as frozen sections. This module (with sound.py) is the one list of keys, units, bounds and
defaults: the loader, ``kioskd config`` and the reference configuration are held to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

from kioskd.config.action import Action, RelayAction, SensorAction, StaffAction
from kioskd.config.announce import Announce, AnnounceService
from kioskd.config.budget import Budget
from kioskd.config.confirm import Confirm
from kioskd.config.metrics import Metrics
from kioskd.config.mqtt import Mqtt
from kioskd.config.option import option
from kioskd.config.panel import Button, Lamp, Panel
from kioskd.config.policy import Interlock, Lockout, Policy, Rate
from kioskd.config.power import Power
from kioskd.config.road import ServiceProxy, ServiceToken
from kioskd.config.secretref import SecretRef
from kioskd.config.session import Session
from kioskd.config.sound import Audio, Cues, Recording, Talk
from kioskd.wire.dialects import DIALECTS

# Sections that other modules take from here, wherever they are written down.
__all__ = [
    "Action",
    "Announce",
    "AnnounceService",
    "Audio",
    "Budget",
    "Button",
    "Config",
    "Confirm",
    "Cues",
    "Endpoint",
    "Interlock",
    "Kiosk",
    "Lamp",
    "Lockout",
    "Metrics",
    "Mqtt",
    "Ops",
    "Panel",
    "Persona",
    "Policy",
    "Power",
    "Rate",
    "Recording",
    "RelayAction",
    "SecretRef",
    "SensorAction",
    "ServiceProxy",
    "ServiceToken",
    "Session",
    "StaffAction",
    "Talk",
    "Tool",
    "yaml_name",
]


@dataclass(frozen=True, kw_only=True)
class Kiosk:
    """Who this box is."""

    name: str = option("name of this kiosk, shown in status and sent to staff", "kiosk", applies="live")
    settle_s: float = option("nothing moves in the first seconds after start", 2.0, low=0.5, high=60)
    time_zone: str | None = option(
        "of every schedule, as Europe/Berlin; default: the zone of this machine", None, applies="live"
    )
    lockout: Lockout = option(
        "lock-out of everything that moves, after refusals of any tool",
        Lockout(refusals=30, per_s=60.0, for_s=300.0),
        applies="live",
    )


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One service. The first healthy one serves."""

    dialect: str = option(f"how the service speaks: {', '.join(DIALECTS)}", applies="session")
    url: str | None = option("address; default: the dialect's own", None, applies="session")
    model: str | None = option("model tag; default: the dialect's own", None, applies="session")
    voice: str | None = option("voice name; Hydra answers an unknown one with an error", None, applies="session")
    key: SecretRef | None = option("where the API key lies", None, applies="session")
    token: ServiceToken | None = option("short-lived access tokens instead of a key", None, applies="session")
    auth: str | None = option(
        "how the key is sent; default: the dialect's own way",
        None,
        choices=("query", "header", "subprotocol"),
        applies="session",
    )
    profile: Mapping[str, object] = option(
        "changes of the dialect, for a service that speaks it a little differently", {}, applies="session"
    )
    proxy: ServiceProxy | None = option("the way there; default: HTTPS_PROXY and NO_PROXY", None, applies="session")
    out_rate_hz: int | None = option(
        "rate of the answer when the service does not name one", None, low=8000, high=48000, applies="session"
    )
    compress: bool = option(
        "compress what goes over the line: for one that is paid by the byte; costs some CPU", False, applies="session"
    )
    connect_timeout_s: float = option("TCP, TLS and upgrade together", 10.0, low=0.2, high=60, applies="session")
    handshake_timeout_s: float = option("each of the two handshake frames", 10.0, low=0.2, high=60, applies="session")
    session_max_s: float | None = option(
        "the service ends a session after this long; default: the dialect's own",
        None,
        low=30,
        high=86400,
        applies="session",
    )


@dataclass(frozen=True, kw_only=True)
class Persona:
    """Who the visitor talks to."""

    instructions: str = option(
        "system prompt",
        "You are the voice of a reception kiosk. Answer in one short sentence. "
        "Call a tool whenever the visitor asks for what it does, and say what its result says.",
        applies="session",
    )
    greet: bool = option("the model speaks first when a person opens the conversation", False, applies="session")


@dataclass(frozen=True, kw_only=True)
class Tool:
    """Something that the model may ask for."""

    name: str = option("what the model calls it: letters, digits, underscore", applies="live")
    description: str = option("when to call it, for the model", applies="live")
    phrases: tuple[str, ...] = option(
        "what a visitor might say; the local voice service hears these", (), applies="live"
    )
    parameters: Mapping[str, object] = option("JSON Schema of the arguments", {}, applies="live")
    class_: str = option(
        "read, notify, actuate or access", choices=("read", "notify", "actuate", "access"), applies="live"
    )
    action: Action = option("what it does; exactly one of these")
    policy: Policy = option("when it may", Policy(), applies="live")
    say_done: str = option("spoken when it was done", "Done.", applies="live")
    say_failed: str = option("spoken when it could not be done", "Sorry, that did not work.", applies="live")
    answer_within_s: float = option(
        "when it takes longer, the model is told so after this long, and of the result when it is there",
        4.0,
        low=0.5,
        high=60,
        applies="live",
    )
    dry_run: bool = option("a trial: everything is judged, confirmed and written down, and nothing moves", False)


@dataclass(frozen=True, kw_only=True)
class Ops:
    """Where things are kept, and what is told."""

    state_dir: str = option("ledger and what must survive a restart; default: $STATE_DIRECTORY", "/var/lib/kioskd")
    runtime_dir: str = option("control sockets and pin facts; default: $RUNTIME_DIRECTORY", "/run/kioskd")
    log_level: str = option("journal level", "info", choices=("debug", "info", "warning", "error"), applies="live")
    timeline: str | None = option("also write every note to this file, one JSON object a line", None)
    wire_log: str | None = option("also write every frame, without its audio, to this file", None)


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole file."""

    kiosk: Kiosk = option("this box", Kiosk())
    service: tuple[Endpoint, ...] = option("services in order of preference", (Endpoint(dialect="local"),))
    persona: Persona = option("the voice's character", Persona())
    talk: Talk = option("when the visitor is heard", Talk())
    audio: Audio = option("microphone and speaker", Audio())
    announce: Announce = option("announcements, and cues that are spoken", Announce())
    panel: Panel = option("buttons, contacts, lamp, mute", Panel())
    confirm: Confirm = option("codes, and people elsewhere, that confirm what tools may do", Confirm())
    tools: tuple[Tool, ...] = option("what the model may ask for", ())
    session: Session = option("when a session is open, and how long", Session())
    budget: Budget = option("how much may be used, and what happens when it is", Budget())
    mqtt: Mqtt | None = option("a broker of the house", None)
    metrics: Metrics = option("figures for a fleet's eyes", Metrics())
    power: Power = option("when the supply goes", Power())
    ops: Ops = option("where things are kept", Ops())


def yaml_name(field_name: str) -> str:
    """The key's name in the file: ``class_`` is written ``class``."""
    return field_name.rstrip("_")
