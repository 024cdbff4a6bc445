"""Which line belongs to which tool: relays and sensor inputs, opened at rest, and told to the safe-state helper."""

from __future__ import annotations

import os
from typing import NamedTuple

from kioskd.config.sections import Config
from kioskd.core.ports import InputLine, RelayLine
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
        problems: a sentence for each line that could not be had; the rest of the kiosk lives without it.
    """

    lines: Lines | None
    relays: dict[str, RelayLine]
    inputs: dict[str, InputLine]
    problems: list[str]


def fit(config: Config) -> Fittings:
    """Open the lines that the tools name. A line that cannot be had is a problem, never the end."""
    problems: list[str] = []
    relays: dict[str, RelayLine] = {}
    inputs: dict[str, InputLine] = {}
    try:
        lines = open_lines(config.panel.pins, config.ops.runtime_dir)
    except LineError as error:
        return Fittings(None, relays, inputs, [str(error)])
    for tool in config.tools:
        try:
            if tool.action.relay is not None:
                relays[tool.name] = lines.relay(tool.action.relay.pin, tool.action.relay.active)
            elif tool.action.sensor is not None and tool.action.sensor.pin is not None:
                inputs[tool.name] = lines.input(tool.action.sensor.pin, tool.action.sensor.pull)
        except LineError as error:
            problems.append(f"{tool.name}: {error}")
    try:
        lines.write_facts(os.path.join(config.ops.runtime_dir, FACTS))
    except OSError as error:
        problems.append(f"the safe-state helper cannot be told about the relays: {error}")
    return Fittings(lines, relays, inputs, problems)
