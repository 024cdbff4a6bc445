"""Switches of the service: where a hosted one's behaviour is unknown, where it might misbehave (Hydra reference A14).

A switch in its default state is the behaviour that the reference calls certain or most likely. Tests and integrators
turn one with ``kioskd voice --fault NAME[=VALUE]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Mapping, Union

Value = Union[bool, float, str]


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch.

    Attributes:
        default: its normal state; its type says what a value looks like.
        choices: the words that are allowed, for a word.
        bare: the value of ``--fault NAME`` without ``=``; None: a value must be given.
        low: smallest number.
        high: largest number.
    """

    doc: str
    default: Value = False
    choices: tuple[str, ...] = ()
    bare: Value | None = True
    low: float = 0.0
    high: float = 86_400.0


def _word(doc: str, *choices: str, bare: str | None = None) -> Switch:
    return Switch(doc, default=choices[0], choices=choices, bare=bare)


def _number(doc: str, default: float, bare: float | None = None, low: float = 0.0, high: float = 86_400.0) -> Switch:
    return Switch(doc, default=float(default), bare=bare, low=low, high=high)


SWITCHES: dict[str, Switch] = {
    # -- where the service's behaviour is unknown or has changed
    "output-rate": _number("rate of the answer in Hz; 0: by model tag (v1.1 24000, others 48000)", 0, high=48_000),
    "omit-audio-keys": Switch("the echo of the configuration has no input_ and output_audio_ keys"),
    "warning": _word("the deprecation warning of model=hydra", "flat", "nested", "none"),
    "bad-voice": _word("a voice that is not known", "reject", "fallback", "close"),
    "delta-ms": _number("length of an audio delta in ms", 40, low=1, high=10_000),
    "delta-speed": _number("deltas leave at this many times real time; 0: all at once", 10, high=1000),
    "delta-shape": _word("audio deltas", "normal", "empty", "odd", "huge"),
    "tool-done": _word("response.done after a tool turn", "immediate", "omitted", "delayed"),
    "tool-timeout": _number("seconds to wait for tool outputs and response.create", 10, low=0.01),
    "idle-timeout": _number("seconds without a data frame until close 1000; 0: never", 30),
    "pings-count": Switch("a WebSocket ping counts against the idle timeout"),
    "reject-turns": _number("the first so many turns of a session end incomplete, as noise would", 0, bare=1),
    "late-deltas": _number("so many deltas of a cancelled response still arrive", 0, bare=2, high=100),
    "short-audio": _word("audio below 320 bytes or of odd length", "reject", "accept"),
    "flood": _word("audio much faster than real time", "end", "ignore"),
    "unknown-type": _word("a frame of unknown type", "ignore", "invalid_frame"),
    "transcripts": Switch("transcript deltas come with the audio, and items carry their text"),
    "oversize-configure": _word("a configuration beyond 32000 bytes is answered without sound", "silent", "speak"),
    "early-audio": _word("audio before session.configured", "drop", "session_ended"),
    "quiet-update": Switch("session.updated is not said, and the session is configured all the same"),
    "silent-cancel": Switch("an answer that the client cancelled is not ended by response.done"),
    "protocol-echo": _word("the subprotocol that the upgrade agrees on", "realtime", "none"),
    "audio-field": _word("where HybrIE's audio stands", "dialect", "delta", "audio"),
    "vad-field": _word("turn_detection in the session", "accept", "reject"),
    # -- faults
    "beta-off": Switch("the beta shape is refused: error beta_api_shape_disabled, close 4000"),
    "session-expired": Switch("error session_expired and close 1001 instead of an answer"),
    "upgrade-status": _number("the upgrade is answered with this HTTP status (401, 403, 429, 500, 503)", 0, high=599),
    "retry-after": _number("with upgrade-status: seconds that Retry-After asks for; 0: no such header", 0),
    "server-full": Switch("every session is refused: error server_full, close 1013"),
    "slow-handshake": _number("seconds before session.created", 0, bare=5),
    "no-session-created": Switch("session.created never comes"),
    "no-session-configured": Switch("session.configured never comes"),
    "close": _number("the socket is closed with this code (1001, 1006, 1011 ...) at break-at", 0, bare=1011, high=4999),
    "reset": Switch("the connection is reset at break-at"),
    "half-open": Switch("from break-at on nothing is sent or read, and nothing closed"),
    "break-at": _word(
        "when close, reset and half-open strike (open: before session.created; created: behind it)",
        *("answer", "configured", "speech", "call", "open", "created"),
    ),
    "duplicate-done": Switch("every response.done comes twice"),
    "non-json": Switch("a text frame that is no JSON, after session.configured and in each answer"),
    "binary-frame": Switch("a binary frame, likewise"),
    "unknown-event": Switch("an event of unknown type, likewise"),
    "response-status": _word(
        "how answers end", "completed", "failed", "max_output_tokens", "content_filter", bare="failed"
    ),
    "internal-error": Switch("the error internal_error instead of an answer"),
    "reuse-call-id": Switch("every tool call has the same call_id"),
    "repeat-call": Switch("function_call_arguments.done comes twice"),
    "bad-arguments": Switch("the arguments of a tool call are no JSON"),
    "mute-after-tool": Switch("what tools answer is never answered, and nobody complains that it took too long"),
    "unknown-tool": Switch("the tool that is called was never offered"),
    # -- the speech endpoint of Lightning (Hydra reference B)
    "tts-speed": _number("its chunks leave at this many times real time; 0: all at once", 3.3, high=1000),
    "tts-complete": _word("its complete frame", "sent", "never", "old", bare="never"),
    "tts-after": _word("its socket behind complete", "open", "close", bare="close"),
    "tts-error": _word("the shape of its errors", "message", "object", "list"),
    "only-first": _number("faults concern the first so many sessions, later ones are well; 0: all", 0, bare=1),
}


class BadSwitch(ValueError):
    """A switch that does not exist or a value that it cannot take. The text is a sentence."""


class Faults:
    """The states of all switches. Immutable; ``Faults()`` is a service in good order.

    Args:
        turned: switches that are not in their default state, already checked (see ``parse``).
    """

    def __init__(self, turned: Mapping[str, Value] | None = None) -> None:
        self._turned = dict(turned or {})

    def flag(self, name: str) -> bool:
        """A switch that is on or off."""
        return bool(self._turned.get(name, SWITCHES[name].default))

    def number(self, name: str) -> float:
        """A switch with a number."""
        return float(self._turned.get(name, SWITCHES[name].default))

    def word(self, name: str) -> str:
        """A switch with a word."""
        return str(self._turned.get(name, SWITCHES[name].default))

    def breaks_at(self, moment: str) -> bool:
        """Whether the connection is to break now."""
        breaking = self.flag("reset") or self.flag("half-open") or self.number("close") > 0
        return breaking and self.word("break-at") == moment

    def for_session(self, number: int) -> Faults:
        """The faults of the session with this number, counted from 1."""
        first = self.number("only-first")
        return Faults() if 0 < first < number else self

    def __repr__(self) -> str:
        return f"Faults({self._turned!r})"


def parse(settings: Iterable[str]) -> Faults:
    """``["tool-timeout=1", "reset"]`` as Faults; the last of a name wins.

    Raises:
        BadSwitch: one of them is not possible.
    """
    return Faults(dict(_parse_one(setting) for setting in settings))


def _parse_one(setting: str) -> tuple[str, Value]:
    name, equals, text = setting.partition("=")
    switch = SWITCHES.get(name)
    if switch is None:
        raise BadSwitch(f"there is no fault {name!r}; see --list-faults")
    if not equals:
        if switch.bare is None:
            raise BadSwitch(f"fault {name} needs a value: {name}={_example(switch)}")
        return name, switch.bare
    return name, _value(name, switch, text)


def _value(name: str, switch: Switch, text: str) -> Value:
    if switch.choices:
        if text not in switch.choices:
            raise BadSwitch(f"fault {name} is one of {', '.join(switch.choices)}, not {text!r}")
        return text
    if isinstance(switch.default, bool):
        if text not in ("on", "off"):
            raise BadSwitch(f"fault {name} is on or off, not {text!r}")
        return text == "on"
    try:
        number = float(text)
    except ValueError:
        raise BadSwitch(f"fault {name} is a number, not {text!r}") from None
    if not switch.low <= number <= switch.high:
        raise BadSwitch(f"fault {name} is from {switch.low:g} to {switch.high:g}, not {text}")
    return number


def _example(switch: Switch) -> str:
    return switch.choices[1] if switch.choices else "NUMBER"


def table() -> list[dict[str, object]]:
    """All switches for people and programs: name, default, values, doc."""
    return [
        {"name": name, "default": _shown(switch.default), "values": _values(switch), "doc": switch.doc}
        for name, switch in SWITCHES.items()
    ]


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else value


def _values(switch: Switch) -> list[str]:
    if switch.choices:
        return list(switch.choices)
    if isinstance(switch.default, bool):
        return ["off", "on"]
    return [f"{switch.low:g}..{switch.high:g}"]
