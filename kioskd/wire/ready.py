"""What a session really became: the echo of its configuration, read against what was asked for."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple

from kioskd.wire.errors import ProtocolError
from kioskd.wire.facts import Warned
from kioskd.wire.frames import Setup
from kioskd.wire.profile import RATE_STEP_HZ, Profile
from kioskd.wire.shapes import session_of
from kioskd.wire.text import clean_text, whole

# A configuration echo has about ten keys and as many tools as the owner wrote; more is not shown.
SHOWN_KEYS = 32
SHOWN_TOOLS = 128
# Of one word that stands in a sentence of ours: the sentence must fit into facts.Warned with it.
QUOTED = 64

# Where the formats stand, in the flat shapes and in GA's (dialects reference 4.2), and what PCM16 is called there.
FORMATS = ("output_audio_format", "input_audio_format", "audio.output.format.type", "audio.input.format.type")
# What is compared word by word beside what has a sentence of its own.
COMPARED = ("generate_initial_response", "turn_detection.type", "audio.input.turn_detection.type")
PCM16 = ("pcm16", "audio/pcm")


class Effective(NamedTuple):
    """The session as it is. ``config``: plain values, and the names of the tools."""

    out_rate_hz: int
    config: Mapping[str, object]
    warnings: tuple[Warned, ...]


def effective(profile: Profile, setup: Setup, echo: Mapping[str, Any]) -> Effective:
    """Read the ``session`` object of the ready frame.

    Raises:
        ProtocolError: the service would send something else than PCM16.
    """
    for key in FORMATS:
        spoken = at(echo, key)
        if isinstance(spoken, str) and spoken not in PCM16:
            raise ProtocolError(
                1003, f"The service wants {key} {clean_text(spoken, QUOTED)}; this box speaks pcm16 only."
            )
    rate_hz, warnings = _out_rate(profile, setup, echo)
    return Effective(rate_hz, _shown(echo), tuple(warnings + _differences(profile, setup, echo)))


def _out_rate(profile: Profile, setup: Setup, echo: Mapping[str, Any]) -> tuple[int, list[Warned]]:
    """The echo, else the owner's word, else the model tag's rate (Hydra reference A6)."""
    default_hz = setup.out_rate_hz or profile.out_rate_of(setup.model or profile.default_model)
    said = at(echo, profile.out_rate_field)
    if said is None:
        return default_hz, []
    rate_hz = whole(said)
    if rate_hz is not None and profile.out_rate_low_hz <= rate_hz <= profile.out_rate_high_hz:
        if rate_hz % RATE_STEP_HZ == 0:
            return rate_hz, []
    shown = clean_text(said, QUOTED) or "something that is no number"
    return default_hz, [
        Warned("output_rate", f"The service names an output rate of {shown} Hz; {default_hz} Hz is used instead.")
    ]


def _differences(profile: Profile, setup: Setup, echo: Mapping[str, Any]) -> list[Warned]:
    found = []
    voice = at(echo, profile.voice_field)
    # Some services write the names their own way (Grok: dialects reference 5.2).
    if setup.voice and isinstance(voice, str) and voice.lower() != setup.voice.lower():
        # Older servers replaced an unknown voice silently (Hydra reference A5).
        really, wanted = clean_text(voice, QUOTED), clean_text(setup.voice, QUOTED)
        found.append(Warned("voice", f"The service speaks as {really}, not as {wanted}."))
    rate_hz = whole(at(echo, profile.in_rate_field))
    if rate_hz is not None and rate_hz != profile.in_rate_hz:
        # Not an error to the service: it would just mishear (Hydra reference A6).
        found.append(Warned("input_rate", f"The service listens at {rate_hz} Hz, this box sends {profile.in_rate_hz}."))
    spoken = echo.get("instructions")
    if setup.instructions and isinstance(spoken, str) and spoken != setup.instructions:
        # A field that was ignored runs the service's own persona without a word (dialects reference 9.28).
        found.append(Warned("instructions", "The service runs with other instructions than persona.instructions."))
    return found + _missing_tools(profile, setup, echo.get("tools")) + _ignored(profile, setup, echo)


def _missing_tools(profile: Profile, setup: Setup, echoed: object) -> list[Warned]:
    if not profile.takes_tools or not isinstance(echoed, list):
        return []
    # A list, not a set: what a service names its tools with need not be a word at all.
    there = [tool.get("name") for tool in echoed if isinstance(tool, dict)]
    missing = [str(tool.get("name")) for tool in setup.tools if tool.get("name") not in there]
    sentence = clean_text(f"The service does not know these tools: {', '.join(missing)}.")
    return [Warned("tools", sentence)] if missing else []


def _ignored(profile: Profile, setup: Setup, echo: Mapping[str, Any]) -> list[Warned]:
    """Fields that the service took no notice of, without a word (Hydra reference A3.1, dialects reference 9.28)."""
    asked = session_of(profile, setup)
    found = []
    for path in COMPARED:
        wanted, really = at(asked, path), at(echo, path)
        if wanted is not None and really is not None and wanted != really:
            shown, instead = clean_text(str(wanted), QUOTED), clean_text(str(really), QUOTED)
            found.append(Warned(path, f"The service runs with {path} {instead}, not with {shown}."))
    if setup.tools and profile.takes_tools and echo.get("tools") is None:
        # An echo of nearly nothing says nothing; one that names the rest and not the tools does not have them.
        if echo.get("instructions") is not None and at(echo, profile.voice_field) is not None:
            found.append(Warned("tools", "The service mentions no tools; it seems to take no notice of them."))
    return found


def at(echo: Mapping[str, Any], path: str) -> Any:
    """The value at ``a.b.c``; None when there is none on the way."""
    value: Any = echo
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _shown(echo: Mapping[str, Any]) -> dict[str, object]:
    shown: dict[str, object] = {}
    for key, value in list(echo.items())[:SHOWN_KEYS]:
        if key == "tools":
            tools = value[:SHOWN_TOOLS] if isinstance(value, list) else []
            shown["tools"] = tuple(clean_text(tool.get("name"), 64) for tool in tools if isinstance(tool, dict))
        elif isinstance(value, bool):
            shown[clean_text(key, 64)] = value
        elif isinstance(value, str) or whole(value) is not None:
            shown[clean_text(key, 64)] = clean_text(value) if isinstance(value, str) else whole(value)
    return shown
