"""The vocabulary says what it means."""

from __future__ import annotations

import enum

from kioskd.core import words


def test_states_are_written_in_lower_case_and_are_distinct() -> None:
    for kind in vars(words).values():
        if isinstance(kind, type) and issubclass(kind, enum.Enum) and kind is not enum.Enum:
            values = [state.value for state in kind]
            assert len(values) == len(set(values)) and all(value == value.lower() for value in values)


def test_a_call_is_the_same_call_only_with_all_three_parts() -> None:
    key = words.CallKey("hydra-1", "s", "c")
    assert str(key) == "hydra-1/s/c"
    assert len({key, key._replace(endpoint="local-2"), key._replace(session="t"), key._replace(call_id="d")}) == 4
