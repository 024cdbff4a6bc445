"""What the broker is told of this machine, and what people are told of the broker."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from kioskd.bus.telling import client_id, why


def test_the_client_id_is_no_fingerprint() -> None:
    assert client_id() == client_id() and client_id().startswith("kioskd-") and len(client_id()) <= 23
    machine = Path("/etc/machine-id")
    assert not machine.exists() or machine.read_text().strip()[:12] not in client_id()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "cannot be reached: Connection refused"),
        (TimeoutError("timed out"), "does not answer"),
        (ValueError("the file cannot be read"), "cannot be spoken to: the file cannot be read"),
        (ssl.SSLEOFError(8, "EOF"), "cannot be reached"),
        (RuntimeError("x"), "cannot be reached: RuntimeError"),
    ],
)
def test_each_fault_is_a_sentence(error: Exception, said: str) -> None:
    assert said in why(error)
