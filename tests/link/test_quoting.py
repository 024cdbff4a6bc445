"""The journal gets a code; a visitor's words it gets at DEBUG only."""

from __future__ import annotations

import logging

import pytest

from kioskd.link.quoting import told


@pytest.mark.parametrize(("code", "shown"), [("bad_input", "bad_input"), ("", "error"), ("Anna said so", "unnamed")])
def test_a_text_is_told_at_debug_only(code: str, shown: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert told(logging.WARNING, "hydra", "warns", code, "you said: my name is Anna") == shown
    loud = [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG]
    assert loud == [f"< hydra warns {shown}"] and "my name is Anna" in caplog.text
