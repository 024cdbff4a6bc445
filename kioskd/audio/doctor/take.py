"""One recorded run of the doctor, and what of its programme must be known without numpy."""

from __future__ import annotations

from typing import NamedTuple

# How long the sweep lasts, and the pause behind it, out of which the room's decay is read: RT60 of a tiled hall is
# 2 to 3 s, and 40 dB of it are asked for at most.
SWEEP_S, PAUSE_S = 3.0, 1.6


class Take(NamedTuple):
    """One run of the doctor.

    Attributes:
        raw: what the microphone heard, from before the sweep until after all of it, S16_LE mono at UPLINK_HZ.
        clean: the same after cancelling, sample by sample; None: it was not cancelled.
        raw_at: monotonic seconds of its first sample.
        played: what was written to the speaker, S16_LE mono at ``played_hz``.
        played_at: monotonic seconds at which its first sample was written.
        latency_s: what the speaker said it holds when a sample is written.
        volume: the programme was played with this gain, above 0.0.
        lost_ms: how much sound was lost while it was played; jitter counts up to 30.
    """

    raw: bytes
    clean: bytes | None
    raw_at: float
    played: bytes
    played_hz: int
    played_at: float
    latency_s: float
    volume: float = 1.0
    lost_ms: float = 0.0
