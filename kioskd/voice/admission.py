"""Who is let in and what is spoken with them: pure.

The dialect goes by ``?dialect=``, else by the path, a subprotocol or the ``OpenAI-Beta`` header, else it is OpenAI's
present one.
"""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import Mapping, NamedTuple, Sequence
from urllib.parse import parse_qs, urlsplit

from kioskd.voice import hydra
from kioskd.voice.dialects import DIALECTS, HYBRIE_GEMINI, HYDRA, MYTHICDOT, OPENAI, OPENAI_BETA, Dialect

# A path belongs to one dialect, except the one that half of the family shares.
SHARED_PATH = OPENAI.path
PATHS: Mapping[str, Dialect] = {
    dialect.path: dialect
    for dialect in reversed(tuple(DIALECTS.values()))
    if dialect.path != SHARED_PATH and dialect is not HYBRIE_GEMINI
}
KEY_PROTOCOLS = ("mythicdot-api-key.", "openai-insecure-api-key.")


class Caller(NamedTuple):
    """An upgrade request, as far as it says who calls and how it speaks. ``protocols``: the subprotocols offered."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    protocols: Sequence[str]


class Wrong(Exception):
    """Nothing is spoken there.

    Attributes:
        status: the HTTP answer; the text is a sentence.
    """

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def caller(target: str, headers: Mapping[str, str]) -> Caller:
    """Read the request target and the headers (any case of letters in their names)."""
    url = urlsplit(target)
    query = {key: values[-1] for key, values in parse_qs(url.query).items()}
    plain = {name.lower(): value for name, value in headers.items()}
    offered = [name.strip() for name in plain.get("sec-websocket-protocol", "").split(",")]
    return Caller(url.path, query, plain, [name for name in offered if name])


def dialect_of(caller: Caller) -> Dialect:
    """How this caller speaks.

    Raises:
        Wrong: no dialect has that name, that path or that model.
    """
    dialect = _named(caller.query["dialect"]) if "dialect" in caller.query else _found(caller)
    if dialect is HYDRA and caller.query.get("model", hydra.MODELS[0]) not in hydra.MODELS:
        raise Wrong(HTTPStatus.BAD_REQUEST, f"model is one of {', '.join(hydra.MODELS)}\n")
    return dialect


def _named(name: str) -> Dialect:
    if name not in DIALECTS:
        raise Wrong(HTTPStatus.BAD_REQUEST, f"dialect {name[:32]!r} is not spoken here; {', '.join(DIALECTS)} are\n")
    return DIALECTS[name]


def _found(caller: Caller) -> Dialect:
    if caller.path == SHARED_PATH:
        if any(name.startswith(KEY_PROTOCOLS[0]) for name in caller.protocols):
            return MYTHICDOT
        beta = "openai-beta" in caller.headers or "openai-beta.realtime-v1" in caller.protocols
        return OPENAI_BETA if beta else OPENAI
    if caller.path not in PATHS:
        paths = f"{hydra.PATH}?model=hydra-v1.1, {SHARED_PATH} and others"
        raise Wrong(HTTPStatus.NOT_FOUND, f"nothing is here; sessions are at {paths}\n")
    found = PATHS[caller.path]
    return HYBRIE_GEMINI if caller.query.get("provider") else found


def knows(token: str | None, caller: Caller) -> bool:
    """Whether the caller brought the token, wherever its dialect carries keys; None: nothing is asked for."""
    if token is None:
        return True
    scheme, _, credentials = caller.headers.get("authorization", "").partition(" ")
    offered = [
        caller.query.get("api_key", ""),
        caller.headers.get("api-key", ""),
        credentials.strip() if scheme.lower() in ("bearer", "basic") else "",
    ]
    offered += [name[len(prefix) :] for name in caller.protocols for prefix in KEY_PROTOCOLS if name.startswith(prefix)]
    # All are compared, in a time that tells nothing about the token.
    return any([hmac.compare_digest(candidate.encode("utf-8", "replace"), token.encode()) for candidate in offered])


def protocol_of(caller: Caller) -> str | None:
    """The subprotocol to agree on; None: none (dialects reference 2.3)."""
    return "realtime" if "realtime" in caller.protocols else None
