"""Microphone, speaker and echo, judged without a sound."""

from __future__ import annotations

import pytest

from kioskd.checkup.sound import devices, echo
from kioskd.core.finding import Grade

SPECS = {"input": "alsa:mic", "output": "alsa:spk"}


def test_the_daemon_knows_best() -> None:
    running = {"capture": {"state": "running", "level_dbfs": -41.2}, "playback": {"state": "absent", "reason": "gone"}}
    mic, speaker = devices(SPECS, {"input": "not there", "output": ""}, running)
    assert mic.grade is Grade.OK and "-41 dBFS" in mic.sentence and mic.data == {"level_dbfs": -41.2}
    assert speaker.grade is Grade.FAIL and speaker.sentence == "alsa:spk: absent: gone"


def test_without_a_daemon_the_kernel_is_asked() -> None:
    mic, speaker = devices(SPECS, {"input": "no such card", "output": ""}, {})
    assert mic.grade is Grade.FAIL and "no such card" in mic.sentence and speaker.grade is Grade.OK


@pytest.mark.parametrize(
    ("kept", "grade"),
    [
        (None, Grade.UNKNOWN),
        ({}, Grade.UNKNOWN),
        ({"mode": "cancel", "at": "2026-11-01"}, Grade.OK),
        ({"mode": "half_duplex", "at": "2026-11-01"}, Grade.WARN),
    ],
)
def test_what_was_measured_is_held_to_what_is_done(kept: dict[str, object] | None, grade: Grade) -> None:
    (told,) = echo("cancel", kept)
    assert told.grade is grade
