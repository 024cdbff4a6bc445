"""What a configuration may get wrong about the way to its services, and secrets that stand where none may."""

from __future__ import annotations

import re
from typing import Iterator, Mapping
from urllib.parse import urlsplit

from kioskd.config.addresses import is_loopback, split_url
from kioskd.config.findings import Finding, Lines
from kioskd.config.road import ServiceProxy, ServiceToken
from kioskd.config.sections import Config
from kioskd.config.secrets import LOOKS_SECRET
from kioskd.wire.address import is_token

# Groups of ``profile`` that are sent to the service as they stand, and shown in the wire log.
SENT = ("session_extra", "turn_detection")
DEEPEST = 32  # a guess; nobody nests deeper, and the walk must end

_SECRET_NAME = re.compile(r"(?i)(^|[_-])(api_?key|key|token|secret|password|passwd|authorization|credential|bearer)$")


def road(config: Config, lines: Lines) -> Iterator[Finding]:
    """Every finding about proxies, tokens and secrets in profiles."""
    for index, endpoint in enumerate(config.service):
        at = f"service[{index}]"
        if endpoint.proxy is not None:
            yield from proxy_findings(f"{at}.proxy", endpoint.proxy)
        if endpoint.token is not None:
            yield from _token(f"{at}.token", endpoint.token)
            if endpoint.key is not None:
                sentence = "is never sent, because there is a token; take one of them out"
                yield Finding(f"{at}.key", sentence, (f"{at}.token",), warning=True)
        for name, value in endpoint.profile.items():
            yield from _secrets(f"{at}.profile.{name}", value, str(name) in SENT)


def proxy_findings(at: str, proxy: ServiceProxy) -> Iterator[Finding]:
    """What is wrong with a way through a proxy."""
    if proxy.url == "none":
        if proxy.user is not None or proxy.password is not None:
            yield Finding(f"{at}.url", "is none, so user and password are for nobody; take them out")
        return
    yield from _proxy_address(f"{at}.url", proxy.url)
    if (proxy.user is None) != (proxy.password is None):
        here, other = ("user", "password") if proxy.password is None else ("password", "user")
        yield Finding(f"{at}.{here}", f"needs {other} beside it", (f"{at}.{other}",))
    if proxy.user is not None and (":" in proxy.user or not proxy.user.isprintable() or not proxy.user):
        yield Finding(f"{at}.user", "cannot be a user name: no ':' and no control characters (RFC 7617)")


def _proxy_address(at: str, url: str) -> Iterator[Finding]:
    scheme, _, trouble = split_url(url)
    if url.lower().startswith("socks"):
        yield Finding(at, "is a SOCKS proxy, which is not spoken here; name an HTTP proxy (http://HOST:PORT)")
    elif trouble.startswith("holds"):
        yield Finding(at, "holds a secret; take it out, and write user: and password: below proxy:")
    elif scheme == "https":
        sentence = (
            "is spoken to by TLS, which is not done here; write http://HOST:PORT (the session inside is encrypted)"
        )
        yield Finding(at, sentence)
    elif trouble or scheme != "http":
        yield Finding(at, "is not the address of a proxy; write http://HOST:PORT (or none)")
    elif urlsplit(url).path not in ("", "/") or urlsplit(url).query:
        yield Finding(at, "a proxy has no path; write http://HOST:PORT")


def _token(at: str, token: ServiceToken) -> Iterator[Finding]:
    scheme, host, trouble = split_url(token.url)
    if trouble:
        yield Finding(f"{at}.url", trouble.replace("wss://", "https://").replace("key: or token:", "secret:"))
    elif scheme not in ("http", "https"):
        yield Finding(f"{at}.url", "must begin with https:// (or http:// for a service on this device)")
    elif scheme == "http" and not is_loopback(host):
        yield Finding(f"{at}.url", "http:// is not encrypted: anyone on the way reads the secret; use https://")
    if not is_token(token.header):
        yield Finding(f"{at}.header", "is not one word that HTTP can carry as the name of a header")


def _secrets(at: str, value: object, sent: bool, name: str = "", depth: int = 0) -> Iterator[Finding]:
    """Secrets in a free group: by what they look like anywhere, by the name of their key where the group is sent."""
    if isinstance(value, Mapping) and depth < DEEPEST:
        for key, below in value.items():
            shown = str(key) if re.fullmatch(r"\w{1,64}", str(key)) else "..."
            yield from _secrets(f"{at}.{shown}", below, sent, str(key), depth + 1)
    elif isinstance(value, (list, tuple)) and depth < DEEPEST:
        for below in value:
            yield from _secrets(at, below, sent, name, depth + 1)
    elif isinstance(value, str) and value and "{" not in value:
        named = sent and _SECRET_NAME.search(name)
        if named or LOOKS_SECRET.fullmatch(value):
            # The value is not quoted: it may be one.
            yield Finding(
                at, "holds what looks like a secret, which never stands in this file; say with key: where it lies"
            )
