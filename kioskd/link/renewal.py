"""When a session that works is replaced by another all the same: at a quiet moment, and for which reason."""

from __future__ import annotations

from typing import Callable

from kioskd.link.course import Course


class Renewal:
    """Loop only.

    Args:
        linger_s: silence after which a conversation that nothing ends (talk.mode open) counts as over.
        clock: monotonic seconds.

    Attributes:
        count: sessions that were replaced.
    """

    def __init__(self, course: Course, linger_s: float, clock: Callable[[], float]) -> None:
        self._course = course
        self._linger_s = linger_s
        self._clock = clock
        self._resting_since: float | None = clock()
        self.count = 0

    def rest(self, on: bool) -> None:
        """Whether nobody speaks, nothing is generated, played or done."""
        if not on:
            self._resting_since = None
        elif self._resting_since is None:
            self._resting_since = self._clock()

    def reason(self, endpoint: str, due_at: float, conversing: bool) -> str:
        """Why the session is replaced now; empty: it stays. What comes next is then already set on the course.

        Args:
            endpoint: whose session it is.
            due_at: from when on it is too old (monotonic seconds).
            conversing: a conversation is on: nobody is handed to another service in the middle of it.
        """
        now = self._clock()
        if self._resting_since is None:
            return ""
        if unfit := self._course.unfit(endpoint):
            return unfit
        if now >= due_at:
            return f"the session with {endpoint} is as old as it may become"
        if conversing and now - self._resting_since < self._linger_s:
            return ""
        if better := self._course.better(endpoint, now):
            self._course.return_to(better)
            return f"{better} is well again, and preferred to {endpoint}"
        return ""
