"""Whom to dial next, and when."""

from __future__ import annotations

from typing import Any

import pytest

from kioskd.core.words import Link
from kioskd.link.course import Course
from kioskd.link.failures import Ending, Failure
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
    course.completed()
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
