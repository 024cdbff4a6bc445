"""What the doctor's lines are made of."""

from __future__ import annotations

import json

from kioskd.core.finding import Grade, counts, fail, ok, unknown, warn

ALL = [ok("a", "fine", ms=3), warn("b", "so so", "mend it"), fail("c", "bad", "replace it"), unknown("d", "?")]


def test_every_grade_has_its_word_and_its_row() -> None:
    assert [one.grade for one in ALL] == [Grade.OK, Grade.WARN, Grade.FAIL, Grade.UNKNOWN]
    rows = json.loads(json.dumps([one.row() for one in ALL]))
    assert rows[0] == {"name": "a", "grade": "ok", "sentence": "fine", "advice": "", "data": {"ms": 3}}


def test_they_are_counted_by_grade() -> None:
    assert counts(ALL) == {"ok": 1, "warn": 1, "fail": 1, "unknown": 1}
    assert counts([]) == {"ok": 0, "warn": 0, "fail": 0, "unknown": 0}
