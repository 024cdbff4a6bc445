"""Whose fault is it? Theirs closes the session with a code and a sentence; ours is a bug or a bad configuration."""

from __future__ import annotations


class ProtocolError(Exception):
    """The service did what no session can survive.

    Attributes:
        code: WebSocket close code to close with (RFC 6455, 7.4.1).
        sentence: for people; holds nothing that the service sent unbounded.
    """

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(f"{sentence} (close {code})")
        self.code = code
        self.sentence = sentence


class LocalError(Exception):
    """Our own fault: audio before the session is ready, a configuration that the service would not take.

    Never raised for anything that a service sent. The message is a sentence for people and holds no key.
    """
