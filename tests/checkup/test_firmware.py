"""What the firmware is told of each line, held against what the configuration wants."""

from __future__ import annotations

from pathlib import Path

import pytest

from kioskd.checkup.firmware import look, said
from kioskd.core.finding import Finding, Grade

WANTED = ((17, "ip,pu"), (27, "op,dl,pd"))


def found(tmp_path: Path, text: str | None, place: str = "firmware/config.txt") -> list[Finding]:
    path = tmp_path / place
    if text is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return list(look(WANTED, tmp_path, "kioskd wiring FILE --boot-lines"))


@pytest.mark.parametrize("place", ["firmware/config.txt", "config.txt"])
def test_lines_that_are_missing_are_given_ready_to_be_written(tmp_path: Path, place: str) -> None:
    (finding,) = found(tmp_path, "dtparam=audio=on\n# gpio=27=op,dl,pd\ngpio=17=ip,pu\n", place)
    assert finding.grade is Grade.WARN and "gpio=27=op,dl,pd:" in finding.sentence and "gpio=17" not in finding.sentence
    assert "--boot-lines" in finding.advice


def test_a_line_that_is_driven_the_wrong_way_is_found(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, "gpio=17=ip,pu\ngpio=27=op,dl,pd\ngpio=27=op,dh,pd\n")
    assert finding.grade is Grade.WARN and "gpio=27=op,dl,pd" in finding.sentence, "the last word counts"


def test_a_file_that_says_it_all_is_well(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, "[all]\r\ngpio=17=pu,ip\r\n gpio=26-28=op,pd,dl \r\n")
    assert finding.grade is Grade.OK


def test_another_board_is_not_asked_for_them(tmp_path: Path) -> None:
    assert found(tmp_path, None) == []
    (tmp_path / "config.txt").write_text("")
    assert list(look((), tmp_path, "")) == []


def test_rubbish_says_nothing() -> None:
    assert said("gpio=\ngpio=x=op\ngpio=1--2=op\ngpio=,=op\ngpio=5-3=op\ngpio=3=OP\n\xff") == {}
