"""The section about a broker of the house (``mqtt``). Without it nothing is connected and no library is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.config.option import option
from kioskd.config.secretref import SecretRef


@dataclass(frozen=True, kw_only=True)
class Mqtt:
    """Where staff are called, and answer. What comes from there never moves anything by itself."""

    host: str = option("name or address of the broker")
    port: int | None = option("default: 8883 with TLS, 1883 without", None, low=1, high=65535)
    tls: bool = option("the certificate is verified; false only for a broker on this device", True)
    ca_file: str | None = option("certificate authority of a broker of your own, a PEM file", None)
    user: str | None = option("user name, if the broker wants one", None)
    password: SecretRef | None = option("where the password for it lies", None)
    client_id: str | None = option("unique at the broker; default: kioskd- and a number of this machine", None)
    topic: str = option("all topics of this kiosk begin with it", "kioskd")
    keepalive_s: int = option("a broker that is silent for longer is dialled anew", 30, low=5, high=600)
    state: bool = option("tell the state of the kiosk as a retained message, for a fleet's eyes", False)
    discovery: str | None = option("prefix under which Home Assistant is told what to show; with state: true", None)

    @property
    def where(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port or (8883 if self.tls else 1883)
