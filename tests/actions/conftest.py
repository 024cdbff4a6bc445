"""A line that works, and an inbox that can be waited for."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Iterator, TypeVar

import pytest

from kioskd.actions.ledger import Ledger
from kioskd.core.events import Event

E = TypeVar("E", bound=Event)

# Longer than anything here takes, on a machine that is busy with other things.
PATIENCE_S = 20.0


class FakeLine:
    """A relay line that works: it keeps its level and remembers each edge with its time.

    ``fail_on`` and ``fail_off`` raise before the line moves, that often; ``weld`` keeps it on.
    """

    def __init__(self, name: str = "GPIO27") -> None:
        self._name = name
        self._on = False
        self._lock = threading.Lock()
        self.edges: list[tuple[bool, float]] = []
        self.fail_on: list[Exception] = []
        self.fail_off: list[Exception] = []
        self.weld = False
        self.dead = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def is_on(self) -> bool:
        return self._on

    def on(self) -> None:
        if self.fail_on:
            raise self.fail_on.pop(0)
        if not self.dead:
            self._move(True)

    def off(self) -> None:
        if self.fail_off:
            raise self.fail_off.pop(0)
        if not self.weld:
            self._move(False)

    def _move(self, on: bool) -> None:
        with self._lock:
            if on != self._on:
                self._on = on
                self.edges.append((on, time.monotonic()))

    @property
    def rises(self) -> int:
        return sum(1 for on, _ in self.edges if on)


class Posts:
    """What was posted, in order; ``wait`` for an event instead of sleeping."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def __call__(self, event: Event) -> bool:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()
        return True

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in list(self.events) if isinstance(event, kind)]

    def wait(self, kind: type[E], count: int = 1, when: Callable[[E], bool] = lambda event: True) -> E:
        """The ``count``-th event of that kind for which ``when`` holds."""

        def found() -> list[E]:
            return [event for event in self.of(kind) if when(event)]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= count, PATIENCE_S), f"no {kind}: {self.events}"
        return found()[count - 1]


@pytest.fixture
def posts() -> Posts:
    return Posts()


@pytest.fixture
def line() -> FakeLine:
    return FakeLine()


@pytest.fixture
def ledger(tmp_path: Path, posts: Posts) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger.db", posts, retry_s=0.05)
    ledger.start()
    yield ledger
    assert ledger.stop(PATIENCE_S)


Reply = Callable[[BaseHTTPRequestHandler], None]


def answer(code: int, body: bytes = b"", **headers: str) -> Reply:
    """A reply for a peer's script."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return reply


class Peer:
    """A web service that follows a script and keeps what it was sent; ``always`` answers when the script is over."""

    answer = staticmethod(answer)

    def __init__(self, scheme: str = "http") -> None:
        self.script: list[Reply] = []
        self.always: Reply = answer(200)
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.methods: list[str] = []
        self.closing = threading.Event()
        peer = self

        class Web(BaseHTTPRequestHandler):
            def serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                peer.methods.append(self.command)
                peer.requests.append((self.path, dict(self.headers), json.loads(body) if body else None))
                (peer.script.pop(0) if peer.script else peer.always)(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
        self.server.daemon_threads = True
        self.url = f"{scheme}://127.0.0.1:{self.server.server_address[1]}/call"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(10)


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture
def make_peer() -> Iterator[Callable[..., Peer]]:
    """Further peers, closed at the end."""
    made: list[Peer] = []

    def make(scheme: str = "http") -> Peer:
        made.append(Peer(scheme))
        return made[-1]

    yield make
    for peer in made:
        peer.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Key and self-signed certificate for localhost."""
    folder = tmp_path_factory.mktemp("certificate")
    key, cert = folder / "key.pem", folder / "cert.pem"
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key), "-out", str(cert)]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    subprocess.run(["openssl", "req", "-x509", *made, *name], check=True, capture_output=True)
    return key, cert
