"""Which line belongs to which tool: opened at rest, told to the safe-state helper, and given to the actions."""

from __future__ import annotations

import hashlib
import os
from typing import Callable, Mapping, NamedTuple

from kioskd import __version__
from kioskd.actions.actions import Actions
from kioskd.actions.ledger import Ledger
from kioskd.bus.mqtt import Broker
from kioskd.bus.telling import client_id
from kioskd.config.action import longest_on_s
from kioskd.config.secrets import read_secret
from kioskd.config.sections import Config
from kioskd.core.policy import SETTLED
from kioskd.core.ports import InputLine, Post, RelayLine
from kioskd.lines.lines import Lines, open_lines
from kioskd.lines.naming import LineError
from kioskd.lines.released import kept
from kioskd.stating import will_of

# In ops.runtime_dir; systemd's ExecStopPost reads it when this process is gone.
FACTS = "lines.json"


class Fittings(NamedTuple):
    """What could be had.

    Attributes:
        lines: None when no line at all can be had.
        relays: by the name of their tool.
        inputs: by the name of their tool.
        contacts: by pin: what the tools' interlocks read, and what the panel watches.
        problems: a sentence for each line that could not be had; the rest of the kiosk lives without it.
        withheld: by the name of their tool, why relays that could be had are not given to the actions.
    """

    lines: Lines | None
    relays: dict[str, RelayLine]
    inputs: dict[str, InputLine]
    contacts: dict[str, InputLine]
    problems: list[str]
    withheld: dict[str, str] = {}


def fit(config: Config) -> Fittings:
    """Open the lines that the tools name. A line that cannot be had is a problem, never the end."""
    problems: list[str] = []
    relays: dict[str, RelayLine] = {}
    inputs: dict[str, InputLine] = {}
    contacts: dict[str, InputLine] = {}
    try:
        lines = open_lines(config.panel.pins, config.ops.runtime_dir)
    except LineError as error:
        return Fittings(None, relays, inputs, contacts, [str(error)])
    lines.released = kept(config.ops.state_dir)
    for tool in config.tools:
        try:
            bell = tool.action.staff.bell if tool.action.staff is not None else None
            if tool.action.relay is not None:
                relay = tool.action.relay
                relays[tool.name] = lines.relay(relay.pin, relay.active, longest_on_s(relay))
            elif bell is not None and bell.pin is not None:
                relays[tool.name] = lines.relay(bell.pin, bell.active, bell.ring_ms / 1000)
            elif tool.action.sensor is not None and tool.action.sensor.pin is not None:
                inputs[tool.name] = lines.input(tool.action.sensor.pin, tool.action.sensor.pull)
        except LineError as error:
            problems.append(f"{tool.name}: {error}")
    for watched in config.panel.contacts:
        try:
            contacts[watched.pin] = _shared(config, inputs, watched.pin) or lines.input(watched.pin, watched.pull)
        except LineError as error:
            problems.append(f"the contact {watched.name} cannot be read: {error}")
    for tool in config.tools:
        for interlock in tool.policy.interlocks:
            if interlock.pin in contacts:
                continue
            try:
                shared = _shared(config, inputs, interlock.pin)
                contacts[interlock.pin] = shared or lines.input(interlock.pin, interlock.pull)
            except LineError as error:
                problems.append(f"{tool.name} is refused: {interlock.name} cannot be read: {error}")
    withheld = _without_net(config, lines, relays)
    return Fittings(lines, relays, inputs, contacts, [*problems, *withheld.values()], withheld)


def _without_net(config: Config, lines: Lines, relays: dict[str, RelayLine]) -> dict[str, str]:
    """Tell the safe-state helper about the relays. Where that cannot be done, nobody would release them when this
    process is killed: those of ``access`` and ``actuate`` stay at rest, and are taken from ``relays``. A bell rings."""
    path = os.path.join(config.ops.runtime_dir, FACTS)
    try:
        lines.write_facts(path)
        return {}
    except OSError as error:
        why = f"{path} cannot be written ({error.strerror or error}); see ops.runtime_dir"
    taken = [tool.name for tool in config.tools if tool.class_ in SETTLED and relays.pop(tool.name, None) is not None]
    sentence = "{} is refused: the safe-state helper could not release its relay if kioskd is killed, {}"
    return {name: sentence.format(name, why) for name in taken}


def open_hands(
    config: Config, fitted: Fittings, post: Post, closes: Callable[[str, Callable[[], object]], None], end_s: float
) -> tuple[Ledger, Actions, Broker | None]:
    """Ledger, actions and the broker of the house (None: there is none), their threads started.

    Args:
        closes: takes what must be closed, in the order of opening.
        end_s: so long a thread is waited for at the end.
    """
    # Every value in effect stands in it, of secrets only where they lie; a tenth of the cost of writing it as YAML.
    digest = hashlib.sha256(repr(config).encode("utf-8", "backslashreplace")).hexdigest()
    start = {"version": __version__, "config_sha256": digest}
    ledger = Ledger(os.path.join(config.ops.state_dir, "ledger.db"), post, start=start)
    ledger.start()
    closes("ledger", lambda: ledger.stop(end_s))
    broker = _broker(config, post)
    if broker is not None:
        closes("mqtt", lambda: broker.stop(end_s))
    actions = Actions(
        config.tools,
        fitted.relays,
        fitted.inputs,
        ledger,
        post,
        config.kiosk.name,
        lambda ref: read_secret(ref, os.environ),
        contacts=fitted.contacts,
        courier=broker,
        withheld=fitted.withheld,
    )
    closes("actions", lambda: actions.stop(end_s))
    if broker is not None:
        broker.start()
    return ledger, actions, broker


def _broker(config: Config, post: Post) -> Broker | None:
    if config.mqtt is None:
        return None
    ref = config.mqtt.password
    password = None if ref is None else lambda: read_secret(ref, os.environ)
    return Broker(config.mqtt, post, password, will=will_of(config, client_id()))


def _shared(config: Config, inputs: Mapping[str, InputLine], pin: str) -> InputLine | None:
    """A line that a sensor tells the visitor about may be an interlock or a contact too: it is opened once."""
    for tool in config.tools:
        if tool.name in inputs and tool.action.sensor is not None and tool.action.sensor.pin == pin:
            return inputs[tool.name]
    return None
