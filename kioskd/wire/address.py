"""How a session is called: the address, the headers and the subprotocols of the upgrade, and where the key rides."""

from __future__ import annotations

import re
from typing import Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from kioskd.wire.errors import LocalError
from kioskd.wire.profile import Profile

# What stands for the key in a profile's subprotocols, and for a session's own id in its query.
KEY_PLACE = "{api_key}"
SESSION_PLACE = "{session_id}"

# RFC 9110, 5.6.2: what a token is made of. A subprotocol is one (RFC 6455, 4.1).
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def connect_url(
    profile: Profile, url: str | None, model: str, key: str | None, auth: str | None, session_id: str = ""
) -> str:
    """The address to open. It may hold the key: show it only through ``redacted_url``.

    Args:
        url: the owner's address, else the profile's. Its own query is kept; what the profile sets is set.
        model: model tag; empty: the profile's default, else none is sent.
        key: None or empty: none is sent.
        auth: "query", "header", "subprotocol" or "none"; None or empty: the profile's way.
        session_id: our own id of the session, for a service that wants one (Inworld: dialects reference 5.5).

    Raises:
        LocalError: no WebSocket address, plain ``ws://`` to another machine, or a key that cannot be one.
    """
    if not (url or profile.url):
        raise LocalError(f"{profile.name} has no address of its own: write service.url.")
    try:
        address = urlsplit(url or profile.url)
    except ValueError as error:  # square brackets that hold no IPv6 address
        raise LocalError(f"{redacted_url(url or '')} is no address ({error}): write wss://HOST/PATH.") from error
    if address.scheme not in ("ws", "wss") or not address.hostname:
        raise LocalError(f"{redacted_url(url or profile.url)} is no address of a WebSocket: write wss://HOST/PATH.")
    if address.scheme == "ws" and not _is_loopback(address.hostname):
        raise LocalError(f"ws:// to {address.hostname} would carry speech and key in the clear: write wss://.")
    ours = {name: value.replace(SESSION_PLACE, session_id) for name, value in profile.query.items()}
    ours |= {profile.model_param: model or profile.default_model} if profile.model_param else {}
    if key and (auth or profile.auth) == "query":
        ours[profile.auth_param] = _checked_key(key)
    ours = {name: value for name, value in ours.items() if value}
    kept = [pair for pair in parse_qsl(address.query, keep_blank_values=True) if pair[0] not in ours]
    return address._replace(query=urlencode(kept + list(ours.items()), quote_via=quote), fragment="").geturl()


def connect_headers(profile: Profile, key: str | None, auth: str | None) -> dict[str, str]:
    """Headers of the upgrade; they may hold the key and are never shown.

    Raises:
        LocalError: a key that cannot be one.
    """
    headers = dict(profile.extra_headers)
    if key and (auth or profile.auth) == "header":
        headers[profile.auth_header] = f"{profile.auth_scheme} {_checked_key(key)}".strip()
    return headers


def connect_subprotocols(profile: Profile, key: str | None, auth: str | None) -> tuple[str, ...]:
    """Subprotocols to offer, in order; they may hold the key and are never shown (dialects reference 2.3).

    Raises:
        LocalError: a key that a subprotocol cannot carry.
    """
    if (auth or profile.auth) != "subprotocol":
        return ()
    offered = []
    for template in profile.subprotocols:
        if KEY_PLACE in template and not key:
            continue
        value = template.replace(KEY_PLACE, _checked_key(key or ""))
        if not _TOKEN.fullmatch(value):
            # The library would refuse it too, with the whole key in its sentence.
            raise LocalError(
                f"The key holds characters that a subprotocol cannot carry: ask {profile.name} for another key, "
                "or set auth: header."
            )
        offered.append(value)
    return tuple(offered)


_SECRET_PARAM = re.compile(r"(?i)([?&;](?:[a-z_-]*(?:key|token|secret|password|signature))=)[^&#\s\"']*")
_USERINFO = re.compile(r"//[^/@\s]+@")


def redacted_url(url: str) -> str:
    """The address without what is secret in it; also takes any text that holds addresses."""
    return _USERINFO.sub("//***@", _SECRET_PARAM.sub(r"\1***", url))


def plain(headers: Mapping[str, str]) -> bool:
    """Whether headers of an owner's profile are ones that HTTP can carry (RFC 9110, 5.5)."""
    return all(is_token(name) and value.isascii() and value.isprintable() for name, value in headers.items())


def is_token(word: str) -> bool:
    """Whether it can be the name of a header, a scheme or a subprotocol; ``{api_key}`` stands for a key that can."""
    return _TOKEN.fullmatch(word.replace(KEY_PLACE, "key")) is not None


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


def _checked_key(key: str) -> str:
    # The key itself never stands in the sentence.
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise LocalError("The key holds a space, a line end or a letter outside ASCII: write the key alone into it.")
    return key
