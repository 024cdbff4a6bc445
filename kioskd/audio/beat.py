"""When a device is looked at, and how full a speaker's ring is kept: what stands between a sound and its ear. Pure.

A device gives and takes by the block, at a beat of its own. Whoever sleeps for as long as what is missing lasts comes
up to a block behind the beat, and stays there: measured over a sound server, a microphone was read 0 to 10 ms late,
and a speaker was written so late that its ring ran dry now and then.
"""

from __future__ import annotations

# Between two looks when the beat is missed by a little; so late is what is read or written at most.
POLL_S = 0.002
# After a look that found all there at once the next one is so much earlier: the beat is felt for, about once in ten.
CREEP_S = 0.0001
# Looks of that kind in a row prove that the beat is far: then it is sought in larger steps.
FAR_LOOKS = 12
# Polls at that pace behind the beat; what has not come by then is late, or does not come at all.
CLOSE_POLLS = 10

# Of a speaker's ring so many periods are kept full: the one that plays and the next one. New sound waits for no
# more than that, and the thread may be late by a period.
PERIODS = 2
# So long more of the ring is used after it ran dry, or nearly so twice within that time: this machine is busy, or the
# device takes larger blocks. Once may be chance, and the ring lasts another period then. Half a period more bears a
# device that takes two blocks at once (a sound server that was late), and costs half of what all of the ring does.
WARY_S = 10.0
MOST_HALVES = 2


class Beat:
    """Finds the beat of one stream. ``now``: monotonic seconds.

    Args:
        span_s: length of what is moved at each beat.

    Attributes:
        due_at: when the next look is worth it.
    """

    def __init__(self, span_s: float) -> None:
        self._span_s = span_s
        self._found = 0  # looks in a row that found all there
        self.due_at = 0.0

    def stretch(self, span_s: float) -> None:
        """From here on so much is moved at each beat."""
        self.due_at += span_s - self._span_s
        self._span_s = span_s

    def came(self, now: float, polls: int, over_s: float) -> None:
        """All was there, after so many polls behind the first look, and this much more than was asked for."""
        self._found = 0 if polls else self._found + 1
        if over_s > 0:
            self.due_at = now + max(0.0, self._span_s - over_s)
        elif polls:
            self.due_at = now + self._span_s
        else:
            # From when it was to be looked at, not from when it was: sleep ends late, and that would add up.
            began = self.due_at if now - self.due_at < self._span_s / 2 else now
            self.due_at = began + self._span_s - (CREEP_S if self._found < FAR_LOOKS else POLL_S)

    def moved(self, spans: int) -> None:
        """This once so many were moved."""
        self.due_at += (spans - 1) * self._span_s

    @staticmethod
    def pause_s(polls: int, missing_s: float) -> float:
        """How long to sleep before the look behind ``polls`` others that found ``missing_s`` missing."""
        return POLL_S if polls < CLOSE_POLLS else max(POLL_S, missing_s)


class Depth:
    """How full a speaker's ring is kept, for all streams of one device.

    Attributes:
        shallows: how often it nearly ran dry.
    """

    def __init__(self) -> None:
        self._wary_until = 0.0
        self._halves = 0  # of a period, on top, until then
        self._shallow_at = float("-inf")
        self.shallows = 0

    def room(self, ring: int, period: int, now: float) -> int:
        """Frames that must be free before the next period is written."""
        return max(period, ring - (PERIODS - 1) * period - self._more(now) * period // 2)

    def _more(self, now: float) -> int:
        return self._halves if now < self._wary_until else 0

    def seen(self, left: int, period: int, now: float) -> None:
        """The ring held ``left`` frames when the next period could be written."""
        if left < period // 2:
            self.shallows += 1
            if left <= 0 or now - self._shallow_at < WARY_S:
                self._halves = MOST_HALVES if left <= 0 else min(MOST_HALVES, self._more(now) + 1)
                self._wary_until = now + WARY_S
            self._shallow_at = now
