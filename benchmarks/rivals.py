"""How others wait before they try again: each is the product's own backoff with nothing but its delay changed."""

from __future__ import annotations

from typing import Mapping

from kioskd.core.backoff import Backoff

FIRST_S, CAP_S = 4.0, 30.0  # kioskd's own, so that the rivals differ in nothing but their jitter


class Fixed(Backoff):
    """The same five seconds each time, as half the peers do."""

    def delay(self, attempt: int, chance: float, capacity: bool = False, waiting: bool = False) -> float:
        return 5.0


class NoJitter(Backoff):
    """Exponential, and everybody in step."""

    def delay(self, attempt: int, chance: float, capacity: bool = False, waiting: bool = False) -> float:
        return super().delay(attempt, 1.0, capacity)


class EqualJitter(Backoff):
    """Half of it sure, half of it chance."""

    def delay(self, attempt: int, chance: float, capacity: bool = False, waiting: bool = False) -> float:
        return super().delay(attempt, 0.5 + chance / 2, capacity)


class Decorrelated(Backoff):
    """Up to three times the last delay."""

    _last_s = FIRST_S

    def delay(self, attempt: int, chance: float, capacity: bool = False, waiting: bool = False) -> float:
        if attempt == 0:
            self._last_s = FIRST_S
        self._last_s = min(CAP_S, FIRST_S + chance * (3 * self._last_s - FIRST_S))
        return self._last_s


POLICIES: Mapping[str, type[Backoff]] = {
    "full jitter (kioskd)": Backoff,
    "equal jitter": EqualJitter,
    "decorrelated jitter": Decorrelated,
    "exponential, no jitter": NoJitter,
    "fixed 5 s": Fixed,
}
