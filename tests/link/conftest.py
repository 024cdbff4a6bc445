"""A real WebSocket peer that speaks Hydra by script, and the link with real lanes and a real inbox around it."""

from __future__ import annotations

import asyncio
import base64
import ctypes
import json
import socket
import struct
import subprocess
import threading
import time
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Awaitable, Callable, Coroutine, Mapping, Sequence, TypeVar

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from kioskd.config.sections import Session, Talk
from kioskd.core.events import Event, LinkChanged, SessionReady
from kioskd.core.words import Link
from kioskd.inbox import Bell, Inbox
from kioskd.lanes import CHUNK_BYTES, Chunk, PlaybackLane, UplinkLane
from kioskd.link.endpoints import EndpointSetup
from kioskd.link.limits import Limits
from kioskd.link.supervisor import Supervisor
from kioskd.wire.dialects import HYDRA

# How long a test waits for something that should happen at once. Only a failing test ever waits that long.
PATIENCE_S = 5.0

KEY = "sk_canary_0123456789abcdef"

# The real numbers, some forty times as fast.
FAST = Limits(
    first_s=0.02,
    cap_s=0.2,
    capacity_first_s=0.04,
    capacity_cap_s=0.4,
    refused_s=30.0,
    press_s=0.2,
    tick_s=0.1,
    probe_s=0.0,
    reply_s=0.4,
    stuck_s=0.4,
    goodbye_s=0.3,
    well_s=0.0,
    pong_s=0.3,
)

E = TypeVar("E", bound=Event)


def frame(kind: str, **fields: object) -> dict[str, object]:
    return {"type": kind, "event_id": "sv_0123456789abcdef", **fields}


def pcm(seconds: float, rate_hz: int = 24_000) -> bytes:
    return b"\x01\x00" * round(seconds * rate_hz)


@dataclass
class Visit:
    """One connection, seen from the service."""

    socket: ServerConnection
    path: str
    headers: Mapping[str, str]
    at: float
    session: str
    frames: list[dict[str, Any]] = field(default_factory=list)
    close_code: int | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, kind: str, **fields: object) -> None:
        await self.socket.send(json.dumps(frame(kind, **fields)))

    async def collect(self) -> None:
        try:
            async for message in self.socket:
                self.frames.append(json.loads(message))
                self.news.set()
        except ConnectionClosed:
            pass
        self.close_code = self.socket.close_code
        self.news.set()

    async def until(self, done: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not done():
                self.news.clear()
                await self.news.wait()

    def count(self, kind: str) -> int:
        return sum(1 for message in self.frames if message["type"] == kind)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.frames if message["type"] == kind]

    @property
    def audio(self) -> bytes:
        return b"".join(base64.b64decode(message["audio"]) for message in self.of("input_audio_buffer.append"))

    # -- pieces of scripts -----------------------------------------------------------------------

    async def handshake(self, **echo: object) -> None:
        await self.send("session.created", session_id=self.session)
        await self.until(lambda: self.count("session.configure") or self.close_code is not None)
        if self.close_code is not None:
            return
        asked = self.of("session.configure")[0]["session"]
        await self.send("session.configured", session={**asked, "output_audio_sample_rate": 24_000, **echo})

    async def stay(self) -> None:
        await self.socket.wait_closed()

    async def turn(self) -> None:
        await self.send("input_audio_buffer.speech_started", audio_start_ms=0, item_id="item_u")
        await self.send("input_audio_buffer.speech_stopped", audio_end_ms=10, item_id="item_u")

    async def audio_of(self, response: str, seconds: float) -> None:
        delta = base64.b64encode(pcm(seconds)).decode()
        await self.send("response.output_audio.delta", response_id=response, item_id="item_a", delta=delta)

    async def answer(self, response: str = "resp_1", seconds: float = 0.1, status: str = "completed") -> None:
        await self.send("response.created", response={"id": response})
        await self.audio_of(response, seconds)
        usage = {"total_tokens": 7}
        await self.send("response.done", response={"id": response, "status": status, "usage": usage})

    async def call(
        self, call_id: str, response: str = "resp_t", name: str = "open_door", arguments: str = "{}"
    ) -> None:
        await self.send(
            "response.function_call_arguments.done",
            response_id=response,
            call_id=call_id,
            name=name,
            arguments=arguments,
        )


Script = Callable[[Visit], Awaitable[None]]


async def well(visit: Visit) -> None:
    """A service that works."""
    await visit.handshake()
    await visit.stay()


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A TCP server that takes connections and never answers."""
    try:
        await reader.read()
    except ConnectionError:
        pass
    writer.close()


class Peer:
    """A service: one script for each connection, the last one for all that follow."""

    def __init__(self, *scripts: Script, http: Sequence[tuple[int, Mapping[str, str]] | None] = ()) -> None:
        self._scripts = list(scripts) or [well]
        self._http = list(http)
        self._server: Server | None = None
        self.attempts: list[float] = []
        self.visits: list[Visit] = []
        self.news = asyncio.Event()
        self.port = 0

    async def __aenter__(self) -> Peer:
        self._server = await serve(
            self._visit, "127.0.0.1", self.port, process_request=self._upgrade, ping_interval=None, close_timeout=0.2
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        for visit in self.visits:
            visit.socket.transport.abort()
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/waves/v1/s2s"

    def _upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        self.attempts.append(time.monotonic())
        answer = self._http.pop(0) if len(self._http) > 1 else (self._http[0] if self._http else None)
        if answer is None:
            return None
        status, headers = answer
        return Response(status, "No", Headers({**headers, "Content-Length": "0", "Connection": "close"}), b"")

    async def _visit(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        number = len(self.visits) + 1
        visit = Visit(socket, socket.request.path, socket.request.headers, time.monotonic(), f"session-{number}")
        self.visits.append(visit)
        self.news.set()
        script = self._scripts[min(number, len(self._scripts)) - 1]
        collector = asyncio.create_task(visit.collect())
        try:
            await script(visit)
        except ConnectionClosed:
            pass
        finally:
            await socket.close()
            await collector

    async def visited(self, number: int) -> Visit:
        """The connection of that number (1 is the first), when it is there."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.visits) < number:
                self.news.clear()
                await self.news.wait()
        return self.visits[number - 1]


class Bench:
    """The link as the daemon runs it, with a list where the machine would be."""

    def __init__(
        self,
        *setups: EndpointSetup,
        limits: Limits = FAST,
        talk: Talk = Talk(),
        chance: float = 0.5,
        buffer_s: float = 10.0,
        playback_s: float = 120.0,
        session: Session = Session(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.events: list[Event] = []
        self.rows: list[Mapping[str, object]] = []
        self.sent: list[tuple[Chunk, float]] = []
        self.bells: list[Bell] = []
        self.overflows: list[float] = []
        self.uplink = UplinkLane(buffer_s, self.overflows.append)
        self.playback = PlaybackLane(playback_s)
        self._news = asyncio.Event()
        self.inbox = Inbox(asyncio.get_running_loop(), self._deliver)
        self.link = Supervisor(
            setups,
            self.uplink,
            self.playback,
            self.inbox.post,
            self._bell,
            talk,
            lambda: chance,
            trace=lambda kind, row: self.rows.append({"kind": kind, **row}),
            limits=limits,
            on_sent=lambda chunk: self.sent.append((chunk, time.monotonic())),
            session=session,
            clock=clock,
        )

    async def __aenter__(self) -> Bench:
        self.link.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.link.aclose()
        self.inbox.close()

    def _bell(self, callback: Callable[[], None]) -> Bell:
        self.bells.append(self.inbox.bell(callback))
        return self.bells[-1]

    def _deliver(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    async def until(self, done: Callable[[], Any]) -> Any:
        """Wait until ``done`` is true; its value."""
        async with asyncio.timeout(PATIENCE_S):
            while not (value := done()):
                self._news.clear()
                await self._news.wait()
            return value

    async def event(self, kind: type[E], number: int = 1) -> E:
        """The event of that kind and number, when it is there."""
        found: E = await self.until(lambda: self.of(kind)[number - 1 : number])
        return self.of(kind)[number - 1] if found else found

    async def state(self, state: Link, after: int = 0) -> LinkChanged:
        """The first claim of ``state`` behind the first ``after`` events."""
        changes: list[LinkChanged] = await self.until(
            lambda: [event for event in self.events[after:] if isinstance(event, LinkChanged) and event.state is state]
        )
        return changes[0]

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def states(self) -> list[Link]:
        return [event.state for event in self.of(LinkChanged)]

    def speak(self, chunks: int, end: bool = True, mark: int = 7) -> bytes:
        """Put an utterance into the lane, all at once; what should arrive."""
        piece = bytes([mark, 0]) * (CHUNK_BYTES // 2)
        for _ in range(chunks):
            self.uplink.push(Chunk(piece, time.monotonic()))
        if end:
            self.uplink.push(Chunk(b"", time.monotonic()))
        return piece * chunks


def setup_for(url: str, **changes: Any) -> EndpointSetup:
    values: dict[str, Any] = {
        "name": "hydra",
        "profile": HYDRA,
        "url": url,
        "model": "hydra-v1.1",
        "instructions": "Be brief.",
        "read_key": lambda: KEY,
        "connect_timeout_s": 2.0,
        "handshake_timeout_s": 0.3,
    }
    return EndpointSetup(**{**values, **changes})


def certificate(folder: Path, *dates: str) -> tuple[Path, Path]:
    """Key and self-signed certificate for localhost. ``dates``: start and end, as openssl ca takes them."""
    key, request, cert = folder / "key.pem", folder / "request.pem", folder / "cert.pem"
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01\n")
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=own\n[own]\n"
        f"database={folder}/index.txt\nserial={folder}/serial\nnew_certs_dir={folder}\n"
        "default_md=sha256\npolicy=any\nx509_extensions=ext\n[any]\ncommonName=supplied\n"
        "[ext]\nsubjectAltName=DNS:localhost\nbasicConstraints=critical,CA:TRUE\n"
        "[req]\ndistinguished_name=dn\n[dn]\n"
    )
    own = ["-config", str(folder / "ca.cnf")]
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key)]
    run = ["openssl", "req", "-new", *new_key, "-subj", "/CN=localhost", "-out", str(request), *own]
    subprocess.run(run, check=True, capture_output=True)
    sign = ["openssl", "ca", "-batch", "-selfsign", "-keyfile", str(key), "-in", str(request), "-out", str(cert), *own]
    subprocess.run([*sign, "-startdate", dates[0], "-enddate", dates[1]], check=True, capture_output=True)
    return key, cert


def in_namespace(work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    """Run ``work`` on a loop of its own in a network namespace of its own, with the loopback up and nothing else, so
    that a test may pull cables. False, and a warning that says so, where this machine allows none.
    """
    errors: list[BaseException] = []
    able: list[bool] = []

    def run() -> None:
        # unshare(2) moves the thread that calls it, and those that it starts; CLONE_NEWNET is 0x40000000.
        if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:
            return
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True, capture_output=True)
            able.append(True)
            asyncio.run(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    if not able:
        warnings.warn("this machine lets nobody make a network namespace: nothing was tested here", stacklevel=2)
    return bool(able)


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST (socket(7): a linger time of zero)."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class LongBench(Bench):
    """The link with the product's own numbers and the worst luck, for loops whose time flies (``swift``)."""

    REAL = Limits(probe_s=0.0)
    LONGEST_S = 7200.0

    def __init__(self, url: str, **changes: Any) -> None:
        self.at: list[float] = []
        ours = {"limits": self.REAL, "chance": changes.pop("chance", 0.999999), "clock": self.now}
        bench = {name: changes.pop(name) for name in ("talk", "session", "buffer_s", "playback_s") if name in changes}
        super().__init__(setup_for(url, connect_timeout_s=10.0, handshake_timeout_s=10.0, **changes), **ours, **bench)

    @staticmethod
    def now() -> float:
        return asyncio.get_running_loop().time()

    def _deliver(self, event: Event) -> None:
        self.at.append(self.now())
        super()._deliver(event)

    async def until(self, done: Callable[[], Any]) -> Any:
        async with asyncio.timeout(self.LONGEST_S):
            while not (value := done()):
                self._news.clear()
                await self._news.wait()
            return value

    @property
    def attempts(self) -> list[float]:
        """When each attempt began."""
        changes = [(event, at) for event, at in zip(self.events, self.at) if isinstance(event, LinkChanged)]
        return [at for event, at in changes if event.state is Link.CONNECTING]

    def when(self, kind: type[Event], state: Link | None = None, number: int = 1) -> float:
        """When the event of that kind (and state) and number came."""
        found = [at for event, at in zip(self.events, self.at) if type(event) is kind]
        if state is not None:
            pairs = zip(self.events, self.at)
            found = [at for event, at in pairs if isinstance(event, LinkChanged) and event.state is state]
        return found[number - 1]

    async def failed_once_more(self) -> None:
        """Until an attempt that begins from now on has failed: the longest wait lies ahead."""
        count = len(self.attempts)
        await self.until(lambda: len(self.attempts) > count)
        await self.until(lambda: self.states[-1] not in (Link.CONNECTING, Link.HANDSHAKE))

    async def ready(self, number: int = 1) -> float:
        """When the session of that number was ready."""
        await self.event(SessionReady, number)
        return self.when(SessionReady, None, number)


@dataclass(frozen=True)
class Kit:
    """What the tests of this room are made of."""

    Peer = Peer
    Bench = Bench
    setup_for = staticmethod(setup_for)
    well = staticmethod(well)
    silence = staticmethod(silence)
    certificate = staticmethod(certificate)
    in_namespace = staticmethod(in_namespace)
    fast = FAST
    key = KEY
    patience_s = PATIENCE_S
    long = LongBench
    real = LongBench.REAL
    reset = staticmethod(reset)
    replace = staticmethod(replace)
    talk = Talk


@pytest.fixture
def kit() -> Kit:
    return Kit()
