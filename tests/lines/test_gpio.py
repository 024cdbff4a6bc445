"""Which factory serves a real line."""

from __future__ import annotations

import pytest

from kioskd.lines.gpio import GpioSource
from kioskd.lines.lines import open_lines
from kioskd.lines.naming import LineError


def not_installed(runtime_dir: str | None):
    raise ImportError("No module named 'lgpio'")


def test_without_lgpio_all_lines_go_to_libgpiod_and_the_reason_is_kept(board) -> None:
    source = GpioSource(None, board.seen(), lgpio=not_installed)
    assert source.factory("GPIO17", moves=False)[0] == "gpiod"
    assert source.why() == "lgpio: not installed (No module named 'lgpio')"
    source.close()


def test_elsewhere_than_on_a_pi_the_reason_is_that(board) -> None:
    source = GpioSource(None, board.seen())
    assert source.why() == "lgpio: this is no Raspberry Pi"
    source.close()


def test_on_a_pi_lgpio_serves_what_does_not_move_and_libgpiod_the_rest(raspberry, board, tmp_path) -> None:
    source = GpioSource(str(tmp_path), board.seen())
    served = [source.factory("GPIO17", False)[0], source.factory("GPIO17", True)[0], source.factory("a:1", False)[0]]
    assert served == ["lgpio", "gpiod", "gpiod"]
    assert "only for relays" in source.why()
    source.close()


def test_a_chip_that_lgpio_cannot_open_leaves_all_to_libgpiod(raspberry, board, tmp_path) -> None:
    def refuse(chip: int) -> int:
        raise raspberry.error("can not open gpiochip")

    raspberry.gpiochip_open = refuse
    source = GpioSource(str(tmp_path), board.seen())
    assert source.why() == "lgpio: can not open gpiochip"
    assert source.factory("GPIO17", False)[0] == "gpiod"
    source.close()


def test_a_line_that_lgpio_calls_busy_names_who_has_it(raspberry, board, tmp_path) -> None:
    raspberry.taken.add(8)
    board.line("GPIO8").consumer = "spi0 CS0"
    lines = open_lines("gpio", str(tmp_path), board.seen())
    with pytest.raises(LineError, match="GPIO8 is already taken by spi0 CS0"):
        lines.input("GPIO8", "up")
    lines.close()


def test_without_any_chip_a_line_says_so_and_how_to_go_on_is_up_to_the_caller() -> None:
    lines = open_lines("gpio", None)
    with pytest.raises(LineError, match="GPIO27 cannot be used: this machine has no GPIO chip"):
        lines.relay("GPIO27", "high")
    assert lines.snapshot()["lines"] == {}
    lines.close()


def test_a_place_is_the_label_or_the_number_where_labels_are_double(board) -> None:
    board.add("pcf8574", [""] * 8)
    source = GpioSource(None, board.seen(), lgpio=not_installed)
    assert source.place("GPIO17") == "pinctrl-bcm2711:17"
    assert source.place("gpiochip2:3") == "gpiochip2:3"
    assert source.place("GPIO99") is None
    source.close()
