"""What a session tolerated, counted. Nothing here is an error; a number that grows tells where to look."""

from __future__ import annotations

from dataclasses import dataclass, field

from kioskd.wire.text import clean_text

# A service that invents type names must not fill the memory: that many are told apart, the rest is one number.
REMEMBERED_TYPES = 32
OTHERS = "(others)"


@dataclass(slots=True)
class Counters:
    """One session's tolerance.

    Attributes:
        frames: all that was received.
        binary: binary frames, which no profile uses.
        not_json: text that is no JSON document.
        malformed: JSON, but no object, without ``type``, or with a field of the wrong kind.
        oversize: control frames beyond ``profile.max_control_bytes``.
        unknown: how often each unknown ``type`` came (at most ``REMEMBERED_TYPES`` names).
        out_of_order: known frames that do not belong in the state they came in.
        after_failure: frames behind a failed handshake or a protocol error.
        bad_base64: audio that could not be decoded.
        odd_bytes: audio deltas that ended in the middle of a sample.
        lost_bytes: halves of samples whose other half never came.
        empty_audio: audio deltas without audio.
        late_audio: audio of a response that had already ended.
        implicit_responses: responses that began with audio instead of ``response.created``.
        duplicate_created, duplicate_done, unknown_done: response frames that said nothing new.
        abandoned: responses that were never ended by the service and made room for newer ones.
        duplicate_calls: tool calls whose id had already been handed on.
        late_calls: tool calls of a response that had been cancelled, cut short or had failed.
        unasked_calls: tool calls of a service that was told of no tools.
    """

    frames: int = 0
    binary: int = 0
    not_json: int = 0
    malformed: int = 0
    oversize: int = 0
    out_of_order: int = 0
    after_failure: int = 0
    bad_base64: int = 0
    odd_bytes: int = 0
    lost_bytes: int = 0
    empty_audio: int = 0
    late_audio: int = 0
    implicit_responses: int = 0
    duplicate_created: int = 0
    duplicate_done: int = 0
    unknown_done: int = 0
    abandoned: int = 0
    duplicate_calls: int = 0
    late_calls: int = 0
    unasked_calls: int = 0
    unknown: dict[str, int] = field(default_factory=dict)

    def saw_unknown(self, kind: str) -> None:
        """Count one frame of a type that no reader knows."""
        name = clean_text(kind, 64) or "(empty)"
        if name not in self.unknown and len(self.unknown) >= REMEMBERED_TYPES:
            name = OTHERS
        self.unknown[name] = self.unknown.get(name, 0) + 1
