"""The shapes by which rooms meet are met by the real things."""

from __future__ import annotations

import inspect

from kioskd.actions.relay import Relay
from kioskd.core.ports import InputLine, LampLine, RelayLine
from kioskd.lines.lines import open_lines


def test_simulated_lines_have_the_shapes_that_the_rooms_ask_for(tmp_path: object) -> None:
    lines = open_lines("simulated", str(tmp_path))
    try:
        relay: RelayLine = lines.relay("GPIO27", "high")
        sensor: InputLine = lines.input("GPIO6", "up")
        lamp: LampLine = lines.lamp(None, "GPIO22", "GPIO23", "GPIO24", "high")
        relay.on()
        assert relay.is_on and relay.name == "GPIO27"
        relay.off()
        relay.off()
        assert not relay.is_on and isinstance(sensor.active, bool)
        lamp.set(1.0, 0.0, 0.0)
    finally:
        lines.close()


def test_a_relay_takes_its_line_by_the_port() -> None:
    assert "line" in inspect.signature(Relay.__init__).parameters
