"""A request for speech as Lightning live TTS takes it (Hydra reference B2), checked before it leaves."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from kioskd.wire.errors import LocalError
from kioskd.wire.lightning_offer import FASTEST, LANGUAGES, LONGEST_TEXT, MODELS, RATES_HZ, SLOWEST

_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One frame of text (reference B2).

    Attributes:
        more: the service waits for more text before it speaks (``continue``).
        flush: speak what is buffered.
        flush_after_ms: it waits so long for more.
        complete_after_ms: ``complete`` comes so long after the last sound; the service's own 4000 is of no use here.
        request_id, session_id: come back as ``external_request_id`` and ``external_session_id``.
        context_id: the frames of one continuation (reference B4); empty: none.
        dictionaries: ids of pronunciation dictionaries.

    Raises:
        LocalError: the service does not take such a value; the text is a sentence.
    """

    text: str
    voice: str
    model: str = MODELS[0]
    language: str = "en"
    rate_hz: int = 24_000
    speed: float = 1.0
    more: bool = False
    flush: bool = False
    flush_after_ms: int = 0
    complete_after_ms: int = 0
    request_id: str = ""
    session_id: str = ""
    word_timestamps: bool = False
    number_language: str = ""
    math_notation: bool = False
    dictionaries: tuple[str, ...] = ()
    context_id: str = ""
    context_delay_ms: int | None = None

    def __post_init__(self) -> None:
        wrong = _mistake(self)
        if wrong:
            raise LocalError(wrong)

    def frame(self) -> str:
        """The frame as the service takes it; what is at the service's own default is left out."""
        said: dict[str, object] = {
            "voice_id": self.voice,
            "text": self.text,
            "model": self.model,
            "language": self.language,
            "sample_rate": self.rate_hz,
            "speed": self.speed,
            "complete_backoff_ms": self.complete_after_ms,
        }
        if self.more or self.context_id:
            said["continue"] = self.more
        for name, value in (
            ("flush", self.flush),
            ("max_buffer_flush_ms", self.flush_after_ms),
            ("request_id", self.request_id),
            ("session_id", self.session_id),
            ("word_timestamps", self.word_timestamps),
            ("number_pronunciation_language", self.number_language),
            ("math_notation", self.math_notation),
            ("pronunciation_dicts", list(self.dictionaries)),
            ("context_id", self.context_id),
        ):
            if value:
                said[name] = value
        if self.context_delay_ms is not None:
            said["max_buffer_delay_ms"] = self.context_delay_ms
        return json.dumps(said)


def _mistake(request: Request) -> str:
    """What the service would not take, a sentence."""
    if not request.voice:
        return "a request for speech needs a voice"
    if not request.text and not request.flush and not request.context_id:
        return "a request for speech needs a text"
    if len(request.text) > LONGEST_TEXT:
        return f"a request for speech holds {LONGEST_TEXT} characters at most"
    for language in (request.language, request.number_language or "en"):
        if language not in LANGUAGES:
            return f"{language[:20]!r} is no language of Lightning; it speaks {', '.join(LANGUAGES)}"
    if request.rate_hz not in RATES_HZ:
        return f"Lightning speaks at {', '.join(map(str, RATES_HZ))} Hz"
    if not SLOWEST <= request.speed <= FASTEST:
        return f"the speed is {SLOWEST:g} to {FASTEST:g}"
    if not 0 <= request.flush_after_ms <= 1_000 or not 0 <= request.complete_after_ms <= 10_000:
        return "max_buffer_flush_ms is 0 to 1000, complete_backoff_ms 0 to 10000"
    if any(given and not _ID.fullmatch(given) for given in (request.request_id, request.session_id)):
        return "an id has letters, digits, _ - . and 128 characters at most"
    return ""
