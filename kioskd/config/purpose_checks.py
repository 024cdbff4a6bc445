"""What kioskd must not be relied on for, said where a configuration looks as if it were."""

from __future__ import annotations

import re
from typing import Iterator

from kioskd.config.findings import Finding, Lines
from kioskd.config.sections import Config

# Whole words of the languages that the services speak best; a kiosk *in* a lift is fine, its alarm is not.
LIFT = re.compile(r"\b(lift|elevator|aufzug|fahrstuhl|ascenseur|ascensor|ascensore)s?\b", re.IGNORECASE)
EMERGENCY = re.compile(
    r"\b(emergency|emergencies|trapped|rescue|sos|(?:call|dial|ring) (?:911|112|999)"
    r"|notruf|notfall|urgence|emergencia|emergenza)\b",
    re.IGNORECASE,
)
SENTENCE = (
    "speaks of emergencies: a kiosk needs power, a network and a service that may all be gone, and no model may "
    "decide whether a call for help is one. Keep a certified emergency call beside it"
)
FOR_LIFTS = "; a lift must not use kioskd as its emergency call: EN 81-28 says what that needs, and this is not it"


def purpose(config: Config, lines: Lines) -> Iterator[Finding]:
    """A warning for each key that promises help in an emergency."""
    said = [("kiosk.name", config.kiosk.name), ("persona.instructions", config.persona.instructions)]
    for at, tool in enumerate(config.tools):
        said.append(
            (f"tools[{at}].description", " ".join((tool.description, *tool.phrases, tool.name.replace("_", " "))))
        )
    in_lift = any(LIFT.search(text) for _, text in said)
    for key, text in said:
        if EMERGENCY.search(text):
            yield Finding(key, SENTENCE + (FOR_LIFTS if in_lift else ""), warning=True)
