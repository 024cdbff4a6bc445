"""Yes or no of people elsewhere: what is asked, and which answers count. Without transport, clock or chance.

Both sides hold the key of this device. A question is signed, so that whoever shows it knows that it is this kiosk's;
an answer is signed over the device, the call, the question's own number, its end and the verdict. So an answer that was
recorded, one for another device or call, and one that comes too late are none. The first that counts ends the question.

    question  {"kind": "kioskd.confirm.ask", "device", "kiosk", "tool", "call", "ask", "expires_at", "mac"}
    answer    {"ask", "ok": true | false, "by": "Anna", "mac"}

``mac`` is HMAC-SHA-256 (RFC 2104), in hex, over the lines that ``asked_text`` and ``answer_text`` make.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import NamedTuple

LEAST_KEY = 16
MOST_ANSWER_BYTES = 4096
MOST_BY = 64


class Answer(NamedTuple):
    """One that counts."""

    ok: bool
    by: str


@dataclass(frozen=True, slots=True)
class Question:
    """What people elsewhere are asked.

    Attributes:
        device: name of this device in what is signed.
        call: which call it is about: endpoint, session and call id, hashed; what it was called is nobody's business.
        ask: a number that no other question ever has.
        expires_at: seconds since 1970, for people; that it is over is judged by a clock that nobody sets.
    """

    device: str
    kiosk: str
    tool: str
    call: str
    ask: str
    expires_at: int

    def asked_text(self) -> bytes:
        """What the mac of the question is over."""
        return _lines("ask", self.device, self.kiosk, self.tool, self.call, self.ask, str(self.expires_at))

    def answer_text(self, ok: bool, by: str) -> bytes:
        """What the mac of an answer to it is over."""
        verdict = "yes" if ok else "no"
        return _lines("answer", self.device, self.call, self.ask, str(self.expires_at), verdict, by)

    def message(self, key: bytes) -> bytes:
        """As it is sent."""
        told = {"device": self.device, "kiosk": self.kiosk, "tool": self.tool, "call": self.call, "ask": self.ask}
        mac = sign(key, self.asked_text())
        return json.dumps({"kind": "kioskd.confirm.ask", **told, "expires_at": self.expires_at, "mac": mac}).encode()

    def read(self, key: bytes, raw: bytes) -> Answer | None:
        """The answer in ``raw``; None: it is none to this question, or not signed with this key. Never raises."""
        if len(raw) > MOST_ANSWER_BYTES:
            return None
        try:
            told = json.loads(raw)
        except (ValueError, RecursionError):
            return None
        if not isinstance(told, dict):
            return None
        ok, by, mac = told.get("ok"), told.get("by", ""), told.get("mac")
        if told.get("ask") != self.ask or not isinstance(ok, bool):
            return None
        if not isinstance(by, str) or len(by) > MOST_BY or not by.isprintable() or not isinstance(mac, str):
            return None
        wanted = sign(key, self.answer_text(ok, by))
        same = hmac.compare_digest(wanted.encode(), mac.encode("utf-8", "surrogatepass"))
        return Answer(ok, by) if same else None


def call_of(endpoint: str, session: str, call_id: str) -> str:
    """A call as people elsewhere know it."""
    return hashlib.sha256(_lines("call", endpoint, session, call_id)).hexdigest()[:32]


def sign(key: bytes, text: bytes) -> str:
    """HMAC-SHA-256 in hex."""
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def _lines(*parts: str) -> bytes:
    """Each part with its length before it: no two lists of parts make the same text."""
    return "".join(f"{len(part)}:{part}\n" for part in ("kioskd-confirm-1", *parts)).encode("utf-8", "surrogatepass")
