"""Requests as the reference writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kioskd.wire.errors import LocalError
from kioskd.wire.lightning_request import Request


def test_a_request_says_what_the_reference_requires_and_leaves_out_what_is_the_default() -> None:
    frame = json.loads(Request(text="Hello.", voice="magnus").frame())
    assert frame == {
        "voice_id": "magnus",
        "text": "Hello.",
        "model": "lightning_v3.1",
        "language": "en",
        "sample_rate": 24000,
        "speed": 1.0,
        "complete_backoff_ms": 0,
    }


def test_every_field_of_the_reference_can_be_said() -> None:
    request = Request(
        text="Hi",
        voice="meher",
        model="lightning_v3.1_pro",
        more=True,
        flush=True,
        flush_after_ms=20,
        request_id="r-1",
        session_id="s.1",
        word_timestamps=True,
        number_language="hi",
        math_notation=True,
        dictionaries=("d1",),
        context_id="c",
        context_delay_ms=100,
    )
    frame = json.loads(request.frame())
    assert frame["continue"] is True and frame["flush"] is True and frame["max_buffer_flush_ms"] == 20
    assert (frame["request_id"], frame["session_id"], frame["word_timestamps"]) == ("r-1", "s.1", True)
    assert frame["number_pronunciation_language"] == "hi" and frame["math_notation"] is True
    assert frame["pronunciation_dicts"] == ["d1"] and (frame["context_id"], frame["max_buffer_delay_ms"]) == ("c", 100)
    last = json.loads(Request(text="", voice="meher", context_id="c").frame())
    assert last["continue"] is False and last["text"] == "", "so a continuation is closed"


@pytest.mark.parametrize(
    "keys",
    [
        {"voice": ""},
        {"text": ""},
        {"text": "a" * 251},
        {"language": "xx"},
        {"number_language": "xx"},
        {"rate_hz": 48_000},
        {"speed": 2.1},
        {"flush_after_ms": 1001},
        {"complete_after_ms": -1},
        {"request_id": "no spaces"},
    ],
)
def test_what_the_service_would_not_take_is_our_own_mistake(keys: dict[str, Any]) -> None:
    with pytest.raises(LocalError):
        Request(**{"text": "Hello.", "voice": "magnus", **keys})
