"""Wi-Fi on trees like /sys and /proc."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from kioskd.checkup.wifi import interfaces, look, signals
from kioskd.core.finding import Grade

Put = Callable[[str, str], Path]
TABLE = """Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
 wlan0: 0000   56.  {level}  -256        0      0      0      0      0        0
"""


def silent(command: tuple[str, ...]) -> str | None:
    return None


@pytest.fixture
def wlan0(put: Put) -> None:
    put("sys/class/net/wlan0/wireless/x", "")
    put("sys/class/net/wlan0/operstate", "up\n")
    put("sys/class/net/eth0/operstate", "up\n")
    put("sys/class/net/wlan1/phy80211/x", "")
    put("sys/class/net/wlan1/operstate", "down\n")


def test_only_wireless_interfaces_that_are_up_are_looked_at(wlan0: None, tmp_path: Path) -> None:
    assert interfaces(tmp_path / "sys") == ["wlan0"]


def test_a_kiosk_on_a_cable_is_fine(tmp_path: Path) -> None:
    (told,) = look(tmp_path / "sys", tmp_path / "proc", silent)
    assert told.grade is Grade.OK and told.sentence == "not used"


@pytest.mark.parametrize(
    ("level", "dbm", "grade"),
    [("-54.", -54.0, Grade.OK), ("-72.", -72.0, Grade.WARN), ("-85.", -85.0, Grade.FAIL), ("184.", -72.0, Grade.WARN)],
)
def test_the_signal_is_judged(wlan0: None, put: Put, tmp_path: Path, level: str, dbm: float, grade: Grade) -> None:
    put("proc/net/wireless", TABLE.format(level=level))
    assert signals(tmp_path / "proc") == {"wlan0": dbm}
    signal, saving = look(tmp_path / "sys", tmp_path / "proc", silent)
    assert signal.grade is grade and signal.data["dbm"] == dbm
    assert saving.grade is Grade.UNKNOWN and "iw" in saving.advice


@pytest.mark.parametrize(
    ("said", "grade"),
    [("Power save: on\n", Grade.WARN), ("Power save: off\n", Grade.OK), ("", Grade.UNKNOWN), (None, Grade.UNKNOWN)],
)
def test_power_save_is_asked_of_iw(wlan0: None, tmp_path: Path, said: str | None, grade: Grade) -> None:
    asked: list[tuple[str, ...]] = []

    def iw(command: tuple[str, ...]) -> str | None:
        asked.append(command)
        return said if "get" in command else "Connected to aa:bb (on wlan0)\n\tsignal: -60 dBm\n"

    signal, saving = look(tmp_path / "sys", tmp_path / "proc", iw)
    assert saving.grade is grade and signal.data == {"dbm": -60.0}
    assert asked == [("iw", "dev", "wlan0", "link"), ("iw", "dev", "wlan0", "get", "power_save")]


@pytest.mark.parametrize("table", ["", "nonsense", "wlan0: 0000 56. strong\n", "wlan0:\n"])
def test_a_table_that_is_none_is_not_known(wlan0: None, put: Put, tmp_path: Path, table: str) -> None:
    put("proc/net/wireless", table)
    signal, _ = look(tmp_path / "sys", tmp_path / "proc", lambda command: "signal: none\nsignal:\n")
    assert signal.grade is Grade.UNKNOWN
