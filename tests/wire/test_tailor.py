"""An owner's changes of a dialect."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.wire.dialects import DIALECTS
from kioskd.wire.errors import LocalError
from kioskd.wire.profile import Profile
from kioskd.wire.tailor import FIXED, mistakes_of, tailored

OPENAI = DIALECTS["openai"]


def test_a_service_of_ones_own_is_a_dialect_with_changes() -> None:
    changes = {
        "auth_header": "X-Token",
        "auth_scheme": "",
        "extra_headers": {"X-Project-Id": "p1"},
        "query": {"region": "eu"},
        "created_events": ["hello", "session.created"],
        "session_extra": {"temperature": 0.8, "audio": {"output": {"speed": 1.1}}},
        "in_rate_hz": 16000,
        "catch_up": 1,
        "out_rate_by_model": {"m": 48000},
        "turns": "manual",
        "needs_key": False,
    }
    mine = tailored(OPENAI, changes)
    assert (mine.auth_header, mine.created_events, mine.in_rate_hz) == ("X-Token", ("hello", "session.created"), 16000)
    assert mine.out_rate_of("m") == 48000 and mine.turns == "manual" and mine.name == "openai"
    assert tailored(OPENAI, {}) == OPENAI


@pytest.mark.parametrize(
    "key, value, sentence",
    [
        ("in_rate", 16000, "is no part of a dialect; did you mean in_rate_hz?"),
        ("zzz", 1, "is no part of a dialect; the parts are needs_key, auth, auth_param"),
        ("in_rate_hz", "16k", "must be a whole number"),
        ("in_rate_hz", True, "must be a whole number"),
        ("in_rate_hz", 96000, "is 96000, but must be from 8000 to 48000"),
        ("catch_up", 0.5, "is 0.5, but must be from 1 to 4"),
        ("session_max_s", -1, "is -1, but must be 0 or more"),
        ("session_max_s", float("inf"), "is inf, but must be from 0 to 86400"),
        ("session_max_s", 10**400, "is far beyond that, but must be from 0 to 86400"),
        ("chunk_ms", 10**400, "is far beyond that, but must be from 20 to 20"),
        ("tool_debounce_ms", 10**9, "but must be from 0 to 10000"),
        ("in_rate_hz", 16001, "is 16001, but must be a multiple of 25"),
        ("out_rate_by_model", {"m": -5}, "is -5, but must be from 8000 to 48000"),
        ("out_rate_by_model", {"m": 47999}, "is 47999, but must be a multiple of 25"),
        ("fatal_http", [401, -5], "is -5, but must be from 100 to 599"),
        ("fatal_close", [4], "is 4, but must be from 1000 to 4999"),
        ("auth_header", "Authorization\r\nX", "is not one word that HTTP can carry"),
        ("auth_header", "", "must not be empty"),
        ("auth_scheme", "Bearer\r\nX: y", "is not one word that HTTP can carry"),
        ("auth_param", "", "must not be empty"),
        ("subprotocols", ["my proto", "{api_key}"], "holds 'my proto', which a subprotocol cannot carry"),
        ("benign_messages", ["no active", ""], "must not hold an empty text"),
        ("created_events", ["error"], "cannot be error, which means something else"),
        ("session_extra", {"a": float("nan")}, "holds what JSON cannot"),
        ("auth", "cookie", "is 'cookie', but must be query or header or subprotocol or none"),
        ("session_shape", "cubist", "is 'cubist', but must be hydra or flat or hybrie or ga or xai"),
        ("created_events", "hello", "must be a list of text"),
        ("fatal_close", ["1008"], "must be a list of whole numbers"),
        ("query", ["a"], "must be a group of keys"),
        ("query", {"region": 1}, "region: must be text"),
        ("truncates", "maybe", "must be true or false"),
        ("extra_headers", {"Authorization": "Bearer x"}, "which never stands in this file; say with service.key"),
        ("query", {"api_key": "x"}, "which never stands in this file; say with service.key"),
        ("extra_headers", {"X P": "x"}, "HTTP cannot carry"),
        ("name", "mine", "is the dialect's own"),
        ("url", "wss://h", "stands in service.url"),
        ("ready_events", [], "name the event that says that the session is ready"),
        ("created_events", [], "or set configure_on: open"),
        ("auth", "subprotocol", "must hold {api_key}"),
        ("turn_modes", ["manual"], "turn_modes says what it can"),
    ],
)
def test_every_mistake_is_a_sentence(key: str, value: Any, sentence: str) -> None:
    (mistake,) = mistakes_of(OPENAI, {key: value})
    assert sentence in mistake.sentence
    with pytest.raises(LocalError, match="^openai: profile"):
        tailored(OPENAI, {key: value})


def test_all_mistakes_are_told_at_once() -> None:
    assert [mistake.key for mistake in mistakes_of(OPENAI, {"a": 1, "catch_up": 9, "chunk_ms": 20})] == [
        "a",
        "catch_up",
    ]


KEYS = st.sampled_from(sorted(set(Profile.__dataclass_fields__) - set(FIXED))) | st.text(max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=3))
def test_whatever_is_written_is_a_profile_or_a_sentence(changes: dict[str, Any]) -> None:
    try:
        assert isinstance(tailored(OPENAI, changes), Profile)
    except LocalError as error:
        assert str(error)
