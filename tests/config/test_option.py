"""How a key is declared."""

from __future__ import annotations

import dataclasses

import pytest

from kioskd.config.option import REQUIRED, option


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lamp:
    pin: str = option("where")
    bright: float = option("how much", 0.5, low=0, high=1, applies="live")
    tags: dict[str, str] = option("words", {})


def test_a_key_without_a_default_must_be_given() -> None:
    with pytest.raises(TypeError):
        Lamp()  # type: ignore[call-arg]  # that it is an error is the point
    assert dataclasses.fields(Lamp)[0].default is REQUIRED


def test_a_key_carries_its_sentence_bounds_and_moment() -> None:
    meta = dataclasses.fields(Lamp)[1].metadata
    assert meta == {"doc": "how much", "low": 0, "high": 1, "choices": (), "applies": "live"}


def test_a_default_that_could_be_changed_is_made_afresh_for_dataclasses() -> None:
    assert Lamp(pin="a").tags == {}
    assert dataclasses.fields(Lamp)[2].default is REQUIRED
