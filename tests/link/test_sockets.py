"""The socket under a connection, plain and encrypted: how much of it one turn of the loop takes."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from kioskd.link.client import Target, dial
from kioskd.link.redaction import Scrub
from kioskd.link.sockets import tend
from kioskd.wire.dialects import HYDRA

FRAME = "x" * 3000  # about 20 ms of sound in base64
FRAMES = 600


async def answer(connection: ServerConnection) -> None:
    """Faster than anyone could speak: all of it at once."""
    for _ in range(FRAMES):
        await connection.send(FRAME)
    await connection.wait_closed()


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
def test_one_turn_of_the_loop_reads_a_sip_and_not_a_quarter_of_a_megabyte(
    kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encrypted: bool
) -> None:
    context = None
    if encrypted:
        key, cert = kit.certificate(tmp_path, "20200101000000Z", "21200101000000Z")
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)

    async def main() -> list[int]:
        async with serve(answer, "localhost", 0, ssl=context) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            scheme = "wss" if encrypted else "ws"
            connection = await dial(Target(HYDRA, f"{scheme}://localhost:{port}/", {}, Scrub(kit.key)))
            read = connection._socket.data_received
            sips: list[int] = []

            def noting(data: bytes) -> None:
                sips.append(len(data))
                read(data)

            monkeypatch.setattr(connection._socket, "data_received", noting)
            for _ in range(FRAMES):
                assert await connection.receive() == FRAME
            connection.abort()
            return sips

    sips = asyncio.run(main())
    assert sum(sips) > FRAMES * len(FRAME) * 0.5  # what had come before the ear was laid on is not in it
    assert max(sips) <= 3 * 32 * 1024  # TLS joins what two reads brought and what it still held


def test_a_transport_of_another_loop_is_left_as_it_is() -> None:
    class Foreign(asyncio.BaseTransport):
        pass

    tend(Foreign())
