"""Mistakes about the way to a service; no sentence repeats what may be a secret."""

from __future__ import annotations

import pytest

from kioskd.config.loader import Loaded, parse

CANARY = "hunter2hunter2"


def of(lines: str) -> Loaded:
    """What is said of one service with these keys."""
    text = "talk: {mode: voice}\nservice:\n  - dialect: hydra\n" + "".join(
        f"    {line}\n" for line in lines.splitlines()
    )
    return parse(text, "k.yaml")


def sentence(lines: str, key: str) -> str:
    found = {problem.key: problem.sentence for problem in of(lines).problems}
    assert list(found) == [f"service[0].{key}"], found
    assert CANARY not in str(found)
    return found[f"service[0].{key}"]


KEY = "key: {credential: k}\n"
PROXY = KEY + "proxy:\n  url: "


@pytest.mark.parametrize("url", ['"http://proxy:3128"', '"http://[::1]:1"', "none"])
def test_a_good_proxy(url: str) -> None:
    assert of(PROXY + url).config is not None


@pytest.mark.parametrize(
    "url, words",
    [
        ('"socks5://proxy:1080"', "is a SOCKS proxy, which is not spoken here; name an HTTP proxy"),
        ('"https://proxy.example.org/"', "is spoken to by TLS, which is not done here"),
        ("proxy:3128", "is not the address of a proxy; write http://HOST:PORT"),
        ('"wss://proxy:3128"', "is not the address of a proxy"),
        ('"http://"', "is not the address of a proxy"),
        ('"http://a..b:1"', "is not the address of a proxy"),
        ('"http://proxy/x"', "a proxy has no path"),
        (f'"http://me:{CANARY}@proxy:1"', "holds a secret; take it out, and write user: and password: below proxy:"),
    ],
)
def test_what_is_no_proxy(url: str, words: str) -> None:
    assert words in sentence(PROXY + url, "proxy.url")


def test_user_and_password_belong_together() -> None:
    url = '"http://proxy:1"\n'
    assert "needs password beside it" in sentence(PROXY + url + "  user: kiosk", "proxy.user")
    assert "needs user beside it" in sentence(PROXY + url + "  password: {env: P}", "proxy.password")
    assert "are for nobody" in sentence(PROXY + "none\n  user: kiosk\n  password: {env: P}", "proxy.url")
    assert "no ':'" in sentence(PROXY + url + '  user: "a:b"\n  password: {env: P}', "proxy.user")


TOKEN = "token:\n  secret: {credential: k}\n  url: "


def test_a_token_stands_for_a_key_and_not_beside_it() -> None:
    assert of(TOKEN + "https://mint.example.org/").config is not None
    assert of(TOKEN + '"http://127.0.0.1:8080/mint"').config is not None
    both = of(KEY + TOKEN + "https://mint.example.org/")
    said = {warning.key: warning.sentence for warning in both.warnings}
    assert "is never sent, because there is a token" in said["service[0].key"]


@pytest.mark.parametrize(
    "url, words",
    [
        ("http://mint.example.org/", "is not encrypted"),
        ("wss://mint.example.org/", "must begin with https://"),
        ("mint.example.org", "it should look like https://host/path"),
        (f"https://mint.example.org/?token={CANARY}", "say where it lies with secret:"),
    ],
)
def test_where_tokens_are_not_minted(url: str, words: str) -> None:
    assert words in sentence(TOKEN + f'"{url}"', "token.url")


def test_a_header_of_two_words() -> None:
    assert "not one word" in sentence(TOKEN + 'https://m.example.org/\n  header: "X: y"', "token.header")


@pytest.mark.parametrize("url", ["wss://h..x/", "wss://-a.example.org/", "wss://1.2.3/", "wss://a_b-.org/x"])
def test_an_address_whose_host_cannot_be_one_is_one_sentence(url: str) -> None:
    assert "names a host that cannot be one" in sentence(KEY + f'url: "{url}"', "url")


@pytest.mark.parametrize(
    "profile, key",
    [
        ("session_extra: {api_key: %s}", "session_extra.api_key"),
        ("session_extra: {deep: {deeper: [{Authorization: %s}]}}", "session_extra.deep.deeper.Authorization"),
        ("turn_detection: {x_token: %s}", "turn_detection.x_token"),
        ("session_extra: {note: sk_live_0123456789}", "session_extra.note"),
        ("extra_headers: {X-Note: sk_live_0123456789}", "extra_headers...."),
        ("query: {who: Ab0Ab0Ab0Ab0Ab0Ab0Ab0Ab0Ab0Ab0Ab0Ab0}", "query.who"),
    ],
)
def test_secrets_in_a_profile_are_refused_and_not_repeated(profile: str, key: str) -> None:
    lines = KEY + "profile:\n  " + (profile % CANARY if "%s" in profile else profile)
    said = sentence(lines, f"profile.{key}")
    assert "looks like a secret" in said and "sk_live" not in said and "Ab0" not in said


def test_words_of_the_dialect_are_no_secrets() -> None:
    plain = "session_extra: {max_tokens: 400, token_limit: low, metadata: {key_words: [a, b]}}"
    assert of(KEY + f"profile:\n  {plain}\n  auth_param: api_key\n  query: {{session: '{{session_id}}'}}").config
