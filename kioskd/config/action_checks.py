"""Semantic checks of what tools do (``tools[].action``); ways to reach people are judged in staff_checks."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import Any, Iterator, Mapping

from kioskd.config.action import Action, HttpAction, ProgramAction, RelayAction, SensorAction, VolumeAction
from kioskd.config.findings import Finding
from kioskd.config.keys import number, words
from kioskd.config.plugins import PluginError, held, load
from kioskd.config.secrets import LOOKS_SECRET
from kioskd.config.sections import Config, Tool
from kioskd.config.staff_checks import address, staff
from kioskd.core import pointer as json_pointer
from kioskd.core.template import PLACE, names

ACTIONS = tuple(field.name for field in fields(Action))
SOURCES = ("file", "pin", "one_wire", "iio", "url")
# What a request itself sets, or what would change where it goes and how it is read.
OWN_HEADERS = frozenset(
    "authorization host content-length content-type transfer-encoding connection idempotency-key user-agent".split()
)
# What else may be filled in, beside arguments (actions/request.py).
FILLED = frozenset(("kiosk", "call_id"))
LONGEST_ACCESS_MS = 60000

_W1 = re.compile(r"[0-9a-f]{2}-[0-9a-f]{12}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")  # RFC 9110 section 5.6.2
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


def actions(at: str, tool: Tool, config: Config) -> Iterator[Finding]:
    """Every finding about what one tool does. ``at``: the tool's path."""
    here, action = f"{at}.action", tool.action
    given = [name for name in ACTIONS if getattr(action, name) is not None]
    if len(given) != 1:
        has = f"has {words(given, 'and')}" if given else "has none"
        needs = tuple(f"{here}.{name}" for name in ACTIONS)
        yield Finding(here, f"{has}; a tool does exactly one of {words(ACTIONS)}", needs)
    if action.relay is not None:
        yield from _relay(f"{here}.relay", tool, action.relay, config)
    if action.sensor is not None:
        yield from _sensor(f"{here}.sensor", action.sensor)
    if action.staff is not None:
        yield from staff(f"{here}.staff", action.staff, config)
    if action.http is not None:
        yield from _http(f"{here}.http", tool, action.http)
    if action.program is not None:
        yield from _program(f"{here}.program", tool, action.program)
    if action.volume is not None:
        yield from _volume(f"{here}.volume", tool, action.volume)
    if action.plugin is not None:
        yield from _plugin(f"{here}.plugin", tool)


def _argument(tool: Tool, name: str, types: tuple[str, ...] = ()) -> str:
    """What is wrong with an argument that an action wants; empty when the tool has it."""
    properties = tool.parameters.get("properties")
    schema = properties.get(name) if isinstance(properties, Mapping) else None
    if not isinstance(schema, Mapping):
        return f"wants the argument '{name}', which parameters does not have"
    if types and schema.get("type") not in types:
        return f"wants the argument '{name}' as {words(types)}; write its type in parameters"
    return ""


def _places(at: str, tool: Tool, template: object, filled: frozenset[str] = frozenset()) -> Iterator[Finding]:
    for name in dict.fromkeys(names(template)):
        problem = "" if name in filled else _argument(tool, name)
        if problem:
            yield Finding(at, problem, (f"{at.split('.action')[0]}.parameters",))


def _relay(at: str, tool: Tool, relay: RelayAction, config: Config) -> Iterator[Finding]:
    if relay.pulse_ms > relay.min_gap_s * 1000:
        sentence = (
            f"{relay.pulse_ms} ms is longer than min_gap_s ({number(relay.min_gap_s)} s): "
            "pulses would run into one another; raise min_gap_s"
        )
        yield Finding(f"{at}.pulse_ms", sentence, (f"{at}.min_gap_s",))
    longest_ms = relay.longest_on_ms or relay.pulse_ms
    if longest_ms < relay.pulse_ms:
        sentence = f"{longest_ms} ms is shorter than pulse_ms ({relay.pulse_ms} ms)"
        yield Finding(f"{at}.longest_on_ms", sentence, (f"{at}.pulse_ms",))
    if tool.class_ == "access" and longest_ms > LONGEST_ACCESS_MS:
        sentence = f"what gives access is open for at most {LONGEST_ACCESS_MS} ms"
        yield Finding(f"{at}.longest_on_ms", sentence, (f"{at.split('.action')[0]}.class",))
    if relay.seconds_from is not None and (problem := _argument(tool, relay.seconds_from, ("number", "integer"))):
        yield Finding(f"{at}.seconds_from", problem)
    relays = {one.name for one in config.tools if one.action.relay is not None}
    for place, name in enumerate(relay.never_with):
        if name == tool.name:
            yield Finding(f"{at}.never_with[{place}]", "is this tool itself; name the other one")
        elif name not in relays:
            yield Finding(f"{at}.never_with[{place}]", f"there is no relay tool '{name}'", ("tools",))


def _sensor(at: str, sensor: SensorAction) -> Iterator[Finding]:
    given = [name for name in SOURCES if getattr(sensor, name) is not None]
    if len(given) != 1:
        has = f"has {words(given, 'and')}" if given else "has no source"
        yield Finding(at, f"{has}; give exactly one of {words(SOURCES)}", tuple(f"{at}.{name}" for name in SOURCES))
    if sensor.low >= sensor.high:
        sentence = f"{number(sensor.low)} is not below high ({number(sensor.high)}): no reading would count"
        yield Finding(f"{at}.low", sentence, (f"{at}.high",))
    if sensor.one_wire is not None and not (sensor.one_wire.startswith("/") or _W1.fullmatch(sensor.one_wire)):
        yield Finding(
            f"{at}.one_wire", "must be an id as ls /sys/bus/w1/devices shows it (28-0316a2797a12), or a folder"
        )
    if sensor.iio is not None and not sensor.iio.startswith("/") and "/" in sensor.iio:
        yield Finding(f"{at}.iio", "must be iio:device0, the name of a device, or a whole path")
    if len(given) == 1 and (sensor.iio is None) != (sensor.channel is None):
        sentence = "is missing; name the channel, as in_temp" if sensor.channel is None else "is for an IIO device only"
        yield Finding(f"{at}.channel", sentence, (f"{at}.iio",))
    yield from _gauge(at, sensor)
    if sensor.stale_s is not None and sensor.file is None and sensor.url is None:
        yield Finding(f"{at}.stale_s", "has no effect here: this source measures when it is asked", warning=True)
    elif sensor.stale_s is not None and (sensor.file or "").startswith("/sys/"):
        yield Finding(f"{at}.stale_s", "has no meaning here: files in /sys have no time of a measurement", warning=True)


def _gauge(at: str, sensor: SensorAction) -> Iterator[Finding]:
    if sensor.url is None:
        for name in ("pointer", "time_pointer", "token"):
            if getattr(sensor, name) is not None:
                yield Finding(f"{at}.{name}", "is for url only", (f"{at}.url",))
        return
    yield from address(f"{at}.url", sensor.url, sensor.lan)
    for name in ("pointer", "time_pointer"):
        text = getattr(sensor, name)
        if text is not None and (problem := json_pointer.problem(text)):
            yield Finding(f"{at}.{name}", problem)
    if sensor.time_pointer is not None and sensor.pointer is None:
        yield Finding(f"{at}.time_pointer", "has no effect without pointer", (f"{at}.pointer",), warning=True)


def _http(at: str, tool: Tool, http: HttpAction) -> Iterator[Finding]:
    yield from address(f"{at}.url", http.url, http.lan)
    yield from _places(f"{at}.url", tool, http.url, FILLED)
    yield from _places(f"{at}.body", tool, http.body, FILLED)
    if http.body and http.method == "GET":
        yield Finding(f"{at}.body", "a GET has no body; use method: POST, or the address", (f"{at}.method",))
    for name, value in http.headers.items():
        here = f"{at}.headers.{name}" if _HEADER.fullmatch(name) else f"{at}.headers"
        if not _HEADER.fullmatch(name):
            yield Finding(here, "is not the name of a header")
        elif name.lower() in OWN_HEADERS:
            yield Finding(here, "is set by kioskd itself; for a secret use token")
        elif isinstance(value, (dict, list)) or not str(value).isprintable() or not str(value).isascii():
            yield Finding(here, "must be one line of text, of plain ASCII characters")
        elif LOOKS_SECRET.fullmatch(str(value)):
            yield Finding(here, "looks like a secret; a secret never stands in this file: use token, and change it")
        elif PLACE.search(str(value)):
            yield Finding(here, "has an argument; arguments may stand in address and body only")
    if http.pointer is not None and (problem := json_pointer.problem(http.pointer)):
        yield Finding(f"{at}.pointer", problem)


def _program(at: str, tool: Tool, program: ProgramAction) -> Iterator[Finding]:
    here = f"{at}.command"
    if not program.command or not program.command[0].startswith("/"):
        yield Finding(here, "must begin with the whole path of a program")
    for place, item in enumerate(program.command):
        if PLACE.search(item) and not PLACE.fullmatch(item):
            sentence = "mixes an argument with other text; an argument is always one whole item"
            yield Finding(f"{here}[{place}]", sentence)
        elif place == 0 and PLACE.search(item):
            yield Finding(f"{here}[0]", "the model may not choose the program")
        elif any(character in item for character in "\0\n\r"):
            yield Finding(f"{here}[{place}]", "must be one line of text")
    yield from _places(here, tool, program.command[1:])
    if program.command[:1] and re.search(r"/(ba|da|z|k|c)?sh$", program.command[0]) and any(names(program.command)):
        sentence = "gives what the model says to a shell, which may run it; call the program itself"
        yield Finding(here, sentence, warning=True)
    if program.user is not None and not _USER.fullmatch(program.user):
        yield Finding(f"{at}.user", "is not the name of a user")
    elif program.user in ("root", "kioskd"):
        # Whoever has the daemon's own uid may stop it, or hold its lines.
        yield Finding(
            f"{at}.user", "a program that the model starts has a user of its own: make one, or leave this out"
        )


def _volume(at: str, tool: Tool, volume: VolumeAction) -> Iterator[Finding]:
    if (volume.percent is None) == (volume.percent_from is None):
        has = "neither percent nor percent_from" if volume.percent is None else "both percent and percent_from"
        yield Finding(at, f"has {has}; give exactly one of them", (f"{at}.percent", f"{at}.percent_from"))
    if volume.percent_from is not None and (problem := _argument(tool, volume.percent_from, ("number", "integer"))):
        yield Finding(f"{at}.percent_from", problem)
    if volume.lowest >= volume.highest:
        yield Finding(f"{at}.lowest", f"is not below highest ({number(volume.highest)})", (f"{at}.highest",))


def _plugin(at: str, tool: Tool) -> Iterator[Finding]:
    """What is not installed here may be installed there, and the kiosk lives without it: a warning."""
    plugin = tool.action.plugin
    assert plugin is not None
    try:
        kind = load(plugin.kind)
    except PluginError as error:
        yield Finding(f"{at}.kind", f"{error}; until then this tool cannot be run", warning=True)
        return
    try:
        held(kind, plugin.settings)
    except PluginError as error:
        yield Finding(f"{at}.settings", str(error), (f"{at}.kind",))
    wanted = kind.parameters.get("required")
    missing = [name for name in wanted if _argument(tool, str(name))] if isinstance(wanted, list) else []
    if missing:
        yield Finding(f"{at.split('.action')[0]}.parameters", _example(plugin.kind, missing, kind.parameters))


def _example(kind: str, missing: list[Any], parameters: Mapping[str, object]) -> str:
    return f"the kind {kind} wants {words([str(name) for name in missing], 'and')}; write {json.dumps(parameters)}"
