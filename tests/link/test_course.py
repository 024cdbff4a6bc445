"""Whom to dial next, and when."""

from __future__ import annotations

from typing import Any

import pytest

from kioskd.core.words import Link
from kioskd.link.course import Course
from kioskd.link.failures import Cause, Ending, Failure
from kioskd.wire.profile import Trouble


def ending(trouble: Trouble, **more: Any) -> Ending:
    voice_refused = more.pop("voice_refused", False)
    return Ending(Failure(trouble, "because", **more), voice_refused=voice_refused)


def course_for(kit: Any, count: int) -> Course:
    setups = [kit.setup_for("ws://127.0.0.1:1/", name=f"endpoint {number}") for number in range(count)]
    return Course(setups, kit.fast)


def test_another_endpoint_is_asked_without_the_wait_of_the_one_before(kit: Any) -> None:
    course = course_for(kit, 2)
    course.fresh(0.0)
    assert course.begin(0.0)
    course.failed("endpoint 0", ending(Trouble.CAPACITY, retry_after_s=50.0), 0.0, 0.5)
    assert course.current == 0 and course.wait_s(0.0) > 50.0
    course.press(1.0)
    assert course.begin(1.0)
    course.failed("endpoint 0", ending(Trouble.CAPACITY, retry_after_s=50.0), 1.0, 0.5)
    assert course.current == 1 and course.wait_s(1.0) == 0.0
    assert course.failovers == 1


def test_a_refusal_of_the_only_endpoint_stops_even_a_fresh_opening(kit: Any) -> None:
    course = course_for(kit, 1)
    course.failed("endpoint 0", ending(Trouble.FATAL), 0.0, 0.5)
    course.fresh(1.0)
    assert course.refused_s(1.0) == 29.0
    assert not course.begin(1.0)
    course.press(1.0)
    assert course.begin(1.0)
    course.failed("endpoint 0", ending(Trouble.FATAL), 1.0, 0.5)
    course.press(1.1)  # again within press_s
    assert not course.begin(1.1)
    assert course.begin(31.1)


def test_only_a_whole_answer_forgets_the_failures(kit: Any) -> None:
    course = course_for(kit, 2)
    course.fresh(0.0)
    for number in range(2):
        assert course.current == 0
        course.ready(0.0)
        course.failed("endpoint 0", ending(Trouble.TRANSPORT), 0.0, 0.5)
    assert course.current == 1
    course.fresh(1.0)
    course.failed("endpoint 0", ending(Trouble.TRANSPORT), 1.0, 0.5)
    course.completed("endpoint 0")
    course.failed("endpoint 0", ending(Trouble.TRANSPORT), 1.0, 0.5)
    assert course.current == 0


def test_a_voice_is_given_up_once_and_the_next_such_error_is_a_refusal(kit: Any) -> None:
    course = course_for(kit, 1)
    course.failed("endpoint 0", ending(Trouble.FATAL, voice_refused=True), 0.0, 0.5)
    assert course.voiceless == {"endpoint 0"} and course.wait_s(0.0) == 0.0
    course.failed("endpoint 0", ending(Trouble.FATAL, voice_refused=True), 0.0, 0.5)
    assert course.refused_s(0.0) == 30.0


def test_the_prospect_is_busy_refused_or_offline(kit: Any) -> None:
    course = course_for(kit, 1)
    assert course.prospect(Failure(Trouble.CAPACITY, "full"), 0.0)[0] is Link.BUSY
    assert course.prospect(Failure(Trouble.TRANSPORT, "gone"), 0.0) == (Link.OFFLINE, "; trying again in 0 s")
    course.failed("endpoint 0", ending(Trouble.FATAL), 0.0, 0.5)
    assert course.prospect(Failure(Trouble.FATAL, "no"), 0.0) == (Link.REFUSED, "; trying again in 30 s")


def test_other_endpoints_begin_anew_within_the_same_bucket(kit: Any) -> None:
    course = course_for(kit, 1)
    for _ in range(10):
        assert course.begin(0.0)
    course.failed("endpoint 0", ending(Trouble.FATAL), 0.0, 0.5)
    course.use([kit.setup_for("ws://127.0.0.1:1/", name="another")])
    assert course.refused_s(0.0) == 0.0
    assert not course.begin(1.0)
    course.failed("endpoint 0", ending(Trouble.FATAL), 1.0, 0.5)  # its session outlived the change
    assert course.refused_s(1.0) == 0.0
    with pytest.raises(ValueError):
        course.use([])


def test_a_login_page_and_a_wrong_clock_are_no_refusals_and_are_pardoned_when_something_changes(kit: Any) -> None:
    for pardon in (Course.nudge, lambda course, now: course.reached("endpoint 0", now)):
        course = course_for(kit, 2)
        course.fresh(0.0)
        course.failed("endpoint 0", ending(Trouble.FATAL, cause=Cause.PORTAL, patience_s=20.0), 0.0, 0.5)
        assert course.current == 1 and course.wait_s(0.0) == 0.0  # a visitor is served by the other one at once
        course.failed("endpoint 1", ending(Trouble.FATAL), 0.0, 0.5)
        assert course.wait_s(0.0) == 20.0 and course.current == 0
        assert course.prospect(Failure(Trouble.FATAL, "no", cause=Cause.CLOCK), 0.0)[0] is Link.OFFLINE
        course.reached("endpoint 1", 1.0)  # it refused for good: that it can be reached is no news
        assert course.wait_s(1.0) == 19.0
        pardon(course, 1.0)
        assert course.wait_s(1.0) == 0.0 and course.current == 0


def test_a_session_that_was_used_up_costs_no_wait_and_no_turn(kit: Any) -> None:
    course = course_for(kit, 2)
    for _ in range(3):
        used_up = Ending(Failure(Trouble.EXPIRY, "an hour is over"), was_ready=True)
        course.failed("endpoint 0", used_up, 0.0, 0.9)
        assert course.wait_s(0.0) == 0.0 and course.current == 0
    course.failed("endpoint 0", ending(Trouble.EXPIRY), 0.0, 0.9)
    assert course.wait_s(0.0) > 0.0, "one that never began was not used up"


def test_three_closes_for_what_was_sent_within_five_minutes_are_a_refusal(kit: Any) -> None:
    course = course_for(kit, 1)
    for at in (0.0, 100.0, 301.0, 302.0):
        course.completed("endpoint 0")
        course.failed("endpoint 0", ending(Trouble.TRANSPORT, close_code=1007), at, 0.0)
        assert course.refused_s(at) == 0.0
    course.failed("endpoint 0", ending(Trouble.TRANSPORT, close_code=1007), 303.0, 0.0)
    assert course.refused_s(303.0) == 30.0


def test_what_may_not_be_asked_is_passed_over_and_when_nothing_is_left_the_reasons_are_told(kit: Any) -> None:
    course = course_for(kit, 2)
    course.restrict({"endpoint 0": "spent", "somebody": "unknown"})
    assert course.barred == "" and course.unfit("endpoint 0") == "spent"
    assert course.wait_s(0.0) == 0.0 and course.current == 1
    course.restrict({"endpoint 0": "spent", "endpoint 1": "closed"})
    assert course.barred == "spent; closed"
    assert course.wait_s(0.0) == float("inf") and not course.begin(0.0)
    course.use([kit.setup_for("ws://127.0.0.1:1/", name="endpoint 1")])
    assert course.barred == "closed", "a new configuration does not lift it"
    course.restrict({})
    assert course.barred == "" and course.begin(0.0)


def test_a_changed_key_is_pardoned_once_and_only_where_one_was_refused(kit: Any) -> None:
    course = course_for(kit, 2)
    course.failed("endpoint 0", ending(Trouble.FATAL), 0.0, 0.5)
    assert course.current == 1
    assert not course.pardon("endpoint 1", 1.0, idle=True)
    assert course.pardon("endpoint 0", 1.0, idle=False) and course.current == 1
    assert course.better("endpoint 1", 1.0) == "endpoint 0"
    assert not course.pardon("endpoint 0", 1.0, idle=True), "it was pardoned already"


def test_of_those_that_are_probed_only_probes_in_a_row_tell(kit: Any) -> None:
    limits = kit.replace(kit.fast, probe_s=300.0, well_s=60.0, well_probes=3)
    setups = [kit.setup_for(f"wss://{name}.example.org/", name=name) for name in ("cloud", "other")]
    course = Course(setups, limits)
    for _ in range(2):
        course.failed("cloud", ending(Trouble.TRANSPORT), 0.0, 0.5)
    assert course.ailing("other", 0.0) == 0 and course.ailing("cloud", 0.0) is None
    assert course.better("other", 1000.0) == "", "time alone proves nothing"
    for at, well in ((1000.0, True), (1020.0, True), (1040.0, False), (1060.0, True), (1080.0, True), (1100.0, True)):
        course.probed("cloud", well, at)
        assert course.better("other", at) == ""
    assert course.better("other", 1119.0) == "" and course.better("other", 1120.0) == "cloud"
    course.fresh(1110.0)
    assert course.current == 1
    course.fresh(1120.0)
    assert course.current == 0
