"""Figures for a fleet's eyes: written to a file now and then, and told to whoever asks on a loopback port."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Callable, Mapping

from kioskd.config.metrics import Metrics, address
from kioskd.ops.scribe import Scribe, replace

log = logging.getLogger(__name__)

Page = Mapping[str, object]

THREAD = "kioskd-metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# A scraper asks at once and in one packet; who does not is cut off.
ASK_S = 5.0
LONGEST_REQUEST = 8192
MOST_CLIENTS = 4
# node_exporter runs under another user and must be able to read the file.
READABLE = 0o644


class Exporter:
    """Tells the figures of the status page. Loop only; ``aclose`` ends it.

    Args:
        settings: where they go; with neither file nor port nothing is done at all.
        page: makes the status page.

    Attributes:
        problem: what is wrong with the port, a sentence; empty when nothing is.
        scrapes, refused: answers given, and requests that were none.
    """

    def __init__(self, settings: Metrics, page: Callable[[], Page]) -> None:
        self._settings, self._page = settings, page
        self._server: asyncio.Server | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._scribe: Scribe[str] | None = None
        self.problem = ""
        self.scrapes = self.refused = 0
        if settings.file:
            self._scribe = Scribe(settings.file, THREAD, _write, _trouble)

    async def start(self) -> None:
        """Listen and write; a port or a file that cannot be had is a state."""
        if self._settings.listen:
            host, port = address(self._settings.listen)
            try:
                self._server = await asyncio.start_server(self._serve, host, port, limit=LONGEST_REQUEST)
            except OSError as error:
                self.problem = f"metrics.listen: {self._settings.listen} cannot be had ({error.strerror or error})"
                log.error("%s", self.problem)
        if self._scribe is not None:
            self._write()

    def snapshot(self) -> dict[str, object]:
        """For status."""
        return {
            "problem": self.problem or (self._scribe.problem if self._scribe else ""),
            "listen": self._settings.listen if self._server else None,
            "scrapes": self.scrapes,
            "refused": self.refused,
            "file": self._scribe.snapshot() if self._scribe else None,
        }

    async def aclose(self) -> None:
        """Stop; the file is taken away, so that nobody takes old figures for new ones."""
        if self._beat is not None:
            self._beat.cancel()
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.close()
        if self._scribe is not None and await asyncio.to_thread(self._scribe.stop, 0.5):
            try:
                os.unlink(self._scribe.path)
            except FileNotFoundError:
                log.debug("%s was gone already", self._scribe.path)
            except OSError as error:
                log.warning("%s could not be taken away: %s", self._scribe.path, error.strerror)

    def _figures(self) -> str:
        from kioskd.ops.exposition import exposition  # here: most kiosks tell nobody their figures

        return exposition(self._page())

    # -- the file --------------------------------------------------------------------------------

    def _write(self) -> None:
        assert self._scribe is not None
        # First: a page that cannot be made once must not leave old figures there for ever.
        self._beat = asyncio.get_running_loop().call_later(self._settings.every_s, self._write)
        self._scribe.put(self._figures())

    # -- the port --------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= MOST_CLIENTS:
            self.refused += 1
            writer.close()
            return
        self._clients.add(writer)
        try:
            async with asyncio.timeout(ASK_S):
                writer.write(self._answer(await reader.readuntil(b"\r\n\r\n")))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError) as error:
            self.refused += 1
            log.debug("a request for the figures came to nothing: %s", error)
        finally:
            self._clients.discard(writer)
            writer.close()

    def _answer(self, request: bytes) -> bytes:
        words = request.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or words[0] not in (b"GET", b"HEAD"):
            self.refused += 1
            return _response("405 Method Not Allowed", "GET /metrics\n")
        if words[1].split(b"?")[0] != b"/metrics":
            self.refused += 1
            return _response("404 Not Found", "the figures are at /metrics\n")
        self.scrapes += 1
        whole = _response("200 OK", self._figures(), CONTENT_TYPE)
        return whole if words[0] == b"GET" else whole.split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n"


def _response(status: str, body: str, kind: str = "text/plain; charset=utf-8") -> bytes:
    data = body.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    return head.encode() + data


def _write(path: str, text: str) -> None:
    replace(path, text.splitlines(), READABLE)


def _trouble(text: str, why: str) -> str:
    return f"metrics.file could not be written ({why}): does the folder exist, and may the unit write there?"
