"""What a conversation has of the world around it, in one bundle."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable

from kioskd.config.sections import Session, Talk
from kioskd.core.events import Event
from kioskd.core.ports import Trace
from kioskd.lanes import Chunk, PlaybackLane, UplinkLane
from kioskd.link.limits import Limits
from kioskd.link.memory import Memory
from kioskd.wire.facts import Ended


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything but ``ring`` is called on the loop.

    Attributes:
        report: takes events for the machine.
        ring: any thread; has the conversation look at the uplink lane, on the loop.
        on_ready: the session is configured; gets endpoint and session, before the machine hears anything of it.
        on_ended: a response ended; its status says how.
        trace: takes every frame, without audio and key, as rows of kind "wire".
        on_sent: a chunk's bytes were handed to the socket.
        on_audio: these samples were, be they speech or zeros (S16_LE mono, 16 kHz).
        memory: what was said in this conversation; None: it is not kept.
        options: how long a session lasts.
        wall: seconds since 1970, for a service that says when it will end a session.
    """

    uplink: UplinkLane
    playback: PlaybackLane
    report: Callable[[Event], object]
    ring: Callable[[], None]
    talk: Talk
    limits: Limits
    clock: Callable[[], float]
    on_ready: Callable[[str, str], None]
    on_ended: Callable[[Ended], None]
    trace: Trace | None = None
    on_sent: Callable[[Chunk], None] | None = None
    on_audio: Callable[[bytes], None] | None = None
    memory: Memory | None = None
    options: Session = Session()
    wall: Callable[[], float] = time.time
