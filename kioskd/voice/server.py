"""The listening socket of the local voice service: the room's only importer of websockets. Loop only."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
import socket
import struct
import uuid
from datetime import datetime
from http import HTTPStatus
from typing import Any, Sequence

from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from kioskd.voice import hydra, lightning
from kioskd.voice.admission import Caller, Wrong, caller, dialect_of, knows, protocol_of
from kioskd.voice.conversation import Room
from kioskd.voice.faults import Faults
from kioskd.voice.options import Options
from kioskd.voice.recogniser import Recogniser
from kioskd.voice.session import Closed, Session
from kioskd.voice.synthesiser import Synthesiser

log = logging.getLogger(__name__)
# The library logs request lines at DEBUG, and with them the api_key.
_quiet = logging.getLogger(f"{__name__}.websockets")
_quiet.setLevel(logging.WARNING)

# A client that does not answer the closing handshake is dropped after this; a kiosk's restart may not wait longer.
CLOSE_TIMEOUT_S = 2.0


class CannotListen(Exception):
    """The service does not start; the text is a sentence that says what to do."""


class Exposed(CannotListen):
    """The address can be reached from outside, and no token is set."""


class Connection(ServerConnection):
    """A WebSocket that remembers when it was pinged, and can play dead."""

    pinged_at = 0.0
    session_number = 0

    def process_event(self, event: Any) -> None:
        """Called by websockets for each frame that came in."""
        if isinstance(event, Frame) and event.opcode is Opcode.PING:
            self.pinged_at = asyncio.get_running_loop().time()
        super().process_event(event)

    async def receive(self) -> str | bytes:
        """The next message."""
        try:
            return await self.recv()
        except ConnectionClosed as closed:
            raise Closed(str(closed)) from None

    def vanish(self, reset: bool) -> None:
        """Drop the connection without a closing handshake."""
        raw = self.transport.get_extra_info("socket")
        if reset and raw is not None:
            # socket(7): with a linger time of zero, close sends RST.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def freeze(self) -> None:
        """Read nothing any more: pings and closing frames go unanswered too."""
        self.transport.pause_reading()


class WebSocketWire:
    """A session's view of a Connection (session.Wire)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.receive, self.vanish, self.freeze = connection.receive, connection.vanish, connection.freeze

    @property
    def pinged_at(self) -> float:
        """Loop time of the client's last ping."""
        return self._connection.pinged_at

    async def send(self, data: str | bytes) -> None:
        """Send a message."""
        try:
            await self._connection.send(data)
        except ConnectionClosed as closed:
            raise Closed(str(closed)) from None

    async def close(self, code: int, reason: str) -> None:
        """Close in order."""
        await self._connection.close(code, reason)


class Server:
    """The running service.

    Attributes:
        faults: switches for sessions that begin from now on; may be replaced while running.
        sessions: how many sessions began.
        active: how many are open.
        refused: how many were turned away.
        errors: how many ended by a fault of this program.
        quiet_since: loop time since when no session is open; None while one is.
    """

    def __init__(self, options: Options, ears: Recogniser | None = None) -> None:
        self._options = options
        self.faults = options.faults
        self._own_ears = ears is None
        self.ears = ears or Recogniser()
        mouth = Synthesiser(options.voice, options.words_per_minute)
        self._room = Room(options, self.ears, mouth, datetime.now, lambda: secrets.token_hex(8))
        self._listening: WebSocketServer | None = None
        self.sessions = self.active = self.refused = self.errors = 0
        self.quiet_since: float | None = asyncio.get_running_loop().time()

    async def start(self, host: str, port: int, sock: socket.socket | None) -> None:
        """Listen."""
        where: dict[str, Any] = {"sock": sock} if sock else {"host": host, "port": port}
        self._listening = await serve_websockets(
            self._converse,
            **where,
            process_request=self._admit,
            select_subprotocol=self._agree,
            create_connection=Connection,
            # Compressing costs more than it saves on one machine.
            compression=None,
            max_size=self._options.max_frame_bytes,
            close_timeout=CLOSE_TIMEOUT_S,
            # The idle rule of the dialect decides who is gone, not pings.
            ping_interval=None,
            server_header=None,
            logger=_quiet,
        )

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._listening is not None, "start() comes first"
        return int(self._listening.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """Where a client connects to, without model and key."""
        assert self._listening is not None, "start() comes first"
        host = self._listening.sockets[0].getsockname()[0]
        return f"ws://{f'[{host}]' if ':' in host else host}:{self.port}{hydra.PATH}"

    async def aclose(self) -> None:
        """Close all sessions (1001) and stop."""
        if self._listening is not None:
            self._listening.close()
            await self._listening.wait_closed()
        if self._own_ears:
            await asyncio.to_thread(self.ears.close)

    # -- upgrade

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """None: go on with the upgrade. Otherwise the HTTP answer."""
        who = caller(request.path, dict(request.headers.raw_items()))
        try:
            if who.path != lightning.PATH:
                dialect_of(who)
        except Wrong as wrong:
            return connection.respond(wrong.status, str(wrong))
        assert isinstance(connection, Connection)
        self.sessions += 1
        connection.session_number = self.sessions
        status = int(self.faults.for_session(self.sessions).number("upgrade-status"))
        if status:
            self.refused += 1
            return self._refused(connection, status)
        if not knows(self._options.token, who):
            self.refused += 1
            return connection.respond(HTTPStatus.UNAUTHORIZED, "the key is not valid\n")
        return None

    def _refused(self, connection: ServerConnection, status: int) -> Response:
        """The fault upgrade-status."""
        answer = connection.respond(HTTPStatus(status), "fault upgrade-status\n")
        patience_s = self.faults.number("retry-after")
        if patience_s:
            answer.headers["Retry-After"] = f"{patience_s:g}"
        return answer

    def _agree(self, connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        """Which subprotocol is spoken."""
        assert connection.request is not None
        chosen = protocol_of(caller(connection.request.path, dict(connection.request.headers.raw_items())))
        return None if chosen is None or self.faults.word("protocol-echo") == "none" else Subprotocol(chosen)

    # -- sessions

    async def _converse(self, connection: ServerConnection) -> None:
        assert isinstance(connection, Connection) and connection.request is not None
        faults = self.faults.for_session(connection.session_number)
        if self.active >= self._options.max_sessions or faults.flag("server-full"):
            await self._turn_away(connection)
            return
        who = caller(connection.request.path, dict(connection.request.headers.raw_items()))
        self.active, self.quiet_since = self.active + 1, None
        try:
            await self._serve(connection, faults, who)
        finally:
            self.active -= 1
            if not self.active:
                self.quiet_since = asyncio.get_running_loop().time()

    async def _serve(self, connection: Connection, faults: Faults, who: Caller) -> None:
        wire = WebSocketWire(connection)
        session: Session | lightning.Desk
        if who.path == lightning.PATH:
            session = lightning.Desk(wire, self._room, faults, lightning.idle_s(who.query))
        else:
            model = who.query.get("model", hydra.MODELS[0])
            session = Session(wire, self._room, faults, model, str(uuid.uuid4()), dialect_of(who))
        log.info("= session %s begins", connection.session_number)
        try:
            await session.run()
        except Exception:  # the boundary of a session: the others go on
            self.errors += 1
            log.exception("! session %s failed (%s so far)", connection.session_number, self.errors)
            await self._say_goodbye(connection, "internal_error", "the service failed", 1011)
        log.info("= session %s ended: %s", connection.session_number, connection.close_code)

    async def _turn_away(self, connection: Connection) -> None:
        """A9: server_full, then 1013."""
        self.refused += 1
        log.warning("= session %s refused: %s are open", connection.session_number, self.active)
        await self._say_goodbye(connection, "server_full", "all sessions are taken; try again later", 1013)

    async def _say_goodbye(self, connection: Connection, code: str, message: str, close_code: int) -> None:
        assert connection.request is not None
        frame = hydra.Pen(self._room.hex16).write(hydra.error(code, message))
        if connection.request.path.partition("?")[0] == lightning.PATH:
            frame = lightning.refusal(message, self.faults)
        try:
            await connection.send(frame)
            await connection.close(close_code, message)
        except ConnectionClosed:
            log.debug("= the client was gone before it could be told")


async def serve(
    host: str, port: int, options: Options, sock: socket.socket | None = None, ears: Recogniser | None = None
) -> Server:
    """Start the service.

    Args:
        host: an address; ``localhost`` means 127.0.0.1.
        port: 0 for any free one (see ``Server.port``).
        sock: a listening socket that was inherited; ``host`` and ``port`` are not used then.
        ears: a recogniser that is shared with others and closed by them; None: one of its own.

    Raises:
        Exposed: the address is not loopback and no token is set.
        CannotListen: the port cannot be had.
    """
    host = "127.0.0.1" if host == "localhost" else host
    bound = str(sock.getsockname()[0]) if sock else host
    if options.token is None and not _is_loopback(bound):
        raise Exposed(f"{bound} can be reached from outside; set a token (--token-file) or listen on 127.0.0.1")
    server = Server(options, ears)
    try:
        await server.start(host, port, sock)
    except OSError as error:
        await server.aclose()
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror or error}; choose another port") from error
    return server


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
