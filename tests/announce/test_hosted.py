"""The house's voice against the voice service's own endpoint, well and in every kind of trouble."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from kioskd.announce.ports import VoiceFailed
from kioskd.config.secretref import SecretRef

LONG = " ".join(f"Number {word} is served at the counter on the left." for word in ("one two three four five".split()))


def spoken(studio: Any, text: str, *faults: str, stalled_s: float = 5.0, voice: str = "", **section: Any) -> Any:
    """The recording, or the sentence of the failure; and how often was dialled."""

    async def play() -> Any:
        async with studio(*faults, **section) as one:
            try:
                found: Any = await one.voice(stalled_s).speak(text, voice)
            except VoiceFailed as error:
                found = str(error)
            return found, one.dials

    return asyncio.run(play())


def test_a_text_is_spoken_so_that_it_is_understood(studio: Any, heard: Any, said: list[str]) -> None:
    recording, dials = spoken(studio, said[0])
    assert heard(recording) == said[0] and dials == 1 and recording.rate_hz == 24_000


def test_a_long_text_goes_in_pieces_over_one_socket(studio: Any) -> None:
    recording, dials = spoken(studio, LONG)
    assert dials == 1 and recording.seconds > 10


def test_a_service_that_hangs_up_behind_each_piece_is_called_again(studio: Any) -> None:
    kept, _ = spoken(studio, LONG)
    recording, dials = spoken(studio, LONG, "tts-after=close")
    assert dials > 1 and recording.pcm == kept.pcm


def test_voice_speed_and_language_go_to_the_service(studio: Any, said: list[str]) -> None:
    usual, _ = spoken(studio, said[1])
    fast, _ = spoken(studio, said[1], speed=2.0)
    other, _ = spoken(studio, said[1], voice="en-us+f3")
    german, _ = spoken(studio, said[1], language="de")
    assert fast.seconds < 0.7 * usual.seconds and len({usual.pcm, other.pcm, german.pcm}) == 3


def test_strange_frames_and_torn_samples_change_nothing(studio: Any, said: list[str]) -> None:
    clean, _ = spoken(studio, said[1])
    odd, _ = spoken(studio, said[1], "non-json", "binary-frame", "unknown-event", "delta-shape=odd", "tts-complete=old")
    assert odd == clean


@pytest.mark.parametrize(
    ("faults", "sentence"),
    [
        (("internal-error",), "it says: Internal server error"),
        (("internal-error", "tts-error=object"), "it says: Internal server error"),
        (("internal-error", "tts-error=list"), "it says: Internal server error"),
        (("reset",), "127.0.0.1"),
        (("close=1011",), "1011"),
        (("tts-complete=never",), "fell silent for 0.3 s in the middle of the text"),
        (("half-open",), "fell silent for 0.3 s in the middle of the text"),
        (("slow-handshake=5",), "fell silent for 0.3 s in the middle of the text"),
        (("upgrade-status=503",), "HTTP 503"),
        (("server-full",), "all sessions are taken"),
    ],
)
def test_each_trouble_is_a_sentence_and_half_a_text_is_none(
    studio: Any, said: list[str], faults: tuple[str, ...], sentence: str
) -> None:
    found, _ = spoken(studio, said[1], *faults, stalled_s=0.3)
    assert isinstance(found, str) and sentence in found


def test_what_takes_longer_than_its_deadline_is_given_up(studio: Any) -> None:
    found, _ = spoken(studio, LONG, "tts-speed=0.5", service={"deadline_s": 0.5})
    assert found == "it did not speak the whole text within 0.5 s"


def test_nobody_there_is_a_sentence_too(studio: Any) -> None:
    found, _ = spoken(studio, "Hello.", service={"url": "ws://127.0.0.1:9/waves/v1/tts/live"})
    assert "nothing listens there" in found


def test_the_key_goes_in_a_header_and_comes_out_nowhere(studio: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = {"key": SecretRef(env="KEY")}
    recording, _ = spoken(studio, "Hello.", token="canary-key-1234", service=key)
    assert recording.seconds > 0.3
    refused, _ = spoken(studio, "Hello.", token="another-key-5678", service=key)
    assert "HTTP 401" in refused and "announce.service.key" in refused
    missing, _ = spoken(studio, "Hello.", token="x" * 9, service={"key": SecretRef(env="NO_SUCH_KEY")})
    assert "its key cannot be had" in missing
    assert "canary-key-1234" not in refused + missing + caplog.text


def test_a_text_without_a_sound_is_a_failure(studio: Any) -> None:
    found, _ = spoken(studio, "...")
    assert found == "it sent no sound"
