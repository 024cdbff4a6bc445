"""The ``session`` object of a configuration, in the shape that a dialect takes (dialects reference 7).

A key whose value is unset is never sent; JSON null stands for "manual turns" alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Mapping, Sequence

from kioskd.wire.errors import LocalError
from kioskd.wire.profile import Profile

Tools = Sequence[Mapping[str, object]]
Session = dict[str, object]


@dataclass(frozen=True, slots=True)
class Setup:
    """What one session is to be.

    Attributes:
        instructions: the persona.
        voice: None: none is sent.
        tools: ``{"type": "function", "name", "description", "parameters"}`` each, as the service takes them.
        greet: the model speaks first.
        model: model tag, for the output rate.
        out_rate_hz: rate of the answer when the service does not name one; None: by model tag.
    """

    instructions: str
    voice: str | None
    tools: tuple[Mapping[str, object], ...]
    greet: bool
    model: str
    out_rate_hz: int | None


def session_of(profile: Profile, setup: Setup, without: Sequence[str] = ()) -> Session:
    """The whole object. ``without``: top-level fields that the service would not have.

    Raises:
        LocalError: the profile names a shape that is none.
    """
    shape = SHAPES.get(profile.session_shape)
    if shape is None:
        raise LocalError(f"Profile {profile.name}: nobody knows the session shape {profile.session_shape}.")
    session = shape(profile, setup)
    if profile.model_in_session and (setup.model or profile.default_model):
        session = {"model": setup.model or profile.default_model} | session
    merged = _over(session, profile.session_extra)
    return {key: value for key, value in merged.items() if key not in without}


def patch_of(profile: Profile, tools: Tools) -> Session:
    """What replaces the tools of a running session; GA wants its kind in it (dialects reference 4.1)."""
    kind: Session = {"type": "realtime"} if profile.session_shape == "ga" else {}
    return kind | {"tools": list(tools)}


def _hydra(profile: Profile, setup: Setup) -> Session:
    session: Session = {"instructions": setup.instructions} | _voice(setup)
    session["tools"] = list(setup.tools)
    session["generate_initial_response"] = setup.greet
    return session


def _flat(profile: Profile, setup: Setup) -> Session:
    session: Session = {"modalities": ["text", "audio"]} | _voice(setup) | _instructions(setup)
    return session | _turns(profile, None) | _tools(profile, setup)


def _hybrie(profile: Profile, setup: Setup) -> Session:
    session: Session = {"modalities": ["audio"]} | _instructions(setup) | _voice(setup)
    # The word "none", not null (dialects reference 3.2).
    return session | _turns(profile, {"type": "none"}) | _tools(profile, setup)


def _ga(profile: Profile, setup: Setup) -> Session:
    into: Session = {"format": _pcm(profile.in_rate_hz)} | _turns(profile, None)
    out: Session = {"format": _pcm(_out_rate(profile, setup))} | _voice(setup)
    session: Session = {"type": "realtime", "output_modalities": ["audio"]} | _instructions(setup)
    return session | {"audio": {"input": into, "output": out}} | _tools(profile, setup)


def _xai(profile: Profile, setup: Setup) -> Session:
    audio: Session = {
        "input": {"format": _pcm(profile.in_rate_hz)},
        "output": {"format": _pcm(_out_rate(profile, setup))},
    }
    session: Session = _voice(setup) | _instructions(setup) | _turns(profile, None)
    return session | {"audio": audio} | _tools(profile, setup)


SHAPES: Mapping[str, Callable[[Profile, Setup], Session]] = {
    "hydra": _hydra,
    "flat": _flat,
    "hybrie": _hybrie,
    "ga": _ga,
    "xai": _xai,
}


def _voice(setup: Setup) -> Session:
    return {"voice": setup.voice} if setup.voice else {}


def _instructions(setup: Setup) -> Session:
    return {"instructions": setup.instructions} if setup.instructions else {}


def _turns(profile: Profile, manual: object) -> Session:
    if profile.turns == "manual":
        return {"turn_detection": manual}
    return {"turn_detection": dict(profile.turn_detection)} if profile.turn_detection else {}


def _tools(profile: Profile, setup: Setup) -> Session:
    return {"tools": list(setup.tools), "tool_choice": "auto"} if profile.takes_tools else {}


def _out_rate(profile: Profile, setup: Setup) -> int:
    return setup.out_rate_hz or profile.out_rate_of(setup.model or profile.default_model)


def _pcm(rate_hz: int) -> Session:
    return {"type": "audio/pcm", "rate": rate_hz}


def _over(base: Mapping[str, object], extra: Mapping[str, object]) -> Session:
    """``extra`` laid over ``base``: objects are joined, everything else is replaced."""
    joined: dict[str, Any] = dict(base)
    for key, value in extra.items():
        below = joined.get(key)
        joined[key] = _over(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return joined
