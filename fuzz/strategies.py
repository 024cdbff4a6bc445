"""The same hostility as hypothesis strategies: plays whose every choice hypothesis knows, so that it shrinks them."""

from __future__ import annotations

import json
from typing import Any, Sequence

from hypothesis import strategies as st

from fuzz.play import ACT, ACTS, AGAIN, BINARY, WAIT, Play, Step, text
from fuzz.words import ARGUMENTS, CALL_IDS, NAMES, NUMBERS, RAW, STATUSES, WORDS
from kioskd.wire.conversation import READINGS
from kioskd.wire.profile import Profile

FIELDS = (
    *("id", "response_id", "call_id", "item_id", "name", "arguments", "delta", "audio", "status", "type", "response"),
    *("item", "session", "session_id", "error", "code", "message", "param", "output", "usage", "status_details"),
    *("reason", "transcript", "content", "text", "role", "event_id", "audio_start_ms", "output_audio_sample_rate"),
)
LONGEST_PLAY = 30

words = st.one_of(st.sampled_from(WORDS), st.sampled_from((*NAMES, *CALL_IDS, *STATUSES)), st.text(max_size=20))
# The words above hold what UTF-8 cannot; st.text holds everything else.
scalars = st.one_of(st.sampled_from(NUMBERS), words, st.integers(), st.floats(), st.sampled_from(ARGUMENTS))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6)),
    max_leaves=12,
)


def plays(profile: Profile, frames: Sequence[bytes]) -> st.SearchStrategy[Play]:
    """Plays of a dialect. ``frames``: what its service really sends."""
    kinds = sorted(
        {*READINGS, *profile.created_events, *profile.ready_events, "error", "warning", "ping", "unheard.of"}
    )
    bodies = st.dictionaries(st.sampled_from(FIELDS), values, max_size=6)
    made_up = st.builds(_frame, st.sampled_from(kinds), bodies, st.booleans())
    damaged = st.builds(_damaged, st.sampled_from(frames), bodies, st.booleans())
    steps = st.one_of(
        *(st.sampled_from([text(frame) for frame in frames]), made_up, made_up, damaged, damaged),
        st.sampled_from([text(raw) for raw in RAW]),
        st.binary(max_size=40).map(lambda data: Step(BINARY, data)),
        st.sampled_from([0.01, 0.6, 12.0, 300.0]).map(lambda seconds: Step(WAIT, seconds=seconds)),
        st.sampled_from(ACTS).map(lambda name: Step(ACT, name=name)),
        st.just(Step(AGAIN)),
    )
    return st.lists(steps, min_size=1, max_size=LONGEST_PLAY).map(tuple)


def _frame(kind: str, body: dict[str, Any], escaped: bool) -> Step:
    return text(json.dumps({**body, "type": kind}, ensure_ascii=escaped).encode("utf-8", "backslashreplace"))


def _damaged(frame: bytes, body: dict[str, Any], escaped: bool) -> Step:
    found = json.loads(frame)
    return _frame(found["type"], {**found, **body}, escaped)
