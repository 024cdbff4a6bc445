"""Keys below ``service[]`` about the way to a service: through a proxy, and with short-lived tokens."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.config.option import option
from kioskd.config.secretref import SecretRef


@dataclass(frozen=True, kw_only=True)
class ServiceProxy:
    """An HTTP proxy between this box and the service."""

    url: str = option("http://HOST:PORT; or none: go straight, whatever HTTPS_PROXY says", applies="session")
    user: str | None = option("user name, if the proxy wants one", None, applies="session")
    password: SecretRef | None = option("where the password for it lies", None, applies="session")


@dataclass(frozen=True, kw_only=True)
class ServiceToken:
    """Access tokens from an endpoint of yours, so that the long-lived API key need not lie on this box."""

    url: str = option(
        'answers POST {"ttl_seconds": N} by {"access_token": ...}; https, or http on this device', applies="session"
    )
    secret: SecretRef = option("where the secret lies that the endpoint wants from this box", applies="session")
    header: str = option(
        "header that carries the secret, behind Bearer in Authorization", "Authorization", applies="session"
    )
    ttl_s: int = option(
        "life to ask for; a token serves every dial until shortly before its end",
        300,
        low=30,
        high=900,
        applies="session",
    )
    timeout_s: float = option("for the whole answer", 5.0, low=0.5, high=30, applies="session")
