"""From the ``service`` section to what the supervisor needs: one EndpointSetup for each service."""

from __future__ import annotations

import os
from typing import Callable, Mapping

from kioskd.config.secrets import read_secret
from kioskd.config.sections import Config, Endpoint, Tool
from kioskd.core.phrases import describe
from kioskd.link.endpoints import EndpointSetup
from kioskd.wire.dialects import DIALECTS
from kioskd.wire.profile import Profile
from kioskd.wire.tailor import tailored


def declaration(tool: Tool) -> Mapping[str, object]:
    """The tool as the service is told of it; the phrases ride in the description, for every service alike."""
    schema = dict(tool.parameters) or {"type": "object", "properties": {}}
    return {
        "type": "function",
        "name": tool.name,
        "description": describe(tool.description, tool.phrases),
        "parameters": schema,
    }


def key_reader(endpoint: Endpoint, env: Mapping[str, str], seen: set[str]) -> Callable[[], str | None]:
    """Reads the key afresh at every connect, so that a new key needs no restart; what was read is never logged."""

    def read() -> str | None:
        if endpoint.key is None:
            return None
        secret = read_secret(endpoint.key, env)
        seen.add(secret)
        return secret

    return read


def profile_of(endpoint: Endpoint) -> Profile:
    """The dialect as this endpoint speaks it: with the owner's changes.

    Raises:
        LocalError: changes that a profile cannot have (a configuration that was checked has none).
    """
    return tailored(DIALECTS[endpoint.dialect], endpoint.profile)


def endpoint_setups(
    config: Config, secrets: set[str], env: Mapping[str, str] = os.environ
) -> tuple[EndpointSetup, ...]:
    """The services in order of preference.

    Args:
        config: the effective configuration.
        secrets: every key read goes in here, for the redaction of logs.
        env: where credentials and environment keys are looked up.
    """
    tools = tuple(declaration(tool) for tool in config.tools if tool.policy.allow)
    setups = []
    for number, endpoint in enumerate(config.service, start=1):
        profile = profile_of(endpoint)
        setups.append(
            EndpointSetup(
                # The name is part of every call's key: it must tell two endpoints of one dialect apart.
                name=f"{endpoint.dialect}-{number}",
                profile=profile,
                url=endpoint.url or profile.url,
                model=endpoint.model or "",
                voice=endpoint.voice,
                instructions=config.persona.instructions,
                tools=tools,
                greet=config.persona.greet,
                auth="none" if endpoint.key is None and profile.auth != "subprotocol" else endpoint.auth,
                out_rate_hz=endpoint.out_rate_hz,
                read_key=key_reader(endpoint, env, secrets),
                connect_timeout_s=endpoint.connect_timeout_s,
                handshake_timeout_s=endpoint.handshake_timeout_s,
            )
        )
    return tuple(setups)
