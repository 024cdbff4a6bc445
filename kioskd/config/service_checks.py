"""What a configuration may get wrong about its services: sections in, findings out. Pure.

The facts about dialects are the wire's own data (kioskd/wire/dialects.py), so that what is checked is what is spoken.
"""

from __future__ import annotations

import difflib
from typing import Iterator, Mapping

from kioskd.config.addresses import has_path, websocket_trouble
from kioskd.config.findings import Finding, Lines
from kioskd.config.keys import words
from kioskd.config.sections import Config, Endpoint
from kioskd.wire.dialects import DIALECTS
from kioskd.wire.errors import LocalError
from kioskd.wire.profile import Profile
from kioskd.wire.tailor import mistakes_of, tailored

# Hydra reference A5. The service may learn new names, so a name that is not here is a warning, not an error.
HYDRA_VOICES: Mapping[str, tuple[str, ...]] = {
    "hydra-v1.1": tuple("zoe maya elena ivy grace alex aria leo sam kai".split()),
    "hydra-v1.0": tuple(
        "vaughn brooks cole hayes pierce sterling ellis lane quinn arden rowan blair emery sawyer".split()
    ),
    "hydra": tuple("wren sloane marlowe reed knox tate".split()),
}

# Services that owners may look for and that share nothing with the family's frames (dialects reference 5.9).
_GEMINI = "Gemini Live does not speak the frames of this family; reach it through HybrIE (did you mean hybrie-gemini?)"
_LIVE = "OpenAI's Live API is another protocol than its Realtime API, which is spoken here (did you mean openai?)"
_NOVA = "Nova Sonic is a stream of Amazon Bedrock and no WebSocket; it is not spoken here"
_ULTRAVOX = "Ultravox makes a call by REST and sends binary audio; it is not spoken here"
FOREIGN: Mapping[str, str] = {
    **dict.fromkeys(("gemini", "gemini-live", "google", "vertex"), _GEMINI),
    **dict.fromkeys(("openai-live", "gpt-live", "gpt-live-1"), _LIVE),
    **dict.fromkeys(("nova-sonic", "nova", "bedrock", "amazon"), _NOVA),
    "ultravox": _ULTRAVOX,
}

# What else a dialect is called.
ALSO: Mapping[str, str] = {
    "smallest": "hydra",
    "stimulir": "hybrie",
    "xai": "grok",
    "openai-ga": "openai",
    "openai-realtime": "openai",
    "azure-openai": "azure",
    "azure-voice-live": "voice-live",
    "hf": "huggingface",
}


def services(config: Config, lines: Lines) -> Iterator[Finding]:
    """Every finding about the services, in no particular order."""
    if not config.service:
        yield Finding("service", "is empty; name at least one service, '- dialect: local' is the one on this device")
    for index, endpoint in enumerate(config.service):
        at = f"service[{index}]"
        strange = [] if endpoint.url is None else list(_websocket_url(f"{at}.url", endpoint.url))
        yield from strange
        base = DIALECTS.get(endpoint.dialect)
        if base is None:
            yield Finding(f"{at}.dialect", _strange(endpoint.dialect))
            continue
        yield from _profile(at, endpoint, base)
        if endpoint.url is not None and not strange:
            yield from _path(f"{at}.url", endpoint.url, base)
        if endpoint.dialect == "hydra":
            yield from _hydra(at, endpoint, endpoint.model or base.default_model)


def _strange(dialect: str) -> str:
    name = dialect.lower().replace("_", "-").replace(" ", "-")
    if name in FOREIGN:
        return f"{dialect!r}: {FOREIGN[name]}"
    near = [ALSO[name]] if name in ALSO else difflib.get_close_matches(name, DIALECTS, 1, 0.7)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{dialect!r} is no dialect{hint} (known are {words(tuple(DIALECTS), 'and')})"


def _profile(at: str, endpoint: Endpoint, base: Profile) -> Iterator[Finding]:
    """What the dialect, as the owner changed it, needs and cannot."""
    try:
        profile = tailored(base, endpoint.profile)
    except LocalError:
        for key, sentence in mistakes_of(base, endpoint.profile):
            yield Finding(f"{at}.profile.{key}", sentence)
        return
    if endpoint.url is None and not profile.url:
        yield Finding(f"{at}.url", _no_address(profile.name))
    if profile.needs_key and endpoint.key is None and endpoint.token is None and profile.auth != "none":
        ways = "key: {credential: NAME}, key: {env: NAME} or key: {file: /PATH}"
        yield Finding(f"{at}.key", f"{profile.name} needs an API key; say where it lies: {ways}")
    if endpoint.auth == "subprotocol" and not profile.subprotocols:
        yield Finding(f"{at}.auth", f"{profile.name} takes no key in a subprotocol; leave auth out")
    if profile.needs_model and not endpoint.model:
        yield Finding(f"{at}.model", f"{profile.name} needs one: the name of your model or deployment")
    if profile.voices and endpoint.voice is not None and endpoint.voice not in profile.voices:
        sentence = f"this voice is not known for {profile.name}; known are {words(profile.voices, 'and')}"
        yield Finding(f"{at}.voice", sentence, warning=True)


def _no_address(dialect: str) -> str:
    if dialect == "openai-beta":
        return (
            "is missing: OpenAI switched its beta protocol off in May 2026 (use openai for it); write the address of "
            "the service that still speaks it"
        )
    return f"is missing: {dialect} has no address of its own; write wss://HOST/PATH"


# Where services answer that have no address of their own (dialects reference 5.6 and section 6).
PATHS: Mapping[str, str] = {
    "azure": "/openai/v1/realtime",
    "voice-live": "/voice-live/realtime",
    "openai-beta": "/v1/realtime",
    "hybrie-raw": "/v1/realtime",
}
# These two nobody can have put elsewhere.
FIXED_PATHS = ("azure", "voice-live")


def _path(at: str, url: str, base: Profile) -> Iterator[Finding]:
    """An address that ends with its host."""
    if has_path(url):
        return
    path = PATHS.get(base.name) or "/" + base.url.partition("://")[2].partition("/")[2]
    whole = f"{url.partition('?')[0].rstrip('/')}{path}"
    if base.name in FIXED_PATHS:
        yield Finding(at, f"has no path, and {base.name} answers at {path} only; write {whole}")
    else:
        yield Finding(at, f"has no path; {base.name} usually answers at {path}: {whole}", warning=True)


def _hydra(at: str, endpoint: Endpoint, model: str) -> Iterator[Finding]:
    roster = HYDRA_VOICES.get(model)
    if roster is None:
        known = words(tuple(HYDRA_VOICES)[:2], "and")
        yield Finding(f"{at}.model", f"this model is not known here ({known} are); is it spelt right?", warning=True)
        return
    if model == "hydra":
        yield Finding(f"{at}.model", "the tag 'hydra' is deprecated by the service; use hydra-v1.1", warning=True)
    if endpoint.voice is not None and endpoint.voice not in roster:
        sentence = f"this voice is not known for {model}, which may refuse it; known are {words(roster, 'and')}"
        yield Finding(f"{at}.voice", sentence, (f"{at}.model",), warning=True)


def _websocket_url(at: str, url: str) -> Iterator[Finding]:
    trouble = websocket_trouble(url, "anyone on the way hears the visitor")
    if trouble:
        yield Finding(at, trouble)
