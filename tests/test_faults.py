"""docs/faults.md says what the tests say."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def faults() -> ModuleType:
    spec = importlib.util.spec_from_file_location("faults_table", ROOT / "scripts" / "faults.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["faults_table"] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_says_what_the_tests_say(faults: ModuleType) -> None:
    text = faults.PAGE.read_text()
    assert text == faults.page(text, faults.table(faults.faults())), "run scripts/faults --write"


def test_every_fault_that_the_link_must_survive_has_its_row(faults: ModuleType) -> None:
    """The list of issue 4, by a word of each."""
    rows = " / ".join(fault.name for fault in faults.faults() if fault.room == "link")
    wanted = ("refused", "reset", "blackholed", "half-open", "handshake that takes", "no session.created")
    wanted += ("no session.configured", "close of every code", "accepts and hangs up", "401", "429", "server_full")
    wanted += ("garbage", "binary", "megabyte", "20 times real time", "twice", "tool's result", "five years", "suspend")
    assert [word for word in wanted if word not in rows] == []


def test_a_row_has_its_numbers_in_words(faults: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "test_faults_card.py").write_text(
        '@pytest.mark.fault("unplugged", noticed_s=1.5, in_a_minute=3, calls=1, lost="a word")\ndef test_x(): ...\n'
    )
    found = faults.faults(tmp_path)
    row = "| unplugged | 1.5 s |  | 3 a minute | a word | 1 call of the tool | `test_x` |"
    assert faults.table(found).splitlines()[0] == "### audio" and faults.table(found).splitlines()[-1] == row


@pytest.mark.parametrize("marker", ['"x", lost="y"', '"x", back_s=1', "back_s=1, lost='y'", '"x", back_s=N, lost="y"'])
def test_a_marker_that_says_too_little_is_refused(faults: ModuleType, tmp_path: Path, marker: str) -> None:
    (tmp_path / "test_x.py").write_text(f"@pytest.mark.fault({marker})\ndef test_x(): ...\n")
    with pytest.raises(faults.BadMarker):
        faults.faults(tmp_path)
    with pytest.raises(faults.BadMarker):
        faults.page("a page without marks", "")
