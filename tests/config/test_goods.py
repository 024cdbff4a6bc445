"""Copies of what ran healthy: the newest comes first, a damaged one is none."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from kioskd.config.goods import MOST, Goods, fingerprint


def kept(goods: Goods) -> list[bytes]:
    return [good.data for good in goods.newest_first()]


def test_nothing_is_kept_at_first(tmp_path: Path) -> None:
    goods = Goods(str(tmp_path / "state"))
    assert kept(goods) == [] and goods.before("") is None


def test_the_newest_comes_first_and_the_oldest_go(tmp_path: Path) -> None:
    goods = Goods(str(tmp_path))
    for number in range(MOST + 3):
        goods.keep(f"n: {number}\n".encode())
    assert kept(goods) == [f"n: {number}\n".encode() for number in range(MOST + 2, 2, -1)]
    assert len(os.listdir(goods.folder)) == MOST


def test_the_same_once_more_becomes_the_newest_and_stands_there_once(tmp_path: Path) -> None:
    goods = Goods(str(tmp_path))
    for text in (b"a\n", b"b\n", b"b\n", b"a\n"):
        goods.keep(text)
    assert kept(goods) == [b"a\n", b"b\n"]
    before = goods.before(fingerprint(b"a\n"))
    assert before is not None and before.data == b"b\n"


def test_nobody_else_reads_them(tmp_path: Path) -> None:
    goods = Goods(str(tmp_path))
    goods.keep(b"a\n")
    (name,) = os.listdir(goods.folder)
    assert stat.S_IMODE(os.stat(goods.folder).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(os.path.join(goods.folder, name)).st_mode) == 0o600


def test_a_damaged_copy_is_passed_over_and_written_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    goods = Goods(str(tmp_path))
    goods.keep(b"a\n")
    goods.keep(b"b\n")
    newest = next(goods.newest_first())
    Path(newest.path).write_bytes(b"B\n")
    assert kept(goods) == [b"a\n"] and "damaged" in caplog.text
    goods.keep(b"b\n")
    assert kept(goods) == [b"b\n", b"a\n"]
