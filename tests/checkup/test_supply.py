"""The supply, judged for the doctor."""

from __future__ import annotations

import pytest

from kioskd.checkup.supply import look
from kioskd.core.finding import Grade
from kioskd.core.supply import Supply


@pytest.mark.parametrize(
    ("now", "grade"),
    [
        (Supply(), Grade.UNKNOWN),
        (Supply(0, False), Grade.OK),
        (Supply(0x50000), Grade.WARN),
        (Supply(0x1), Grade.FAIL),
        (Supply(0, True), Grade.FAIL),
    ],
)
def test_the_doctor_says_how_bad_it_is(now: Supply, grade: Grade) -> None:
    (found,) = look(now)
    assert found.grade is grade and (grade in (Grade.OK, Grade.UNKNOWN)) == (not found.advice)
