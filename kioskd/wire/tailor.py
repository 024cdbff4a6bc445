"""An owner's changes of a dialect: ``profile:`` below a service, held to what a profile is made of.

Every mistake is a sentence with the key that it stands at; a service that is not in the list of dialects is one of
them, changed.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import types
import typing
from collections.abc import Mapping as AnyMapping
from typing import Any, Iterator, Mapping

from kioskd.wire.address import KEY_PLACE, is_token, plain
from kioskd.wire.errors import LocalError
from kioskd.wire.profile import RATE_STEP_HZ, Profile
from kioskd.wire.shapes import SHAPES

# What is not an owner's to change: the name tells endpoints apart, the address has a key of its own (service.url).
FIXED = {"name": "is the dialect's own", "url": "stands in service.url"}

CHOICES: Mapping[str, tuple[str, ...]] = {
    "auth": ("query", "header", "subprotocol", "none"),
    "session_shape": tuple(SHAPES),
    "configure_on": ("created", "open"),
    "greet_by": ("configure", "create"),
    "turns": ("server", "manual"),
    "turn_modes": ("server", "manual"),
}

# Bounds of numbers, and of those in lists and groups; what is not here is at most MOST. Rates: dialects reference U24.
# HTTP: RFC 9110, 15; closes: RFC 6455, 7.4. The rest guesses at what makes sense.
MOST = 86_400.0  # a day of seconds
_HTTP, _CLOSE, _RATE = (100, 599), (1000, 4999), (8_000, 48_000)
BOUNDS: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("in_rate_hz", "out_rate_hz", "out_rate_low_hz", "out_rate_high_hz", "out_rate_by_model"), _RATE),
    **dict.fromkeys(("fatal_http", "capacity_http", "retry_http"), _HTTP),
    **dict.fromkeys(("normal_close", "expiry_close", "capacity_close", "fatal_close"), _CLOSE),
    "fatal_close_before_ready": _CLOSE,
    "chunk_ms": (20, 20),  # what the kiosk cuts its audio into
    "catch_up": (1, 4),
    "ping_interval_s": (1, 300),
    "ping_timeout_s": (1, 300),
    "pong_s": (1, 300),
    "max_frame_bytes": (65_536, 64 * 1024 * 1024),
    "max_control_bytes": (4_096, 8 * 1024 * 1024),
    "configure_limit_bytes": (1_024, 8 * 1024 * 1024),
    "min_chunk_bytes": (2, 640),
    "tool_debounce_ms": (0, 10_000),
}

# What may be empty: the dialect has no such thing.
EMPTY = ("auth_scheme", "model_param", "voice_field", "in_rate_field", "out_rate_field", "default_model", "replay_text")
# What is read before any owner's word for it: an error that were taken for a greeting would be none any more.
TAKEN = ("error", "warning", "ping")
EVENTS = ("created_events", "ready_events")

_SECRET = re.compile(r"(?i)(^|[_-])(key|token|secret|password|authorization|signature)$")


class Mistake(typing.NamedTuple):
    """``key``: below ``profile``; empty: the profile as a whole."""

    key: str
    sentence: str


def tailored(profile: Profile, changes: Mapping[str, Any]) -> Profile:
    """The profile with an owner's changes.

    Raises:
        LocalError: they are none that a profile can have; the sentence tells all of them.
    """
    mistakes = list(mistakes_of(profile, changes))
    if mistakes:
        said = "; ".join(f"profile.{mistake.key} {mistake.sentence}".replace(". ", " ") for mistake in mistakes)
        raise LocalError(f"{profile.name}: {said}.")
    return _with(profile, changes)


def mistakes_of(profile: Profile, changes: Mapping[str, Any]) -> Iterator[Mistake]:
    """Everything that is wrong with the changes."""
    found = False
    for key, value in changes.items():
        sentence = _problem(key, value)
        if sentence:
            found = True
            yield Mistake(key, sentence)
    if not found:
        yield from _together(_with(profile, changes))


def _with(profile: Profile, changes: Mapping[str, Any]) -> Profile:
    kinds = _kinds()
    return dataclasses.replace(profile, **{key: _converted(kinds[key], value) for key, value in changes.items()})


def _converted(kind: Any, value: Any) -> Any:
    if typing.get_origin(kind) is tuple:
        return tuple(value)
    if typing.get_origin(kind) is AnyMapping:
        inner = typing.get_args(kind)[1]
        return types.MappingProxyType({key: _converted(inner, below) for key, below in value.items()})
    return value


def _kinds() -> dict[str, Any]:
    return typing.get_type_hints(Profile)


def _problem(key: str, value: Any) -> str:
    """What is wrong with one change; empty: nothing."""
    if key in FIXED:
        return FIXED[key]
    kind = _kinds().get(key)
    if kind is None:
        near = difflib.get_close_matches(str(key), _kinds(), 1)
        parts = ", ".join(name for name in _kinds() if name not in FIXED)
        return "is no part of a dialect; " + (f"did you mean {near[0]}?" if near else f"the parts are {parts}")
    wrong = _misfit(kind, value)
    if wrong:
        return wrong
    if key in CHOICES:
        words = value if isinstance(value, (list, tuple)) else [value]
        strange = [word for word in words if word not in CHOICES[key]]
        return f"is {strange[0]!r}, but must be {' or '.join(CHOICES[key])}" if strange else ""
    return _number(key, value) or _word(key, value) or _group(key, value)


def _number(key: str, value: Any) -> str:
    """What is wrong with a number, or with one in a list or a group."""
    low, high = BOUNDS.get(key, (0, MOST))
    below = value.values() if isinstance(value, AnyMapping) else value if isinstance(value, (list, tuple)) else [value]
    for number in below:
        if isinstance(number, bool) or not isinstance(number, (int, float)) or key in JSON_KEYS:
            continue
        if not low <= number <= high:
            # Python cannot show every whole number as a float.
            shown = f"{number:g}" if isinstance(number, float) or abs(number) < 1e15 else "far beyond that"
            return f"is {shown}, but must be " + ("0 or more" if number < low == 0 else f"from {low:g} to {high:g}")
        if key.endswith("_rate_hz") or key == "out_rate_by_model":
            if number % RATE_STEP_HZ:
                return f"is {number:g}, but must be a multiple of {RATE_STEP_HZ}"
    return ""


def _word(key: str, value: Any) -> str:
    """What is wrong with text, or with a list of it."""
    words = [value] if isinstance(value, str) else value if isinstance(value, (list, tuple)) else []
    if "" in words and key not in EMPTY:
        return "must not be empty" if isinstance(value, str) else "must not hold an empty text"
    if key in EVENTS and (taken := next((word for word in words if word in TAKEN), "")):
        return f"cannot be {taken}, which means something else"
    if key == "auth_header" and not is_token(value) or key == "auth_scheme" and value and not is_token(value):
        return "is not one word that HTTP can carry"
    strange = next((word for word in words if not is_token(word)), "") if key == "subprotocols" else ""
    return f"holds {strange!r}, which a subprotocol cannot carry" if strange else ""


def _group(key: str, value: Any) -> str:
    """What is wrong with a group of keys."""
    if key in ("extra_headers", "query"):
        secret = next((name for name, word in value.items() if _SECRET.search(name) and "{" not in word), "")
        if secret:
            return f"holds a secret ({secret}), which never stands in this file; say with service.key where it lies"
    if key in JSON_KEYS and not _is_json(value):
        return "holds what JSON cannot"
    return "holds a header that HTTP cannot carry" if key == "extra_headers" and not plain(value) else ""


# What is sent as it is.
JSON_KEYS = ("session_extra", "turn_detection")


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False, default=dict, ensure_ascii=False).encode("utf-8")
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _misfit(kind: Any, value: Any) -> str:
    """Why a value is not of this kind; empty: it is."""
    origin = typing.get_origin(kind)
    if origin is tuple:
        inner = typing.get_args(kind)[0]
        if not isinstance(value, (list, tuple)):
            return f"must be a list of {_NOUNS[inner]}"
        return next((f"must be a list of {_NOUNS[inner]}" for item in value if _misfit(inner, item)), "")
    if origin is AnyMapping:
        inner = typing.get_args(kind)[1]
        if not isinstance(value, AnyMapping) or not all(isinstance(key, str) for key in value):
            return "must be a group of keys"
        return next((f"{key}: {why}" for key, below in value.items() if (why := _misfit(inner, below))), "")
    if kind is object:
        return ""
    if kind is float:
        return "" if isinstance(value, (int, float)) and not isinstance(value, bool) else "must be a number"
    if kind is int:
        return "" if isinstance(value, int) and not isinstance(value, bool) else "must be a whole number"
    return "" if isinstance(value, kind) else f"must be {_NOUNS[kind]}"


_NOUNS: Mapping[Any, str] = {str: "text", bool: "true or false", int: "whole numbers", float: "numbers"}


def _together(profile: Profile) -> Iterator[Mistake]:
    """What each part allows and the whole does not."""
    if profile.turns not in profile.turn_modes:
        yield Mistake("turns", f"is {profile.turns}, which {profile.name} cannot; turn_modes says what it can")
    if profile.auth == "subprotocol" and not any(KEY_PLACE in offered for offered in profile.subprotocols):
        yield Mistake("subprotocols", f"must hold {KEY_PLACE} where auth is subprotocol")
    if profile.configure_on == "created" and not profile.created_events:
        yield Mistake("created_events", "is empty, but the configuration waits for one; or set configure_on: open")
    if not profile.ready_events and not profile.ready_patience_s:
        yield Mistake("ready_events", "is empty: name the event that says that the session is ready")
    if profile.out_rate_low_hz > profile.out_rate_high_hz:
        yield Mistake("out_rate_low_hz", f"is above out_rate_high_hz ({profile.out_rate_high_hz})")
