"""Lightning live TTS, sans I/O (Hydra reference B): requests out, frames in, sound and words out of them.

One ``Speech`` is one socket. It takes one request at a time, because an account has one (reference C2), and knows by
the request's id which late frame belongs to nobody any more. Text that is long goes in pieces (core/spoken.py).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Union

import msgspec

from kioskd.wire.errors import LocalError, ProtocolError
from kioskd.wire.lightning_request import Request
from kioskd.wire.messages import BadAudio, loose_base64
from kioskd.wire.text import clean_text

# Chunks are some 20 ms long (reference B3, inferred): 4 kB at 44.1 kHz. A generous margin, as for the dialects.
MOST_FRAME_BYTES = 1 << 20
# At a tenth of a usual speaker's pace 250 characters last three minutes; what is longer is no reading of them.
MOST_SOUND_S = 180.0
# Frames that say nothing which is understood; so many in one request, and it is another protocol. A guess.
MOST_SKIPPED = 64
# Finished requests whose late frames are still told apart.
REMEMBERED = 16


@dataclass(frozen=True, slots=True)
class Sound:
    """A piece of it: S16_LE mono at the rate that was asked for, whole samples."""

    pcm: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Word:
    """When a word is spoken: seconds from the beginning of its request's sound."""

    number: int
    word: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Complete:
    """All of the request has come."""


Told = Union[Sound, Word, Complete]


class SpeechRefused(Exception):
    """The service will not, or could not, speak this. The text is its own, bounded, on one line."""


class _Head(msgspec.Struct):
    status: str = ""
    request_id: Any = None
    external_request_id: Any = None
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Audio(msgspec.Struct):
    audio: str = ""


class _Stamp(msgspec.Struct):
    word: str
    start: float
    end: float
    id: int = 0


_head = msgspec.json.Decoder(_Head)
_audio = msgspec.json.Decoder(_Audio)
_stamp = msgspec.json.Decoder(_Stamp)


class Speech:
    """What is said over one socket. Pure.

    Attributes:
        skipped: frames that said nothing understood.
        late: frames of requests that were over.
    """

    def __init__(self) -> None:
        self.skipped = self.late = 0
        self._asked: Request | None = None
        self._over: deque[str] = deque(maxlen=REMEMBERED)  # ids that the service gave, of requests that are over
        self._task = ""  # the id that the service gave the request at hand
        self._half = b""  # of a sample
        self._bytes = 0
        self._skipped = 0

    @property
    def busy(self) -> bool:
        """A request is being spoken."""
        return self._asked is not None

    def ask(self, request: Request) -> str:
        """The frame to send.

        Raises:
            LocalError: another request is not over; only one that said ``more`` may be gone on with.
        """
        if self._asked is not None and not self._asked.more:
            raise LocalError("one request for speech at a time: the last one is not over")
        if self._asked is None:
            self._task, self._half, self._bytes, self._skipped = "", b"", 0, 0
        self._asked = request
        return request.frame()

    def receive(self, data: str | bytes) -> Told | None:
        """What a frame says; None: nothing for the request at hand.

        Raises:
            SpeechRefused: the service says that it cannot; the request is over.
            ProtocolError: no service that speaks this protocol does so.
        """
        if len(data) > MOST_FRAME_BYTES:
            raise ProtocolError(1009, f"the service sent a frame larger than {MOST_FRAME_BYTES >> 20} MiB")
        try:
            head = _head.decode(data) if isinstance(data, str) else None
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            head = None
        if head is None:
            self._skip()
            return None
        if head.status == "error":
            self._end()
            raise SpeechRefused(complaint(data))
        if self._stale(head):
            self.late += 1
            return None
        return self._told(head)

    def _stale(self, head: _Head) -> bool:
        asked = self._asked
        if asked is None:
            return True
        if asked.request_id and isinstance(head.external_request_id, str):
            if head.external_request_id != asked.request_id:
                return True
        task = head.request_id if isinstance(head.request_id, str) else ""
        if task and task in self._over:
            return True
        self._task = task or self._task
        return False

    def _told(self, head: _Head) -> Told | None:
        try:
            if head.status == "chunk":
                return self._sound(_audio.decode(head.data).audio)
            if head.status == "word_timestamp":
                stamp = _stamp.decode(head.data)
                return Word(stamp.id, clean_text(stamp.word), stamp.start, stamp.end)
        except (msgspec.MsgspecError, BadAudio):
            self._skip()
            return None
        if head.status == "complete":
            self._end()
            return Complete()
        self._skip()
        return None

    def _sound(self, text: str) -> Sound:
        assert self._asked is not None
        pcm = self._half + loose_base64(text)
        whole = len(pcm) - len(pcm) % 2
        self._half = pcm[whole:]
        self._bytes += whole
        if self._bytes > MOST_SOUND_S * self._asked.rate_hz * 2:
            raise ProtocolError(1008, f"the service sent more than {MOST_SOUND_S:g} s of sound for one request")
        return Sound(pcm[:whole])

    def _skip(self) -> None:
        self.skipped += 1
        self._skipped += 1
        if self._skipped > MOST_SKIPPED:
            raise ProtocolError(1002, "the service does not speak as Lightning does; check announce.service.url")

    def _end(self) -> None:
        if self._task:
            self._over.append(self._task)
        self._asked, self._task = None, ""


def complaint(data: str | bytes) -> str:
    """The words of an error frame, in any of the shapes that are known (reference B3), on one bounded line."""
    try:
        frame = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        frame = None
    said = ""
    if isinstance(frame, dict):
        error = frame.get("error")
        first = error[0] if isinstance(error, list) and error else error
        nested = first.get("message") if isinstance(first, dict) else first
        said = clean_text(frame.get("message")) or clean_text(nested)
    if not said:
        said = clean_text(data if isinstance(data, str) else data.decode("utf-8", "replace"))
    return said or "an error without words"
