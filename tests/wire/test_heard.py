"""How much of an answer was heard, item by item."""

from __future__ import annotations

import pytest

from kioskd.wire.heard import ITEMS, REMEMBERED, Cut, Heard

RATE_HZ = 1000  # two bytes are a millisecond


def answer(*lengths_ms: int) -> Heard:
    heard = Heard()
    for number, length_ms in enumerate(lengths_ms):
        heard.took("r", f"i{number}", 2 * length_ms)
    return heard


@pytest.mark.parametrize(
    "heard_ms, complete, cuts",
    [
        (150, True, [Cut("i1", 50), Cut("i2", 0)]),
        (0, True, [Cut("i0", 0), Cut("i1", 0), Cut("i2", 0)]),
        (-5, True, [Cut("i0", 0), Cut("i1", 0), Cut("i2", 0)]),
        (100, True, [Cut("i1", 0), Cut("i2", 0)]),
        (300, True, []),
        (9999, True, []),
        (300, False, [Cut("i2", 100)]),  # the service may have generated more of it
        (9999, False, [Cut("i2", 100)]),
    ],
)
def test_no_item_is_cut_beyond_its_own_length(heard_ms: int, complete: bool, cuts: list[Cut]) -> None:
    """Dialects reference 4.6, 9.6: per item, never cumulative."""
    assert answer(100, 100, 100).cut("r", heard_ms, RATE_HZ, complete) == cuts


def test_a_response_is_told_about_once() -> None:
    heard = answer(100)
    assert heard.cut("r", 40, RATE_HZ, True) == [Cut("i0", 40)]
    assert heard.cut("r", 40, RATE_HZ, True) == [] and heard.cut("x", 40, RATE_HZ, True) == []


def test_an_item_without_an_id_cannot_be_told_about() -> None:
    heard = Heard()
    heard.took("r", "", 200)
    assert heard.cut("r", 40, RATE_HZ, True) == []


def test_a_service_that_invents_responses_and_items_fills_nothing() -> None:
    heard = Heard()
    for number in range(10 * REMEMBERED):
        for item in range(2 * ITEMS):
            heard.took(f"r{number}", f"i{item}", 2)
    assert heard.cut("r0", 0, RATE_HZ, True) == []
    assert len(heard.cut(f"r{10 * REMEMBERED - 1}", 0, RATE_HZ, True)) == ITEMS
