"""Why a session that works is replaced, and at which moments only."""

from __future__ import annotations

from typing import Any

from kioskd.link.course import Course
from kioskd.link.failures import Ending, Failure
from kioskd.link.renewal import Renewal
from kioskd.wire.profile import Trouble

NEVER = float("inf")


def renewal_for(kit: Any, clock: list[float]) -> tuple[Renewal, Course]:
    setups = [kit.setup_for("ws://127.0.0.1:1/", name=name) for name in ("cloud", "local")]
    course = Course(setups, kit.replace(kit.fast, well_s=60.0))
    return Renewal(course, 20.0, lambda: clock[0]), course


def fail(course: Course, now: float) -> None:
    for _ in range(2):
        course.failed("cloud", Ending(Failure(Trouble.TRANSPORT, "gone")), now, 0.5)


def test_an_old_session_is_replaced_only_while_the_conversation_rests(kit: Any) -> None:
    clock = [0.0]
    renewal, _ = renewal_for(kit, clock)
    renewal.rest(False)
    assert renewal.reason("cloud", 0.0, conversing=True) == ""
    renewal.rest(True)
    assert "as old as it may become" in renewal.reason("cloud", 0.0, conversing=True)
    assert renewal.reason("cloud", 1.0, conversing=True) == ""


def test_an_endpoint_that_may_no_longer_be_asked_is_left(kit: Any) -> None:
    renewal, course = renewal_for(kit, [0.0])
    course.restrict({"cloud": "the daily budget is spent"})
    assert renewal.reason("cloud", NEVER, conversing=True) == "the daily budget is spent"
    assert renewal.reason("local", NEVER, conversing=True) == ""


def test_the_preferred_one_is_returned_to_when_it_has_been_well_and_never_in_a_conversation(kit: Any) -> None:
    clock = [0.0]
    renewal, course = renewal_for(kit, clock)
    fail(course, 0.0)
    assert course.current == 1
    clock[0] = 59.0
    assert renewal.reason("local", NEVER, conversing=False) == ""
    clock[0] = 60.0
    renewal.rest(False)
    renewal.rest(True)
    assert renewal.reason("local", NEVER, conversing=True) == ""
    assert "cloud is well again" in renewal.reason("local", NEVER, conversing=False)
    assert course.current == 0


def test_a_conversation_that_nothing_ends_is_over_when_nobody_has_spoken_for_a_while(kit: Any) -> None:
    clock = [0.0]
    renewal, course = renewal_for(kit, clock)
    fail(course, 0.0)
    clock[0] = 100.0
    renewal.rest(False)
    renewal.rest(True)
    assert renewal.reason("local", NEVER, conversing=True) == ""
    clock[0] = 120.0
    assert "cloud is well again" in renewal.reason("local", NEVER, conversing=True)


def test_a_service_that_comes_and_goes_is_trusted_ever_later(kit: Any) -> None:
    clock = [0.0]
    renewal, course = renewal_for(kit, clock)
    waits = []
    for _ in range(4):
        fail(course, clock[0])
        began = clock[0]
        while not renewal.reason("local", NEVER, conversing=False):
            clock[0] += 10.0
        waits.append(clock[0] - began)
    assert waits == [60.0, 120.0, 240.0, 480.0]
    course.completed("cloud")
    fail(course, clock[0])
    began = clock[0]
    while not renewal.reason("local", NEVER, conversing=False):
        clock[0] += 10.0
    assert clock[0] - began == 60.0
