"""What is kept of a call's arguments."""

from __future__ import annotations

import json

import pytest

from kioskd.actions.kept import MOST_ARGUMENT_BYTES, kept


def test_secrets_are_not_kept() -> None:
    raw = '{"floor": 2, "pin": 1234, "Password": "x", "guest": [{"door_code": "99", "name": "Ada"}]}'
    masked = {"floor": 2, "pin": "***", "Password": "***", "guest": [{"door_code": "***", "name": "Ada"}]}
    assert json.loads(kept(raw)) == masked


@pytest.mark.parametrize(("raw", "text"), [("", "{}"), ("secret 1234", "<11 characters that are not JSON>")])
def test_what_is_not_json_is_not_kept(raw: str, text: str) -> None:
    assert kept(raw) == text
    assert kept("[" * 5000) == "<5000 characters that are not JSON>"


def test_long_arguments_are_cut() -> None:
    text = kept(json.dumps({"a": "é" * 5000}))
    assert len(text.encode()) == MOST_ARGUMENT_BYTES and text.endswith("...")


def test_a_pin_is_a_secret_however_its_name_goes_on() -> None:
    assert json.loads(kept('{"pin_number": 4711, "ping": 1}')) == {"pin_number": "***", "ping": 1}
