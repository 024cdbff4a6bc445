"""What is used of gpiozero, and the import of lgpio."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import gpiozero

from kioskd.lines.zero import Board, GPIOZeroError, driver_errors, lgpio_factory


def test_a_board_knows_any_name_and_gives_each_one_pin() -> None:
    board = Board()
    names = ["GPIO17", "pcf8574:3", "pcf8574:4"]
    pins = {name: next(board.find_pin(name))[1] for name in names}
    assert len(set(pins.values())) == 3
    assert all(next(board.find_pin(name))[1] is pins[name] for name in names)


def test_a_pin_is_found_again_by_the_name_that_gpiozero_releases_it_by() -> None:
    board = Board()
    pin = next(board.find_pin("pcf8574:3"))[1]
    assert next(board.find_pin(pin.name))[1] is pin
    assert int(pin.name[4:]) >= 1000


def test_elsewhere_than_on_a_pi_lgpio_is_not_even_imported() -> None:
    code = (
        "import sys\nfrom kioskd.lines.zero import lgpio_factory, driver_errors\n"
        "try:\n    lgpio_factory(None)\nexcept driver_errors() as error:\n    print(error)\n"
        "assert 'lgpio' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and "Pi revision" in done.stdout, done.stderr


def test_lgpio_gets_the_runtime_directory_and_the_process_stays_where_it_was(raspberry, tmp_path) -> None:
    here = os.getcwd()
    factory = lgpio_factory(str(tmp_path))
    assert os.environ["LG_WD"] == str(tmp_path) and os.getcwd() == here
    assert isinstance(factory, gpiozero.pins.lgpio.LGPIOFactory)
    factory.close()


# Where lgpio cannot be installed: a module that does at its import what lgpio 0.2.2 does.
STANDS_FOR_LGPIO = """
import os
os.chdir(os.environ["LG_WD"])
open(".lgd-nfy0", "w").close()
SET_PULL_NONE, RISING_EDGE, FALLING_EDGE, BOTH_EDGES = 128, 1, 2, 3
class error(Exception):
    pass
def gpiochip_open(chip):
    raise error("can not open gpiochip")
"""


def test_the_import_of_lgpio_moves_the_process_and_we_move_it_back(tmp_path) -> None:
    env = dict(os.environ)
    if importlib.util.find_spec("lgpio") is None:
        (tmp_path / "lgpio.py").write_text(STANDS_FOR_LGPIO)
        env["PYTHONPATH"] = str(tmp_path)
    run = tmp_path / "run"
    run.mkdir()
    code = (
        "import os, sys\nimport gpiozero.pins.local as local\nlocal.get_pi_revision = lambda: 0xa02082\n"
        "from kioskd.lines.zero import lgpio_factory, driver_errors\nhere = os.getcwd()\n"
        "try:\n    lgpio_factory(sys.argv[1])\nexcept driver_errors() as error:\n    print(error)\n"
        "assert os.getcwd() == here, os.getcwd()\nassert os.listdir(sys.argv[1]), 'no pipe there'"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run)], capture_output=True, text=True, timeout=30, env=env)
    assert done.returncode == 0, done.stderr


def test_the_errors_of_drivers_are_known() -> None:
    assert {OSError, GPIOZeroError} <= set(driver_errors())
