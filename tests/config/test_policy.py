"""The policy's defaults are safe: what an owner does not write allows nothing."""

from __future__ import annotations

from kioskd.config.policy import Policy


def test_what_is_not_written_allows_nothing_and_confirms_access() -> None:
    policy = Policy()
    assert policy.allow is False and policy.confirm is None and policy.access_without_confirmation is False


def test_a_lockout_outlasts_the_time_in_which_it_counts() -> None:
    lockout = Policy().lockout
    assert lockout.for_s >= lockout.per_s and lockout.refusals >= 2
