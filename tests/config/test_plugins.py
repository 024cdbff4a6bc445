"""Kinds that packages bring: real distributions on the path, good ones and broken ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Callable, Iterator

import pytest

from kioskd.config import plugins
from kioskd.config.plugins import Kind, PluginError, held, installed, load

CODE = """
from kioskd.config.plugins import Kind

def make(settings):
    return lambda arguments: {"shaft": settings["shaft"], **arguments}

lift = Kind(make, schema={"type": "object", "properties": {"shaft": {"type": "integer"}}, "required": ["shaft"]})
nothing = 3
forever = Kind(make, longest_s=3600.0)
"""


@pytest.fixture
def bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install a package, as pip would."""
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins._points.cache_clear()

    def install(package: str, points: str, code: str = CODE) -> None:
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[kioskd.actions]\n{points}\n")
        (tmp_path / f"{package}.py").write_text(code)
        plugins._points.cache_clear()

    yield install
    plugins._points.cache_clear()
    for name in ("kinds_of_ours", "kinds_of_others"):
        sys.modules.pop(name, None)


def test_a_kind_is_named_without_being_loaded_and_loaded_by_its_name(bring: Callable[..., None]) -> None:
    bring("kinds_of_ours", "lift = kinds_of_ours:lift")
    assert installed() == {"lift": "kinds_of_ours"} and "kinds_of_ours" not in sys.modules
    kind = load("lift")
    assert kind.make(held(kind, {"shaft": 2}))({"floor": 3}) == {"shaft": 2, "floor": 3}


@pytest.mark.parametrize(
    ("point", "why"),
    [
        ("kinds_of_ours:nothing", "must lead to a kioskd.config.plugins.Kind"),
        ("kinds_of_ours:forever", "must lead to a kioskd.config.plugins.Kind"),
        ("kinds_of_ours:missing", "cannot be loaded .AttributeError"),
        ("nowhere_at_all:lift", "cannot be loaded .ModuleNotFoundError"),
    ],
)
def test_a_broken_kind_is_a_sentence(bring: Callable[..., None], point: str, why: str) -> None:
    bring("kinds_of_ours", f"lift = {point}")
    with pytest.raises(PluginError, match=why):
        load("lift")


def test_a_package_that_fails_while_it_is_imported_is_a_sentence(bring: Callable[..., None]) -> None:
    bring("kinds_of_ours", "lift = kinds_of_ours:lift", code="raise RuntimeError('no licence')")
    with pytest.raises(PluginError, match="RuntimeError: no licence"):
        load("lift")


def test_what_nobody_brings_and_what_two_bring_is_a_sentence(bring: Callable[..., None]) -> None:
    with pytest.raises(PluginError, match="no installed package brings the kind lift"):
        load("lift")
    bring("kinds_of_ours", "lift = kinds_of_ours:lift")
    with pytest.raises(PluginError, match="brings the kind stairs .installed: lift"):
        load("stairs")
    bring("kinds_of_others", "lift = kinds_of_others:lift")
    with pytest.raises(PluginError, match="more than one"):
        load("lift")


def test_settings_are_held_to_the_schema() -> None:
    schema = {"type": "object", "properties": {"shaft": {"type": "integer", "default": 1}}}
    kind = Kind(lambda settings: lambda arguments: None, schema)
    assert held(kind, {}) == {"shaft": 1}
    for settings in ({"shaft": "two"}, {"shafts": 2}):
        with pytest.raises(PluginError, match="setting"):
            held(kind, settings)
