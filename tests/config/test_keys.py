from __future__ import annotations

from typing import Mapping

import pytest

from kioskd.config.keys import Key, join, keys, number, words
from kioskd.config.sections import Audio, Config, Endpoint, Rate, SecretRef, Talk, Tool


def key(section: type, name: str) -> Key:
    return next(one for one in keys(section) if one.name == name)


def test_a_key_knows_its_type_and_whether_it_may_be_nothing() -> None:
    assert (key(Endpoint, "voice").kind, key(Endpoint, "voice").optional) == (str, True)
    assert (key(Endpoint, "out_rate_hz").kind, key(Endpoint, "out_rate_hz").optional) == (int, True)
    assert (key(Endpoint, "key").kind, key(Endpoint, "key").is_section) == (SecretRef, True)
    assert (key(Audio, "volume").kind, key(Audio, "volume").optional) == (float, False)


def test_lists_and_schemas_are_told_apart() -> None:
    assert (key(Config, "service").kind, key(Config, "service").many) == (Endpoint, True)
    assert (key(Tool, "phrases").kind, key(Tool, "phrases").many) == (str, True)
    assert (key(Tool, "parameters").kind, key(Tool, "parameters").many) == (Mapping, False)


def test_a_required_key_has_no_default() -> None:
    assert key(Tool, "name").required
    assert not key(Tool, "phrases").required
    assert key(Tool, "policy").default.rate == Rate(count=6, per_s=60.0)


def test_class_keeps_its_python_name_beside() -> None:
    assert key(Tool, "class").field == "class_"


def test_bounds_are_told_with_their_unit() -> None:
    assert key(Talk, "preroll_ms").bounds == "0 to 1000 ms"
    assert key(Talk, "min_dbfs").bounds == "-90 to -10 dBFS"
    assert key(Endpoint, "out_rate_hz").bounds == "8000 to 48000 Hz"
    assert key(Audio, "volume").bounds == "0 to 1"
    assert key(Talk, "mode").bounds == ""


@pytest.mark.parametrize(("value", "text"), [(2.0, "2"), (0.5, "0.5"), (-55, "-55"), (1e300, "1e+300")])
def test_numbers_are_written_as_people_do(value: float, text: str) -> None:
    assert number(value) == text


def test_words_and_paths() -> None:
    assert words(("a", "b", "c")) == "a, b or c"
    assert words(("a", "b"), "and") == "a and b"
    assert words(("a",)) == "a"
    assert words(()) == ""
    assert join("", "kiosk") == "kiosk"
    assert join("tools[0]", "name") == "tools[0].name"
