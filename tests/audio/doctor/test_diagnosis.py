"""From a take to a report: one shape for good and bad ends, JSON all of it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any, Callable

import pytest

from kioskd.audio.doctor import diagnosis
from kioskd.audio.doctor.diagnosis import PLAY_HZ, blank, cancelled, diagnose, prepare, refused, to_keep
from kioskd.audio.doctor.take import Take
from kioskd.audio.webrtc import EchoMissing
from kioskd.config.sections import Audio

AUDIO = Audio(input="alsa:mic", output="alsa:spk")


def report_of(take: Take, audio: Audio = AUDIO) -> dict[str, Any]:
    return dict(json.loads(json.dumps({**blank(audio), **diagnose(take, audio)}, allow_nan=False)))


def test_what_is_played_is_ten_seconds_at_the_speakers_rate() -> None:
    assert 9.0 < len(prepare(1.0)) / 2 / PLAY_HZ < 10.0


def test_a_good_room_gets_cancel_before_it_is_switched_on(room_take: Callable[..., Take]) -> None:
    report = report_of(room_take())
    assert report["verdict"]["mode"] == "cancel" and report["verdict"]["fit"]
    assert report["figures"]["erle_db"] > 25 and report["figures"]["delay_ms"] == pytest.approx(80, abs=1)
    assert report["curves"]["levels"] and report["echo"] == "half_duplex"


def test_the_canceller_is_tried_with_the_reference_where_it_was_played(room_take: Callable[..., Take]) -> None:
    room = room_take(delay_ms=420.0)
    assert report_of(room)["figures"]["erle_db"] > 25
    late = report_of(room_take(delay_ms=700.0))
    assert late["verdict"]["mode"] == "half_duplex" and late["figures"]["erle_db"] < 10
    assert "700 ms" in " ".join(late["verdict"]["sentences"])


def test_the_canceller_keeps_the_length_and_the_silence(room_take: Callable[..., Take]) -> None:
    room = room_take()
    clean = cancelled(room, AUDIO)
    assert abs(len(clean) - len(room.raw)) < 320


def test_a_take_that_was_cancelled_live_is_not_cancelled_again(room_take: Callable[..., Take]) -> None:
    room = room_take()
    report = report_of(room._replace(clean=room.raw), replace(AUDIO, echo="cancel"))
    assert report["figures"]["erle_db"] == pytest.approx(0.0, abs=0.2)
    assert report["verdict"]["mode"] == "half_duplex" and not report["verdict"]["fit"]


def test_without_the_library_half_duplex_is_recommended_and_the_reason_told(
    room_take: Callable[..., Take], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*switches: object, **more: object) -> None:
        raise EchoMissing("pywebrtc-audio cannot be imported; install it.")

    monkeypatch.setattr(diagnosis, "WebRtc", missing)
    report = report_of(room_take())
    assert report["verdict"]["mode"] == "half_duplex" and report["figures"]["erle_db"] is None
    assert "install it" in " ".join(report["verdict"]["sentences"])


def test_what_cannot_be_measured_is_a_sentence_in_the_same_shape(room_take: Callable[..., Take]) -> None:
    room = room_take()
    report = report_of(room._replace(played=room.played[:1000]))
    assert set(report) == set(blank(AUDIO)) and report["figures"] is None
    assert not report["verdict"]["fit"] and "speaker" in report["verdict"]["sentences"][0]
    assert to_keep(report) is None


def test_a_result_is_kept_with_its_devices(room_take: Callable[..., Take]) -> None:
    kept = to_keep(report_of(room_take()))
    assert kept is not None
    assert (kept.input, kept.output, kept.mode) == ("alsa:mic", "alsa:spk", "cancel")
    assert 60 < kept.tail_ms < 400 and kept.at.endswith("+00:00")


def test_no_echo_is_not_kept(room_take: Callable[..., Take]) -> None:
    assert to_keep(report_of(room_take(loss_db=120.0))) is None
    assert to_keep(report_of(room_take(loss_db=120.0), replace(AUDIO, echo="hardware"))) is None
    assert to_keep({**blank(AUDIO), **refused("No.")}) is None


def test_numpy_is_paid_for_by_a_diagnosis_only() -> None:
    code = "import sys, kioskd.doctor; sys.exit('numpy' in sys.modules or 'pywebrtc_audio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
