"""A small kiosk that checks clean, and ways to spoil it."""

from __future__ import annotations

import textwrap
from typing import Callable

import pytest

from kioskd.config.loader import Loaded, parse

# Line numbers matter to the tests: append below, do not insert.
KIOSK = textwrap.dedent("""\
    kiosk:
      name: Lobby
    service:
      - dialect: local
    talk:
      mode: push_to_talk
    panel:
      talk:
        pin: GPIO17
    tools:
      - name: unlock_door
        description: Unlock the door.
        phrases: [open the door]
        class: access
        action:
          relay:
            pin: GPIO27
            pulse_ms: 1000
        policy:
          allow: true
    """)

Judge = Callable[..., Loaded]


@pytest.fixture
def kiosk() -> str:
    """The text of a kiosk that checks clean."""
    return KIOSK


@pytest.fixture
def with_(kiosk: str) -> Judge:
    """``with_("old", "new", ...)``: the kiosk after these replacements, each of which must hit, and ``+`` appends."""

    def judge(*edits: str) -> Loaded:
        text = kiosk
        for old, new in zip(edits[::2], edits[1::2]):
            assert old == "+" or old in text, f"{old!r} is not in the kiosk"
            text = text + textwrap.dedent(new) if old == "+" else text.replace(old, new)
        return parse(text, "kiosk.yaml")

    return judge
