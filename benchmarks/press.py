"""From the edge of the talk button to LISTENING, in a whole kiosk with its sound devices running.

A kiosk (house.py) in push-to-talk on simulated pins: each edge is stamped in the driver's thread, as the kernel stamps
those of a real line; the end is when the machine listens and every effect of it (feed, lamp, session) was carried out.
``panel.talk.glitch_ms`` is part of it: the kiosk waits that long to tell a hand from interference.
"""

from __future__ import annotations

import random
import time
from typing import Mapping

from benchmarks.figure import Measured, ProbeFailed
from benchmarks.host import often
from benchmarks.house import Kiosk, kiosk
from benchmarks.peer import Peer
from benchmarks.sound import sound
from benchmarks.stalls import Span, Stalls, undisturbed
from kioskd.config.panel import Button

PRESSES = 100
FIRST = 2  # what is loaded and made once, and the way to the service
HELD_S = 0.05
# Beyond debounce_ms, and never in step with the devices' periods of 10 ms.
REST_S = (0.1, 0.2)
PATIENCE_S = 5.0


def press_ms() -> Mapping[str, Measured]:
    """Many presses, at any moment of a period."""
    moments = random.Random(7)
    with sound() as devices, Peer() as peer, kiosk(peer.url, devices, {"talk": {"mode": "push_to_talk"}}) as running:
        with Stalls() as stalls:
            samples = [pressed(running, moments) for _ in range(often(PRESSES, 3) + FIRST)]
        why = devices.why
    took = undisturbed(samples[FIRST:], stalls)
    glitch_ms = Button(pin="GPIO17").glitch_ms
    story = (
        f"edge to listening, p99 of the undisturbed of {len(samples) - FIRST} (median {took.median:.1f} ms), "
        f"{glitch_ms} ms for glitch_ms"
    )
    return {"press_ms": Measured(took.p99, story, {"devices": why, **took.detail, "glitch_ms": glitch_ms})}


def pressed(running: Kiosk, moments: random.Random) -> Span:
    """One press and its release; from the edge to listening."""
    running.ask("press")
    rows = [row for row in running.events("Pressed", PATIENCE_S) if row["kind"] == "Pressed"]
    if len(rows) != 1 or rows[0]["phase"] != "listening":
        raise ProbeFailed(f"a press did not make the kiosk listen: {rows}")
    time.sleep(HELD_S)
    running.ask("release")
    time.sleep(moments.uniform(*REST_S))
    return Span(float(rows[0]["at"]), float(rows[0]["now"]))
