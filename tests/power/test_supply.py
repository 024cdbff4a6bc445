"""The supply read from trees like /sys."""

from __future__ import annotations

from pathlib import Path

import pytest

from kioskd.core.supply import Supply
from kioskd.power.supply import read


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


@pytest.mark.parametrize("soc", ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware"])
def test_the_firmware_of_every_board_is_found(tmp_path: Path, soc: str) -> None:
    put(tmp_path, f"devices/platform/{soc}/get_throttled", "50005\n")
    assert read(tmp_path) == Supply(0x50005, None)


def test_the_voltage_monitor_is_known_by_its_name(tmp_path: Path) -> None:
    put(tmp_path, "class/hwmon/hwmon0/name", "cpu_thermal\n")
    put(tmp_path, "class/hwmon/hwmon0/in0_lcrit_alarm", "1\n")
    assert read(tmp_path) == Supply(None, None)
    put(tmp_path, "class/hwmon/hwmon2/name", "rpi_volt\n")
    put(tmp_path, "class/hwmon/hwmon2/in1_lcrit_alarm", "0\n")
    assert read(tmp_path) == Supply(None, False)
    put(tmp_path, "class/hwmon/hwmon2/in1_lcrit_alarm", "1\n")
    assert read(tmp_path) == Supply(None, True)


def test_a_machine_without_either_is_not_known(tmp_path: Path) -> None:
    assert not read(tmp_path).known and not read(tmp_path / "nowhere").known
