"""Files of secrets that change, in each of the ways in which people and systemd change them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from kioskd.link.keyfile import KeyWatch, face_of


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text("sk_one\n")
    path.chmod(0o644)
    return path


def rewrite(key: Path) -> None:
    key.write_text("sk_two\n")


def replace(key: Path) -> None:
    """As editors and configuration tools do: the same size, the same time of modification, another file."""
    other = key.with_suffix(".new")
    other.write_text("sk_two\n")
    os.utime(other, ns=(key.stat().st_atime_ns, key.stat().st_mtime_ns))
    other.rename(key)


def open_up(key: Path) -> None:
    key.chmod(0o600)


def relink(key: Path) -> None:
    """As systemd does with credentials and Kubernetes with secrets: another directory behind the same name."""
    other = key.with_name("other")
    other.write_text("sk_two\n")
    key.unlink()
    key.symlink_to(other)


@pytest.mark.parametrize("change", [rewrite, replace, open_up, relink])
def test_each_change_is_noticed_at_the_next_look_and_once(kit: Any, key: Path, change: Any) -> None:
    told: list[str] = []
    setups = [
        kit.setup_for("ws://127.0.0.1:9/", name="a", key_paths=(str(key),)),
        kit.setup_for("ws://127.0.0.1:9/", name="b", key_paths=("/nowhere/at/all", str(key))),
        kit.setup_for("ws://127.0.0.1:9/", name="c"),
    ]
    watch = KeyWatch(setups, told.append)
    watch.look()
    assert told == []
    change(key)
    watch.look()
    watch.look()
    assert told == ["a", "b"]


def test_a_file_that_comes_is_news_and_one_that_goes_is_none(kit: Any, key: Path) -> None:
    told: list[str] = []
    watch = KeyWatch([kit.setup_for("ws://127.0.0.1:9/", name="a", key_paths=(str(key),))], told.append)
    key.unlink()
    watch.look()
    assert told == []
    key.write_text("sk_two\n")
    watch.look()
    assert told == ["a"]
    watch.use([kit.setup_for("ws://127.0.0.1:9/", name="b", key_paths=(str(key),))])
    watch.look()
    rewrite(key)
    os.utime(key, ns=(1, 1))
    watch.look()
    assert told == ["a", "b"]


def test_what_is_no_path_is_no_file() -> None:
    assert face_of("/nowhere/at/all") is None and face_of("a\x00b") is None
