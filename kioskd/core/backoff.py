"""When the link may try again: full jitter under an exponential cap, and a bucket over every attempt.

The delay says when to try; the bucket says how often at most, whoever asks: a server that accepts and hangs up, a
visitor who hammers the button, a service that never answers. Only a completed answer or a stable minute forgets the
failures; a connection that merely opened proves nothing (an exhausted quota opens it too).
"""

from __future__ import annotations

from collections import deque

# Exponents beyond this all exceed any cap; it keeps 2**n a small number in an outage of weeks.
STEEPEST = 16

# A service may ask for patience, but not for ever: beyond this we look again. A guess.
LONGEST_RETRY_AFTER_S = 600.0

# Where what a visitor said waits to be sent, delays begin so much lower: half a second instead of four. Few kiosks of
# a fleet have somebody in the middle of a sentence, and that one has ten seconds of patience.
HURRY = 8


class Backoff:
    """Time and chance come in; nothing is awaited here. Loop only.

    Args:
        first_s: upper bound of the first delay (doubles with every failure). Chosen by ``python -m benchmarks.fleet``:
            4 s instead of 0.5 leave a fifth of the calls of a fleet's first second; a person's wish (press) does not
            wait.
        cap_s: upper bound of any delay after an ordinary failure (Hydra reference A10: 30 s).
        capacity_first_s: as ``first_s`` when the service is at capacity; chosen likewise.
        capacity_cap_s: as ``cap_s`` when the service is at capacity (Hydra reference A10: 60 s).
        bucket: attempts in any window of ``per_s`` seconds, pressed ones too.
        per_s: length of that window in seconds.
        stable_s: a session that was ready for this long forgets the failures before it.
    """

    def __init__(
        self,
        first_s: float = 4.0,
        cap_s: float = 30.0,
        capacity_first_s: float = 4.0,
        capacity_cap_s: float = 60.0,
        bucket: int = 10,
        per_s: float = 60.0,
        stable_s: float = 60.0,
    ) -> None:
        self._bounds = {False: (first_s, cap_s), True: (capacity_first_s, capacity_cap_s)}
        self._per_s = per_s
        self._stable_s = stable_s
        # A token comes back ``per_s`` after it was spent. A leaking bucket would let twice as many through in a
        # window that begins with a full one.
        self._spent: deque[float] = deque(maxlen=bucket)
        self._due_at = float("-inf")
        self._patience_until = float("-inf")  # the service asked to be left alone until then
        self._overridden = False  # a person has had the one attempt within it
        self._ready_at: float | None = None
        self.failures = 0

    def delay(self, attempt: int, chance: float, capacity: bool = False, waiting: bool = False) -> float:
        """Seconds to wait after failure number ``attempt`` (0 is the first). ``chance`` is in [0, 1)."""
        first_s, cap_s = self._bounds[capacity]
        if waiting:
            first_s /= HURRY
        return chance * min(cap_s, first_s * float(2 ** min(attempt, STEEPEST)))

    def failed(
        self,
        now: float,
        chance: float,
        capacity: bool = False,
        retry_after_s: float | None = None,
        waiting: bool = False,
    ) -> float:
        """An attempt failed, or its session was lost.

        Args:
            waiting: what a visitor said waits to be sent.
            retry_after_s: what the service asked for; obeyed up to ``LONGEST_RETRY_AFTER_S``.

        Returns:
            seconds until the next attempt, as ``wait_s`` would say.
        """
        self._ended(now)
        wait_s = self.delay(self.failures, chance, capacity, waiting)
        self.failures += 1
        if retry_after_s is not None:
            # Behind the stated time, not at it: a fleet that was told the same second must not come back in one.
            patience_s = min(max(0.0, retry_after_s), LONGEST_RETRY_AFTER_S)
            self._overridden = self._overridden and now < self._patience_until
            self._patience_until = now + patience_s
            wait_s += patience_s
        self._due_at = max(now + wait_s, self._patience_until)
        return self.wait_s(now)

    def ready(self, now: float) -> None:
        """A session is configured. Not yet a reason to forget anything."""
        self._ready_at = now
        self._patience_until = float("-inf")
        self._overridden = False

    def completed(self) -> None:
        """A whole answer came: the service works."""
        self.failures = 0

    def rested(self, now: float) -> None:
        """A session ended well, or is no longer wanted: nothing to wait for but what the service asked for."""
        self._ended(now)
        self._due_at = self._patience_until

    def press(self, now: float) -> bool:
        """A person waits: the next attempt is due now. False when the bucket has no token for it.

        What a service asked for by Retry-After is overridden once: who hammers the button is told no more often.
        """
        if now < self._patience_until:
            if self._overridden:
                return self.wait_s(now) <= 0.0
            self._overridden = True
        self._due_at = min(self._due_at, now)
        return self._token_s(now) <= 0.0

    def nudge(self, now: float) -> None:
        """Things have changed: the next attempt is due now, or when the service's patience ends."""
        self._due_at = min(self._due_at, max(now, self._patience_until))

    def anew(self, now: float) -> None:
        """Another service is asked: it did nothing wrong, the waits belong to the one before."""
        self._patience_until = float("-inf")
        self._overridden = False
        self._due_at = min(self._due_at, now)

    def wait_s(self, now: float) -> float:
        """Seconds until an attempt may begin; 0 or less when it may begin now."""
        return max(self._due_at - now, self._token_s(now), 0.0)

    def begin(self, now: float) -> bool:
        """Spend a token on an attempt. False when it may not begin yet; then nothing was spent."""
        if self.wait_s(now) > 0.0:
            return False
        self._spent.append(now)
        return True

    def _ended(self, now: float) -> None:
        if self._ready_at is not None and now - self._ready_at >= self._stable_s:
            self.failures = 0
        self._ready_at = None

    def _token_s(self, now: float) -> float:
        """Seconds until the bucket has a token."""
        if len(self._spent) < (self._spent.maxlen or 0):
            return 0.0
        return max(0.0, self._spent[0] + self._per_s - now)
