"""Where a session is called, and where its key rides."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from kioskd.wire.address import connect_headers, connect_subprotocols, connect_url, plain, redacted_url
from kioskd.wire.dialects import DIALECTS
from kioskd.wire.errors import LocalError
from kioskd.wire.profile import Profile

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
    local = DIALECTS["local"]
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


def test_a_subprotocol_carries_the_key_in_the_documented_order() -> None:
    """Dialects reference 2.3."""
    mythicdot = DIALECTS["mythicdot"]
    assert connect_subprotocols(mythicdot, "sk-1", None) == ("realtime", "mythicdot-api-key.sk-1")
    assert connect_subprotocols(mythicdot, None, None) == ("realtime",)
    assert connect_subprotocols(mythicdot, "sk-1", "header") == ()
    assert connect_headers(mythicdot, "sk-1", None) == {} and "sk-1" not in connect_url(
        mythicdot, None, "", "sk-1", None
    )
    assert connect_headers(mythicdot, "sk-1", "header") == {"Authorization": "Bearer sk-1"}


@pytest.mark.parametrize("key", ["sk=1", "sk/1", "sk:1", "sk 1", "s\u00e4"])
def test_a_key_that_a_subprotocol_cannot_carry_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(LocalError) as caught:
        connect_subprotocols(DIALECTS["mythicdot"], key, None)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "name, model, url, address",
    [
        ("openai", "", None, "wss://api.openai.com/v1/realtime?model=gpt-realtime"),
        ("azure", "mine", "wss://r.openai.azure.com/openai/v1/realtime", "?model=mine"),
        ("voice-live", "m", "wss://r.services.ai.azure.com/voice-live/realtime", "?api-version=2026-07-15&model=m"),
        ("grok", "", None, "wss://api.x.ai/v1/realtime?model=grok-voice-latest"),
        ("inworld", "", None, "wss://api.inworld.ai/api/v1/realtime/session?key=s1&protocol=realtime"),
        ("hybrie", "", None, "wss://api.stimulir.com/api/v1/inference/realtime"),
        ("hybrie-gemini", "m", None, "wss://api.stimulir.com/api/v1/inference/realtime?provider=gemini"),
        ("mythicdot", "", None, "wss://api.mythicdot.ai/v1/realtime"),
    ],
)
def test_every_dialect_is_called_at_its_address(name: str, model: str, url: str | None, address: str) -> None:
    """Dialects reference 6.1."""
    made = connect_url(DIALECTS[name], url, model, "k", None, "s1")
    assert made == (url or "") + address if url else made == address


@pytest.mark.parametrize(
    "name, headers",
    [
        ("openai", {"Authorization": "Bearer k"}),
        ("azure", {"api-key": "k"}),
        ("voice-live", {"api-key": "k"}),
        ("openai-beta", {"Authorization": "Bearer k", "OpenAI-Beta": "realtime=v1"}),
        ("inworld", {"Authorization": "Basic k"}),
        ("hybrie-raw", {"Authorization": "Bearer k"}),
        ("grok", {"Authorization": "Bearer k"}),
    ],
)
def test_every_dialect_is_sent_its_headers(name: str, headers: dict[str, str]) -> None:
    """Dialects reference 6.1."""
    assert connect_headers(DIALECTS[name], "k", None) == headers


def test_a_dialect_without_an_address_says_so() -> None:
    with pytest.raises(LocalError, match="hybrie-raw has no address of its own: write service.url"):
        connect_url(DIALECTS["hybrie-raw"], None, "", None, None)


def test_headers_that_http_cannot_carry_are_told_apart() -> None:
    assert plain({"X-Project-Id": "p1"})
    assert not plain({"X Project": "p1"}) and not plain({"X-P": "a\r\nb"}) and not plain({"X-P": "\u00e4"})
