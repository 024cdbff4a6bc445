"""The sections are fit to be the one list of keys: sound defaults, plain words, frozen."""

from __future__ import annotations

import dataclasses
from typing import Iterator

import pytest

from kioskd.config.keys import Key, keys
from kioskd.config.sections import Config, yaml_name


def every_key(section: type = Config, path: str = "") -> Iterator[tuple[str, Key]]:
    for key in keys(section):
        yield f"{path}.{key.name}", key
        if key.is_section:
            yield from every_key(key.kind, f"{path}.{key.name}")


KEYS = dict(every_key())


@pytest.mark.parametrize("path", KEYS)
def test_every_key_is_explained_and_says_when_a_change_applies(path: str) -> None:
    assert KEYS[path].doc.strip()
    assert "\n" not in KEYS[path].doc
    assert KEYS[path].applies in ("live", "session", "restart")


@pytest.mark.parametrize("path", KEYS)
def test_every_default_lies_within_its_own_bounds_and_choices(path: str) -> None:
    key = KEYS[path]
    if key.required or key.default in (None, ()) or key.is_section:
        return
    if key.low is not None and key.high is not None:
        assert key.low <= key.default <= key.high
    if key.choices:
        assert key.default in key.choices


@pytest.mark.parametrize("path", KEYS)
def test_bounds_come_in_pairs(path: str) -> None:
    assert (KEYS[path].low is None) == (KEYS[path].high is None)


def test_the_keepalive_cannot_be_set_to_the_services_idle_limit() -> None:
    high = KEYS[".talk.keepalive_s"].high
    assert high is not None and high < 30


def test_all_defaults_together_are_a_configuration() -> None:
    assert Config().service[0].dialect == "local"
    assert Config() == Config()


def test_a_configuration_cannot_be_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().kiosk.name = "other"  # type: ignore[misc]  # that it is an error is the point


def test_class_is_written_class() -> None:
    assert yaml_name("class_") == "class"
    assert yaml_name("start_ms") == "start_ms"
