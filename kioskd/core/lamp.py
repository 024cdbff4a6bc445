"""What the lamp shows: one priority ladder over everything the house knows. Pure, recomputed on every change.

No rung needs colour to be read: each has a rhythm of its own, so a single lamp and a colour-blind eye see the same.
No rhythm has more than three flashes in any second (WCAG 2.2, success criterion 2.3.1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, NamedTuple

from kioskd.core.words import Link, Phase


class Seen(NamedTuple):
    """What the lamp is computed from."""

    health_ok: bool
    link: Link
    mute: bool
    phase: Phase
    confirming: bool
    refused: bool
    recording: bool
    booting: bool = False


class Colour(NamedTuple):
    """Red, green and blue, each 0.0 to 1.0. The ladder uses 0 and 1 only, so no line needs PWM."""

    red: float
    green: float
    blue: float


RED = Colour(1.0, 0.0, 0.0)
GREEN = Colour(0.0, 1.0, 0.0)
BLUE = Colour(0.0, 0.0, 1.0)
YELLOW = Colour(1.0, 1.0, 0.0)
CYAN = Colour(0.0, 1.0, 1.0)
MAGENTA = Colour(1.0, 0.0, 1.0)
WHITE = Colour(1.0, 1.0, 1.0)
DARK = Colour(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Rung:
    """One thing that the lamp can say.

    Attributes:
        name: one word, shown in status.
        colour: of a lamp with three channels.
        colour_name: the same in words.
        rhythm_ms: on, off, on, off ... repeated for ever; empty: steady.
        look: the rhythm in words.
        meaning: a sentence for people.
        applies: whether this rung may be shown.
    """

    name: str
    colour: Colour
    colour_name: str
    rhythm_ms: tuple[int, ...]
    look: str
    meaning: str
    applies: Callable[[Seen], bool]


# Top first: the first rung that applies is shown. The last applies always.
# The idle rung flashes instead of glowing: a lamp that glows for ever could belong to a process that stands still,
# and two wake-ups in four seconds are all that an idle kiosk spends on it. The lengths are guesses made to be told
# apart at a glance; only the limit of three flashes a second is from a standard.
LADDER: tuple[Rung, ...] = (
    # Above all else, faults too: a lamp that hid it would break a promise to whoever stands before the kiosk. It is
    # short, and the owner who began it has the status page.
    Rung(
        "recording",
        WHITE,
        "white",
        (850, 150),
        "lit, with a short gap every second",
        "What the microphone hears is recorded for support, and stays on this box.",
        lambda seen: seen.recording,
    ),
    Rung(
        "fault",
        RED,
        "red",
        (150, 150, 150, 150, 150, 1250),
        "three short flashes, pause",
        "A part has failed; kioskctl status says which and what to do.",
        lambda seen: not seen.health_ok,
    ),
    # What a kiosk that starts looks like is its lamp's first word, before anything can be asked of it.
    Rung(
        "booting",
        WHITE,
        "white",
        (1000, 200, 200, 200, 200, 200),
        "one long and two short flashes",
        "The kiosk starts; it is ready in a moment.",
        lambda seen: seen.booting,
    ),
    Rung(
        "offline",
        YELLOW,
        "yellow",
        (150, 150, 150, 1550),
        "two short flashes, pause",
        "The voice service cannot be reached or refuses this kiosk; kioskctl status says why.",
        lambda seen: seen.link in (Link.OFFLINE, Link.REFUSED),
    ),
    Rung(
        "muted",
        MAGENTA,
        "magenta",
        (2700, 300),
        "lit, with a short gap every three seconds",
        "The microphone is closed; use the mute switch or kioskctl unmute to open it.",
        lambda seen: seen.mute,
    ),
    Rung(
        "refused",
        RED,
        "red",
        (600, 300, 600, 500),
        "two long flashes, pause",
        "What was asked for is not allowed.",
        lambda seen: seen.refused,
    ),
    Rung(
        "busy",
        YELLOW,
        "yellow",
        (150, 1850),
        "one short flash every two seconds",
        "The voice service has no room at the moment; the kiosk tries again by itself.",
        lambda seen: seen.link is Link.BUSY,
    ),
    Rung(
        "confirm",
        WHITE,
        "white",
        (500, 500),
        "even blinking, once a second",
        "Press and hold the button to confirm.",
        lambda seen: seen.confirming,
    ),
    Rung(
        "acting",
        CYAN,
        "cyan",
        (250, 250),
        "even blinking, twice a second",
        "The kiosk is doing what was asked.",
        lambda seen: seen.phase is Phase.ACTING,
    ),
    Rung(
        "speaking",
        GREEN,
        "green",
        (1000, 1000),
        "slow even blinking",
        "The kiosk speaks.",
        lambda seen: seen.phase is Phase.SPEAKING,
    ),
    Rung(
        "thinking",
        BLUE,
        "blue",
        (150, 250, 600, 250),
        "short and long flash in turn",
        "The kiosk has heard you and waits for the answer.",
        lambda seen: seen.phase is Phase.THINKING,
    ),
    Rung(
        "listening",
        BLUE,
        "blue",
        (),
        "steady",
        "The kiosk listens.",
        lambda seen: seen.phase is Phase.LISTENING,
    ),
    Rung(
        "idle",
        GREEN,
        "green",
        (100, 3900),
        "one very short flash every four seconds",
        "Ready: press the button or speak.",
        lambda seen: True,
    ),
)

_BY_NAME = {rung.name: rung for rung in LADDER}


@dataclass(frozen=True, slots=True)
class Light:
    """What the lamp shows now.

    Attributes:
        red, green, blue: 0.0 to 1.0.
        name: the rung.
        next_change: monotonic seconds at which the lamp looks different, None when it is steady.
    """

    red: float
    green: float
    blue: float
    name: str
    next_change: float | None


def light(
    health_ok: bool,
    link: Link,
    mute: bool,
    phase: Phase,
    confirming: bool,
    refused: bool,
    t: float,
    recording: bool = False,
    booting: bool = False,
) -> Light:
    """What the lamp shows at ``t`` (monotonic seconds): the topmost rung that applies, at its place in the rhythm."""
    seen = Seen(health_ok, link, mute, phase, confirming, refused, recording, booting)
    return glow(next(rung.name for rung in LADDER if rung.applies(seen)), t)


def glow(name: str, t: float) -> Light:
    """The rung of that name at ``t``: the rhythm goes on without looking at the house again."""
    rung = _BY_NAME[name]
    lit, change = _beat(rung.rhythm_ms, t)
    colour = rung.colour if lit else DARK
    return Light(colour.red, colour.green, colour.blue, rung.name, change)


def _beat(rhythm_ms: tuple[int, ...], t: float) -> tuple[bool, float | None]:
    """Whether the lamp is lit at ``t``, and when that changes."""
    if not rhythm_ms:
        return True, None
    # Whole milliseconds, and a hundredth on top: at its own ``next_change`` a float may lie a hair below the
    # boundary, and the loop would be told to come back at the time that it already is.
    now_ms = math.floor(t * 1000 + 0.01)
    into_ms = now_ms % sum(rhythm_ms)
    edge_ms = 0
    for place, length_ms in enumerate(rhythm_ms):
        edge_ms += length_ms
        if into_ms < edge_ms:
            break
    return place % 2 == 0, (now_ms - into_ms + edge_ms) / 1000
