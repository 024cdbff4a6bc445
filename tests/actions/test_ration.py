"""A flood writes a little, and its number."""

from __future__ import annotations

from kioskd.actions.ration import MOST_KINDS, OTHERS, Folded, Ration


def test_so_many_at_once_and_then_one_at_a_time() -> None:
    ration = Ration(3, 60.0)
    assert [ration.take(1000.0) for _ in range(5)] == [True, True, True, False, False]
    assert not ration.take(1059.0)
    assert ration.take(1060.5) and not ration.take(1060.6)
    assert [ration.take(10_000.0) for _ in range(4)] == [True, True, True, False], "no more than the burst is saved up"


def test_a_day_of_flood_is_a_few_hundred_lines() -> None:
    ration = Ration(60, 360.0)
    written = sum(ration.take(1000.0 + second) for second in range(86_400))
    assert written <= 60 + 240


def test_what_was_folded_is_told_once_with_its_kinds() -> None:
    folded = Folded(600.0)
    assert folded.take(1.0) == {} and not folded.due(1e9)
    for _ in range(3):
        folded.add("unlock_door refuse stale", 100.0)
    assert not folded.due(600.0) and folded.due(700.0)
    assert folded.take(700.0) == {"count": 3, "for_s": 600.0, "kinds": {"unlock_door refuse stale": 3}}
    assert folded.take(701.0) == {} and folded.total == 3


def test_a_service_that_invents_names_makes_no_longer_line() -> None:
    folded = Folded(1.0)
    for number in range(1000):
        folded.add(f"tool_{number}", 0.0)
    kinds = folded.take(2.0)["kinds"]
    assert isinstance(kinds, dict) and len(kinds) == MOST_KINDS + 1 and kinds[OTHERS] == 1000 - MOST_KINDS
