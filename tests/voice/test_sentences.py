"""What the service says."""

from __future__ import annotations

import json

import pytest

from kioskd.core.phrases import describe
from kioskd.voice import sentences
from kioskd.voice.grammar import Grammar, build
from kioskd.voice.sentences import BY_STATUS, MAX_CHARS, PASSED_ON, help_text, spoken_time, tell, tell_all


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        ('{"status": "done", "say": "The front door is open now."}', "The front door is open now."),
        ('{"status": "needs_confirmation"}', "Please hold the button to confirm."),
        ('{"status": "refused", "say": " "}', BY_STATUS["refused"]),
        ('{"ok": true}', BY_STATUS["done"]),
        ('{"ok": false}', BY_STATUS["failed"]),
        ('{"error": "boom"}', BY_STATUS["failed"]),
        ('{"value": 21.50, "unit": "degrees"}', "It is 21.5 degrees."),
        ('{"value": 3}', "It is 3."),
        ('{"value": true}', PASSED_ON),
        ('{"status": "never heard of"}', PASSED_ON),
        ('"twelve degrees"', "twelve degrees"),
        ("12°C, light rain", "12°C, light rain"),
        ("", PASSED_ON),
        ("null", PASSED_ON),
        ("[1, 2]", PASSED_ON),
        ("[" * 100_000, "[" * MAX_CHARS),
        ('{"say": "one\\ntwo\\u0000three"}', "one two three"),
    ],
)
def test_a_result_is_told(result: str, sentence: str) -> None:
    assert tell(result) == sentence


def test_a_very_long_sentence_is_cut() -> None:
    assert len(tell(json.dumps({"say": "word " * 5000}))) <= MAX_CHARS


def test_several_results_are_told_in_one_answer_each_once() -> None:
    assert tell_all(['{"ok": true}', '{"status": "running"}', '{"ok": true}']) == "It is done. One moment, please."


@pytest.mark.parametrize(
    ("hour", "minute", "sentence"),
    [
        (21, 10, "It is ten past nine."),
        (0, 0, "It is twelve o'clock."),
        (12, 1, "It is one minute past twelve."),
        (8, 15, "It is a quarter past eight."),
        (8, 30, "It is half past eight."),
        (8, 45, "It is a quarter to nine."),
        (12, 40, "It is twenty to one."),
        (23, 59, "It is one minute to twelve."),
        (10, 23, "It is twenty three past ten."),
        (10, 58, "It is two minutes to eleven."),
    ],
)
def test_the_time_is_spoken(hour: int, minute: int, sentence: str) -> None:
    assert spoken_time(hour, minute) == sentence


def test_every_minute_has_its_own_sentence() -> None:
    assert len({spoken_time(hour, minute) for hour in range(12) for minute in range(60)}) == 720


def test_help_names_a_phrase_of_each_tool() -> None:
    tools = [{"name": name, "description": describe("", [name, "x " + name])} for name in ("open", "call", "go", "far")]
    assert help_text(build(tools)) == "You can say: open; or: call; or: go."
    assert help_text(Grammar()) == sentences.NO_TOOLS
