"""Keys about the way to a service, as a file writes them."""

from __future__ import annotations

from kioskd.config.loader import parse
from kioskd.config.road import ServiceProxy, ServiceToken
from kioskd.config.secretref import SecretRef
from kioskd.config.show import effective

TEXT = """talk: {mode: voice}
service:
  - dialect: hydra
    token:
      url: https://kiosks.example.org/token
      secret: {credential: kiosk-secret}
      ttl_s: 120
    proxy:
      url: "http://proxy.example.org:3128"
      user: kiosk
      password: {file: /etc/kioskd/proxy}
  - dialect: local
"""


def test_a_token_and_a_proxy_are_read_and_written_back() -> None:
    loaded = parse(TEXT, "k.yaml")
    assert loaded.config is not None, loaded.problems
    first = loaded.config.service[0]
    secret = SecretRef(credential="kiosk-secret")
    assert first.token == ServiceToken(url="https://kiosks.example.org/token", secret=secret, ttl_s=120)
    assert first.token.header == "Authorization" and first.token.timeout_s == 5.0
    password = SecretRef(file="/etc/kioskd/proxy")
    assert first.proxy == ServiceProxy(url="http://proxy.example.org:3128", user="kiosk", password=password)
    again = parse(effective(loaded.config), "k.yaml")
    assert again.config == loaded.config


def test_the_life_of_a_token_has_bounds() -> None:
    for ttl_s in (29, 901):
        loaded = parse(TEXT.replace("ttl_s: 120", f"ttl_s: {ttl_s}"), "k.yaml")
        assert [problem.key for problem in loaded.problems] == ["service[0].token.ttl_s"]
