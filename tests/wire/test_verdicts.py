"""What failures ask for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kioskd.wire.dialects import DIALECTS
from kioskd.wire.profile import Profile, Trouble
from kioskd.wire.verdicts import close_class, error_class, http_class


@pytest.mark.parametrize(
    "code, reason, trouble",
    [
        (1000, "", Trouble.NORMAL),
        (1001, "", Trouble.EXPIRY),
        (1005, "", Trouble.TRANSPORT),
        (1006, "", Trouble.TRANSPORT),
        (1007, "", Trouble.TRANSPORT),
        (1008, "", Trouble.TRANSPORT),
        (1011, "", Trouble.TRANSPORT),
        (1012, "", Trouble.TRANSPORT),
        (1013, "", Trouble.CAPACITY),
        (1011, "server_full", Trouble.CAPACITY),
        (1011, "Your session hit the maximum duration of 60 minutes.", Trouble.EXPIRY),
        (4321, "", Trouble.TRANSPORT),
    ],
)
def test_hydra_closes_are_sorted_by_what_waiting_can_change(
    hydra: Profile, code: int, reason: str, trouble: Trouble
) -> None:
    assert close_class(hydra, code, reason) is trouble


def test_a_policy_close_in_the_handshake_will_not_be_cured_by_waiting(hydra: Profile) -> None:
    assert close_class(hydra, 1008, "", before_ready=True) is Trouble.FATAL


def test_the_family_knows_fatal_closes_that_hydra_does_not_document() -> None:
    family = Profile(name="x", url="wss://x")
    assert [close_class(family, code, "") for code in (1002, 1003, 4000)] == [Trouble.FATAL] * 3


@pytest.mark.parametrize(
    "status, trouble",
    [
        (401, Trouble.FATAL),
        (403, Trouble.FATAL),
        (404, Trouble.FATAL),
        (402, Trouble.FATAL),
        (429, Trouble.CAPACITY),
        (503, Trouble.CAPACITY),
        (408, Trouble.TRANSPORT),
        (500, Trouble.TRANSPORT),
        (502, Trouble.TRANSPORT),
        (302, Trouble.TRANSPORT),
        (200, Trouble.TRANSPORT),
        (599, Trouble.TRANSPORT),
    ],
)
def test_an_upgrade_that_failed_is_sorted_too(hydra: Profile, status: int, trouble: Trouble) -> None:
    assert http_class(hydra, status) is trouble


@pytest.mark.parametrize(
    "code, message, trouble",
    [
        ("invalid_frame", "", Trouble.FRAME),
        ("invalid_request_error", "", Trouble.FRAME),
        ("invalid_audio", "audio frame too small (40 bytes, need 320)", Trouble.FRAME),
        ("tool_response_timeout", "", Trouble.TURN_LOST),
        ("server_full", "", Trouble.CAPACITY),
        ("internal_error", "", Trouble.TRANSPORT),
        ("session_ended", "", Trouble.TRANSPORT),
        ("session_expired", "", Trouble.EXPIRY),
        ("invalid_api_key", "", Trouble.FATAL),
        ("insufficient_quota", "", Trouble.FATAL),
        ("response_cancel_not_active", "", Trouble.BENIGN),
        ("invalid_request_error", "Cancellation failed: no active response found", Trouble.BENIGN),
        ("", "Conversation already has an active response", Trouble.BENIGN),
        ("never_heard_of", "", Trouble.FRAME),
        ("", "", Trouble.FRAME),
    ],
)
def test_errors_are_sorted_by_code(hydra: Profile, code: str, message: str, trouble: Trouble) -> None:
    assert error_class(hydra, code, message) is trouble


@pytest.mark.parametrize("name", DIALECTS)
def test_in_every_dialect_a_used_up_session_a_bad_key_and_a_crossed_frame_are_told_apart(name: str) -> None:
    """Dialects reference 8.6."""
    profile = DIALECTS[name]
    assert error_class(profile, "session_expired") is Trouble.EXPIRY
    assert close_class(profile, 1001, "") is Trouble.EXPIRY
    assert error_class(profile, "invalid_api_key") is Trouble.FATAL
    assert error_class(profile, "", "Audio content of 10ms is already shorter than 20ms") is Trouble.BENIGN
    assert error_class(profile, "other", "cannot truncate that") is Trouble.BENIGN
    assert http_class(profile, 401) is Trouble.FATAL and http_class(profile, 429) is Trouble.CAPACITY
    assert close_class(profile, 1013, "") is Trouble.CAPACITY
    assert close_class(profile, 1007, "") is close_class(profile, 1011, "") is Trouble.TRANSPORT
    assert close_class(profile, 4000, "") is (Trouble.TRANSPORT if name in ("hydra", "local") else Trouble.FATAL)


def test_an_owners_words_count_however_they_are_spelt(hydra: Profile) -> None:
    mine = replace(hydra, benign_messages=("Nothing To Cancel",), expiry_messages=("Time Is Up",))
    assert error_class(mine, "odd", "nothing to cancel here") is Trouble.BENIGN
    assert close_class(mine, 4100, "your TIME is up") is Trouble.EXPIRY
