"""Dialects as data: where a service lives, how it is spoken to, and what its errors, closes and statuses mean.

A new service of the same family (dialects reference 7) is a new entry in ``PROFILES``, not a new class.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from kioskd.wire.errors import LocalError


class Trouble(Enum):
    """What a failure asks for: sorted by what waiting can change (dialects reference 8.6)."""

    NORMAL = "normal"  # an orderly end; reconnect only when somebody is there
    TRANSPORT = "transport"  # reconnect with backoff
    CAPACITY = "capacity"  # the service is full: longer backoff, tell the visitor
    EXPIRY = "expiry"  # the session is used up: open the next one at once
    FATAL = "fatal"  # waiting will not help: a key, an address, an account
    FRAME = "frame"  # one of our frames was refused; the session lives
    TURN_LOST = "turn_lost"  # this turn is gone; the session lives
    BENIGN = "benign"  # two frames crossed; nothing is wrong


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """One dialect. The defaults are what most of the family shares (dialects reference 7).

    Attributes:
        session_shape: which builder makes the ``session`` object (kioskd/wire/frames.py).
        update_keys: what may be changed during a session; Hydra honours ``tools`` alone (Hydra reference A3.1).
        out_rate_field: where in the ready frame's ``session`` the output rate stands. It wins over all defaults.
        out_rate_by_model: rate of the answer where the service does not name one; else ``out_rate_hz``.
        voices_by_model: known voices of a model tag, the first one is the one to send when the owner named none.
        catch_up: how much faster than real time buffered speech may be sent.
        text_role: role of a text item; on Hydra text items are undocumented (Hydra reference A3.1, unknown 10).
        event_ids: whether control frames carry an ``event_id``, which an ``error`` then echoes.
        max_frame_bytes: largest frame taken at all. Undocumented; 8 MiB is Hydra reference A1's advice.
        max_control_bytes: largest frame other than audio that is parsed. A guess: eight times the largest
            configuration that may be echoed; it bounds what one frame can unfold to in memory.
        idle_close_s: the service closes after this long without a frame; 0: never. Pings do not count (unknown 7).
        session_max_s: the service ends a session after this long; 0: not stated.
    """

    name: str
    url: str
    needs_key: bool = True
    auth: str = "header"
    auth_param: str = "api_key"
    auth_header: str = "Authorization"
    auth_scheme: str = "Bearer"

    session_shape: str = "hydra"
    created_event: str = "session.created"
    configure_event: str = "session.configure"
    ready_events: tuple[str, ...] = ("session.configured",)
    update_event: str = "session.update"
    update_keys: tuple[str, ...] = ("tools",)
    configure_limit_bytes: int = 32_000
    event_ids: bool = True
    text_role: str = "system"

    in_rate_hz: int = 16_000
    out_rate_hz: int = 24_000
    out_rate_by_model: Mapping[str, int] = field(default_factory=dict)
    out_rate_field: str = "output_audio_sample_rate"
    out_rate_low_hz: int = 8_000  # dialects reference U24
    out_rate_high_hz: int = 48_000
    default_model: str = ""
    voices_by_model: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    chunk_ms: int = 20
    min_chunk_bytes: int = 2
    max_frame_bytes: int = 8 * 1024 * 1024
    max_control_bytes: int = 256 * 1024
    catch_up: float = 2.0
    server_cancels: bool = True
    tool_debounce_ms: int = 200

    idle_close_s: float = 0
    session_max_s: float = 0
    rotate_margin_s: float = 120
    ping_interval_s: float = 20
    ping_timeout_s: float = 30

    fatal_http: tuple[int, ...] = (400, 401, 403, 404)
    capacity_http: tuple[int, ...] = (429, 503)
    retry_http: tuple[int, ...] = (408, 425, 429, 500, 502, 503, 504)
    normal_close: tuple[int, ...] = (1000,)
    expiry_close: tuple[int, ...] = (1001,)
    capacity_close: tuple[int, ...] = (1013,)
    fatal_close: tuple[int, ...] = (1002, 1003, 4000)
    fatal_close_before_ready: tuple[int, ...] = (1008,)
    capacity_error_codes: tuple[str, ...] = ("server_full",)
    expiry_error_codes: tuple[str, ...] = ("session_expired",)
    fatal_error_codes: tuple[str, ...] = (
        "invalid_api_key",
        "insufficient_quota",
        "account_deactivated",
        "billing_hard_limit_reached",
        "model_not_found",
        "beta_api_shape_disabled",
    )
    transport_error_codes: tuple[str, ...] = ("internal_error", "server_error")
    turn_lost_codes: tuple[str, ...] = ("rate_limit_exceeded", "inference_rate_limit_exceeded")
    frame_error_codes: tuple[str, ...] = (
        "invalid_event",
        "invalid_value",
        "unknown_parameter",
        "missing_required_parameter",
        "cannot_update_voice",
    )
    benign_error_codes: tuple[str, ...] = (
        "response_cancel_not_active",
        "conversation_already_has_active_response",
        "input_audio_buffer_commit_empty",
        "item_truncate_invalid_item_id",
        "item_delete_invalid_item_id",
        "item_retrieve_invalid_item_id",
    )
    # Some services send the race under another code, or none: then the words tell (dialects reference 8.6).
    benign_messages: tuple[str, ...] = (
        "no active response",
        "already has an active response",
        "cancellation failed",
        "already shorter than",
    )
    expiry_messages: tuple[str, ...] = (
        "session_expired",
        "session expired",
        "maximum duration",
        "going away",
        "goaway",
    )

    def out_rate_of(self, model: str) -> int:
        """Rate of the answer in Hz by model tag, where nobody says otherwise."""
        return self.out_rate_by_model.get(model, self.out_rate_hz)

    def default_voice(self, model: str) -> str | None:
        """The voice to send when the owner named none; None: send none.

        Left out on hydra-v1.1 the server applies a voice of another roster (Hydra reference A5), so one is sent.
        """
        roster = self.voices_by_model.get(model, ())
        return roster[0] if roster else None


HYDRA = Profile(
    name="hydra",
    url="wss://api.smallest.ai/waves/v1/s2s",
    auth="query",  # the documented way; a Bearer header very probably works too (Hydra reference A1)
    # Truth is the echo; docs say 48000 everywhere, the wire says 24000 on v1.1 (Hydra reference A6, contradiction 1).
    out_rate_hz=48_000,
    out_rate_by_model=MappingProxyType({"hydra-v1.1": 24_000}),
    default_model="hydra-v1.1",
    voices_by_model=MappingProxyType(
        {
            "hydra-v1.1": ("zoe", "maya", "elena", "ivy", "grace", "alex", "aria", "leo", "sam", "kai"),
            "hydra-v1.0": tuple(
                "sterling vaughn brooks cole hayes pierce ellis lane quinn arden rowan blair emery sawyer".split()
            ),
        }
    ),
    min_chunk_bytes=320,  # 10 ms; the documented error says so (Hydra reference A6)
    catch_up=1.0,  # faster than real time gets the socket closed (Hydra reference A6)
    idle_close_s=30,
    # Hydra documents 1000 and 1013 only and asks for an ordinary reconnect on every other close (reference A9);
    # what cannot be cured by it shows again as HTTP 401 at the next upgrade.
    fatal_close=(),
    transport_error_codes=("internal_error", "session_ended", "server_error"),
    turn_lost_codes=("tool_response_timeout", "rate_limit_exceeded", "inference_rate_limit_exceeded"),
    frame_error_codes=("invalid_frame", "invalid_request_error", "invalid_audio"),
)

# The voice service on the device itself: Hydra's dialect on loopback.
LOCAL = replace(HYDRA, name="local", url="ws://127.0.0.1:8715/waves/v1/s2s", needs_key=False)

PROFILES: Mapping[str, Profile] = MappingProxyType({profile.name: profile for profile in (HYDRA, LOCAL)})


def connect_url(profile: Profile, url: str | None, model: str, key: str | None, auth: str | None) -> str:
    """The address to open. It may hold the key: show it only through ``redacted_url``.

    Args:
        url: the owner's address, else the profile's. Its own query is kept; ``model`` and the key are set.
        model: model tag; empty: the profile's default, else none is sent.
        key: None or empty: none is sent.
        auth: "query", "header" or "none"; None or empty: the profile's way.

    Raises:
        LocalError: no WebSocket address, plain ``ws://`` to another machine, or a key that cannot be one.
    """
    try:
        address = urlsplit(url or profile.url)
    except ValueError as error:  # square brackets that hold no IPv6 address
        raise LocalError(f"{redacted_url(url or '')} is no address ({error}): write wss://HOST/PATH.") from error
    if address.scheme not in ("ws", "wss") or not address.hostname:
        raise LocalError(f"{redacted_url(url or profile.url)} is no address of a WebSocket: write wss://HOST/PATH.")
    if address.scheme == "ws" and not _is_loopback(address.hostname):
        raise LocalError(f"ws:// to {address.hostname} would carry speech and key in the clear: write wss://.")
    ours = {"model": model or profile.default_model}
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
    if not key or (auth or profile.auth) != "header":
        return {}
    return {profile.auth_header: f"{profile.auth_scheme} {_checked_key(key)}".strip()}


_SECRET_PARAM = re.compile(r"(?i)([?&;](?:[a-z_-]*(?:key|token|secret|password|signature))=)[^&#\s\"']*")
_USERINFO = re.compile(r"//[^/@\s]+@")


def redacted_url(url: str) -> str:
    """The address without what is secret in it; also takes any text that holds addresses."""
    return _USERINFO.sub("//***@", _SECRET_PARAM.sub(r"\1***", url))


def close_class(profile: Profile, code: int, reason: str, before_ready: bool = False) -> Trouble:
    """What a close asks for. ``code`` 1006 (or 1005): no close frame came. ``before_ready``: in the handshake."""
    words = reason.lower()
    if code in profile.capacity_close or any(known in words for known in profile.capacity_error_codes):
        return Trouble.CAPACITY
    if code in profile.normal_close:
        return Trouble.NORMAL
    if code in profile.expiry_close or any(known in words for known in profile.expiry_messages):
        return Trouble.EXPIRY
    if code in profile.fatal_close or (before_ready and code in profile.fatal_close_before_ready):
        return Trouble.FATAL
    return Trouble.TRANSPORT


def http_class(profile: Profile, status: int) -> Trouble:
    """What an upgrade that was answered by ``status`` instead of 101 asks for."""
    if status in profile.fatal_http:
        return Trouble.FATAL
    if status in profile.capacity_http:
        return Trouble.CAPACITY
    if status in profile.retry_http:
        return Trouble.TRANSPORT
    # A refusal that names our request stays one; anything else (a portal's 200 or 302, a proxy's 5xx) may pass.
    return Trouble.FATAL if 400 <= status < 500 else Trouble.TRANSPORT


def error_class(profile: Profile, code: str, message: str = "") -> Trouble:
    """What an ``error`` frame asks for. Unknown codes leave the session alive (Hydra reference A9, contradiction 9)."""
    for codes, trouble in (
        (profile.capacity_error_codes, Trouble.CAPACITY),
        (profile.fatal_error_codes, Trouble.FATAL),
        (profile.expiry_error_codes, Trouble.EXPIRY),
        (profile.transport_error_codes, Trouble.TRANSPORT),
        (profile.turn_lost_codes, Trouble.TURN_LOST),
        (profile.benign_error_codes, Trouble.BENIGN),
        (profile.frame_error_codes, Trouble.FRAME),
    ):
        if code in codes:
            # invalid_request_error is the roof over many causes: the words may still say that frames only crossed.
            return Trouble.BENIGN if trouble is Trouble.FRAME and _is_benign(profile, message) else trouble
    return Trouble.BENIGN if _is_benign(profile, message) else Trouble.FRAME


def _is_benign(profile: Profile, message: str) -> bool:
    words = message.lower()
    return any(known in words for known in profile.benign_messages)


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


def _checked_key(key: str) -> str:
    # The key itself never stands in the sentence.
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise LocalError("The key holds a space, a line end or a letter outside ASCII: write the key alone into it.")
    return key
