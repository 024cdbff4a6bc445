"""Faults before a session is ready, with the product's own numbers: each says what it costs at most (docs/faults.md).

Time flies (``swift``) and luck is always bad: every delay is as long as the backoff may ever draw it. ``back_s`` counts
from the moment at which the fault is over, unless the text says otherwise.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, AsyncIterator, Awaitable, Callable

import pytest
from websockets.asyncio.server import serve

from kioskd.core.events import LinkChanged, SessionReady
from kioskd.core.words import Link
from kioskd.link.limits import Limits
from kioskd.link.surroundings import Surroundings

MINUTE, HOUR, TOLD_S = 60.0, 3600.0, 0.2
FULL = {"type": "server_error", "code": "server_full", "message": "all sessions are taken"}


def most_in_a_minute(times: list[float]) -> int:
    """The most attempts in any window of a minute; they are told some milliseconds after they began."""
    return max(sum(since <= at < since + MINUTE - TOLD_S for at in times) for since in times)


@asynccontextmanager
async def nobody(port: int = 0) -> AsyncIterator[int]:
    """A port at which nobody listens."""
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", port)
    found = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    yield found


async def refuses_to_begin(visit: Any) -> None:
    await visit.send("error", error=FULL)
    await visit.socket.close(1013)


async def hangs_up(visit: Any) -> None:
    visit.socket.transport.abort()


@pytest.mark.fault("connection refused for ten minutes", back_s=30.5, in_a_minute=10, lost="nothing that waits")
def test_a_refused_connection_is_tried_again_and_what_was_said_waits(kit: Any, swift: Any, stated: Any) -> None:
    async def main() -> None:
        async with nobody() as port, kit.long(f"ws://127.0.0.1:{port}/waves/v1/s2s") as bench:
            said = bench.speak(20)
            bench.link.open("a visitor", greet=False)
            await asyncio.sleep(600)
            assert most_in_a_minute(bench.attempts) <= stated.in_a_minute
            await bench.failed_once_more()
            peer = kit.Peer()
            peer.port = port
            async with peer:
                over = bench.now()
                assert await bench.ready() - over <= stated.back_s
                await peer.visits[0].until(lambda: len(peer.visits[0].audio) >= len(said))
                assert peer.visits[0].audio.startswith(said)

    swift(main())


@pytest.mark.fault("connection reset as soon as it stands", back_s=30.5, in_a_minute=10, lost="nothing that waits")
def test_a_connection_that_is_reset_at_once_is_tried_again(kit: Any, swift: Any, stated: Any) -> None:
    async def main() -> None:
        async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            kit.reset(writer)

        server = await asyncio.start_server(reset, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with kit.long(f"ws://127.0.0.1:{port}/waves/v1/s2s") as bench:
            said = bench.speak(20)
            bench.link.open("a visitor", greet=False)
            await asyncio.sleep(600)
            await bench.failed_once_more()
            server.close()
            assert most_in_a_minute(bench.attempts) <= stated.in_a_minute
            peer = kit.Peer()
            peer.port = port
            async with peer:
                over = bench.now()
                assert await bench.ready() - over <= stated.back_s
                await peer.visits[0].until(lambda: len(peer.visits[0].audio) >= len(said))

    swift(main())


@pytest.mark.fault("handshake that takes nine seconds a step", back_s=18.5, attempts=1, lost="nothing that waits")
def test_a_slow_handshake_is_waited_for(kit: Any, swift: Any, stated: Any) -> None:
    """``back_s``: from the wish to the session; the default patience is ten seconds for each step."""

    async def slow(visit: Any) -> None:
        await asyncio.sleep(9)
        await visit.send("session.created", session_id=visit.session)
        await visit.until(lambda: visit.count("session.configure"))
        await asyncio.sleep(9)
        await visit.send("session.configured", session={"output_audio_sample_rate": 24_000})
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(slow) as peer, kit.long(peer.url) as bench:
            said, began = bench.speak(20), bench.now()
            bench.link.open("a visitor", greet=False)
            assert await bench.ready() - began <= stated.back_s
            await peer.visits[0].until(lambda: len(peer.visits[0].audio) >= len(said))
            assert len(bench.attempts) <= stated.attempts and not bench.overflows

    swift(main())


async def says_nothing(visit: Any) -> None:
    await visit.stay()


async def never_configures(visit: Any) -> None:
    await visit.send("session.created", session_id=visit.session)
    await visit.stay()


@pytest.mark.fault("no answer to the upgrade", noticed_s=10.5, back_s=30.5, in_a_minute=10, lost="nothing that waits")
def test_a_service_that_takes_the_connection_and_is_silent_is_given_up(kit: Any, swift: Any, stated: Any) -> None:
    async def main() -> None:
        server = await asyncio.start_server(kit.silence, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with kit.long(f"ws://127.0.0.1:{port}/waves/v1/s2s") as bench:
            began = bench.now()
            bench.link.open("a visitor", greet=False)
            await bench.state(Link.OFFLINE)
            assert bench.when(LinkChanged, Link.OFFLINE) - began <= stated.noticed_s
            await asyncio.sleep(300)
            await bench.failed_once_more()
            server.close()
            assert most_in_a_minute(bench.attempts) <= stated.in_a_minute
            peer = kit.Peer()
            peer.port = port
            async with peer:
                over = bench.now()
                assert await bench.ready() - over <= stated.back_s

    swift(main())


@pytest.mark.parametrize(
    "script, words",
    [
        pytest.param(
            says_nothing,
            "did not open a session within 10 s",
            marks=pytest.mark.fault(
                "no session.created", noticed_s=10.5, back_s=1.0, attempts=2, lost="nothing that waits"
            ),
        ),
        pytest.param(
            never_configures,
            "did not confirm the session within 10 s",
            marks=pytest.mark.fault(
                "no session.configured", noticed_s=10.5, back_s=1.0, attempts=2, lost="nothing that waits"
            ),
        ),
    ],
)
def test_a_handshake_that_stops_is_given_up(
    kit: Any, swift: Any, stated: Any, script: Callable[[Any], Awaitable[None]], words: str
) -> None:
    """``back_s``: from there to the next session."""

    async def main() -> None:
        async with kit.Peer(script, kit.well) as peer, kit.long(peer.url) as bench:
            said, began = bench.speak(20), bench.now()
            bench.link.open("a visitor", greet=False)
            assert words in (await bench.state(Link.OFFLINE)).reason
            noticed = bench.when(LinkChanged, Link.OFFLINE)
            assert noticed - began <= stated.noticed_s
            assert await bench.ready() - noticed <= stated.back_s
            await peer.visits[1].until(lambda: len(peer.visits[1].audio) >= len(said))
            assert len(bench.attempts) <= stated.attempts

    swift(main())


@pytest.mark.fault("accepts and hangs up, again and again", in_a_minute=10, back_s=60.5, lost="nothing")
@pytest.mark.parametrize("chance", [0.0, 0.999999])
@pytest.mark.parametrize("step", ["upgrade", "created", "configured"])
def test_a_service_that_accepts_and_hangs_up_is_not_hammered(
    kit: Any, swift: Any, stated: Any, step: str, chance: float
) -> None:
    """Whatever the luck, and though a person presses: the bucket holds, and the last of it is waited for."""
    sick = [True]

    async def script(visit: Any) -> None:
        if not sick[0]:
            return await kit.well(visit)
        if step != "upgrade":
            await visit.send("session.created", session_id=visit.session)
            await visit.until(lambda: visit.count("session.configure"))
        if step == "configured":
            await visit.send("session.configured", session={"output_audio_sample_rate": 24_000})
        visit.socket.transport.abort()

    async def main() -> None:
        async with kit.Peer(script) as peer, kit.long(peer.url, chance=chance) as bench:
            bench.link.open("a visitor", greet=False)
            for _ in range(20):
                await asyncio.sleep(MINUTE)
                bench.link.press()
            assert most_in_a_minute(bench.attempts) <= stated.in_a_minute
            await bench.failed_once_more()
            sick[0], over, seen = False, bench.now(), len(bench.of(SessionReady))
            assert await bench.ready(seen + 1) - over <= stated.back_s

    swift(main())


@pytest.mark.fault("401, then a new key", noticed_s=0.5, attempts=7, back_s=600.5, lost="nothing")
def test_a_refused_key_is_tried_seldom_until_it_is_another(kit: Any, swift: Any, stated: Any) -> None:
    """``attempts``: in an hour without anybody. ``back_s``: where no file tells that the key is another."""

    async def main() -> None:
        peer = kit.Peer(http=[(401, {})])
        async with peer, kit.long(peer.url) as bench:
            began = bench.now()
            bench.link.open("a visitor", greet=False)
            assert "does not accept the API key" in (await bench.state(Link.REFUSED)).reason
            assert bench.when(LinkChanged, Link.REFUSED) - began <= stated.noticed_s
            await asyncio.sleep(HOUR)
            assert len(bench.attempts) <= stated.attempts
            await bench.failed_once_more()
            peer._http.clear()
            over = bench.now()
            assert await bench.ready() - over <= stated.back_s

    swift(main())


@pytest.mark.fault("401, then a new key and presses", back_s=65, attempts=3, lost="nothing")
def test_a_press_has_a_refused_key_tried_within_a_minute(kit: Any, swift: Any, stated: Any) -> None:
    async def main() -> None:
        peer = kit.Peer(http=[(401, {}), (401, {}), None])
        async with peer, kit.long(peer.url) as bench:
            bench.link.open("a visitor", greet=False)
            await bench.state(Link.REFUSED)
            bench.link.press()
            await bench.until(lambda: len(bench.attempts) == 2 and bench.states[-1] is Link.REFUSED)
            over = bench.now()
            while not bench.of(SessionReady):
                bench.link.press()
                await asyncio.sleep(5)
            assert await bench.ready() - over <= stated.back_s
            assert len(bench.attempts) <= stated.attempts

    swift(main())


@pytest.mark.fault("401, then a new key in its file", back_s=1.5, attempts=2, lost="nothing that waits")
def test_a_new_key_in_its_file_is_tried_at_once(kit: Any, swift: Any, stated: Any, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk_an_old_key")

    async def main() -> None:
        peer = kit.Peer(http=[(401, {}), None])
        keys = {"read_key": key.read_text, "key_paths": (str(key),)}
        async with peer, kit.long(peer.url, **keys) as bench:
            around = Surroundings([kit.setup_for(peer.url, **keys)], bench.link, clock=bench.now)
            around.start()
            said = bench.speak(20)
            bench.link.open("a visitor", greet=False)
            await bench.state(Link.REFUSED)
            await asyncio.sleep(100)
            key.write_text("sk_another_key")
            over = bench.now()
            assert await bench.ready() - over <= stated.back_s
            assert len(bench.attempts) <= stated.attempts
            await peer.visits[0].until(lambda: len(peer.visits[0].audio) >= len(said))
            await around.aclose()

    swift(main())


@pytest.mark.fault("a new key in its file in mid dial", back_s=1.5, attempts=2, lost="nothing that waits")
def test_a_key_that_is_replaced_in_mid_dial_is_tried_at_once(kit: Any, swift: Any, stated: Any, tmp_path: Path) -> None:
    """The answer to the old key would come eight seconds later, and then a wait of ten minutes."""
    key = tmp_path / "key"
    key.write_text("sk_an_old_key")

    async def main() -> None:
        peer = kit.Peer()
        judge, asked = peer._upgrade, asyncio.Event()

        async def slowly(connection: Any, request: Any) -> Any:
            refused = "sk_an_old_key" in request.path
            asked.set()
            peer._http = [(401, {})] if refused else []
            await asyncio.sleep(8.0 * refused)
            return judge(connection, request)

        peer._upgrade = slowly
        keys = {"read_key": key.read_text, "key_paths": (str(key),)}
        async with peer, kit.long(peer.url, **keys) as bench:
            around = Surroundings([kit.setup_for(peer.url, **keys)], bench.link, clock=bench.now)
            around.start()
            said = bench.speak(20)
            bench.link.open("a visitor", greet=False)
            await asked.wait()
            key.write_text("sk_another_key")
            over = bench.now()
            assert await bench.ready() - over <= stated.back_s
            assert len(bench.attempts) <= stated.attempts
            await peer.visits[0].until(lambda: len(peer.visits[0].audio) >= len(said))
            await around.aclose()

    swift(main())


@pytest.mark.fault("429 with Retry-After: 120", attempts=2, not_before_s=120, back_s=124.5, lost="nothing that waits")
def test_the_patience_that_a_service_asks_for_is_kept(kit: Any, swift: Any, stated: Any) -> None:
    """``back_s``: from the refusal to the session; ``not_before_s``: nobody asks earlier."""

    async def main() -> None:
        peer = kit.Peer(http=[(429, {"Retry-After": "120"}), None])
        async with peer, kit.long(peer.url) as bench:
            said = bench.speak(20)
            bench.link.open("a visitor", greet=False)
            assert "it asks to wait 120 s" in (await bench.state(Link.BUSY)).reason
            over = bench.when(LinkChanged, Link.BUSY)
            assert stated.not_before_s <= await bench.ready() - over <= stated.back_s
            assert len(bench.attempts) <= stated.attempts
            await peer.visits[0].until(lambda: len(peer.visits[0].audio) >= len(said))

    swift(main())


@pytest.mark.fault("server_full for an hour", noticed_s=0.5, in_a_minute=10, back_s=60.5, lost="nothing")
@pytest.mark.parametrize("chance", [0.0, 0.999999])
def test_a_full_service_is_asked_seldom_and_shown_as_busy(kit: Any, swift: Any, stated: Any, chance: float) -> None:
    """Whatever the luck."""
    full = [True]

    async def script(visit: Any) -> None:
        await (refuses_to_begin if full[0] else kit.well)(visit)

    async def main() -> None:
        async with kit.Peer(script) as peer, kit.long(peer.url, chance=chance) as bench:
            began = bench.now()
            bench.link.open("a visitor", greet=False)
            await bench.state(Link.BUSY)
            assert bench.when(LinkChanged, Link.BUSY) - began <= stated.noticed_s
            await asyncio.sleep(HOUR)
            assert most_in_a_minute(bench.attempts) <= stated.in_a_minute
            assert {event.state for event in bench.of(LinkChanged)[1:]} <= {Link.CONNECTING, Link.HANDSHAKE, Link.BUSY}
            await bench.failed_once_more()
            full[0], over = False, bench.now()
            assert await bench.ready() - over <= stated.back_s

    swift(main())


@pytest.mark.fault("clock five years behind", noticed_s=1.0, in_a_minute=10, back_s=30.5, lost="nothing that waits")
def test_a_wrong_clock_is_named_and_healed_when_it_is_set(
    kit: Any, swift: Any, stated: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen from such a clock every certificate is of the future. To set it is here: the service gets one of today."""
    folders = [tmp_path / "future", tmp_path / "today"]
    for folder in folders:
        folder.mkdir()
    future = kit.certificate(folders[0], "21000101000000Z", "21200101000000Z")
    today = kit.certificate(folders[1], "20200101000000Z", "21200101000000Z")
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(future[1].read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))

    async def main() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(future[1], future[0])
        peer = kit.Peer()
        async with serve(peer._visit, "localhost", 0, ssl=context, close_timeout=0.2) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            async with kit.long(f"wss://localhost:{port}/waves/v1/s2s") as bench:
                began = bench.now()
                bench.link.open("a visitor", greet=False)
                assert "clock says" in (await bench.state(Link.OFFLINE)).reason
                assert bench.when(LinkChanged, Link.OFFLINE) - began <= stated.noticed_s
                await asyncio.sleep(600)
                assert most_in_a_minute(bench.attempts) <= stated.in_a_minute
                await bench.failed_once_more()
                context.load_cert_chain(today[1], today[0])
                trusted.write_bytes(today[1].read_bytes())
                over = bench.now()
                assert await bench.ready() - over <= stated.back_s

    swift(main())


def test_these_are_the_products_numbers(kit: Any) -> None:
    """The delays of all tests above; who changes them looks at docs/faults.md."""
    assert kit.real == Limits(probe_s=0.0)


def test_a_secret_that_is_replaced_in_mid_dial_is_tried_as_soon_as_the_old_one_is_refused(kit: Any, swift: Any) -> None:
    """Where tokens are minted nobody can tell from the secret what a call carries: it has its answer first."""

    class Mint:
        async def token(self) -> str:
            return "at_0123456789"

        def judged(self, token: str, failure: Any) -> Any:
            return failure

    async def main() -> None:
        peer = kit.Peer(http=[(401, {}), None])
        judge, asked = peer._upgrade, asyncio.Event()

        async def slowly(connection: Any, request: Any) -> Any:
            asked.set()
            await asyncio.sleep(8.0 if peer.attempts == [] else 0.0)
            return judge(connection, request)

        peer._upgrade = slowly
        async with peer, kit.long(peer.url, tokens=Mint()) as bench:
            bench.link.open("a visitor", greet=False)
            await asked.wait()
            over = bench.now()
            bench.link.keys_changed("hydra")
            assert 8.0 <= await bench.ready() - over <= 8.5 and len(bench.attempts) == 2

    swift(main())
