"""Small programs of the system."""

from __future__ import annotations

import sys

import pytest

from kioskd.checkup import programs
from kioskd.checkup.programs import said


def test_what_a_program_prints_is_had() -> None:
    assert said((sys.executable, "-c", "print('on')")) == "on\n"


def test_one_that_is_missing_fails_or_hangs_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(("/nonexistent/iw", "dev")) is None
    assert said((sys.executable, "-c", "raise SystemExit(1)")) is None
    monkeypatch.setattr(programs, "LONGEST_S", 0.05)
    assert said((sys.executable, "-c", "__import__('time').sleep(9)")) is None
