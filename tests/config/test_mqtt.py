"""Where the broker is."""

from __future__ import annotations

from kioskd.config.mqtt import Mqtt


def test_the_port_follows_from_tls_unless_it_is_given() -> None:
    assert Mqtt(host="broker").where == ("broker", 8883)
    assert Mqtt(host="broker", tls=False).where == ("broker", 1883)
    assert Mqtt(host="broker", port=9001).where == ("broker", 9001)
