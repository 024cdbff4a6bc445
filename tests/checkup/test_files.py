"""What is not there, or says nonsense, is not known."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from kioskd.checkup.files import number, text

Put = Callable[[str, str], Path]


def test_a_file_is_read_without_its_newline(put: Put) -> None:
    assert text(put("a", "hello\n")) == "hello" and text(put("b", "model\0")) == "model"


@pytest.mark.parametrize(("said", "found"), [("12\n", 12), ("0x10", 16), ("-3", -3), ("twelve", None), ("", None)])
def test_numbers_are_read_as_the_kernel_writes_them(put: Put, said: str, found: float | None) -> None:
    assert number(put("n", said)) == found


def test_what_is_not_there_is_not_known(tmp_path: Path) -> None:
    assert text(tmp_path / "no") is None and number(tmp_path / "no") is None and text(tmp_path) is None
