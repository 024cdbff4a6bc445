"""The sections about sound."""

from __future__ import annotations

import dataclasses

from kioskd.audio.cues import CUES
from kioskd.config.sections import Audio, Cues


def test_a_kiosk_records_nothing_unless_it_is_told_to() -> None:
    assert Audio().record is None


def test_each_cue_has_a_built_in_tone() -> None:
    assert {field.name for field in dataclasses.fields(Cues)} == set(CUES)
