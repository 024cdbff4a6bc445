"""From the service section to what the supervisor dials."""

from __future__ import annotations

from pathlib import Path

import pytest

from kioskd.config.sections import Action, Config, Endpoint, Policy, RelayAction, SecretRef, Tool
from kioskd.core.phrases import phrases_in
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
