"""What kioskd check says of sound as a whole."""

from __future__ import annotations

import sys
from typing import Callable

import pytest

from kioskd.config import sound_checks
from kioskd.config.loader import Loaded

Judge = Callable[..., Loaded]
HERE = "talk:\n  mode: push_to_talk\n"


def said(loaded: Loaded) -> list[str]:
    assert loaded.problems == (), loaded.problems
    return [f"{one.key}: {one.sentence}" for one in loaded.warnings]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the libraries of the extras."""
    monkeypatch.setattr(sound_checks, "missing", lambda module: True)


def test_a_canceller_between_two_cards_is_fine(with_: Judge) -> None:
    assert said(with_("+", "audio: {echo: cancel, input: 'alsa:Mic', output: 'alsa:Speaker'}\n")) == []


def test_a_canceller_without_a_room_is_a_warning(with_: Judge) -> None:
    (warning,) = said(with_("+", "audio: {echo: cancel, input: 'file:/x.wav', output: 'null'}\n"))
    assert "there is no echo to cancel: audio.input and audio.output are a file or nothing" in warning
    (one,) = said(with_("+", "audio: {echo: cancel, input: 'file:/x.wav'}\n"))
    assert "audio.input is a file or nothing" in one and "half_duplex" in one
    assert said(with_("+", "audio: {echo: half_duplex, input: 'file:/x.wav', output: 'null'}\n")) == []


def test_what_is_not_installed_is_said_where_it_is_asked_for(with_: Judge, bare: None) -> None:
    assert said(with_()) == [], "a kiosk that is opened by its button alone needs none of it"
    (echo,) = said(with_("+", "audio: {echo: cancel}\n"))
    assert "kioskd[sound]" in echo and "does not listen while it speaks" in echo
    wake, neural = sorted(said(with_(HERE, "talk:\n  mode: wake_word\n")), reverse=True)
    assert "pip install pymicro-wakeword" in wake and "confirm_vad: none" in neural
    assert said(with_(HERE, "talk:\n  mode: voice\n  confirm_vad: none\n")) == []


def test_looking_for_a_library_does_not_load_it() -> None:
    loaded = set(sys.modules)
    assert sound_checks.missing("no_such_library_here") and not sound_checks.missing("antigravity")
    assert "antigravity" not in set(sys.modules) - loaded


def test_a_wake_word_needs_no_button(with_: Judge) -> None:
    button = "panel:\n  talk:\n    pin: GPIO17\n"
    unconfirmed = ("allow: true", "allow: true\n      confirm: none\n      access_without_confirmation: true")
    loaded = with_(HERE, "talk:\n  mode: wake_word\n", button, "panel: {}\n", *unconfirmed)
    assert loaded.problems == ()


def test_a_sound_in_the_middle_of_a_breath_is_a_warning(with_: Judge) -> None:
    woken = with_(HERE, "talk:\n  mode: wake_word\n", "+", "audio: {cues: {woken: tone}}\n")
    assert any(line.startswith("audio.cues.woken: with half_duplex the kiosk is deaf") for line in said(woken))
    both = with_(HERE, "talk:\n  mode: wake_word\n", "+", "audio: {echo: cancel, cues: {woken: tone}}\n")
    assert said(both) == []


def test_recordings_need_a_known_place_and_enough_of_it(with_: Judge) -> None:
    (problem,) = with_("+", "audio: {record: {dir: recordings}}\n").problems
    assert problem.key == "audio.record.dir" and "whole path" in problem.sentence
    (warning,) = said(with_("+", "audio: {record: {dir: /r, longest_s: 3600}}\n"))
    assert warning.startswith("audio.record.most_mb: a recording ends when it is this large: 3600 s need 346 MB")
    assert said(with_("+", "audio: {record: {dir: /r}}\n")) == []
