"""Figures in a file and on a port: for those who may ask, and without harm from those who may not."""

from __future__ import annotations

import asyncio
import logging
import socket
from pathlib import Path
from typing import Any, Awaitable, Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kioskd.config.metrics import Metrics
from kioskd.ops import metrics
from kioskd.ops.metrics import MOST_CLIENTS, Exporter

PAGE: dict[str, Any] = {"version": "1", "kiosk": "Foyer Süd", "health": {"ok": True}}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def exporting(settings: Metrics, play: Callable[[Exporter], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        exporter = Exporter(settings, lambda: PAGE)
        await exporter.start()
        try:
            return await play(exporter)
        finally:
            await exporter.aclose()

    return asyncio.run(asyncio.wait_for(run(), 20))


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


def names(text: str) -> set[str]:
    return {family.name for family in text_string_to_metric_families(text)}


def test_a_scraper_is_told_the_figures() -> None:
    port = free_port()

    async def play(exporter: Exporter) -> None:
        answer = await ask(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        head, body = answer.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 200") and b"version=0.0.4" in head
        assert f"Content-Length: {len(body)}".encode() in head and "kioskd_healthy" in names(body.decode())
        assert (await ask(port, b"HEAD /metrics HTTP/1.1\r\n\r\n")).endswith(b"\r\n\r\n")
        assert exporter.scrapes == 2 and exporter.snapshot()["listen"] == f"127.0.0.1:{port}"

    exporting(Metrics(listen=f"127.0.0.1:{port}"), play)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"\x00\xff garbage\r\n\r\n", b"405"),
        (b"x" * 20_000 + b"\r\n\r\n", b""),
    ],
)
def test_what_is_no_request_is_refused_and_counted(request_: bytes, status: bytes) -> None:
    port = free_port()

    async def play(exporter: Exporter) -> None:
        try:
            answer = await ask(port, request_)
        except ConnectionError:
            answer = b""
        assert answer[9:12] == status
        assert (exporter.refused, exporter.scrapes) == (1, 0)

    exporting(Metrics(listen=f"127.0.0.1:{port}"), play)


def test_those_who_connect_and_say_nothing_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "ASK_S", 0.2)
    port = free_port()

    async def play(exporter: Exporter) -> None:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST_CLIENTS)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b"" and exporter.refused == 1, "one too many is not even asked"
        writer.close()
        assert [await reader.read() for reader, _ in silent] == [b""] * MOST_CLIENTS
        assert (await ask(port, b"GET /metrics HTTP/1.1\r\n\r\n"))[9:12] == b"200"
        for _, writer in silent:
            writer.close()

    exporting(Metrics(listen=f"127.0.0.1:{port}"), play)


def test_a_port_that_is_taken_is_a_state() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        listen = f"127.0.0.1:{other.getsockname()[1]}"

        async def play(exporter: Exporter) -> None:
            assert str(exporter.snapshot()["problem"]).startswith(f"metrics.listen: {listen} cannot be had")
            assert exporter.snapshot()["listen"] is None

        exporting(Metrics(listen=listen), play)


async def until(what: Callable[[], object]) -> None:
    while not what():
        await asyncio.sleep(0.01)


def test_the_file_is_readable_for_its_collector_and_goes_with_the_daemon(tmp_path: Path) -> None:
    path = tmp_path / "kioskd.prom"

    async def play(exporter: Exporter) -> None:
        await until(path.exists)
        assert "kioskd_info" in names(path.read_text("utf-8")) and path.stat().st_mode & 0o777 == 0o644
        path.unlink()
        exporter._write()
        await until(path.exists)

    exporting(Metrics(file=str(path)), play)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_a_state_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    folder = tmp_path / "later"

    async def play(exporter: Exporter) -> None:
        await until(lambda: exporter.snapshot()["problem"])
        assert "does the folder exist" in str(exporter.snapshot()["problem"])
        folder.mkdir()
        exporter._write()
        await until((folder / "kioskd.prom").exists)
        await until(lambda: not exporter.snapshot()["problem"])

    exporting(Metrics(file=str(folder / "kioskd.prom")), play)


def test_without_a_section_nothing_is_done() -> None:
    async def play(exporter: Exporter) -> dict[str, object]:
        return exporter.snapshot()

    assert exporting(Metrics(), play) == {"problem": "", "listen": None, "scrapes": 0, "refused": 0, "file": None}


def test_a_page_that_cannot_be_made_once_is_not_the_last(tmp_path: Path) -> None:
    """Else a collector would read old figures for ever."""
    path, fine = tmp_path / "kioskd.prom", [True]

    async def run() -> None:
        exporter = Exporter(Metrics(file=str(path), every_s=1), lambda: PAGE if fine[0] else {}["gone"])
        await exporter.start()
        await until(path.exists)
        fine[0] = False
        assert exporter._beat is not None
        exporter._beat.cancel()
        with pytest.raises(KeyError):
            exporter._write()
        fine[0] = True
        path.unlink()
        await until(path.exists)
        await exporter.aclose()

    asyncio.run(asyncio.wait_for(run(), 20))
