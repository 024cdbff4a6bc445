"""When a session is given up, and what is said then: every wait for the service has an end. Pure."""

from __future__ import annotations

from typing import Iterator

from kioskd.link.endpoints import EndpointSetup
from kioskd.link.limits import Limits
from kioskd.link.writer import NEVER, Writer


def deadlines(
    setup: EndpointSetup, opened: bool, waiting_since: float | None, writer: Writer, heard_at: float, limits: Limits
) -> Iterator[tuple[float, str]]:
    """When (monotonic seconds), and the sentence.

    Args:
        opened: the service has opened a session.
        waiting_since: since when the next word of the handshake is awaited; None: the session is ready.
        heard_at: when the last frame came.
    """
    name = setup.name
    if waiting_since is not None:
        patience_s = setup.handshake_timeout_s
        missing = "confirm the session" if opened else "open a session"
        yield waiting_since + patience_s, f"{name} did not {missing} within {patience_s:g} s"
    if writer.stuck_since < NEVER:
        yield writer.stuck_since + limits.stuck_s, f"{name} has taken nothing for {limits.stuck_s:g} s"
    if writer.owed_since < NEVER:
        sentence = f"{name} owed an answer and was silent for {limits.reply_s:g} s"
        yield max(writer.owed_since, heard_at) + limits.reply_s, sentence
