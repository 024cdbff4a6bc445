from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.config.addresses import is_host, is_loopback, split_url


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.9.9.9", "::1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "example.org", "localhost.example.org", "10.0.0.1", "0.0.0.0", "128.0.0.1", "::"])
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_a_good_address_is_taken_apart() -> None:
    assert split_url("wss://api.example.org:443/v1?model=x") == ("wss", "api.example.org", "")
    assert split_url("ws://[::1]:8765/") == ("ws", "::1", "")


@pytest.mark.parametrize("url", ["", "api.example.org", "wss://", "wss:///path", "ws://[", "ws://h:99999", "ws://a b/"])
def test_what_is_no_address(url: str) -> None:
    assert split_url(url)[2].startswith("is not an address")


@pytest.mark.parametrize(
    "url",
    ["wss://h/?api_key=hunter2", "wss://h/?model=x&API_KEY=hunter2", "https://me:hunter2@h/", "https://hunter2@h/"]
    + ["https://h/?token=hunter2", "wss://h/?api_key="],
)
def test_a_secret_in_an_address_is_refused_and_not_repeated(url: str) -> None:
    trouble = split_url(url)[2]
    assert trouble.startswith("holds a secret")
    assert "hunter2" not in trouble


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40), st.sampled_from(["", "ws://", "wss://[", "https://u:p@"]))
def test_no_text_raises(text: str, front: str) -> None:
    scheme, host, trouble = split_url(front + text)
    assert trouble or host
    is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["h", "api.example.org", "api.example.org.", "a_b.example.org", "x" * 63, "b\u00fccher.example", "10.0.0.1", "::1"]
    + ["fe80::1%eth0", "1.example.org", "a--b.org"],
)
def test_what_can_be_a_host(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host",
    ["h..x", ".x", "..", "-a.org", "a-.org", "x" * 64, ".".join(["x" * 60] * 5), "1.2.3", "256.1.1.1", "999", "a b"]
    + ["::g", "1:2", "a/b", "\u00fc" * 63, "a.\u00fc..b", "h\u2024.x"],
)
def test_what_cannot_be_a_host(host: str) -> None:
    assert not is_host(host)
    trouble = split_url(f"wss://{host}/")[2] if ":" not in host and "/" not in host else "named"
    assert trouble
