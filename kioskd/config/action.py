"""What a tool can do: one section for each kind of action (``tools[].action``), and how long each takes at most."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Mapping

from kioskd.config.option import option
from kioskd.config.secretref import SecretRef
from kioskd.config.sound import Cues

CUE_NAMES = tuple(field.name for field in fields(Cues))


@dataclass(frozen=True, kw_only=True)
class RelayAction:
    """Energise a line for a moment."""

    pin: str = option("GPIO27 or CHIP_LABEL:OFFSET")
    active: str = option("level that energises it", "high", choices=("high", "low"))
    held_outside: bool = option("a resistor of yours holds the line at rest while the board boots", False)
    pulse_ms: int = option("how long", 3000, low=20, high=60000)
    seconds_from: str | None = option("name of an argument that says for how many seconds, instead of pulse_ms", None)
    longest_on_ms: int | None = option(
        "it is never on for longer, whatever is asked; default: pulse_ms", None, low=20, high=600000
    )
    min_gap_s: float = option("least time between two pulses, whatever is asked", 5.0, low=0.1, high=3600)
    never_with: tuple[str, ...] = option("relay tools that are never on together with this one", ())
    apart_ms: int = option("they are off for so long before this one is energised", 500, low=0, high=60000)


@dataclass(frozen=True, kw_only=True)
class SensorAction:
    """Read a number: from a file, a line, a 1-Wire thermometer, an IIO device or a web service."""

    file: str | None = option("path of a file that holds a number", None)
    pin: str | None = option("a line; reads 1 or 0", None)
    pull: str = option("pull of the line", "up", choices=("up", "down", "none"))
    one_wire: str | None = option("a DS18B20 by its id below /sys/bus/w1/devices, or its folder; reads degrees C", None)
    iio: str | None = option("an IIO device: iio:device0, its name (bme280), or its folder", None)
    channel: str | None = option("channel of the IIO device, as in_temp", None)
    url: str | None = option("https address that answers with a number or with JSON", None)
    pointer: str | None = option("where in the JSON the number stands (RFC 6901)", None)
    time_pointer: str | None = option("where in the JSON its time stands: seconds since 1970, or ISO 8601", None)
    token: SecretRef | None = option("sent to the address as a Bearer token", None)
    lan: bool = option("http:// is allowed to a private address of this network", False)
    timeout_s: float = option("for the whole answer of the address", 4.0, low=0.2, high=30)
    scale: float = option("the number is multiplied by this", 1.0)
    offset: float = option("and this is added", 0.0)
    unit: str = option("spoken after the number", "")
    low: float = option("a reading below this is no reading", -1e9)
    high: float = option("a reading above this is no reading", 1e9)
    stale_s: float | None = option(
        "a reading older than this is no reading: by the file's time, or what the address says", None, low=1, high=86400
    )


@dataclass(frozen=True, kw_only=True)
class StaffMqtt:
    """Call over the broker of the section ``mqtt``."""

    topic: str = option("below mqtt.topic; the call is published there as JSON", "staff/call")
    timeout_s: float = option("for the broker to take it", 5.0, low=0.5, high=60)


@dataclass(frozen=True, kw_only=True)
class StaffEmail:
    """Call by e-mail."""

    host: str = option("mail server")
    port: int = option("465 for implicit TLS, 587 for starttls", 465, low=1, high=65535)
    tls: str = option("none only for a server on this device", "implicit", choices=("implicit", "starttls", "none"))
    user: str | None = option("user name, if the server wants one", None)
    password: SecretRef | None = option("where the password for it lies", None)
    from_: str = option("sender's address")
    to: tuple[str, ...] = option("addresses that are written to")
    subject: str = option("subject line; the kiosk's name follows", "A visitor needs help")
    timeout_s: float = option("for the whole delivery", 20.0, low=1, high=60)


@dataclass(frozen=True, kw_only=True)
class StaffBell:
    """Ring a bell that hangs on a line, or sound a cue at the kiosk."""

    pin: str | None = option("line of the bell's relay", None)
    active: str = option("level that rings it", "high", choices=("high", "low"))
    ring_ms: int = option("how long each ring is", 600, low=20, high=5000)
    rings: int = option("how often it rings", 2, low=1, high=10)
    pause_ms: int = option("between two rings", 400, low=20, high=5000)
    cue: str | None = option("a sound of audio.cues instead of a line", None, choices=CUE_NAMES)


@dataclass(frozen=True, kw_only=True)
class StaffAnswer:
    """Wait until somebody says that they come."""

    url: str | None = option("asked by GET until it says who answered; {answer_id} is filled in", None)
    topic: str | None = option("below mqtt.topic; whoever answers publishes there", None)
    every_s: float = option("url is asked this often", 2.0, low=0.5, high=60)
    within_s: float = option("an answer is awaited for so long", 45.0, low=1, high=180)
    say_answered: str = option("spoken when somebody answered; {name} is filled in", "{name} has answered.")
    say_nobody: str = option("spoken when nobody did", "Nobody has answered so far.")


@dataclass(frozen=True, kw_only=True)
class StaffAction:
    """Call a person: by every way that is given here."""

    url: str | None = option("webhook; https, or http on loopback", None)
    lan: bool = option("http:// is allowed to a private address of this network", False)
    timeout_s: float = option("for one attempt at the webhook", 5.0, low=0.5, high=60)
    attempts: int = option("attempts, one second apart and doubling", 3, low=1, high=10)
    token: SecretRef | None = option("sent as a Bearer token", None)
    mqtt: StaffMqtt | None = option("call over the broker of the section mqtt", None)
    email: StaffEmail | None = option("call by e-mail", None)
    bell: StaffBell | None = option("ring a bell here", None)
    page: str | None = option("announce this at the kiosk, for staff who are near", None)
    answer: StaffAnswer | None = option("wait until somebody answers, and tell the visitor who it is", None)


@dataclass(frozen=True, kw_only=True)
class HttpAction:
    """Ask a web service. Arguments go into the address and the body only, never into a header or the host."""

    url: str = option("https address; {NAME} in path or query is an argument of that name")
    method: str = option("HTTP method", "GET", choices=("GET", "POST", "PUT", "PATCH", "DELETE"))
    body: Mapping[str, object] = option("JSON that is sent; {NAME} is an argument of that name", {})
    headers: Mapping[str, object] = option("further headers, as they are", {})
    token: SecretRef | None = option("sent as a Bearer token", None)
    lan: bool = option("http:// is allowed to a private address of this network", False)
    timeout_s: float = option("for all of the service's answer", 10.0, low=0.2, high=60)
    most_kb: int = option("an answer longer than so many kB is refused", 64, low=1, high=1024)
    pointer: str | None = option("what of a JSON answer the model is told (RFC 6901); default: all of it", None)


@dataclass(frozen=True, kw_only=True)
class ProgramAction:
    """Run a program of this device. There is no shell: an argument of the model is one item, whatever it holds."""

    command: tuple[str, ...] = option("program and its arguments; an item {NAME} is the tool's argument of that name")
    user: str | None = option("user that runs it; default: the one that runs kioskd", None)
    timeout_s: float = option("it and all that it started is killed after this long", 10.0, low=0.1, high=120)
    most_kb: int = option("what it writes beyond so many kB is dropped", 16, low=1, high=1024)


@dataclass(frozen=True, kw_only=True)
class CueAction:
    """Sound one of the short local sounds."""

    name: str = option("a key of audio.cues", choices=CUE_NAMES)


@dataclass(frozen=True, kw_only=True)
class VolumeAction:
    """Set how loud the kiosk speaks; it is kept over a restart, as panel.volume says."""

    percent_from: str | None = option("name of an argument from 0 to 100", None)
    percent: float | None = option("or always this", None, low=0, high=100)
    lowest: float = option("never quieter than this percentage", 20.0, low=0, high=100)
    highest: float = option("never louder than this percentage", 100.0, low=0, high=100)


@dataclass(frozen=True, kw_only=True)
class EndAction:
    """End the conversation once the answer has been heard."""

    within_s: float = option("at the latest so long after it was asked for", 15.0, low=1, high=60)


@dataclass(frozen=True, kw_only=True)
class PluginAction:
    """A kind of action that an installed package brings (entry point group ``kioskd.actions``)."""

    kind: str = option("name of the entry point")
    settings: Mapping[str, object] = option("what the kind wants to know", {})


@dataclass(frozen=True, kw_only=True)
class Action:
    """What a tool does; exactly one."""

    relay: RelayAction | None = option("pulse a relay", None)
    sensor: SensorAction | None = option("read a sensor", None)
    staff: StaffAction | None = option("call staff", None)
    http: HttpAction | None = option("ask a web service", None)
    program: ProgramAction | None = option("run a program of this device", None)
    cue: CueAction | None = option("sound a short local sound", None)
    volume: VolumeAction | None = option("set how loud the kiosk speaks", None)
    end_conversation: EndAction | None = option("end the conversation", None)
    plugin: PluginAction | None = option("a kind that an installed package brings", None)


# A 1-Wire bus with many thermometers takes one or two seconds (0.75 s each, data sheet DS18B20), and one that has lost
# its power is asked again.
SENSOR_S = 5.0
# What the house does by itself: it takes no time.
ASIDE_S = 2.0
# What a kind of another package may take at most.
PLUGIN_S = 60.0


def kind_of(action: Action) -> str:
    """What it does, for status: ``relay``, ``plugin lift``; empty where nothing is given."""
    if action.plugin is not None:
        return f"plugin {action.plugin.kind}"
    return next((field.name for field in fields(action) if getattr(action, field.name) is not None), "")


def longest_on_s(relay: RelayAction) -> float:
    """How long a relay is on at most."""
    return (relay.longest_on_ms or relay.pulse_ms) / 1000


def webhook_s(staff: StaffAction) -> float:
    """All attempts and pauses together, when every attempt runs into its timeout."""
    return staff.timeout_s * staff.attempts + 2.0**staff.attempts


def staff_s(staff: StaffAction) -> float:
    """All ways one after another, and the wait for an answer."""
    ways = [webhook_s(staff)] if staff.url is not None else []
    if staff.mqtt is not None:
        ways.append(staff.mqtt.timeout_s)
    if staff.email is not None:
        ways.append(staff.email.timeout_s)
    if staff.bell is not None:
        ways.append(staff.bell.rings * (staff.bell.ring_ms + staff.bell.pause_ms) / 1000)
    if staff.answer is not None:
        ways.append(staff.answer.within_s + staff.answer.every_s)
    return sum(ways)


def longest_s(action: Action) -> float:
    """The action's own bound in seconds: beyond it, a margin and what it waits for others (apart.py) it hangs."""
    if action.relay is not None:
        return longest_on_s(action.relay)
    if action.sensor is not None:
        return SENSOR_S if action.sensor.url is None else action.sensor.timeout_s
    if action.staff is not None:
        return staff_s(action.staff)
    if action.http is not None:
        return action.http.timeout_s
    if action.program is not None:
        return action.program.timeout_s
    return PLUGIN_S if action.plugin is not None else ASIDE_S
