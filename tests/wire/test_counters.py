from __future__ import annotations

from kioskd.wire.counters import OTHERS, REMEMBERED_TYPES, Counters


def test_unknown_types_are_counted_by_name() -> None:
    counters = Counters()
    for kind in ("a.b", "a.b", "c"):
        counters.saw_unknown(kind)
    assert counters.unknown == {"a.b": 2, "c": 1}


def test_a_service_that_invents_names_does_not_fill_the_memory() -> None:
    counters = Counters()
    for number in range(1000):
        counters.saw_unknown(f"kind.{number}" + "x" * 500)
    assert len(counters.unknown) == REMEMBERED_TYPES + 1
    assert counters.unknown[OTHERS] == 1000 - REMEMBERED_TYPES
    assert all(len(name) <= 64 for name in counters.unknown)


def test_a_name_that_cannot_be_shown_is_still_counted() -> None:
    counters = Counters()
    counters.saw_unknown("\x00\x1b")
    assert counters.unknown == {"(empty)": 1}
