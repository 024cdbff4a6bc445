"""The session object, by shape."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kioskd.wire.dialects import DIALECTS
from kioskd.wire.shapes import Setup, patch_of, session_of

BARE = Setup(instructions="", voice=None, tools=(), greet=False, model="", out_rate_hz=None)


@pytest.mark.parametrize("name", DIALECTS)
def test_what_is_unset_is_not_sent(name: str) -> None:
    """Dialects reference 7: null stands for manual turns alone."""
    session = session_of(DIALECTS[name], BARE)
    assert "voice" not in session and None not in session.values()


@pytest.mark.parametrize(
    "name, place, value",
    [
        ("openai", ("audio", "input"), None),
        ("openai-beta", (), None),
        ("grok", (), None),
        ("hybrie", (), {"type": "none"}),
    ],
)
def test_manual_turns_are_asked_for_in_the_services_own_word(name: str, place: tuple[str, ...], value: object) -> None:
    """Dialects reference 3.2, 4.2."""
    session: Any = session_of(replace(DIALECTS[name], turns="manual"), BARE)
    for key in place:
        session = session[key]
    assert session["turn_detection"] == value and "turn_detection" in session


def test_an_owners_fields_are_laid_over_at_any_depth() -> None:
    extra = {"audio": {"output": {"speed": 1.2}}, "temperature": 0.8}
    session: Any = session_of(replace(DIALECTS["inworld"], session_extra=extra), replace(BARE, voice="v"))
    assert session["temperature"] == 0.8
    assert session["audio"]["output"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "voice": "v",
        "speed": 1.2,
    }


def test_a_field_that_the_service_would_not_have_is_left_out() -> None:
    assert "turn_detection" not in session_of(DIALECTS["mythicdot"], BARE, ["turn_detection"])


def test_the_owners_output_rate_is_asked_for_where_it_can_be() -> None:
    session: Any = session_of(DIALECTS["grok"], replace(BARE, out_rate_hz=48_000))
    assert session["audio"]["output"]["format"]["rate"] == 48_000


def test_new_tools_carry_the_kind_of_session_where_ga_wants_it() -> None:
    assert patch_of(DIALECTS["openai"], []) == {"type": "realtime", "tools": []}
    assert patch_of(DIALECTS["grok"], []) == {"tools": []}
