"""Hooks on the stages of the microphone's sound."""

from __future__ import annotations

import pytest

from kioskd.audio.stages import CLEAN, RAW, Stages
from kioskd.lanes import Chunk

CHUNK = Chunk(b"\0" * 640, 1.0)


def test_each_stage_has_its_own_hooks() -> None:
    stages, seen = Stages(), []
    stages.add(RAW, lambda chunk: seen.append(("raw", chunk)))
    stages.add(CLEAN, lambda chunk: seen.append(("clean", chunk)))
    stages.show(RAW, CHUNK)
    stages.show(CLEAN, CHUNK)
    assert seen == [("raw", CHUNK), ("clean", CHUNK)]


def test_a_removed_hook_is_shown_nothing_and_an_unknown_one_is_no_mistake() -> None:
    stages = Stages()
    seen: list[Chunk] = []
    stages.add(RAW, seen.append)
    stages.remove(RAW, seen.append)
    stages.remove(RAW, seen.append)
    stages.remove("loud", seen.append)
    stages.show(RAW, CHUNK)
    assert seen == []


def test_a_hook_may_remove_itself() -> None:
    stages, seen = Stages(), []

    def once(chunk: Chunk) -> None:
        seen.append(chunk)
        stages.remove(RAW, once)

    stages.add(RAW, once)
    stages.show(RAW, CHUNK)
    stages.show(RAW, CHUNK)
    assert seen == [CHUNK]


def test_an_unknown_stage_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="raw, clean"):
        Stages().add("loud", print)
