"""What a client may configure, by the shape of its dialect: pure. Shapes from the dialects reference 4.2 and 7."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from kioskd.voice.dialects import Dialect
from kioskd.voice import hydra
from kioskd.voice.hydra import Event, Frame, read_tools

# GA refuses a session with any other field, as a whole (dialects reference 4.1, 4.2).
GA_FIELDS: Mapping[str, frozenset[str]] = {
    "session": frozenset(
        "type model output_modalities instructions prompt audio tools tool_choice max_output_tokens truncation "
        "reasoning parallel_tool_calls tracing include".split()
    ),
    "session.audio": frozenset({"input", "output"}),
    "session.audio.input": frozenset({"format", "transcription", "noise_reduction", "turn_detection"}),
    "session.audio.output": frozenset({"format", "voice", "speed"}),
}


@dataclass(frozen=True, slots=True)
class Setup(hydra.Setup):
    """A checked configuration.

    Attributes:
        by_hand: the client ends turns.
        in_rate_hz, out_rate_hz: as the session chose them, else the dialect's; 0: the model tag decides.
        echo: the session as it is told to the client.
    """

    by_hand: bool = False
    in_rate_hz: int = 0
    out_rate_hz: int = 0
    echo: Mapping[str, Any] | None = None


def read_setup(dialect: Dialect, frame: Frame) -> Setup:
    """The session that a frame asks for.

    Raises:
        Refused: a field that the dialect does not have or that is of the wrong kind, or a format that is not PCM16.
    """
    if dialect.shape == "hydra":
        plain = hydra.read_setup(frame)
        return Setup(plain.instructions, plain.voice, plain.tools, plain.greet, in_rate_hz=dialect.in_rate_hz)
    session = frame.object("session")
    where = "session"
    kinds: Mapping[str, type] = {"instructions": str, "tools": list, "audio": dict}
    for key, kind in kinds.items():
        if session.get(key) is not None and not isinstance(session[key], kind):
            raise frame.refuse(f"{key} has the wrong type", f"{where}.{key}")
    if dialect.strict:
        _only_known(frame, session)
    nested = dialect.shape == "ga"
    voice = _at(session, "audio.output.voice") if nested else session.get("voice")
    if voice is not None and not isinstance(voice, str):
        raise frame.refuse("voice has the wrong type", f"{where}.voice")
    in_rate_hz, out_rate_hz = _rates(dialect, frame, session, where)
    holder = _at(session, "audio.input") if nested else session
    return Setup(
        instructions=session.get("instructions") or "",
        voice=voice,
        tools=read_tools(frame, session.get("tools") or []),
        greet=False,
        by_hand=dialect.commits and _by_hand(holder),
        in_rate_hz=in_rate_hz,
        out_rate_hz=out_rate_hz,
        echo=session,
    )


def echo(setup: Setup, session_id: str) -> Event:
    """The effective session of a dialect that repeats what it was given."""
    return {**(setup.echo or {}), "id": session_id, "object": "realtime.session"}


def _only_known(frame: Frame, session: Mapping[str, Any]) -> None:
    if session.get("type") != "realtime":
        raise frame.refuse("Missing required parameter: 'session.type'.", "session.type", "missing_required_parameter")
    for path, known in GA_FIELDS.items():
        place = _at({"session": session}, path)
        unknown = sorted(set(place) - known) if isinstance(place, dict) else []
        if unknown:
            name = f"{path}.{unknown[0]}"
            raise frame.refuse(f"Unknown parameter: '{name}'.", name, "unknown_parameter")


def _by_hand(holder: object) -> bool:
    """Null, or HybrIE's word for it: the client ends turns (dialects reference 3.2, 4.2)."""
    if not isinstance(holder, dict) or "turn_detection" not in holder:
        return False
    asked = holder["turn_detection"]
    return asked is None or isinstance(asked, dict) and asked.get("type") == "none"


def _rates(dialect: Dialect, frame: Frame, session: Mapping[str, Any], where: str) -> tuple[int, int]:
    """Input and output rate in Hz."""
    for key in ("input_audio_format", "output_audio_format"):
        if session.get(key) not in (None, "pcm16"):
            raise frame.refuse("only pcm16 is supported", f"{where}.{key}")
    found = []
    for side, default_hz in (("input", dialect.in_rate_hz), ("output", dialect.out_rate_hz)):
        form = _at(session, f"audio.{side}.format")
        if form is not None and (not isinstance(form, dict) or form.get("type") != "audio/pcm"):
            raise frame.refuse("only audio/pcm is supported", f"{where}.audio.{side}.format")
        asked = form.get("rate") if form else None
        if asked is None and side == "input":
            asked = session.get("input_audio_sampling_rate")
        if asked is not None and not _possible(dialect, asked, default_hz):
            raise frame.refuse(f"this rate is not supported: {asked!r}", f"{where}.audio.{side}.format.rate")
        found.append(default_hz if asked is None else asked)
    return found[0], found[1]


def _possible(dialect: Dialect, asked: object, default_hz: int) -> bool:
    if not isinstance(asked, int) or isinstance(asked, bool):
        return False
    return 8_000 <= asked <= 48_000 if dialect.chooses_rates else asked == default_hz


def _at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
