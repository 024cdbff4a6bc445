"""Finding and requesting lines: real gpiod value types on a behaving board, and the real gpiod on what is no chip."""

from __future__ import annotations

import errno
import threading
import time

import pytest
from gpiod.line import Bias, Direction, Edge

from kioskd.lines.chips import LOCK_S, Chips, Wish, device_paths
from kioskd.lines.naming import LineError


def refusal(chips: Chips, pin: str, wish: Wish = Wish("input")) -> str:
    with pytest.raises(LineError) as caught:
        chips.request(pin, wish)
    return str(caught.value)


# -- finding -------------------------------------------------------------------------------------


def test_a_header_line_is_found_by_its_name(board) -> None:
    assert board.seen().find("GPIO17") == ("/dev/gpiochip0", "pinctrl-bcm2711", 17)


def test_a_header_line_without_names_is_found_by_its_number_on_the_header_chip(board) -> None:
    for line in board.chips["/dev/gpiochip0"].lines:
        line.name = ""
    assert board.seen().find("GPIO17") == ("/dev/gpiochip0", "pinctrl-bcm2711", 17)


def test_the_fifth_pi_has_its_header_on_another_chip(board) -> None:
    board.chips["/dev/gpiochip0"].label = "pinctrl-rp1"
    assert board.seen().find("GPIO17").label == "pinctrl-rp1"


def test_a_name_beats_a_number(board) -> None:
    lines = board.chips["/dev/gpiochip0"].lines
    lines[17].name, lines[3].name = "", "GPIO17"
    assert board.seen().find("GPIO17").offset == 3


def test_a_line_of_that_name_on_a_board_that_is_no_pi_is_found(board) -> None:
    board.chips["/dev/gpiochip0"].label = "30200000.gpio"
    assert board.seen().find("GPIO17").label == "30200000.gpio"


def test_the_header_wins_when_two_chips_have_a_line_of_that_name(board) -> None:
    board.chips["/dev/gpiochip1"].lines[2].name = "GPIO17"
    assert board.seen().find("GPIO17").label == "pinctrl-bcm2711"


def test_two_lines_of_one_name_are_never_guessed_between(board) -> None:
    board.chips["/dev/gpiochip0"].label = "soc-gpio"
    board.chips["/dev/gpiochip1"].lines[2].name = "GPIO17"
    assert refusal(board.seen(), "GPIO17") == "2 lines are called GPIO17; write soc-gpio:17 or pcf8574:2."


def test_a_chip_is_found_by_label_or_by_number(board) -> None:
    assert board.seen().find("pcf8574:3") == board.seen().find("gpiochip1:3")


def test_two_chips_of_one_label_are_never_guessed_between(board) -> None:
    board.add("pcf8574", [""] * 8)
    assert refusal(board.seen(), "pcf8574:3") == (
        "pcf8574:3 could be on 2 chips of that label; write gpiochip1:3 or gpiochip2:3."
    )


@pytest.mark.parametrize("pin", ["GPIO28", "pcf8574:8", "mcp23017:0"])
def test_a_line_that_is_nowhere_is_named_with_the_chips_that_are_there(board, pin) -> None:
    sentence = refusal(board.seen(), pin)
    assert pin in sentence and "pinctrl-bcm2711 (28 lines), pcf8574 (8 lines)" in sentence


def test_a_machine_without_chips_is_told_so() -> None:
    sentence = refusal(Chips(paths=lambda: []), "GPIO17")
    assert sentence == "GPIO17 cannot be used: this machine has no GPIO chip (no /dev/gpiochip*)."


def test_links_to_chips_are_not_a_second_chip(tmp_path, monkeypatch) -> None:
    import glob

    (tmp_path / "gpiochip0").touch()
    (tmp_path / "gpiochip4").symlink_to(tmp_path / "gpiochip0")
    paths = sorted(str(path) for path in tmp_path.iterdir())
    monkeypatch.setattr(glob, "glob", lambda pattern: paths)
    assert device_paths() == paths[:1]


# -- refusals ------------------------------------------------------------------------------------


def test_a_line_that_is_taken_names_who_has_it(board) -> None:
    board.line("GPIO8").consumer = "spi0 CS0"
    assert refusal(board.seen(), "GPIO8") == (
        "GPIO8 (pinctrl-bcm2711 line 8) is already taken by spi0 CS0; free it there or choose another line."
    )


def test_a_line_that_we_have_ourselves_is_not_blamed_on_others(board) -> None:
    board.seen().request("GPIO8", Wish("input"))
    assert "already in use by kioskd itself" in refusal(board.seen(), "gpiochip0:8")


@pytest.mark.parametrize(
    "number, words",
    [
        (errno.EACCES, "no permission; add the service user to the group gpio"),
        (errno.EPERM, "no permission"),
        (errno.ENODEV, "the chip is gone"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_a_chip_that_cannot_be_opened_says_why(board, number, words) -> None:
    del board.chips["/dev/gpiochip1"]
    board.chips["/dev/gpiochip0"].trouble = number
    sentence = refusal(board.seen(), "GPIO17")
    assert words in sentence and "GPIO17 (/dev/gpiochip0)" in sentence


def test_one_broken_chip_does_not_hide_the_others(board) -> None:
    board.chips["/dev/gpiochip1"].trouble = errno.EIO
    assert board.seen().find("GPIO17").offset == 17


def test_the_real_gpiod_refuses_a_file_that_is_no_chip_and_we_say_which(tmp_path) -> None:
    no_chip = tmp_path / "gpiochip0"
    no_chip.write_bytes(b"")
    sentence = refusal(Chips(paths=lambda: [str(no_chip)]), "GPIO17")
    assert sentence == f"GPIO17 ({no_chip}): Inappropriate ioctl for device."
    assert "chip is gone" in refusal(Chips(paths=lambda: ["/dev/null"]), "GPIO17")
    assert "No such file" in refusal(Chips(paths=lambda: [str(tmp_path / "nothing")]), "GPIO17")


# -- requesting ----------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [False, True])
def test_an_output_has_its_level_from_the_first_moment(board, level) -> None:
    board.seen().request("GPIO27", Wish("output", level=level))
    assert board.line("GPIO27").driven == [level]


def test_an_output_keeps_the_pull_that_the_board_booted_with() -> None:
    assert Wish("output").settings().bias is Bias.AS_IS


@pytest.mark.parametrize(
    "pull, bias", [("as_is", Bias.AS_IS), ("floating", Bias.DISABLED), ("up", Bias.PULL_UP), ("down", Bias.PULL_DOWN)]
)
def test_a_wish_becomes_settings_that_gpiod_takes(pull, bias) -> None:
    settings = Wish("input", pull=pull, edges="both", debounce_s=0.005).settings()
    assert (settings.direction, settings.bias, settings.edge_detection) == (Direction.INPUT, bias, Edge.BOTH)
    assert settings.debounce_period.total_seconds() == 0.005
    assert settings.active_low is False
    import gpiod._ext
    from gpiod.line_settings import _line_settings_to_ext

    assert isinstance(_line_settings_to_ext(settings), gpiod._ext.LineSettings)


def test_a_line_without_edges_has_no_debounce() -> None:
    assert Wish("input", debounce_s=0.005).settings().debounce_period.total_seconds() == 0


def test_edges_come_with_the_kernels_time(board) -> None:
    held = board.seen().request("GPIO17", Wish("input", pull="up", edges="both"))
    before = time.monotonic()
    board.line("GPIO17").drive(False)
    board.line("GPIO17").drive(True)
    (down_at, down), (up_at, up) = held.edges()
    assert (down, up) == (False, True)
    assert before <= down_at <= up_at <= time.monotonic()


def test_a_released_line_can_be_had_again(board) -> None:
    board.seen().request("GPIO17", Wish("input")).release()
    assert not board.seen().request("GPIO17", Wish("output", level=True)).place.offset == 0
    assert board.line("GPIO17").level


def test_a_wedged_thread_in_a_line_does_not_keep_it_from_being_written(board) -> None:
    held = board.seen().request("GPIO27", Wish("output", level=True))
    held._lock.acquire()
    started = time.monotonic()
    writer = threading.Thread(target=held.write, args=(False,))
    writer.start()
    writer.join(5)
    assert not board.line("GPIO27").level
    assert LOCK_S * 0.9 <= time.monotonic() - started < 2
