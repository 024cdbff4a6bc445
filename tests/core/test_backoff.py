"""Backoff: time and chance in, waits out."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.backoff import LONGEST_RETRY_AFTER_S, Backoff

ALMOST_ONE = 1.0 - 1e-9

STEP = st.tuples(
    st.sampled_from(["begin", "press", "fail", "full", "patience", "ready", "completed", "rested"]),
    st.floats(0.0, 20.0),
    st.floats(0.0, ALMOST_ONE),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=120))
def test_never_more_than_ten_attempts_in_any_minute_whatever_happens(steps: list[tuple[str, float, float]]) -> None:
    backoff, now, begun = Backoff(), 1000.0, []
    for what, pause_s, chance in steps:
        if what == "begin":
            now += backoff.wait_s(now) if chance < 0.5 else 0.0
            if backoff.begin(now):
                begun.append(now)
        elif what == "press":
            backoff.press(now)
            if backoff.begin(now):
                begun.append(now)
        elif what == "ready":
            backoff.ready(now)
        elif what == "completed":
            backoff.completed()
        elif what == "rested":
            backoff.rested(now)
        else:
            backoff.failed(now, chance, what == "full", pause_s if what == "patience" else None)
        now += pause_s if what != "press" else 0.0
    for first, eleventh in zip(begun, begun[10:]):
        assert eleventh - first >= 60.0 - 1e-6


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, ALMOST_ONE), st.booleans())
def test_the_delay_is_jittered_over_its_whole_width_and_capped(attempt: int, chance: float, capacity: bool) -> None:
    backoff = Backoff()
    cap_s = 60.0 if capacity else 30.0
    assert 0.0 <= backoff.delay(attempt, chance, capacity) <= chance * cap_s
    assert backoff.delay(attempt, 0.0, capacity) == 0.0


def test_the_delay_doubles_up_to_the_cap() -> None:
    backoff = Backoff()
    bounds = [backoff.delay(attempt, 1.0) for attempt in range(8)]
    assert bounds == [4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0, 30.0]
    assert [backoff.delay(attempt, 1.0, capacity=True) for attempt in range(8)] == [4, 8, 16, 32, 60, 60, 60, 60]


def test_who_waits_is_tried_for_sooner_but_no_oftener() -> None:
    backoff = Backoff()
    waits = [backoff.delay(attempt, 1.0, waiting=True) for attempt in range(8)]
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert backoff.failed(0.0, 1.0, waiting=True) == 0.5
    for attempt in range(10):
        assert backoff.begin(1.0 + attempt * 0.01) or attempt
        backoff.failed(1.0 + attempt * 0.01, 0.0, waiting=True)
    assert not backoff.begin(2.0) and backoff.wait_s(2.0) > 50.0, "the bucket holds for them too"


def test_what_the_service_asks_for_is_waited_and_jittered_behind() -> None:
    backoff = Backoff()
    assert backoff.failed(0.0, 0.0, True, retry_after_s=7.0) == 7.0
    assert backoff.failed(0.0, 0.5, True, retry_after_s=7.0) == 11.0
    assert not backoff.begin(6.9)
    assert backoff.begin(11.1)


def test_a_service_cannot_send_the_kiosk_to_sleep_for_a_year() -> None:
    assert Backoff().failed(0.0, 0.0, retry_after_s=3e7) == LONGEST_RETRY_AFTER_S
    assert Backoff().failed(0.0, 0.0, retry_after_s=-5.0) == 0.0


def test_a_press_tries_at_once() -> None:
    backoff = Backoff()
    backoff.begin(0.0)
    backoff.failed(0.0, ALMOST_ONE, retry_after_s=100.0)
    assert backoff.wait_s(1.0) > 90.0
    assert backoff.press(1.0)
    assert backoff.begin(1.0)


def test_a_press_with_an_empty_bucket_waits_for_its_token() -> None:
    backoff = Backoff()
    for second in range(10):
        assert backoff.begin(float(second))
    assert not backoff.press(10.0)
    assert backoff.wait_s(10.0) == 50.0
    assert not backoff.begin(59.0)
    assert backoff.begin(60.0)


def test_a_connection_that_opens_and_dies_forgets_nothing() -> None:
    backoff = Backoff()
    for number in range(4):
        backoff.ready(number * 10.0)
        backoff.failed(number * 10.0 + 1.0, 1.0)
    assert backoff.failures == 4
    backoff.ready(100.0)
    backoff.rested(101.0)
    assert backoff.failures == 4


def test_a_completed_answer_forgets() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.failed(0.0, 0.0)
    backoff.completed()
    assert backoff.failed(1.0, 1.0) == 4.0


def test_a_stable_minute_forgets() -> None:
    for ending in ("failed", "rested"):
        backoff = Backoff()
        for _ in range(5):
            backoff.failed(0.0, 0.0)
        backoff.ready(0.0)
        if ending == "rested":
            backoff.rested(61.0)
        assert backoff.failed(61.0, 1.0) == 4.0, ending


def test_begin_before_its_time_spends_nothing() -> None:
    backoff = Backoff(bucket=1)
    backoff.failed(0.0, 0.9)
    assert not backoff.begin(3.5)
    assert backoff.begin(3.7)


def test_what_a_service_asked_for_is_overridden_by_one_press_and_not_by_what_happens_by_itself() -> None:
    backoff = Backoff()
    backoff.failed(0.0, 0.0, capacity=True, retry_after_s=60.0)
    backoff.nudge(1.0)
    assert backoff.wait_s(1.0) == 59.0
    assert backoff.press(1.0) and backoff.begin(1.0)
    backoff.failed(1.0, 0.0, capacity=True, retry_after_s=60.0)
    assert not backoff.press(2.0) and backoff.wait_s(2.0) == 59.0
    backoff.rested(3.0)
    assert backoff.wait_s(3.0) == 58.0, "a conversation that ended does not shorten it"
    assert not backoff.press(60.9)
    backoff.failed(61.5, 0.0, capacity=True, retry_after_s=60.0)
    assert backoff.press(62.0), "another patience, another press"


def test_another_service_did_not_ask_for_it() -> None:
    backoff = Backoff()
    backoff.failed(0.0, 0.9, capacity=True, retry_after_s=60.0)
    backoff.anew(1.0)
    assert backoff.wait_s(1.0) == 0.0
    backoff.failed(1.0, 0.5)
    assert 0.0 < backoff.wait_s(1.0) < 60.0
