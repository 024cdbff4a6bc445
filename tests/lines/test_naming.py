"""How lines are called."""

from __future__ import annotations

import pytest

from kioskd.lines.naming import LineError, parse


@pytest.mark.parametrize(
    "text, chip, offset",
    [
        ("GPIO0", None, 0),
        ("GPIO17", None, 17),
        ("pinctrl-bcm2711:17", "pinctrl-bcm2711", 17),
        ("gpiochip0:0", "gpiochip0", 0),
        ("0000:01:00.0:3", "0000:01:00.0", 3),
        ("USB GPIO:3", "USB GPIO", 3),
    ],
)
def test_a_name_is_a_header_line_or_a_chip_and_an_offset(text: str, chip: str | None, offset: int) -> None:
    assert parse(text) == (text, chip, offset)


@pytest.mark.parametrize(
    "text", ["", "17", "gpio17", "GPIO017", "GPIO-1", "chip:", ":3", "chip:03", "chip:-1", "a:99999"]
)
def test_anything_else_is_refused_with_the_way_to_write_it(text: str) -> None:
    with pytest.raises(LineError, match="write GPIO17 or CHIP_LABEL:OFFSET"):
        parse(text)


def test_a_line_error_is_its_sentence_and_an_oserror() -> None:
    error = LineError("GPIO17 is gone.")
    assert str(error) == "GPIO17 is gone." and isinstance(error, OSError)
