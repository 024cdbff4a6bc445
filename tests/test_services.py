"""From the service section to what the supervisor dials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kioskd.config.road import ServiceProxy, ServiceToken
from kioskd.config.secrets import redact
from kioskd.config.sections import Action, Config, Endpoint, Policy, RelayAction, SecretRef, Tool
from kioskd.config.show import effective
from kioskd.core.phrases import phrases_in
from kioskd.link.proxy import Proxy
from kioskd.services import endpoint_setups

DOOR = Tool(
    name="unlock_door",
    description="Unlock the door.",
    phrases=("unlock the door", "open the door"),
    class_="access",
    action=Action(relay=RelayAction(pin="GPIO27")),
    policy=Policy(allow=True),
)
NEVER = Tool(name="never", description="No.", class_="read", action=Action())


def test_two_endpoints_of_one_dialect_have_names_of_their_own() -> None:
    config = Config(service=(Endpoint(dialect="local"), Endpoint(dialect="local", url="ws://127.0.0.1:9/x")))
    first, second = endpoint_setups(config, set())
    assert first.name != second.name and second.url == "ws://127.0.0.1:9/x"
    assert first.url is not None and first.url.startswith("ws://127.0.0.1:")


def test_phrases_ride_in_the_description_and_what_is_not_allowed_is_not_offered() -> None:
    (setup,) = endpoint_setups(Config(tools=(DOOR, NEVER)), set())
    (tool,) = setup.tools
    assert tool["name"] == "unlock_door" and phrases_in(str(tool["description"])) == DOOR.phrases
    assert tool["parameters"] == {"type": "object", "properties": {}}


def test_a_key_is_read_afresh_at_every_dial_and_remembered_for_redaction(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk_one\n")
    key.chmod(0o600)
    seen: set[str] = set()
    (setup,) = endpoint_setups(Config(service=(Endpoint(dialect="hydra", key=SecretRef(file=str(key))),)), seen)
    assert setup.read_key() == "sk_one" and "sk_one" not in repr(setup)
    key.write_text("sk_two\n")
    assert setup.read_key() == "sk_two" and seen == {"sk_one", "sk_two"}


def test_a_key_that_cannot_be_read_is_a_sentence() -> None:
    (setup,) = endpoint_setups(
        Config(service=(Endpoint(dialect="hydra", key=SecretRef(env="NO_SUCH_KEY")),)), set(), {}
    )
    with pytest.raises(ValueError, match="NO_SUCH_KEY"):
        setup.read_key()


# -- the way there ---------------------------------------------------------------------------------

PASSWORD = "canary:pass/word@3"


def hydra(**keys: Any) -> Config:
    return Config(service=(Endpoint(dialect="hydra", **keys),))


def test_the_proxy_of_the_environment_is_followed_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    key = tmp_path / "password"
    key.write_text(PASSWORD)
    key.chmod(0o600)
    env = {"HTTPS_PROXY": "http://env:secret99@outside:3128", "NO_PROXY": ".intern"}
    own = ServiceProxy(url="http://own:1", user="kiosk", password=SecretRef(file=str(key)))
    for config, expected in (
        (hydra(), Proxy("outside", 3128, user="env", password="secret99")),
        (hydra(url="wss://service.intern/x"), None),
        (hydra(url="ws://127.0.0.1:9/x"), None),
        (hydra(proxy=ServiceProxy(url="none")), None),
        (hydra(proxy=own), Proxy("own", 1, user="kiosk", password=PASSWORD)),
        (hydra(url="wss://service.intern/x", proxy=own), Proxy("own", 1, user="kiosk", password=PASSWORD)),
        (hydra(url="ws://[::1]:9/x", proxy=own), None),
    ):
        seen: set[str] = set()
        (setup,) = endpoint_setups(config, seen, env)
        found = setup.read_proxy()
        assert found == expected
        assert seen == (set() if found is None else set(found.secrets))
        assert PASSWORD not in repr(setup) + repr(found) + effective(config)
        text = f"dialling {'' if found is None else found.address + ' ' + str(found.authorization)}"
        assert PASSWORD not in redact(text, seen) and "secret99" not in redact(text, seen)
    (setup,) = endpoint_setups(hydra(), set(), {"https_proxy": "socks5://me:secret99@outside:1080"})
    with pytest.raises(ValueError, match="SOCKS") as caught:
        setup.read_proxy()
    assert "secret99" not in str(caught.value)


def test_a_token_stands_where_a_key_would_and_the_files_of_all_secrets_are_watched(tmp_path: Path) -> None:
    token = ServiceToken(url="https://mint.example.org/x", secret=SecretRef(credential="kiosk"), ttl_s=60)
    way = ServiceProxy(url="http://own:1", user="kiosk", password=SecretRef(file="/etc/kioskd/password"))
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    (setup,) = endpoint_setups(hydra(token=token, proxy=way), set(), env)
    assert setup.tokens is not None and setup.auth is None and setup.read_key() is None
    assert setup.key_paths == (str(tmp_path / "kiosk"), "/etc/kioskd/password")
    (keyed,) = endpoint_setups(hydra(key=SecretRef(env="KEY")), set(), env)
    assert keyed.tokens is None and keyed.key_paths == ()
