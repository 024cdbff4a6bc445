"""From the ``service`` section to what the supervisor needs: one EndpointSetup for each service."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Callable, Mapping
from urllib.parse import urlsplit

from kioskd.config.addresses import is_loopback
from kioskd.config.road import ServiceProxy
from kioskd.config.secrets import read_secret, secret_path
from kioskd.config.sections import Config, Endpoint, SecretRef, Tool
from kioskd.core.phrases import describe
from kioskd.link import proxy
from kioskd.link.endpoints import EndpointSetup
from kioskd.link.tokens import Mint, Tokens
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


def proxy_reader(
    given: ServiceProxy | None, url: str, env: Mapping[str, str], seen: set[str]
) -> Callable[[], proxy.Proxy | None]:
    """The way to ``url``, judged afresh at every connect; its password is never logged.

    What lies on this machine is reached straight. Else the configuration (``given``) says how, else ``HTTPS_PROXY``.
    """
    parts = urlsplit(url)

    def read() -> proxy.Proxy | None:
        host = parts.hostname or ""
        if is_loopback(host) or (given is not None and given.url == proxy.NONE):
            return None
        if given is not None:
            password = None if given.password is None else read_secret(given.password, env)
            found = proxy.parsed(given.url, given.user, password)
        else:
            address = proxy.from_environment(host, parts.port or 443, env)
            if address is None:
                return None
            found = proxy.parsed(address)
        seen.update(secret for secret in found.secrets if secret)
        return found

    return read


def tokens_of(endpoint: Endpoint, env: Mapping[str, str], seen: set[str]) -> Tokens | None:
    """What mints the tokens of this endpoint; None: its key is sent itself."""
    if (token := endpoint.token) is None:
        return None

    def secret() -> str:
        found = read_secret(token.secret, env)
        seen.add(found)
        return found

    way = proxy_reader(endpoint.proxy, token.url, env, seen)
    return Tokens(Mint(token.url, secret, token.header, token.ttl_s, token.timeout_s, way), seen)


def key_paths(endpoint: Endpoint, env: Mapping[str, str]) -> tuple[str, ...]:
    """The files that the endpoint's secrets lie in."""
    refs: list[SecretRef | None] = [endpoint.key]
    if endpoint.token is not None:
        refs.append(endpoint.token.secret)
    if endpoint.proxy is not None:
        refs.append(endpoint.proxy.password)
    paths = (secret_path(ref, env) for ref in refs if ref is not None)
    return tuple(path for path in paths if path is not None)


def profile_of(endpoint: Endpoint) -> Profile:
    """The dialect as this endpoint speaks it: with the owner's changes.

    Raises:
        LocalError: changes that a profile cannot have (a configuration that was checked has none).
    """
    profile = tailored(DIALECTS[endpoint.dialect], endpoint.profile)
    return profile if endpoint.session_max_s is None else replace(profile, session_max_s=endpoint.session_max_s)


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
        url, keyless = endpoint.url or profile.url, endpoint.key is None and endpoint.token is None
        setups.append(
            EndpointSetup(
                # The name is part of every call's key: it must tell two endpoints of one dialect apart.
                name=f"{endpoint.dialect}-{number}",
                profile=profile,
                url=url,
                model=endpoint.model or "",
                voice=endpoint.voice,
                instructions=config.persona.instructions,
                tools=tools,
                greet=config.persona.greet,
                auth="none" if keyless and profile.auth != "subprotocol" else endpoint.auth,
                out_rate_hz=endpoint.out_rate_hz,
                read_key=key_reader(endpoint, env, secrets),
                key_paths=key_paths(endpoint, env),
                tokens=tokens_of(endpoint, env, secrets),
                read_proxy=proxy_reader(endpoint.proxy, url, env, secrets),
                compress=endpoint.compress,
                connect_timeout_s=endpoint.connect_timeout_s,
                handshake_timeout_s=endpoint.handshake_timeout_s,
            )
        )
    return tuple(setups)
