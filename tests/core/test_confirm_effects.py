"""What is secret in them is not shown."""

from __future__ import annotations

from kioskd.core import confirm_effects as cf
from kioskd.core.effects import Effect
from kioskd.core.words import CallKey


def test_a_code_is_never_shown() -> None:
    assert "4711" not in repr(cf.CheckCode(CallKey("e", "s", "c"), 1, "4711"))


def test_all_of_them_are_effects() -> None:
    for kind in (cf.ListenToKeys, cf.CheckCode, cf.AskStaff, cf.ForgetStaff):
        assert issubclass(kind, Effect)
