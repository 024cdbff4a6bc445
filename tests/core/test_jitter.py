"""How much of an answer is held back: nothing for a good service, enough for a bursty one, never more than allowed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.jitter import CONCEALED_S, STEADY_S, Jitter

MOST_S = 0.24
# Pieces of an answer: length of each, and the time behind the one before it.
Delivery = list[tuple[float, float]]
pieces = st.lists(st.tuples(st.floats(0.01, 0.4), st.floats(0.0, 0.5)), min_size=1, max_size=30)


def play(jitter: Jitter, response: str, delivery: Delivery, at: float, period_s: float = 0.001) -> tuple[float, float]:
    """Deliver and play an answer, looking each ms.

    Returns:
        when its sound began, behind its first piece, and how long it was missing in the middle.
    """
    arrivals: list[tuple[float, float]] = []
    now = at
    for length_s, gap_s in delivery:
        now += gap_s if arrivals else 0.0
        arrivals.append((now, length_s))
    waiting_s = missing_s = 0.0
    began: float | None = None
    now, ended = at, arrivals[-1][0]
    while arrivals or waiting_s > 0:
        while arrivals and arrivals[0][0] <= now + 1e-9:
            when, length_s = arrivals.pop(0)
            jitter.arrived(response, length_s, when)
            waiting_s += length_s
        if waiting_s > 0 and jitter.held_s(response, waiting_s, now) == 0.0:
            began = now if began is None else began
            waiting_s = max(0.0, waiting_s - period_s)
        elif began is not None and now < ended:
            missing_s += period_s
        now += period_s
    assert began is not None
    return began - at, missing_s


def bursts(length_s: float, count: int, late_s: float = 0.0) -> Delivery:
    """As fast as speech, in bursts; each second one is late."""
    return [(length_s, length_s + (late_s if n % 2 else -late_s)) for n in range(count)]


def test_a_service_faster_than_speech_waits_for_nothing() -> None:
    jitter = Jitter(MOST_S)
    for number in range(5):
        assert play(jitter, f"r{number}", [(0.1, 0.01)] * 30, number * 10.0) == (0.0, 0.0)
    assert jitter.target_s == 0.0


def test_a_steady_service_waits_for_nothing() -> None:
    jitter = Jitter(MOST_S)
    for number in range(5):
        began, _ = play(jitter, f"r{number}", [(0.02, 0.02)] * 50, number * 10.0)
        assert began == 0.0


def test_a_bursty_service_has_a_hole_once_and_then_none() -> None:
    jitter = Jitter(MOST_S)
    began, missing = play(jitter, "r0", bursts(0.2, 12, 0.1), 0.0)
    assert began == 0.0 and missing > 0.09
    for number in range(1, 5):
        began, missing = play(jitter, f"r{number}", bursts(0.2, 12, 0.1), number * 10.0)
        assert 0.1 < began < 0.12 and missing < 0.003


def test_what_is_held_back_goes_when_the_service_has_become_steady() -> None:
    jitter = Jitter(MOST_S)
    play(jitter, "bursty", bursts(0.2, 12, 0.1), 0.0)
    waits = [play(jitter, f"r{number}", [(0.1, 0.05)] * 20, 10.0 + number * 10)[0] for number in range(20)]
    assert waits == sorted(waits, reverse=True) and waits[-1] == 0.0
    assert jitter.target_s == 0.0


def test_a_short_answer_proves_nothing() -> None:
    jitter = Jitter(MOST_S)
    play(jitter, "bursty", bursts(0.2, 12, 0.1), 0.0)
    jitter.arrived("next", 0.1, 20.0)
    before = jitter.target_s
    for number in range(20):
        jitter.arrived(f"yes{number}", 0.2, 30.0 + number)
    assert jitter.target_s == before > 0.09


def test_enough_sound_at_once_is_not_held_back_whatever_is_known() -> None:
    jitter = Jitter(MOST_S)
    play(jitter, "bursty", bursts(0.2, 12, 0.1), 0.0)
    jitter.arrived("whole", 30.0, 20.0)
    assert jitter.held_s("whole", 30.0, 20.0) == 0.0


def test_a_pause_of_the_service_is_no_burstiness() -> None:
    jitter = Jitter(MOST_S)
    jitter.arrived("r", 1.0, 0.0)
    jitter.arrived("r", 1.0, 5.0)
    assert jitter.target_s == 0.0
    jitter.arrived("r", 1.0, 6.0 + MOST_S)
    assert jitter.target_s > 0.2


def test_a_new_limit_holds_at_once() -> None:
    jitter = Jitter(MOST_S)
    play(jitter, "bursty", bursts(0.2, 12, 0.1), 0.0)
    jitter.most_s = 0.0
    jitter.arrived("r", 0.1, 20.0)
    assert jitter.held_s("r", 0.1, 20.0) == 0.0


def test_after_a_cut_nothing_is_held_and_nothing_learnt() -> None:
    jitter = Jitter(MOST_S)
    play(jitter, "bursty", bursts(0.2, 12, 0.1), 0.0)
    jitter.arrived("r", 0.1, 20.0)
    before = jitter.target_s
    assert jitter.held_s("r", 0.1, 20.0) > 0
    jitter.cut()
    assert jitter.held_s("r", 0.1, 20.0) == 0.0
    jitter.arrived("s", 0.1, 20.2)
    assert jitter.target_s == before


@settings(max_examples=60, deadline=None)
@given(st.lists(pieces, min_size=1, max_size=5), st.floats(0.0, 0.5))
def test_never_more_than_the_most_is_held_back_and_never_for_ever(answers: list[Delivery], most_s: float) -> None:
    jitter, at = Jitter(most_s), 0.0
    for number, delivery in enumerate(answers):
        began, _ = play(jitter, f"r{number}", delivery, at, 0.01)
        assert began <= most_s + 0.011
        assert 0.0 <= jitter.target_s <= most_s
        at += 1000.0


@settings(max_examples=60, deadline=None)
@given(pieces)
def test_the_same_burstiness_again_leaves_no_hole_that_could_have_been_helped(delivery: Delivery) -> None:
    most_s = 0.5
    late, given_s, at = [], 0.0, 0.0
    for number, (length_s, gap_s) in enumerate(delivery):
        at += gap_s if number else 0.0
        late.append(at - given_s)
        given_s += length_s
    jitter = Jitter(most_s)
    play(jitter, "first", delivery, 0.0)
    _, missing = play(jitter, "second", delivery, 1000.0)
    if max(late) <= most_s:
        # A service that is late by no more than this is called steady; a look each ms adds its own.
        assert missing <= STEADY_S + 0.003
    else:
        assert CONCEALED_S > 0  # a pause or a slow service: no holding back helps
