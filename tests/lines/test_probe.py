"""What a line does when its holder dies: found out with processes that really die."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kioskd.lines import probe as module
from kioskd.lines.chips import Chips
from kioskd.lines.naming import LineError
from kioskd.lines.probe import DROPS, INPUT, KEEPS, Probed, Trial, main, probe
from torture.wires import FolderChip, Wires

ROOT = Path(__file__).resolve().parent.parent.parent


def on(wires: Wires, monkeypatch: pytest.MonkeyPatch) -> Chips:
    """The machine's chips are those of that folder, here and in the process that dies."""
    holder = [sys.executable, "-m", "torture.onwires", str(wires.folder), "hold"]
    monkeypatch.setattr(module, "HOLDER", holder)
    monkeypatch.setattr(module, "SETTLE_S", 0.0)
    monkeypatch.chdir(ROOT)
    return Chips(FolderChip, lambda: [str(wires.folder)])


@pytest.mark.parametrize(
    "after, offset, verdict, high_becomes",
    [("keeps", 22, KEEPS, True), ("input", 22, INPUT, False), ("input", 5, INPUT, True)],
)
def test_a_line_is_driven_both_ways_its_holder_killed_and_what_is_left_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str, offset: int, verdict: str, high_becomes: bool
) -> None:
    wires = Wires.make(tmp_path / "gpiochip0", after=after)
    found = probe(f"GPIO{offset}", on(wires, monkeypatch))
    assert [(trial.driven, trial.level) for trial in found.trials][1] == (True, high_becomes)
    assert found.verdict == verdict and (found.chip, found.offset) == ("pinctrl-bcm2711", offset)
    moves = wires.moves(offset)
    assert [move.high for move in moves] == [False, True] and len({move.pid for move in moves}) == 2
    assert not wires.held(offset)
    row = found.row()
    assert row["verdict"] == verdict and row["means"] and len(row["trials"]) == 2  # type: ignore[arg-type]  # a list


def test_a_line_that_somebody_has_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wires = Wires.make(tmp_path / "gpiochip0")
    chips = on(wires, monkeypatch)
    from kioskd.lines.chips import Wish

    held = chips.request("GPIO22", Wish("input"))
    with pytest.raises(LineError, match="GPIO22 .* is already in use by kioskd itself"):
        probe("GPIO22", chips)
    assert wires.moves(22) == []
    held.release()


def test_a_holder_that_cannot_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wires = Wires.make(tmp_path / "gpiochip0")
    chips = on(wires, monkeypatch)
    monkeypatch.setattr(module, "HOLDER", [sys.executable, "-c", "pass"])
    with pytest.raises(LineError, match="ended and said nothing"):
        probe("GPIO22", chips)


def test_a_holder_that_nobody_kills_ends_with_its_standard_input(tmp_path: Path) -> None:
    wires = Wires.make(tmp_path / "gpiochip0")
    command = [sys.executable, "-m", "torture.onwires", str(wires.folder), "hold", "GPIO22", "high"]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=30, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, "held\n") and not wires.held(22)


def test_a_level_that_is_not_kept_is_told_and_so_are_two_trials_that_differ() -> None:
    assert Trial(True, True, False).verdict == DROPS
    assert Probed("GPIO22", "chip", 22, (Trial(False, True, False), Trial(True, False, False))).verdict == DROPS


def test_the_holder_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hold", "GPIO22"]) == 64 and "usage" in capsys.readouterr().err
