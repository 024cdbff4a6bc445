"""How the service is set up: frozen, from the command line or from whoever embeds it."""

from __future__ import annotations

from dataclasses import dataclass, field

from kioskd.voice.faults import Faults


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of the service.

    Attributes:
        token: what a client must send as ``api_key`` or as Bearer token; None: nothing is asked for (loopback only).
        voice: espeak-ng voice of the answers.
        words_per_minute: espeak-ng speed of the answers.
        max_sessions: more at once are refused with server_full.
        max_frame_bytes: a larger message closes the connection (1009).
        longest_turn_ms: a turn is ended after this long.
        flood_ms: so far may audio run ahead of real time (a stalled network delivers seconds at once).
        outbox_bytes: a client that leaves more than this unread is let go (1008).
        faults: switches (see faults.py).
    """

    token: str | None = field(default=None, repr=False)
    # Of 8 voices at 5 speeds the one whose fifteen sentences an independent recogniser told apart without a mistake
    # (15 of 15, and 0 of 6 other sentences taken for one of them); en-us gave 13, en-us+f3 15 with 1 of 6.
    voice: str = "en-gb"
    words_per_minute: int = 140
    max_sessions: int = 4
    # The largest legitimate frame is a configuration of 32 kB; the rest is a margin.
    max_frame_bytes: int = 1 << 20
    longest_turn_ms: int = 20_000
    flood_ms: int = 3_000
    # A whole answer of half a minute at 48 kHz in base64 is 4 MB.
    outbox_bytes: int = 8 << 20
    faults: Faults = field(default_factory=Faults)
