"""When a canceller is believed, and what its figures are."""

from __future__ import annotations

import pytest

from kioskd.audio.trust import Meter, Trust

ECHO = 1e6
GONE, SLIP = ECHO / 1000, ECHO / 4
VOICE = 32768.0**2 * 10.0**-2.6


def until_believed(trust: Trust, near: float = VOICE, out: float = 1.0) -> int:
    for blocks in range(1000):
        if trust.given:
            return blocks
        trust.weigh(near, out)
    return 1000


def after_openings(count: int) -> Trust:
    trust = Trust()
    for _ in range(count):
        trust.reopened()
        while trust.watching:
            trust.weigh(VOICE, 1.0)
    return trust


def test_a_new_canceller_is_believed_after_three_seconds_of_speech() -> None:
    assert until_believed(Trust()) == Trust.WATCH_BLOCKS


def test_an_output_that_opens_again_is_watched_again() -> None:
    trust = after_openings(1)
    assert trust.given and not trust.watching
    trust.reopened()
    assert not trust.given and until_believed(trust) == Trust.WATCH_BLOCKS


def test_a_unit_whose_openings_pass_without_a_slip_is_believed_soon() -> None:
    trust = after_openings(Trust.STEADY)
    trust.reopened()
    assert until_believed(trust) == Trust.SOON_BLOCKS


def test_a_slip_costs_the_credit_and_the_rest_of_the_watch() -> None:
    trust = after_openings(Trust.STEADY)
    trust.reopened()
    trust.weigh(VOICE, VOICE / 4)
    assert until_believed(trust) == Trust.WATCH_BLOCKS - 1
    trust.reopened()
    assert until_believed(trust) == Trust.WATCH_BLOCKS


def test_a_visitor_who_talks_to_a_believed_one_is_heard() -> None:
    trust = after_openings(Trust.STEADY)
    trust.reopened()
    for _ in range(Trust.SOON_BLOCKS):
        trust.weigh(VOICE, 1.0)
    trust.weigh(VOICE, VOICE / 2)
    assert trust.given


def test_where_no_echo_is_heard_none_is_feared() -> None:
    assert until_believed(Trust(), near=10.0, out=10.0) == Trust.UNHEARD_BLOCKS


def test_what_is_too_soft_for_any_gate_is_no_slip() -> None:
    trust = after_openings(Trust.STEADY)
    trust.reopened()
    trust.weigh(2 * Trust.QUIET_POWER, 0.9 * Trust.QUIET_POWER)
    assert until_believed(trust, out=1.0) == Trust.SOON_BLOCKS - 1


def test_the_meter_knows_nothing_before_anything_was_played() -> None:
    meter = Meter()
    assert meter.return_loss_db is None and meter.erle_db is None


def test_the_meter_comes_near_the_truth_in_some_seconds() -> None:
    meter = Meter()
    for _ in range(1000):
        meter.weigh(1e6, 1e5, 1e1)
    assert meter.return_loss_db == pytest.approx(10, abs=0.2) and meter.erle_db == pytest.approx(40, abs=0.2)


def test_digital_silence_is_no_division_by_zero() -> None:
    meter = Meter()
    meter.weigh(1e6, 0.0, 0.0)
    assert meter.erle_db == 0.0 and (meter.return_loss_db or 0) > 40


# -- over a rest of the output -------------------------------------------------------------------------


def opened(trust: Trust, way_ms: float | None, now: float, blocks: int, out: float = 1.0) -> int:
    """Sound comes after a rest; its way is measured after half a second of it. For how many blocks it is doubted."""
    trust.reopened()
    doubted = 0
    for block in range(blocks):
        if block == 40 and way_ms is not None:
            trust.arrived(way_ms, now)
        doubted += not trust.given
        if trust.watching:
            trust.weigh(VOICE, out)
    return doubted


def test_what_it_knows_of_the_room_outlasts_a_rest() -> None:
    trust = Trust()
    assert opened(trust, 40.5, 0.0, 300) == Trust.WATCH_BLOCKS
    assert opened(trust, 40.6, 60.0, 300) == 40, "until it is known that the way is the same"


def test_short_answers_add_up() -> None:
    trust = Trust()
    doubted = [opened(trust, 40.5, float(n), 100) for n in range(6)]
    assert doubted == [100, 100, 50, 40, 40, 40]


def test_another_way_is_another_room() -> None:
    trust = Trust()
    opened(trust, 40.5, 0.0, 300)
    assert opened(trust, 42.5, 60.0, 300) == Trust.WATCH_BLOCKS
    assert opened(trust, 42.5, 60.0, 300) == 40


def test_another_way_takes_the_credit_of_a_steady_unit() -> None:
    trust = Trust()
    for n in range(Trust.STEADY):
        opened(trust, 40.5, float(n), 300)
    assert opened(trust, 40.5, 9.0, 300) == Trust.SOON_BLOCKS
    assert opened(trust, 47.5, 9.0, 300) > Trust.SOON_BLOCKS + 100


def test_after_a_long_time_it_is_looked_at_again() -> None:
    trust = Trust()
    opened(trust, 40.5, 0.0, 300)
    assert opened(trust, 40.5, Trust.KEPT_S + 1.0, 300) == Trust.WATCH_BLOCKS


def test_a_slip_is_not_carried_over() -> None:
    trust = Trust()
    opened(trust, 40.5, 0.0, 300)
    opened(trust, 40.5, 1.0, 300, out=VOICE / 4)
    assert opened(trust, 40.5, 2.0, 300) == Trust.WATCH_BLOCKS


def test_a_sound_too_short_to_be_measured_changes_nothing() -> None:
    trust = Trust()
    opened(trust, 40.5, 0.0, 300)
    opened(trust, None, 1.0, 10)
    assert opened(trust, 40.5, 2.0, 300) == 40
