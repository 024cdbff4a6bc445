"""What is secret in them is not shown."""

from __future__ import annotations

from dataclasses import fields

from kioskd.core import confirm_events as ce


def test_a_key_is_never_shown() -> None:
    assert "5" not in repr(ce.KeyTyped("5", 1.0))
    assert {ce.ENTER, ce.CLEAR}.isdisjoint("0123456789ABCD")


def test_what_may_be_in_a_secret_is_marked_so() -> None:
    assert [one.name for one in fields(ce.KeyTyped) if not one.repr] == ["key"]
