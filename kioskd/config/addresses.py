"""Addresses of services: what may stand in the file, and what would leave the device unencrypted."""

from __future__ import annotations

import re


def split_url(url: str) -> tuple[str, str, str]:
    """Scheme, host, and what is wrong with the address as such ("" if nothing); that never quotes the address."""
    from urllib.parse import parse_qsl, urlsplit  # only where there is an address to look at

    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "", "", "is not an address; it should look like wss://host/path"
    if not host or re.search(r"\s", url):
        return "", "", "is not an address; it should look like wss://host/path"
    names = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    if parts.username is not None or names & {"api_key", "key", "token", "access_token"}:
        return "", "", "holds a secret; take it out, and say where it lies with key: or token:"
    return parts.scheme, host, ""


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be this device."""
    import ipaddress  # only where there is an address to look at

    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
