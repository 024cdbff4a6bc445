"""What was found out is kept, chip by chip."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from kioskd.lines.released import NAME, keep, kept


def test_each_chip_has_its_row_and_the_last_one_counts(tmp_path: Path) -> None:
    assert kept(str(tmp_path)) == {}
    keep(str(tmp_path), {"chip": "pinctrl-rp1", "verdict": "keeps"})
    keep(str(tmp_path), {"chip": "pcf8574", "verdict": "keeps"})
    path = keep(str(tmp_path), {"chip": "pinctrl-rp1", "verdict": "input"})
    assert kept(str(tmp_path)) == {
        "pinctrl-rp1": {"chip": "pinctrl-rp1", "verdict": "input"},
        "pcf8574": {"chip": "pcf8574", "verdict": "keeps"},
    }
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o644 and os.listdir(tmp_path) == [NAME]


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 5000])
def test_a_file_that_is_none_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    assert kept(str(tmp_path)) == {}


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        keep(str(tmp_path / "gone"), {"chip": "x"})
