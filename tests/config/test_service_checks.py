"""What may be wrong with a service."""

from __future__ import annotations

from typing import Any

import pytest

from kioskd.config.findings import Finding, Lines
from kioskd.config.sections import Config, Endpoint, SecretRef
from kioskd.config.service_checks import ALSO, FOREIGN, HYDRA_VOICES, services
from kioskd.wire.dialects import DIALECTS

KEY = SecretRef(env="SERVICE_KEY")
KNOWN = ", ".join(list(DIALECTS)[:-1]) + f" and {list(DIALECTS)[-1]}"
NEEDED: dict[str, dict[str, Any]] = {
    "azure": {"url": "wss://r.openai.azure.com/openai/v1/realtime", "model": "mine"},
    "voice-live": {"url": "wss://r.services.ai.azure.com/voice-live/realtime", "model": "m"},
    "openai-beta": {"url": "wss://h/v1/realtime"},
    "hybrie-raw": {"url": "ws://127.0.0.1:8080/v1/realtime"},
}


def found(**endpoint: Any) -> list[Finding]:
    return list(services(Config(service=(Endpoint(**endpoint),)), Lines()))


def only(**endpoint: Any) -> str:
    findings = found(**endpoint)
    assert len(findings) == 1, findings
    return f"{findings[0].key}: {findings[0].sentence}"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_with_what_it_needs_is_well(dialect: str) -> None:
    assert found(dialect=dialect, key=KEY, **NEEDED.get(dialect, {})) == []


@pytest.mark.parametrize("dialect", sorted(FOREIGN))
def test_services_of_another_kind_are_refused_by_name(dialect: str) -> None:
    """Dialects reference 5.9."""
    assert only(dialect=dialect) == f"service[0].dialect: {dialect!r}: {FOREIGN[dialect]}"
    assert FOREIGN[dialect].count("did you mean") == ("not spoken here" not in FOREIGN[dialect])


@pytest.mark.parametrize(
    "dialect, meant", [("opnai", "openai"), ("Grok", "grok"), ("hybrie_gemini", "hybrie-gemini"), *ALSO.items()]
)
def test_a_misspelt_dialect_is_guessed_at(dialect: str, meant: str) -> None:
    assert f"is no dialect; did you mean {meant}? (known are hydra, " in only(dialect=dialect)


def test_a_strange_dialect_is_told_what_there_is() -> None:
    assert only(dialect="zzz").endswith("is no dialect (known are " + KNOWN + ")")


@pytest.mark.parametrize("end", ["", "/", "?x=1"])
@pytest.mark.parametrize("dialect, path", [("azure", "/openai/v1/realtime"), ("voice-live", "/voice-live/realtime")])
def test_an_azure_address_without_its_path_is_a_mistake_that_names_it(dialect: str, path: str, end: str) -> None:
    (finding,) = found(dialect=dialect, key=KEY, model="m", url=f"wss://r.example.com{end}")
    assert finding.key == "service[0].url" and not finding.warning
    assert finding.sentence.endswith(f"write wss://r.example.com{path}")


@pytest.mark.parametrize(
    "dialect, path", [("hydra", "/waves/v1/s2s"), ("grok", "/v1/realtime"), ("openai-beta", "/v1/realtime")]
)
def test_elsewhere_an_address_without_a_path_is_doubted(dialect: str, path: str) -> None:
    (finding,) = found(dialect=dialect, key=KEY, url="wss://h.example.com")
    assert finding.warning and finding.sentence.endswith(f"{path}: wss://h.example.com{path}")
    assert found(dialect=dialect, key=KEY, url="wss://h.example.com/other") == []


@pytest.mark.parametrize("dialect", ["azure", "voice-live", "hybrie-raw", "openai-beta"])
def test_a_dialect_without_an_address_needs_one(dialect: str) -> None:
    said = only(dialect=dialect, key=KEY, **{**NEEDED[dialect], "url": None})
    assert said.startswith("service[0].url: is missing") and ("May 2026" in said) == (dialect == "openai-beta")


def test_a_deployment_has_to_be_named() -> None:
    assert "service[0].model: azure needs one" in only(dialect="azure", key=KEY, url=NEEDED["azure"]["url"])


@pytest.mark.parametrize("dialect", [name for name, profile in DIALECTS.items() if profile.needs_key])
def test_a_hosted_service_needs_a_key(dialect: str) -> None:
    said = only(dialect=dialect, **NEEDED.get(dialect, {}))
    assert said.startswith(f"service[0].key: {dialect} needs an API key; say where it lies")


def test_a_key_may_be_unneeded_by_the_owners_word() -> None:
    assert found(dialect="openai", profile={"needs_key": False}) == []


def test_each_wrong_change_of_a_dialect_is_told_at_its_key() -> None:
    findings = found(dialect="openai", key=KEY, profile={"in_rate": 1, "catch_up": 9.0})
    assert [(one.key, one.warning) for one in findings] == [
        ("service[0].profile.in_rate", False),
        ("service[0].profile.catch_up", False),
    ]
    assert "did you mean in_rate_hz?" in findings[0].sentence


def test_a_subprotocol_carries_a_key_only_where_the_dialect_has_one() -> None:
    assert "takes no key in a subprotocol" in only(dialect="openai", key=KEY, auth="subprotocol")
    assert found(dialect="mythicdot", key=KEY, auth="header") == []


def test_a_voice_that_the_dialect_does_not_list_is_a_warning() -> None:
    (finding,) = found(dialect="mythicdot", key=KEY, voice="marin")
    assert finding.warning and "known are nova, alloy" in finding.sentence
    assert found(dialect="grok", key=KEY, voice="whoever") == []
    assert HYDRA_VOICES["hydra-v1.1"][0] == "zoe"
