"""What a session can be told, and when."""

from __future__ import annotations

import json
from typing import Any, Callable

import pytest

from kioskd.wire.dialects import DIALECTS
from kioskd.wire.errors import LocalError
from kioskd.wire.session import Session, SessionState
from kioskd.wire.shapes import Setup

SETUP = Setup(instructions="", voice=None, tools=(), greet=False, model="", out_rate_hz=None)
WORDS: list[Callable[[Session], Any]] = [
    lambda session: session.append(bytes(640)),
    lambda session: session.tool_output("c", "{}"),
    lambda session: session.text("t"),
    lambda session: session.create_response(),
    lambda session: session.cancel("r"),
    lambda session: session.truncate("r", 1),
    lambda session: session.commit(),
    lambda session: session.clear(),
]


def live(name: str) -> Session:
    session = Session(DIALECTS[name], SETUP)
    session.press_on()
    session.press_on()
    assert session.state is SessionState.LIVE
    session.outgoing(), session.facts()
    return session


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("word", range(len(WORDS)))
def test_nothing_is_said_before_the_session_is_live(name: str, word: int) -> None:
    with pytest.raises(LocalError, match="takes no"):
        WORDS[word](Session(DIALECTS[name], SETUP))
    WORDS[word](live(name))


def hear(session: Session, item: str, size_bytes: int, response: str = "r1") -> None:
    import base64

    delta = base64.b64encode(bytes(size_bytes)).decode()
    kind = "response.output_audio.delta"
    session.receive(json.dumps({"type": kind, "response_id": response, "item_id": item, "delta": delta}))


def test_what_was_not_heard_is_truncated_item_by_item() -> None:
    """Dialects reference 4.6: all three fields, at most what came of the item."""
    session = live("openai")
    hear(session, "i1", 48_000)
    hear(session, "i2", 48_000)
    session.receive(b'{"type":"response.done","response":{"id":"r1","status":"completed"}}')
    first, second = (json.loads(frame) for frame in session.truncate("r1", 400))
    first.pop("event_id"), second.pop("event_id")
    truncated = {"type": "conversation.item.truncate", "item_id": "i1", "content_index": 0, "audio_end_ms": 400}
    assert first == truncated
    assert second == {"type": "conversation.item.delete", "item_id": "i2"}


def test_a_dialect_without_the_word_is_told_nothing() -> None:
    session = live("hydra")
    hear(session, "i1", 48_000)
    assert session.truncate("r1", 400) == []


def test_a_commit_and_a_clear_are_the_documented_frames() -> None:
    session = live("hybrie-raw")
    assert json.loads(session.commit()) == {"type": "input_audio_buffer.commit"}
    assert json.loads(session.clear()) == {"type": "input_audio_buffer.clear"}
