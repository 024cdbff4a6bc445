"""The service's settings."""

from __future__ import annotations

import dataclasses

import pytest

from kioskd.voice.options import Options


def test_a_service_as_it_comes_is_bounded_and_asks_for_no_token() -> None:
    options = Options()
    assert options.token is None and options.max_sessions < 10
    assert options.max_frame_bytes < 1 << 24 and options.outbox_bytes < 1 << 24 and options.longest_turn_ms <= 60_000


def test_settings_do_not_change_and_the_token_is_not_shown() -> None:
    options = Options(token="a-secret")
    assert "a-secret" not in repr(options)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(options, "token", None)
