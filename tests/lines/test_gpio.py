"""Which factory serves a real line."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kioskd.lines.gpio import GpioSource
from kioskd.lines.lines import open_lines
from kioskd.lines.naming import LineError

ROOT = Path(__file__).resolve().parent.parent.parent


def not_installed(runtime_dir: str | None):
    raise ImportError("No module named 'lgpio'")


def test_without_lgpio_all_lines_go_to_libgpiod_and_the_reason_is_kept(board) -> None:
    source = GpioSource(None, board.seen(), lgpio=not_installed)
    assert source.factory("GPIO17", moves=False)[0] == "gpiod"
    assert source.why() == "lgpio: not installed (No module named 'lgpio')"
    source.close()


def test_what_the_thread_of_libgpiod_could_not_report_is_counted(board) -> None:
    source = GpioSource(None, board.seen(), lgpio=not_installed)
    assert source.errors == 0
    factory = source.factory("GPIO17", moves=False)[1]
    factory.reader.errors += 2
    assert source.errors == 2
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


@pytest.mark.parametrize("error", [FileNotFoundError, PermissionError])
def test_a_folder_in_which_lgpio_cannot_make_its_pipe_is_named_and_libgpiod_serves(board, error) -> None:
    def no_pipe(runtime_dir: str | None):
        raise error(2, "it is not there")

    source = GpioSource("/run/gone", board.seen(), lgpio=no_pipe)
    assert source.why() == "lgpio: its pipe cannot be made in /run/gone (it is not there); see ops.runtime_dir"
    assert source.factory("GPIO17", False)[0] == "gpiod"
    source.close()


@pytest.mark.parametrize("folder, makes_it", [("run", True), ("gone", False)])
def test_the_installed_lgpio_makes_its_pipe_where_the_unit_says_or_is_done_without(tmp_path, folder, makes_it) -> None:
    """In a process whose working directory cannot be written to, as under systemd."""
    (tmp_path / "run").mkdir()
    code = (
        "import os, sys\nos.chdir('/proc')\nimport gpiozero.pins.local as local\n"
        "local.get_pi_revision = lambda: 0xa02082\nfrom kioskd.lines.gpio import GpioSource\n"
        "print(GpioSource(sys.argv[1]).why())\nassert os.getcwd() == '/proc'"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(tmp_path / folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=env)
    assert done.returncode == 0, done.stderr
    if importlib.util.find_spec("lgpio") is None:
        assert done.stdout.startswith("lgpio: not installed")  # it has no wheel for Python 3.13
    elif makes_it:
        assert "can not open gpiochip" in done.stdout and os.listdir(tmp_path / "run") == [".lgd-nfy0"]
    else:
        assert f"its pipe cannot be made in {tmp_path}/gone" in done.stdout


def test_the_unit_has_a_folder_for_the_pipe_of_lgpio_that_stays_for_the_helper() -> None:
    unit = (ROOT / "systemd" / "kioskd.service").read_text().splitlines()
    assert {"Environment=LG_WD=/run/kioskd", "RuntimeDirectory=kioskd", "RuntimeDirectoryPreserve=yes"} <= set(unit)


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
