"""What a close, an HTTP status or an ``error`` frame asks for, by the lists of a profile (dialects reference 8.6)."""

from __future__ import annotations

from kioskd.wire.profile import Profile, Trouble


def close_class(profile: Profile, code: int, reason: str, before_ready: bool = False) -> Trouble:
    """What a close asks for. ``code`` 1006 (or 1005): no close frame came. ``before_ready``: in the handshake."""
    words = reason.lower()
    if code in profile.capacity_close or _named(profile.capacity_error_codes, words):
        return Trouble.CAPACITY
    if code in profile.normal_close:
        return Trouble.NORMAL
    if code in profile.expiry_close or _named(profile.expiry_messages, words):
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
    return _named(profile.benign_messages, message.lower())


def _named(known: tuple[str, ...], words: str) -> bool:
    """Whether one of these stands in the words; an owner may have written them with capitals, as the service does."""
    return any(one.lower() in words for one in known)
