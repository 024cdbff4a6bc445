"""What makes another attempt worth while is passed on, once, and a fault in looking is shown."""

from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from kioskd.core.words import Link
from kioskd.link.surroundings import Surroundings


class Ears:
    """Where the supervisor would be."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def keys_changed(self, name: str) -> None:
        self.told.append(f"key of {name}")

    def network_changed(self) -> None:
        self.told.append("network")


def test_a_clock_that_jumps_is_told_at_the_next_look_and_one_that_drifts_is_not() -> None:
    """A second after the clock was set, or the device woke: the looks are a second apart."""

    async def main() -> None:
        ears, now, wall = Ears(), [100.0], [1000.0]
        around = Surroundings([], ears, lambda: wall[0], lambda: now[0])
        for passed_s, jump_s, told in ((1.0, 0.0, 0), (1.0, 0.4, 0), (1.0, 157e6, 1), (1.0, 0.0, 1), (1.0, -7.0, 2)):
            now[0] += passed_s
            wall[0] += passed_s + jump_s
            around.look()
            assert len(ears.told) == told
        assert around.snapshot()["clock_jumps"] == 2

    asyncio.run(main())


def test_a_key_that_is_replaced_is_told_within_two_looks(kit: Any, tmp_path: Path) -> None:
    """Two seconds at most; here the looks are 20 ms apart."""
    key = tmp_path / "key"
    key.write_text("sk_one")

    async def main() -> None:
        ears = Ears()
        setup = kit.setup_for("ws://127.0.0.1:9/", name="cloud", key_paths=(str(key),))
        around = Surroundings([setup], ears, look_s=0.02)
        around.start()
        await asyncio.sleep(0.05)
        assert ears.told == []
        (tmp_path / "new").write_text("sk_two")
        (tmp_path / "new").rename(key)
        async with asyncio.timeout(kit.patience_s):
            while not ears.told:
                await asyncio.sleep(0.01)
        assert ears.told == ["key of cloud"] and around.snapshot()["key_changes"] == 1
        around.use([])
        key.write_text("sk_three")
        await asyncio.sleep(0.06)
        assert ears.told == ["key of cloud"]
        await around.aclose()

    asyncio.run(main())


def test_a_fault_in_a_look_is_counted_and_the_looks_go_on(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        walls = iter([1000.0])
        around = Surroundings([], Ears(), lambda: next(walls), look_s=0.01)
        around.start()
        async with asyncio.timeout(5.0):
            while around.snapshot()["watch_faults"] != 3:
                await asyncio.sleep(0.01)
        await around.aclose()
        assert "a look at the surroundings of the link went wrong" in caplog.text

    asyncio.run(main())


# -- with the link ---------------------------------------------------------------------------------


def test_a_refused_key_is_asked_for_slowly_and_at_once_when_its_file_is_replaced(kit: Any, tmp_path: Path) -> None:
    """401: one attempt in ten minutes; a session within 1 s of looking (here 20 ms) after the new key is there."""
    key = tmp_path / "key"
    key.write_text("sk_old_0123456789")

    async def main() -> None:
        async with kit.Peer(http=[(401, {}), None]) as peer:
            setup = kit.setup_for(peer.url, key_paths=(str(key),), read_key=key.read_text)
            async with kit.Bench(setup) as bench:
                around = Surroundings([setup], bench.link, look_s=0.02)
                around.start()
                bench.link.open("a press", greet=False)
                refused = await bench.state(Link.REFUSED)
                assert "check service.key" in refused.reason
                await asyncio.sleep(0.3)  # ten backoffs of an ordinary failure
                assert len(peer.attempts) == 1
                (tmp_path / "new").write_text("sk_new_0123456789")
                (tmp_path / "new").rename(key)
                changed_at = time.monotonic()
                await bench.state(Link.READY)
                assert time.monotonic() - changed_at < 1.0
                assert len(peer.attempts) == 2 and peer.visits[0].path.endswith("api_key=sk_new_0123456789")
                await around.aclose()

    asyncio.run(main())


@pytest.mark.fault("clock five years behind, then set", noticed_s=1, back_s=1, attempts=2, lost="nothing that waits")
def test_a_clock_five_years_wrong_is_told_and_the_link_is_back_as_soon_as_it_is_set(
    kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stated: Any
) -> None:
    """One attempt a minute until then; ``back_s`` is until the next attempt, beside the second between two looks (20 ms
    here).

    The certificate is not yet valid, as every one is for a clock that went back.
    """
    years_s = 5 * 365 * 86_400.0
    # OpenSSL compares with the clock of this machine, which stays right: so the certificate is ahead of it.
    key, cert = kit.certificate(tmp_path, "21000101000000Z", "21200101000000Z")
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    wall = [time.time() - years_s]

    async def main() -> None:
        attempts: list[float] = []

        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        def called(*_: object) -> None:
            attempts.append(time.monotonic())

        context.set_servername_callback(called)
        async with await asyncio.start_server(hang_up, "localhost", 0, ssl=context) as server:
            url = f"wss://localhost:{server.sockets[0].getsockname()[1]}/"
            setup = kit.setup_for(url)
            async with kit.Bench(setup) as bench:
                bench.link._ports = kit.replace(bench.link._ports, wall=lambda: wall[0])
                around = Surroundings([setup], bench.link, wall=lambda: wall[0], look_s=0.02)
                around.start()
                began = time.monotonic()
                bench.link.open("a press", greet=False)
                offline = await bench.state(Link.OFFLINE)
                assert time.monotonic() - began < stated.noticed_s
                assert offline.reason.startswith("the clock of this box is wrong (it says 20")
                assert "check NTP" in offline.reason
                await asyncio.sleep(0.3)
                assert len(attempts) == 1
                wall[0] += years_s
                set_at = time.monotonic()
                await bench.until(lambda: len(attempts) > 1)
                assert time.monotonic() - set_at < stated.back_s
                assert len(attempts) == stated.attempts
                await around.aclose()

    asyncio.run(main())
