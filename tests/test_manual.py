"""The manual: whole, and written in what man(1) understands."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from kioskd import ctl, manual


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    assert manual.main([str(tmp_path / "man")]) == 0
    return tmp_path / "man"


def shown(page: Path) -> str:
    made = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", str(page)],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "MANWIDTH": "100", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"},
    )
    assert made.stderr == ""
    return re.sub(r".\x08", "", made.stdout)


@pytest.mark.parametrize("name", ["kioskd.8", "kioskctl.1", "kioskd.yaml.5"])
def test_man_takes_each_page_without_a_warning(pages: Path, name: str) -> None:
    text = shown(pages / name)
    assert text.count("\nNAME\n") == 1 and "SEE ALSO" in text


def test_every_key_of_the_file_stands_in_its_page() -> None:
    page = manual.kioskd_yaml_5()
    paths = [path for path, _ in manual.schema()]
    assert len(paths) > 100 and len(paths) == len(set(paths))
    assert all(f"\n.B {path}\n" in page for path in paths)
    assert "tools[].action.relay.pulse_ms" in paths and "20 to 60000 ms; default: 3000" in page


def test_every_command_stands_in_its_page(pages: Path) -> None:
    text = shown(pages / "kioskctl.1")
    assert all(f"   {command}\n" in text for command in ("status", "watch", "doctor", "bugreport", "mute"))
    assert "exit status:" in text and ctl.EPILOG.splitlines()[1].strip() in text


def test_lines_that_look_like_requests_are_text() -> None:
    assert manual._escaped(".SH x") == "\\&.SH x" and manual._escaped("'x") == "\\&'x"
    assert manual._escaped("a\\b -c") == "a\\eb \\-c"


def complete(pages: Path, *words: str) -> list[str]:
    typed = " ".join(f"'{word}'" for word in words)
    where = f"COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}"
    script = f"source {pages}/kioskd.bash; {where}; _{words[0]}; echo ${{COMPREPLY[@]}}"
    made = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True)
    assert made.stderr == ""
    return made.stdout.split()


def test_bash_completes_commands_options_and_choices(pages: Path) -> None:
    assert complete(pages, "kioskd", "ch") == ["check"]
    assert complete(pages, "kioskctl", "mu") == ["mute"]
    assert complete(pages, "kioskctl", "status", "--j") == ["--json"]
    assert complete(pages, "kioskctl", "panel", "pre") == ["press"]
    assert complete(pages, "kioskctl", "nonsense", "") == []


def test_a_folder_that_cannot_be_had_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("")
    assert manual.main([str(tmp_path / "taken")]) == 73
    assert "cannot be written" in capsys.readouterr().err
