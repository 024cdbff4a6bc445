"""Where figures may be told: on this device alone."""

from __future__ import annotations

import pytest

from kioskd.config.metrics import address


@pytest.mark.parametrize(
    ("listen", "found"),
    [("127.0.0.1:9109", ("127.0.0.1", 9109)), ("[::1]:80", ("::1", 80)), ("localhost:65535", ("localhost", 65535))],
)
def test_loopback_is_taken(listen: str, found: tuple[str, int]) -> None:
    assert address(listen) == found


@pytest.mark.parametrize("listen", ["9109", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x", ":9109", ""])
def test_what_has_no_port_is_none(listen: str) -> None:
    with pytest.raises(ValueError, match="must be 127.0.0.1:PORT"):
        address(listen)


@pytest.mark.parametrize("listen", ["0.0.0.0:9109", "[::]:9109", "192.168.1.4:9109", "kiosk.example:9109"])
def test_the_network_is_not(listen: str) -> None:
    with pytest.raises(ValueError, match="not an address of this device alone"):
        address(listen)
