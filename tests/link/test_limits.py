"""The numbers, and the counter."""

from __future__ import annotations

from kioskd.link.limits import Allowance, Limits


def test_the_numbers_are_those_of_the_design() -> None:
    limits = Limits()
    assert (limits.bucket, limits.per_s) == (10, 60.0)
    assert limits.refused_s >= 600.0 and limits.parse_s <= 0.002 and limits.events_a_second == 200
    assert limits.goodbye_s < 1.0 and limits.tick_s <= 10.0
    assert limits.backoff().delay(20, 1.0) == limits.cap_s
    assert limits.backoff().delay(20, 1.0, capacity=True) == limits.capacity_cap_s


def test_an_allowance_is_exceeded_by_one_too_many_and_begins_anew() -> None:
    allowance = Allowance(3, 1.0)
    assert [allowance.exceeded(0.1 * step) for step in range(5)] == [False, False, False, True, True]
    assert not allowance.exceeded(1.1)
