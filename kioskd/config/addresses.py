"""Addresses of services: what may stand in the file, and what would leave the device unencrypted."""

from __future__ import annotations

import re
from typing import Callable

# A name may hold '_' in practice, though RFC 952 knows none.
_PART = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


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
    if not is_host(host):
        return "", "", "names a host that cannot be one: names are letters, digits and '-' with single dots between"
    names = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    if parts.username is not None or names & {"api_key", "key", "token", "access_token"}:
        return "", "", "holds a secret; take it out, and say where it lies with key: or token:"
    return parts.scheme, host, ""


def is_host(host: str) -> bool:
    """Whether text can be the name or address of a host (RFC 1123, 2.1; 63 letters between dots, 253 in all)."""
    import ipaddress  # only where there is an address to look at

    if ":" in host:
        return _is_address(host.partition("%")[0], ipaddress.IPv6Address)
    try:
        name = host.removesuffix(".").encode("idna").decode("ascii")
    except UnicodeError:  # an empty part, or a part too long, for what is not ASCII
        return False
    parts = name.split(".")
    if len(name) > 253 or not all(_PART.fullmatch(part) for part in parts):
        return False
    # A name that ends in a number is read as an address (inet_aton(3)), also when it is none.
    return not parts[-1].isdigit() or _is_address(name, ipaddress.IPv4Address)


def _is_address(text: str, kind: Callable[[str], object]) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def has_path(url: str) -> bool:
    """Whether an address goes on behind its host: ``wss://host`` and ``wss://host/`` do not."""
    from urllib.parse import urlsplit  # only where there is an address to look at

    return urlsplit(url).path.strip("/") != ""


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be this device."""
    import ipaddress  # only where there is an address to look at

    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def websocket_trouble(url: str, in_the_clear: str) -> str:
    """Why a service cannot be reached there, a sentence; empty when it can.

    Args:
        in_the_clear: what an unencrypted way would mean.
    """
    scheme, host, trouble = split_url(url)
    if trouble:
        return trouble
    if scheme not in ("ws", "wss"):
        return "must begin with wss:// (or ws:// for a service on this device)"
    if scheme == "ws" and not is_loopback(host):
        return f"ws:// is not encrypted: {in_the_clear}; use wss://"
    return ""
