"""The listening socket: who gets in, how many, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from kioskd.voice.faults import parse
from kioskd.voice.options import Options
from kioskd.voice.recogniser import Recogniser
from kioskd.voice.server import CannotListen, Exposed, Server, serve

KEY = "correct-horse"


def run(ears: Recogniser, scene: Any, options: Options = Options()) -> None:
    async def whole() -> None:
        server = await serve("127.0.0.1", 0, options, ears=ears)
        try:
            await asyncio.wait_for(scene(server), 20)
        finally:
            await server.aclose()

    asyncio.run(whole())


async def first_frame(server: Server, target: str, **more: Any) -> str:
    async with connect(f"ws://127.0.0.1:{server.port}{target}", proxy=None, close_timeout=0.5, **more) as client:
        return str(await asyncio.wait_for(client.recv(), 5))


async def status(server: Server, target: str, **more: Any) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as refused:
        await first_frame(server, target, **more)
    response = refused.value.response
    return response.status_code, (response.body or b"").decode()


def test_the_dialect_goes_by_the_path_or_by_name(ears: Recogniser) -> None:
    async def scene(server: Server) -> None:
        for target in (
            "/waves/v1/s2s?model=hydra-v1.0",
            "/waves/v1/s2s",
            "/?dialect=hydra",
            "/x?dialect=hydra&model=hydra",
        ):
            assert '"session.created"' in await first_frame(server, target) or "model=hydra" in target
        assert server.sessions == 4 and server.refused == 0

    run(ears, scene)


@pytest.mark.parametrize(
    ("target", "code", "sentence"),
    [
        ("/v1/realtime?dialect=gemini-live", 400, "dialect 'gemini-live' is not spoken here; hydra, "),
        ("/nowhere", 404, "sessions are at /waves/v1/s2s"),
        ("/waves/v1/s2s?model=hydra-v9", 400, "model is one of hydra-v1.1, hydra-v1.0, hydra"),
    ],
)
def test_what_is_not_spoken_here_is_said(ears: Recogniser, target: str, code: int, sentence: str) -> None:
    async def scene(server: Server) -> None:
        found, body = await status(server, target)
        assert found == code and sentence in body

    run(ears, scene)


def test_a_token_is_asked_for_as_key_or_bearer(ears: Recogniser) -> None:
    async def scene(server: Server) -> None:
        path = "/waves/v1/s2s?model=hydra-v1.1"
        assert "session.created" in await first_frame(server, f"{path}&api_key={KEY}")
        assert "session.created" in await first_frame(
            server, path, additional_headers={"Authorization": f"Bearer {KEY}"}
        )
        for target in (path, f"{path}&api_key=wrong", f"{path}&api_key=%C3%A9", f"{path}&api_key="):
            assert (await status(server, target))[0] == 401
        assert (await status(server, path, additional_headers={"Authorization": KEY}))[0] == 401
        assert server.refused == 5

    run(ears, scene, Options(token=KEY))


def test_off_loopback_a_token_is_a_must() -> None:
    async def scene() -> None:
        for host in ("0.0.0.0", "::", "192.0.2.1", "kiosk.example"):
            with pytest.raises(Exposed, match="set a token"):
                await serve(host, 0, Options())
        server = await serve("0.0.0.0", 0, Options(token=KEY))
        await server.aclose()

    asyncio.run(scene())


def test_an_inherited_socket_is_used_and_held_to_the_same_rule(ears: Recogniser) -> None:
    async def scene() -> None:
        with socket.create_server(("127.0.0.1", 0)) as inherited:
            server = await serve("ignored", 1, Options(), inherited, ears)
            assert server.port == inherited.getsockname()[1]
            assert "session.created" in await first_frame(server, "/waves/v1/s2s")
            await server.aclose()
        with socket.create_server(("0.0.0.0", 0)) as outside:
            with pytest.raises(Exposed):
                await serve("127.0.0.1", 0, Options(), outside)

    asyncio.run(scene())


def test_a_port_that_is_taken_is_named() -> None:
    async def scene() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            with pytest.raises(CannotListen, match="choose another port"):
                await serve("localhost", taken.getsockname()[1], Options())

    asyncio.run(scene())


def test_beyond_the_limit_a_session_is_told_and_closed_and_a_place_becomes_free(ears: Recogniser) -> None:
    async def scene(server: Server) -> None:
        async with connect(server.url, proxy=None) as first:
            await first.recv()
            async with connect(server.url, proxy=None) as second:
                assert "server_full" in str(await second.recv())
                await second.wait_closed()
                assert second.close_code == 1013
            assert (server.active, server.quiet_since) == (1, None)
        while server.active:
            await asyncio.sleep(0.01)
        assert "session.created" in await first_frame(server, "/waves/v1/s2s")
        while server.active:
            await asyncio.sleep(0.01)
        assert server.quiet_since is not None

    run(ears, scene, Options(max_sessions=1))


def test_a_message_that_is_too_large_closes_the_connection(ears: Recogniser) -> None:
    async def scene(server: Server) -> None:
        async with connect(server.url, proxy=None) as client:
            await client.recv()
            await client.send("x" * 20_000)
            await client.wait_closed()
            assert client.close_code == 1009

    run(ears, scene, Options(max_frame_bytes=10_000))


def test_a_session_that_fails_is_counted_and_told_and_others_go_on(
    ears: Recogniser, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Recogniser):
        async def prepare(self, grammar: Any) -> None:
            raise RuntimeError("the ears fell off")

    async def scene() -> None:
        broken = Broken()
        server = await serve("127.0.0.1", 0, Options(), ears=broken)
        async with connect(server.url, proxy=None) as client:
            await client.recv()
            await client.send('{"type": "session.configure", "session": {}}')
            await client.wait_closed()
            assert client.close_code == 1011
        assert server.errors == 1 and "the ears fell off" in caplog.text
        assert "session.created" in await first_frame(server, "/waves/v1/s2s")
        await server.aclose()
        broken.close()

    with caplog.at_level(logging.ERROR):
        asyncio.run(scene())


def test_faults_can_be_changed_while_it_runs(ears: Recogniser) -> None:
    async def scene(server: Server) -> None:
        server.faults = parse(["upgrade-status=503"])
        assert (await status(server, "/waves/v1/s2s"))[0] == 503
        server.faults = parse([])
        assert "session.created" in await first_frame(server, "/waves/v1/s2s")

    run(ears, scene)


def test_the_key_is_in_no_log(ears: Recogniser, caplog: pytest.LogCaptureFixture) -> None:
    async def scene(server: Server) -> None:
        await first_frame(server, f"/waves/v1/s2s?api_key={KEY}", logger=logging.getLogger("client.muted"))
        await status(server, f"/waves/v1/s2s?api_key={KEY}x", logger=logging.getLogger("client.muted"))

    logging.getLogger("client.muted").setLevel(logging.CRITICAL)
    with caplog.at_level(logging.DEBUG):
        run(ears, scene, Options(token=KEY))
    assert KEY not in caplog.text and "session 1 begins" in caplog.text


def test_closing_the_service_closes_its_sessions(ears: Recogniser) -> None:
    async def scene() -> None:
        server = await serve("127.0.0.1", 0, Options(), ears=ears)
        async with connect(server.url, proxy=None) as client:
            await client.recv()
            await server.aclose()
            await client.wait_closed()
            assert client.close_code == 1001

    asyncio.run(scene())
