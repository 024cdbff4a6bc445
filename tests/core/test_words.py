"""The vocabulary says what it means."""

from __future__ import annotations

import enum

from kioskd.core import words
from kioskd.core.words import CallKey


def test_states_are_written_in_lower_case_and_are_distinct() -> None:
    for kind in vars(words).values():
        if isinstance(kind, type) and issubclass(kind, enum.Enum) and kind is not enum.Enum:
            values = [state.value for state in kind]
            assert len(values) == len(set(values)) and all(value == value.lower() for value in values)


def test_a_call_is_the_same_call_only_with_all_three_parts() -> None:
    key = words.CallKey("hydra-1", "s", "c")
    assert str(key) == "hydra-1/s/c"
    assert len({key, key._replace(endpoint="local-2"), key._replace(session="t"), key._replace(call_id="d")}) == 4


def test_no_two_calls_look_the_same_however_a_service_names_them() -> None:
    """Timers are named by a call's key."""
    keys = [
        CallKey("e", *names) for names in (("a/b", "c"), ("a", "b/c"), ("a%2Fb", "c"), ("", "a/b/c"), ("a", "b%2Fc"))
    ]
    assert len({str(key) for key in keys}) == len(keys)
    assert str(CallKey("hydra-1", "sess_1", "call_1")) == "hydra-1/sess_1/call_1"
