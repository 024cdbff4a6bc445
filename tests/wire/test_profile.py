from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from kioskd.wire.errors import LocalError
from kioskd.wire.profile import (
    PROFILES,
    Profile,
    Trouble,
    close_class,
    connect_headers,
    connect_url,
    error_class,
    http_class,
    redacted_url,
)

KEY = "sk_s3cret/+&="


def test_the_key_rides_in_the_query_as_documented(hydra: Profile) -> None:
    url = connect_url(hydra, None, "hydra-v1.1", "sk_abc", None)
    assert url == "wss://api.smallest.ai/waves/v1/s2s?model=hydra-v1.1&api_key=sk_abc"
    assert connect_headers(hydra, "sk_abc", None) == {}


def test_a_key_with_any_letters_arrives_whole(hydra: Profile) -> None:
    assert parse_qs(urlsplit(connect_url(hydra, None, "m", KEY, "query")).query)["api_key"] == [KEY]


def test_the_key_may_ride_in_a_header_instead(hydra: Profile) -> None:
    assert connect_url(hydra, None, "hydra-v1.0", KEY, "header") == f"{hydra.url}?model=hydra-v1.0"
    assert connect_headers(hydra, KEY, "header") == {"Authorization": f"Bearer {KEY}"}


def test_no_auth_sends_no_key_anywhere(hydra: Profile) -> None:
    assert "sk" not in connect_url(hydra, None, "hydra-v1.1", KEY, "none")
    assert connect_headers(hydra, KEY, "none") == {}


def test_a_header_without_a_scheme_is_the_key_alone(hydra: Profile) -> None:
    assert connect_headers(replace(hydra, auth_header="api-key", auth_scheme=""), "k", "header") == {"api-key": "k"}


def test_the_local_service_needs_no_key_and_a_model_is_always_sent() -> None:
    local = PROFILES["local"]
    assert not local.needs_key
    assert connect_url(local, None, "", None, "query") == "ws://127.0.0.1:8715/waves/v1/s2s?model=hydra-v1.1"


def test_the_owners_address_keeps_its_own_query_and_loses_a_stale_model(hydra: Profile) -> None:
    url = connect_url(hydra, "wss://host:99/p?region=in&model=old&flag=#part", "new", None, None)
    assert url == "wss://host:99/p?region=in&flag=&model=new"


@pytest.mark.parametrize("url", ["http://host/x", "host/x", "wss://", "wss://[::bad/x", "ws:///path"])
def test_what_is_no_websocket_address_is_refused_in_a_sentence(hydra: Profile, url: str) -> None:
    with pytest.raises(LocalError, match="wss://HOST/PATH"):
        connect_url(hydra, url, "m", KEY, None)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "[::1]"])
def test_plain_ws_is_for_loopback(hydra: Profile, host: str) -> None:
    assert connect_url(hydra, f"ws://{host}:1/x", "m", None, None) == f"ws://{host}:1/x?model=m"


@pytest.mark.parametrize("host", ["kiosk.lan", "127.0.0.1.evil.example", "10.0.0.1", "[::2]"])
def test_plain_ws_to_another_machine_is_refused(hydra: Profile, host: str) -> None:
    with pytest.raises(LocalError, match="in the clear"):
        connect_url(hydra, f"ws://{host}/x", "m", KEY, None)


@pytest.mark.parametrize("key", ["sk_a\n", "two words", "schlüssel", "sk_a\r\nX-Evil: 1"])
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(hydra: Profile, key: str) -> None:
    for send in (lambda: connect_url(hydra, None, "m", key, "query"), lambda: connect_headers(hydra, key, "header")):
        with pytest.raises(LocalError) as caught:
            send()
        assert key.split()[0] not in str(caught.value)


@pytest.mark.parametrize(
    "url, shown",
    [
        ("wss://h/p?model=m&api_key=sk_1%2F#x", "wss://h/p?model=m&api_key=***#x"),
        ("wss://h/p?KEY=a&access_token=b&region=c", "wss://h/p?KEY=***&access_token=***&region=c"),
        ("wss://user:pass@h/p", "wss://***@h/p"),
        ("no address, 'wss://h/?api_key=abc' failed", "no address, 'wss://h/?api_key=***' failed"),
        ("wss://h/p?model=m", "wss://h/p?model=m"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert redacted_url(url) == shown


def test_no_address_that_was_made_here_shows_its_key(hydra: Profile) -> None:
    assert "s3cret" not in redacted_url(connect_url(hydra, None, "m", KEY, "query"))


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


@pytest.mark.parametrize("model, rate_hz", [("hydra-v1.1", 24000), ("hydra-v1.0", 48000), ("hydra", 48000)])
def test_the_output_rate_by_model_tag(hydra: Profile, model: str, rate_hz: int) -> None:
    assert hydra.out_rate_of(model) == rate_hz


def test_a_voice_of_the_tags_own_roster_is_sent_when_the_owner_named_none(hydra: Profile) -> None:
    assert hydra.default_voice("hydra-v1.1") == "zoe"
    assert hydra.default_voice("hydra-v1.0") == "sterling"
    assert hydra.default_voice("hydra") is None
    rosters = list(hydra.voices_by_model.values())
    assert not set(rosters[0]) & set(rosters[1]) and [len(roster) for roster in rosters] == [10, 14]


def test_profiles_are_data_that_nobody_can_change(hydra: Profile) -> None:
    with pytest.raises(AttributeError):
        setattr(hydra, "url", "wss://elsewhere")
    assert set(PROFILES) == {"hydra", "local"}
