"""Which line belongs to which tool: opened at rest, told to the safe-state helper, and given to the actions."""

from __future__ import annotations

import hashlib
import os
from typing import Callable, Mapping, NamedTuple

from kioskd import __version__
from kioskd.actions.actions import Actions
from kioskd.actions.ledger import Ledger
from kioskd.config.secrets import read_secret
from kioskd.config.sections import Config, Interlock
from kioskd.core.ports import InputLine, Post, RelayLine
from kioskd.lines.lines import Lines, open_lines
from kioskd.lines.naming import LineError

# In ops.runtime_dir; systemd's ExecStopPost reads it when this process is gone.
FACTS = "lines.json"


class Fittings(NamedTuple):
    """What could be had.

    Attributes:
        lines: None when no line at all can be had.
        relays: by the name of their tool.
        inputs: by the name of their tool.
        contacts: by pin: what the tools' interlocks read.
        problems: a sentence for each line that could not be had; the rest of the kiosk lives without it.
    """

    lines: Lines | None
    relays: dict[str, RelayLine]
    inputs: dict[str, InputLine]
    contacts: dict[str, InputLine]
    problems: list[str]


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
    for tool in config.tools:
        try:
            if tool.action.relay is not None:
                relays[tool.name] = lines.relay(tool.action.relay.pin, tool.action.relay.active)
            elif tool.action.sensor is not None and tool.action.sensor.pin is not None:
                inputs[tool.name] = lines.input(tool.action.sensor.pin, tool.action.sensor.pull)
        except LineError as error:
            problems.append(f"{tool.name}: {error}")
    for tool in config.tools:
        for interlock in tool.policy.interlocks:
            if interlock.pin in contacts:
                continue
            try:
                contacts[interlock.pin] = _contact(config, inputs, lines, interlock)
            except LineError as error:
                problems.append(f"{tool.name} is refused: {interlock.name} cannot be read: {error}")
    try:
        lines.write_facts(os.path.join(config.ops.runtime_dir, FACTS))
    except OSError as error:
        problems.append(f"the safe-state helper cannot be told about the relays: {error}")
    return Fittings(lines, relays, inputs, contacts, problems)


def open_hands(
    config: Config, fitted: Fittings, post: Post, closes: Callable[[str, Callable[[], object]], None], end_s: float
) -> tuple[Ledger, Actions]:
    """Ledger and actions, the ledger's thread started.

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
    actions = Actions(
        config.tools,
        fitted.relays,
        fitted.inputs,
        ledger,
        post,
        config.kiosk.name,
        lambda ref: read_secret(ref, os.environ),
        contacts=fitted.contacts,
    )
    closes("actions", lambda: actions.stop(end_s))
    return ledger, actions


def _contact(config: Config, inputs: Mapping[str, InputLine], lines: Lines, interlock: Interlock) -> InputLine:
    """A line that a sensor tells the visitor about may be an interlock too: it is opened once."""
    for tool in config.tools:
        if tool.name in inputs and tool.action.sensor is not None and tool.action.sensor.pin == interlock.pin:
            return inputs[tool.name]
    return lines.input(interlock.pin, interlock.pull)
