"""What the kiosk of a play can do: two relays that want a finger, a forbidden one, and two things that just run."""

from __future__ import annotations

from kioskd.config.sections import Action, Config, Policy, Rate, RelayAction, SensorAction, StaffAction, Talk, Tool
from kioskd.core.phrases import describe

OFTEN = Rate(count=1000, per_s=1.0)
_RELAY = RelayAction(pin="GPIO27", pulse_ms=500, min_gap_s=0.1)
_ROOM = {"type": "object", "properties": {"room": {"type": "string"}, "times": {"type": "integer", "maximum": 9}}}
TOOLS = (
    Tool(
        name="unlock_door",
        description="Unlock the front door.",
        phrases=("unlock the front door", "open the door"),
        class_="access",
        action=Action(relay=_RELAY),
        policy=Policy(allow=True, confirm="button", hold_ms=100, confirm_s=120, fresh_s=600, rate=OFTEN),
    ),
    Tool(
        name="open_gate",
        description="Open the gate.",
        parameters=_ROOM,
        class_="actuate",
        action=Action(relay=_RELAY),
        policy=Policy(allow=True, confirm="button", hold_ms=100, confirm_s=120, fresh_s=600, rate=OFTEN),
    ),
    Tool(
        name="sound_siren",
        description="Never.",
        class_="actuate",
        action=Action(relay=_RELAY),
        policy=Policy(allow=False, confirm="none", rate=OFTEN),
    ),
    Tool(
        name="read_temperature",
        description="Read the temperature.",
        phrases=("what is the temperature",),
        parameters=_ROOM,
        class_="read",
        action=Action(sensor=SensorAction(file="/nowhere")),
        policy=Policy(allow=True, rate=OFTEN),
    ),
    Tool(
        name="call_staff",
        description="Call a person.",
        class_="notify",
        action=Action(staff=StaffAction(url="https://staff.example/bell")),
        policy=Policy(allow=True, confirm="none", fresh_s=600, rate=OFTEN),
    ),
)
DECLARED = tuple(
    {
        "type": "function",
        "name": tool.name,
        "description": describe(tool.description, tool.phrases),
        "parameters": dict(tool.parameters) or {"type": "object", "properties": {}},
    }
    for tool in TOOLS
)
CONFIG = Config(talk=Talk(mode="voice"), tools=TOOLS)
MOVES = {tool.name for tool in TOOLS if tool.action.relay is not None}
