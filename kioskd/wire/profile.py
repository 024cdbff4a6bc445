"""What a dialect is made of, as data: how it is called, how a session is set up, who ends turns, what its errors mean.

The dialects themselves are in dialects.py; an owner changes any of this in YAML (tailor.py). A new service of the same
family (dialects reference 7) is a new value of this class, not a new class.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, Mapping


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


# Rates of sound are multiples of this (11 025, 22 050 and 44 100 Hz are). One that is not has next to nothing in common
# with a card's: its filter takes seconds to make and hundreds of megabytes (measured: 47 999 to 48 000 Hz).
RATE_STEP_HZ = 25


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """One dialect. The defaults are what most of the family shares (dialects reference 7).

    Attributes:
        url: empty: the service has no address of its own, the owner must write one.
        auth: "query", "header", "subprotocol" or "none".
        auth_param: the query parameter of the key.
        subprotocols: offered where ``auth`` is "subprotocol"; ``{api_key}`` is the key.
        extra_headers: sent with the upgrade, whatever ``auth`` is.
        query: sent with the address; ``{session_id}`` is an id that is new in each session.
        needs_model: the service has no model of its own to fall back to; the owner must name one.
        model_param: the query parameter of the model; empty: the model does not ride in the address.
        session_shape: which builder makes the ``session`` object (kioskd/wire/shapes.py).
        configure_on: "created" waits for ``created_events``; "open" sends the configuration at once.
        created_patience_s: without a created event the configuration is sent after this long; 0: never.
        ready_patience_s: configured, no error, and nothing said for this long means ready; 0: never.
        model_in_session: the model stands in the session object.
        session_extra: laid over the session object, at any depth.
        droppable: fields that are left out, once, when the service complains of them in the handshake.
        greet_by: "configure" (a field of the session) or "create" (``response.create`` once it is ready).
        update_keys: what may be changed during a session; Hydra honours ``tools`` alone (Hydra reference A3.1).
        takes_tools: the service knows tools. Where it does not, none are declared and calls are not heard.
        voice_field, in_rate_field, out_rate_field: where in the ready frame's ``session`` they stand, dots between.
            The output rate that stands there wins over all defaults.
        out_rate_by_model: rate of the answer where the service does not name one; else ``out_rate_hz``.
        voices_by_model: known voices of a model tag, the first one is the one to send when the owner named none.
        voices: known voices of every model; empty: not listed.
        catch_up: how much faster than real time buffered speech may be sent.
        turns: "server" finds the end of a turn; "manual": the kiosk's own gate does, and commits.
        turn_modes: which of the two the service can.
        turn_detection: how the service shall find turns, whole (dialects reference 9.8); empty: not mentioned.
        create_after_commit_s: after a commit the model is asked to speak, if it does not begin before.
        server_cancels: the service itself ends an answer that the visitor speaks over.
        cancel_patience_s: a cancelled answer is over after this long, said or not; 0: it is always said.
        truncates: takes ``conversation.item.truncate``.
        text_role: role of a text item; on Hydra text items are undocumented (Hydra reference A3.1, unknown 10).
        replay_text: the kind of content in which the model's own words are given back to a new session as items; empty:
            it takes none (dialects reference 8.7).
        event_ids: whether control frames carry an ``event_id``, which an ``error`` then echoes.
        max_frame_bytes: largest frame taken at all. Undocumented; 8 MiB is Hydra reference A1's advice.
        max_control_bytes: largest frame other than audio that is parsed. A guess: eight times the largest
            configuration that may be echoed; it bounds what one frame can unfold to in memory.
        idle_close_s: the service closes after this long without a frame; 0: never. Pings do not count (unknown 7).
        session_max_s: the service ends a session after this long; 0: not stated.
        pong_s: a service that is asked with a ping, because it has said nothing for a while, answers within this. A
            guess, twice the slowest mobile network; Gemini took 8 to 30 s (dialects reference 9.17).
    """

    name: str
    url: str
    needs_key: bool = True
    auth: str = "header"
    auth_param: str = "api_key"
    auth_header: str = "Authorization"
    auth_scheme: str = "Bearer"
    subprotocols: tuple[str, ...] = ()
    extra_headers: Mapping[str, str] = field(default_factory=_nothing)
    query: Mapping[str, str] = field(default_factory=_nothing)
    model_param: str = "model"
    needs_model: bool = False

    session_shape: str = "hydra"
    configure_on: str = "created"
    created_events: tuple[str, ...] = ("session.created",)
    created_patience_s: float = 0
    configure_event: str = "session.configure"
    ready_events: tuple[str, ...] = ("session.configured",)
    ready_patience_s: float = 0
    model_in_session: bool = False
    session_extra: Mapping[str, object] = field(default_factory=_nothing)
    droppable: tuple[str, ...] = ()
    greet_by: str = "configure"
    update_event: str = "session.update"
    update_keys: tuple[str, ...] = ("tools",)
    takes_tools: bool = True
    configure_limit_bytes: int = 256_000  # a guess: nobody states one but Hydra
    event_ids: bool = True
    text_role: str = "system"
    replay_text: str = ""

    in_rate_hz: int = 16_000
    out_rate_hz: int = 24_000
    out_rate_by_model: Mapping[str, int] = field(default_factory=_nothing)
    voice_field: str = "voice"
    in_rate_field: str = "input_audio_sample_rate"
    out_rate_field: str = "output_audio_sample_rate"
    out_rate_low_hz: int = 8_000  # dialects reference U24
    out_rate_high_hz: int = 48_000
    default_model: str = ""
    voices_by_model: Mapping[str, tuple[str, ...]] = field(default_factory=_nothing)
    voices: tuple[str, ...] = ()

    chunk_ms: int = 20
    min_chunk_bytes: int = 2
    max_frame_bytes: int = 8 * 1024 * 1024
    max_control_bytes: int = 256 * 1024
    catch_up: float = 2.0
    turns: str = "server"
    turn_modes: tuple[str, ...] = ("server",)
    turn_detection: Mapping[str, object] = field(default_factory=_nothing)
    create_after_commit_s: float = 0
    server_cancels: bool = True
    cancel_patience_s: float = 0
    truncates: bool = False
    tool_debounce_ms: int = 200

    idle_close_s: float = 0
    session_max_s: float = 0
    rotate_margin_s: float = 120
    ping_interval_s: float = 20
    ping_timeout_s: float = 30
    pong_s: float = 10

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
        "truncat",
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
