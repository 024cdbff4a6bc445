"""Everything the local voice service can say, and what it says about a tool's result: pure.

The sentences are kept apart in sound: an independent recogniser must tell them from one another in a recording.
"""

from __future__ import annotations

import json
from typing import Any, Iterable, Mapping

from kioskd.voice.grammar import Grammar

GREETING = "Hello. How can I help you?"
WELCOME = "You are welcome."
NOT_UNDERSTOOD = "Sorry, I did not understand."
NEGATED = "All right, I will not do that."
CONTRARY = "Sorry, that is not something I can do."
NO_TOOLS = "I can tell you the time."
PASSED_ON = "Your request was passed on."

# What a result's status means to the visitor, when the result has no sentence of its own.
BY_STATUS: dict[str, str] = {
    "done": "It is done.",
    "ok": "It is done.",
    "needs_confirmation": "Please hold the button to confirm.",
    "expired": "Nobody confirmed, so nothing was done.",
    "cancelled": "That was cancelled.",
    "refused": "Sorry, that is not allowed.",
    "denied": "Sorry, that is not allowed.",
    "failed": "Sorry, that did not work.",
    "error": "Sorry, that did not work.",
    "unknown": "Sorry, I cannot tell whether that worked.",
    "running": "One moment, please.",
    "working": "One moment, please.",
    "pending": "One moment, please.",
}

# A spoken sentence is a breath; a result of many kilobytes is not read out to anybody.
MAX_CHARS = 400
# "Help" names so many requests at most.
MAX_EXAMPLES = 3

_HOURS = "twelve one two three four five six seven eight nine ten eleven".split()
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = {2: "twenty", 3: "thirty"}


def tell(result: str) -> str:
    """What to say about a tool's output, or a text item: its ``say``, else its status, else the words themselves."""
    try:
        told = json.loads(result)
    except (ValueError, RecursionError):
        return speakable(result) or PASSED_ON
    if isinstance(told, Mapping):
        return speakable(_tell_object(told))
    return speakable(told) if isinstance(told, str) and told.strip() else PASSED_ON


def tell_all(results: Iterable[str]) -> str:
    """Several results in one answer, each sentence once."""
    return " ".join(dict.fromkeys(tell(result) for result in results))


def _tell_object(told: Mapping[str, Any]) -> str:
    say, status, value = told.get("say"), told.get("status"), told.get("value")
    if isinstance(say, str) and say.strip():
        return say
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        unit = told.get("unit")
        return f"It is {value:g} {unit if isinstance(unit, str) else ''}".strip() + "."
    if isinstance(status, str) and status in BY_STATUS:
        return BY_STATUS[status]
    if isinstance(told.get("ok"), bool):
        return BY_STATUS["done" if told["ok"] else "failed"]
    return BY_STATUS["failed"] if "error" in told else PASSED_ON


def speakable(text: str) -> str:
    """One line of printable text of at most ``MAX_CHARS``."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:MAX_CHARS]


def help_text(grammar: Grammar) -> str:
    """What a visitor may say here, by the first phrase of each tool."""
    examples: dict[str, str] = {}
    for request in grammar.requests:
        examples.setdefault(request.tool, " ".join(request.words))
    said = list(examples.values())[:MAX_EXAMPLES]
    return f"You can say: {'; or: '.join(said)}." if said else NO_TOOLS


def spoken_time(hour: int, minute: int) -> str:
    """``spoken_time(21, 10)`` is "It is ten past nine."."""
    nearest, words = _HOURS[hour % 12], _minutes(minute if minute <= 30 else 60 - minute)
    if minute == 0:
        return f"It is {nearest} o'clock."
    if minute > 30:
        return f"It is {words} to {_HOURS[(hour + 1) % 12]}."
    return f"It is {words} past {nearest}."


def _minutes(number: int) -> str:
    if number in (15, 30):
        return {15: "a quarter", 30: "half"}[number]
    if number < 10:
        return f"{_HOURS[number]} minute{'s' if number > 1 else ''}"
    if number < 20:
        return _TEENS[number - 10]
    tens, ones = divmod(number, 10)
    return f"{_TENS[tens]} {_HOURS[ones]}" if ones else _TENS[tens]
