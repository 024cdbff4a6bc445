"""What a flood may write: so much at once, then so much an hour; the rest is counted and told in one line.

What moves nothing (refusals, questions, reads) must not push what moved out of a trail that has a bounded size.
"""

from __future__ import annotations

# Told apart in one folded line; a service may invent more names than that.
MOST_KINDS = 16
OTHERS = "others"


class Ration:
    """A bucket: ``burst`` at once, and one more every ``refill_s``."""

    def __init__(self, burst: int, refill_s: float) -> None:
        self._burst = float(burst)
        self._refill_s = refill_s
        self._left = float(burst)
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Whether this one may be written; then it counts. ``now``: monotonic seconds."""
        self._left = min(self._burst, self._left + max(0.0, now - self._at) / self._refill_s)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Folded:
    """What was not written: how often, and of which kind.

    Args:
        every_s: so long it is gathered before it is due.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._kinds: dict[str, int] = {}
        self._since: float | None = None
        self.total = 0

    def add(self, kind: str, now: float) -> None:
        """One more."""
        if self._since is None:
            self._since = now
        known = kind in self._kinds or len(self._kinds) < MOST_KINDS
        name = kind if known else OTHERS
        self._kinds[name] = self._kinds.get(name, 0) + 1
        self.total += 1

    def due(self, now: float) -> bool:
        """Whether it has been gathered for long enough."""
        return self._since is not None and now - self._since >= self._every_s

    def take(self, now: float) -> dict[str, object]:
        """All of it as the data of one line; empty when there is nothing. It is forgotten here."""
        if self._since is None:
            return {}
        told = {"count": sum(self._kinds.values()), "for_s": round(now - self._since, 1), "kinds": dict(self._kinds)}
        self._kinds, self._since = {}, None
        return told
