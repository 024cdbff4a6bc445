"""The marker of a trial: of this boot, whole, or none."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from kioskd.config import trial as trials
from kioskd.config.trial import KEPT, ROLLED_BACK, RUNNING, Trial

ONE = Trial("ab" * 32, RUNNING, 1.0, 15.0, 60.0, before=("capture",), by="anna", boot="this")


def test_a_marker_comes_back_as_it_was_written(tmp_path: Path) -> None:
    trials.write(str(tmp_path), ONE)
    assert trials.read(str(tmp_path), "this") == ONE and not ONE.ended


def test_a_marker_of_another_boot_is_none(tmp_path: Path) -> None:
    trials.write(str(tmp_path), ONE)
    assert trials.read(str(tmp_path), "the next") is None
    assert trials.boot_id() == trials.boot_id() != ""


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"sha256": 1}', '{"state": "x", "before": 3}', "[" * 9000, "é"])
def test_a_damaged_marker_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / trials.NAME).write_text(text, encoding="latin-1")
    assert trials.read(str(tmp_path), "this") is None


@pytest.mark.parametrize("value", ["null", '"15"', "[]", "NaN", "1" + "0" * 400])
@pytest.mark.parametrize("name", ["began", "watch_s", "confirm_s", "until", "confirm_until"])
def test_a_marker_whose_times_are_none_is_none(tmp_path: Path, name: str, value: str) -> None:
    row = json.dumps({**asdict(ONE), name: 4711}).replace("4711", value)
    (tmp_path / trials.NAME).write_text(row)
    assert trials.read(str(tmp_path), "this") is None


def test_a_folder_that_is_not_there_holds_none(tmp_path: Path) -> None:
    assert trials.read(str(tmp_path / "none"), "this") is None
    with pytest.raises(OSError):
        trials.write(str(tmp_path / "none"), ONE)


def test_an_end_has_a_reason() -> None:
    ended = ONE.over(ROLLED_BACK, "the speaker is absent")
    assert ended.ended and ended.reason == "the speaker is absent" and ONE.over(KEPT, "").ended
