"""A service written down as text, played against a real session.

    < session.created session_id=s1            the service sends this
    > session.configure session.voice=aria     the session wants to send this (fields named here must match)
    = Created session=s1                       this fact came out (fields named here must match)
    ! 1008                                     the frame above broke the session with this close code

``a.b=c`` is a nested field. Values are JSON where they can be read as such, else text; ``pcm:1,-2`` is base64 of
S16_LE samples in a frame and the samples themselves in a fact, ``b64:0102ff`` base64 of those bytes. What stands
behind ``< |`` is sent as it is. At the end nothing may be left over.
"""

from __future__ import annotations

import base64
import json
import shlex
import struct
from dataclasses import replace
from typing import Any, Callable

import pytest

from kioskd.wire.dialects import DIALECTS
from kioskd.wire.profile import Profile
from kioskd.wire.session import ProtocolError, Session, Setup

SETUP = Setup(instructions="Be brief.", voice="aria", tools=(), greet=False, model="hydra-v1.1", out_rate_hz=None)

HANDSHAKE = """
    < session.created event_id=sv_1 session_id=s1
    > session.configure
    = Created session=s1
    < session.configured session.output_audio_sample_rate=24000
    = Ready session=s1 out_rate_hz=24000
"""


def samples(text: str) -> bytes:
    numbers = [int(number) for number in text.split(",") if number]
    return struct.pack(f"<{len(numbers)}h", *numbers)


def value_of(text: str, raw: bool) -> Any:
    if text.startswith("pcm:"):
        return samples(text[4:]) if raw else base64.b64encode(samples(text[4:])).decode()
    if text.startswith("b64:"):
        return base64.b64encode(bytes.fromhex(text[4:])).decode()
    try:
        return json.loads(text)
    except ValueError:
        return text


def fields_of(words: list[str], raw: bool = False) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for word in words:
        path, _, text = word.partition("=")
        *parents, last = path.split(".")
        place = fields
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value_of(text, raw)
    return fields


def frame_of(line: str) -> bytes:
    if line.startswith("|"):
        return line[1:].strip().encode()
    kind, *words = shlex.split(line)
    return json.dumps({"type": kind, **fields_of(words)}).encode()


def has(thing: Any, wanted: Any) -> bool:
    """Every field that is wanted is there; the rest is free."""
    if not isinstance(wanted, dict):
        return bool(thing == wanted)
    get = thing.get if isinstance(thing, dict) else lambda key: getattr(thing, key, KeyError)
    return all(has(get(key), value) for key, value in wanted.items())


class Stage:
    """Plays one script."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.facts: list[Any] = []
        self.sent: list[bytes] = []
        self.broke: ProtocolError | None = None

    def play(self, script: str) -> None:
        for line in filter(None, (line.strip() for line in script.splitlines())):
            {"<": self.served, ">": self.sends, "=": self.says, "!": self.breaks}[line[0]](line[1:].strip(), line)
        assert not self.facts, f"facts that no line of the script expects: {self.facts}"
        assert not self.sent, f"frames that no line of the script expects: {self.sent}"
        assert self.broke is None, f"the session broke: {self.broke}"

    def served(self, words: str, line: str) -> None:
        assert self.broke is None, f"the session broke before {line}: {self.broke}"
        try:
            self.session.receive(frame_of(words))
        except ProtocolError as error:
            self.broke = error
        self.facts += self.session.facts()
        self.sent += self.session.outgoing()

    def sends(self, words: str, line: str) -> None:
        kind, *fields = shlex.split(words)
        assert self.sent, f"nothing was sent for {line}"
        frame = json.loads(self.sent.pop(0))
        assert has(frame, {"type": kind, **fields_of(fields)}), f"{line}\n  but was {frame}"

    def says(self, words: str, line: str) -> None:
        name, *fields = shlex.split(words)
        assert self.facts, f"no fact for {line}"
        fact = self.facts.pop(0)
        assert type(fact).__name__ == name and has(fact, fields_of(fields, raw=True)), f"{line}\n  but was {fact}"

    def breaks(self, words: str, line: str) -> None:
        assert self.broke is not None and self.broke.code == int(words), f"{line}\n  but was {self.broke}"
        self.broke = None


Play = Callable[..., Session]


def play_script(script: str, session: Session | None = None, live: bool = True, **setup: Any) -> Session:
    """Play ``script`` on a fresh session; ``live``: the handshake comes first."""
    stage = Stage(session or Session(DIALECTS["hydra"], replace(SETUP, **setup)))
    stage.play((HANDSHAKE if live and session is None else "") + script)
    return stage.session


@pytest.fixture(scope="session")
def play() -> Play:
    """``play(script, live=True, **setup) -> Session``."""
    return play_script


@pytest.fixture(scope="session")
def hydra() -> Profile:
    """The baseline dialect."""
    return DIALECTS["hydra"]


@pytest.fixture(scope="session")
def setup() -> Setup:
    """A plain setup."""
    return SETUP
