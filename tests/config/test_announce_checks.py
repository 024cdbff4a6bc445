"""What is found wrong with announcements and spoken cues before the kiosk starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from kioskd.config.loader import parse

KEY = "key: {credential: k}"


TOOL = """tools:
  - name: call_staff
    description: Call staff.
    class: notify
    action:
      staff: {page: %s}
"""


def paged(page: str, more: str = "") -> list[str]:
    loaded = parse(TOOL % page + more, "k.yaml")
    return [str(one) for one in loaded.problems if one.key.endswith(".page")]


def judged(text: str) -> tuple[list[str], list[str]]:
    """Problems and warnings about announcements."""
    loaded = parse(text, "k.yaml")
    rows = [
        [str(one) for one in found if "announce" in one.key or "cues" in one.key]
        for found in (loaded.problems, loaded.warnings)
    ]
    return rows[0], rows[1]


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        (f"service: {{url: 'ws://tts.example/x', {KEY}}}", "not encrypted"),
        (f"service: {{url: 'https://tts.example/x', {KEY}}}", "must begin with wss://"),
        ("service: {url: 'wss://tts.example/x?api_key=abcd'}", "holds a secret"),
        ("service: {url: 'wss://tts.example/x'}", "needs an API key"),
        ("service: {}", "needs an API key"),
        ("local_voice: --help", "is no name of a voice"),
        ("voice: ''", "is no name of a voice"),
    ],
)
def test_what_cannot_work_is_a_problem_with_its_line(section: str, sentence: str) -> None:
    problems, _ = judged(f"announce:\n  {section}\n")
    assert [one for one in problems if sentence in one and one.startswith("k.yaml:2:")], problems


def test_the_voice_service_on_this_device_needs_neither_key_nor_encryption() -> None:
    assert judged("announce:\n  service: {url: 'ws://127.0.0.1:8715/waves/v1/tts/live'}\n") == ([], [])


def test_a_voice_without_service_or_of_another_model_is_a_warning() -> None:
    assert "for espeak-ng write local_voice" in judged("announce: {voice: magnus}\n")[1][0]
    crossed = f"announce: {{voice: meher, service: {{{KEY}}}}}\n"
    assert "would speak wrongly" in judged(crossed)[1][0]


@pytest.mark.parametrize(
    ("cue", "sentence"),
    [
        ("'say:'", "holds no word"),
        ("say:" + "word " * 50, "180 are the most"),
        ("'say:<speak>hello</speak>'", "markup"),
        ("loud", "say:TEXT or the path of a WAV file"),
    ],
)
def test_a_cue_that_cannot_be_spoken_is_a_problem(cue: str, sentence: str) -> None:
    problems, _ = judged(f"audio:\n  cues:\n    offline: {cue}\n")
    assert len(problems) == 1 and sentence in problems[0] and problems[0].startswith("k.yaml:3:")


def test_a_cue_that_is_spoken_may_hold_a_slash_and_a_colon() -> None:
    text = "'say:No connection, please ring bell A/B: it is on the left'"
    assert judged(f"audio:\n  cues:\n    offline: {text}\n") == ([], [])
    assert judged("audio:\n  cues:\n    offline: 'say: hello there'\n") == ([], [])


def test_without_espeak_ng_the_owner_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    problems, warnings = judged("audio:\n  cues:\n    offline: say:Hello\n")
    assert problems == [] and "apt-get install espeak-ng" in warnings[0]


def test_a_page_is_plain_text_that_somebody_can_hear() -> None:
    assert paged("'Reception, please come to the entrance.'") == []
    assert [one for one in paged("'<b>'") if "page" in one and "holds markup" in one or "no word" in one]
    muted = paged("'Reception, please.'", "announce: {volume: 0}\n")
    assert [one for one in muted if "nobody would hear it" in one]
