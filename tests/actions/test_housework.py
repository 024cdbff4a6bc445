"""What other rooms do is asked for by an event, within the owner's bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kioskd.actions.housework import Cue, End, Volume
from kioskd.config.action import CueAction, EndAction, VolumeAction
from kioskd.core.action_events import CueAsked, EndAsked, VolumeAsked
from kioskd.core.words import CallKey

KEY = CallKey("hydra", "sess_1", "call_1")


def test_a_cue_is_asked_for(posts: Any) -> None:
    assert Cue(CueAction(name="woken"), posts).run(KEY, {}).ok
    assert posts.events == [CueAsked("woken")]


@pytest.mark.parametrize(
    ("asked", "level", "bounded"),
    [(50, 0.5, False), (33.333, 0.3333, False), (0, 0.2, True), (100, 0.9, True), (20, 0.2, False)],
)
def test_the_volume_stays_within_the_bounds(posts: Any, asked: float, level: float, bounded: bool) -> None:
    volume = Volume(VolumeAction(percent_from="percent", lowest=20, highest=90), posts)
    told = json.loads(volume.run(KEY, {"percent": asked}).result)
    assert posts.events == [VolumeAsked(level)] and ("bounded" in told) is bounded


@pytest.mark.parametrize("asked", [None, "loud", True, -1, 101, float("nan")])
def test_what_is_no_percentage_is_a_sentence(posts: Any, asked: object) -> None:
    volume = Volume(VolumeAction(percent_from="percent"), posts)
    outcome = volume.run(KEY, {} if asked is None else {"percent": asked})
    assert outcome.reason == "argument 'percent' must be a number from 0 to 100" and posts.events == []


def test_the_owner_may_have_chosen_the_volume(posts: Any) -> None:
    assert Volume(VolumeAction(percent=35), posts).run(KEY, {}).ok
    assert posts.events == [VolumeAsked(0.35)]


def test_the_end_is_asked_for_with_its_session(posts: Any) -> None:
    assert End(EndAction(within_s=7), posts).run(KEY, {}).ok
    assert posts.events == [EndAsked(KEY, 7)]
