"""What the firmware's bits mean."""

from __future__ import annotations

import pytest

from kioskd.core.supply import Supply, bits_of


@pytest.mark.parametrize(
    ("text", "bits"),
    [("0", 0), ("50005\n", 0x50005), ("0x50000", 0x50000), ("throttled=0x50005", 0x50005), ("", None), ("hello", None)],
)
def test_every_way_of_writing_the_bits_is_read(text: str, bits: int | None) -> None:
    assert bits_of(text) == bits


def test_what_is_now_and_what_was_before_are_told_apart() -> None:
    weak = Supply(0x50001)
    assert len(weak.now) == 1 and "too weak" in weak.now[0]
    assert [word for sentence in weak.before for word in ("throttled",) if word in sentence] == ["throttled"]
    assert Supply(0x80008).now and not Supply(0x80008).before
    assert Supply(0x10000).before == ("the supply was below 4.63 V",) and Supply(0x10000).now == ()


def test_the_monitors_alarm_is_an_under_voltage_too() -> None:
    assert "too weak" in Supply(None, True).now[0] and Supply(None, False).now == ()
    assert len(Supply(1, True).now) == 1


def test_a_board_that_does_not_tell_is_not_known() -> None:
    assert not Supply().known and Supply(0).known and Supply(None, False).known
