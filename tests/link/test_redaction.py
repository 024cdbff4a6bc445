"""What may be shown of what a stranger sent."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.link.redaction import LONGEST_FRAME, LONGEST_TEXT, Scrub, frame_row

KEY = 'sk_"ca na/ry+0123'


def test_every_face_of_the_key_is_masked() -> None:
    scrub = Scrub(KEY)
    for face in (KEY, json.dumps(KEY)[1:-1], "sk_%22ca%20na%2Fry%2B0123", "sk_%22ca+na%2Fry%2B0123"):
        assert scrub.mask(f"a{face}b{face}") == "a***b***"


def test_without_a_key_nothing_is_masked() -> None:
    for key in (None, "", "short"):
        assert Scrub(key).mask("a short text") == "a short text"


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300), st.text(max_size=300))
def test_a_brief_text_is_short_printable_and_without_the_key(before: str, after: str) -> None:
    text = Scrub(KEY).brief(before + KEY + after)
    assert len(text) <= LONGEST_TEXT
    assert KEY not in text and KEY[:8] not in text.replace(before[:200], "")
    assert "\n" not in text and "\x1b" not in text and "\u202e" not in text


def test_a_row_shows_a_frame_without_its_audio() -> None:
    frame = json.dumps({"type": "input_audio_buffer.append", "audio": "A" * 856})
    row = frame_row(">", frame.encode(), Scrub(KEY))
    assert row == {
        "dir": ">",
        "type": "input_audio_buffer.append",
        "bytes": len(frame),
        "frame": {"type": "input_audio_buffer.append", "audio": "<856 characters of audio>"},
    }
    text = frame_row("<", json.dumps({"type": "response.output_audio_transcript.delta", "delta": "hello"}), Scrub(KEY))
    assert text["frame"] == {"type": "response.output_audio_transcript.delta", "delta": "hello"}


def test_a_row_masks_the_key_wherever_it_stands() -> None:
    row = frame_row("<", json.dumps({"type": KEY, KEY: [{"a": KEY}, 1, None, True, 1.5]}), Scrub(KEY))
    assert row["frame"] == {"type": "***", "***": [{"a": "***"}, 1, None, True, 1.5]}
    assert row["type"] == "***"


def test_a_row_survives_what_is_no_frame() -> None:
    for garbage in ("", "null", "[1]", "{", "[" * 100_000, b"\xff\x00", '{"a":' * 50_000):
        assert len(str(frame_row("<", garbage, Scrub(KEY))["frame"])) <= LONGEST_TEXT


def spelled(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


def test_a_key_in_escapes_is_still_the_key() -> None:
    scrub = Scrub("sk/canary/0123")
    inside = json.dumps({"code": "x"})[:-1] + ', "of": "' + spelled("sk/canary/0123") + '"}'
    for frame in (
        '{"message": "bad key ' + spelled("sk/canary/0123") + '"}',
        '{"message": "bad key sk\\/canary\\/0123"}',
        json.dumps({"arguments": inside}),
    ):
        read = json.dumps(json.loads(scrub.frame(frame)))
        assert "canary" not in read and "***" in read and spelled("canary") not in read.replace("\\\\", "\\")


def test_a_frame_without_the_key_stays_as_it_came() -> None:
    frame = '{"delta": "AA\\/BB", "text": "a\\u00e9\\n\\"b\\""}'
    assert Scrub("sk/canary/0123").frame(frame) == frame


def test_a_frame_beyond_sense_is_not_looked_through() -> None:
    long = '{"a": [' + "1," * LONGEST_FRAME + "1]}"
    assert frame_row("<", long, Scrub(None))["frame"] == "<too long to show>"
