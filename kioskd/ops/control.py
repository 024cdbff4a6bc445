"""The two control sockets: ``look.sock`` answers what is, ``change.sock`` changes it. Their modes decide who may.

One request a line, one answer a line, both JSON objects: ``{"do": "status"}`` gives ``{"ok": true, "status": ...}`` or
``{"ok": false, "error": sentence}``. ``{"do": "watch"}`` gives the remembered notes and then every new one.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
from dataclasses import asdict, dataclass
from functools import partial
from inspect import isawaitable
from typing import Awaitable, Callable, Mapping

from kioskd.ops.sockets import Place, asker
from kioskd.ops.timeline import Timeline, Watcher

log = logging.getLogger(__name__)

LOOK, CHANGE = "look.sock", "change.sock"
# The group that may use each socket, where the machine has such a group (systemd/sysusers.d-kioskd.conf).
GROUPS: Mapping[str, str] = {LOOK: "kioskd", CHANGE: "kioskd-admin"}

# The longest request of today has 60 bytes; a whole configuration file fits as well.
REQUEST_BYTES = 64 * 1024
# A client that connects and says nothing holds one of the places; a person at a prompt is not on this socket. Guess.
SPEAK_S = 10.0
# A watcher whose terminal is stopped (Ctrl-S) may take this long to read on. Guess.
TAKE_S = 60.0
CLIENTS = 32  # of each socket

Request = Mapping[str, object]
Answer = Mapping[str, object]
Do = Callable[[Request], Answer | Awaitable[Answer]]
# What these do is written down with who asked for it.
CONFIGURING = ("reload", "apply", "unlock")


class Refusal(Exception):
    """What was asked will not be done; the text is a sentence for the one who asked."""


@dataclass(slots=True)
class Counts:
    """Since start: requests answered with ok, refused, not understood; our faults; clients sent away, and given up."""

    answered: int = 0
    refused: int = 0
    garbage: int = 0
    faults: int = 0
    turned_away: int = 0
    too_slow: int = 0


class Control:
    """Serves both sockets. Loop only.

    Args:
        runtime_dir: where the sockets are; clients look for them there.
        status: makes the status page; called for each request.
        changes: what may be asked on ``change.sock``, by name. A callable gets the request and returns what to
            answer (or an awaitable of that), or raises ValueError with a sentence. It must not block.
        timeline: where notes come from.
        looks: what else may be asked on ``look.sock``, by name; a callable as those of ``changes``.
        groups: the group of each socket, by the socket's name.
        speak_s: how long a client may say nothing.
        take_s: how long a client may leave an answer unread.
    """

    def __init__(
        self,
        runtime_dir: str,
        status: Callable[[], Answer],
        changes: Mapping[str, Do],
        timeline: Timeline,
        *,
        looks: Mapping[str, Do] | None = None,
        groups: Mapping[str, str] = GROUPS,
        speak_s: float = SPEAK_S,
        take_s: float = TAKE_S,
    ) -> None:
        self._runtime_dir = runtime_dir
        self._status = status
        self._changes = changes
        self._looks = looks or {}
        self._timeline = timeline
        self._groups = groups
        self._speak_s = speak_s
        self._take_s = take_s
        self._servers: list[asyncio.AbstractServer] = []
        self._places: list[Place] = []
        self._clients: dict[asyncio.Task[None], str] = {}  # and by which socket they came
        self.counts = Counts()
        self.problem = ""  # why control is off, a sentence; empty while it is on
        self.taken = False  # ... because another daemon lives in this folder

    async def start(self) -> None:
        """Open both sockets. Never raises for a folder that cannot be used: control is off then, the kiosk is not."""
        self.problem = ""
        try:
            for name in (LOOK, CHANGE):
                await self._open(name)
        except OSError as error:
            self.problem = f"control is off, kioskctl cannot reach this kiosk: {_why(error, self._runtime_dir)}"
            self.taken = error.errno == errno.EADDRINUSE
            log.error("%s", self.problem)
            await self.aclose()

    async def aclose(self) -> None:
        """End every conversation and take the sockets away; also after a failed start, also twice."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        clients = [task for task in self._clients if task is not asyncio.current_task()]
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        for place in self._places:
            place.leave()
        self._places.clear()

    def snapshot(self) -> dict[str, object]:
        """For status."""
        return {"problem": self.problem, "clients": len(self._clients), **asdict(self.counts)}

    async def _open(self, name: str) -> None:
        place = Place(os.path.join(self._runtime_dir, name))
        listening = place.prepare(self._groups[name], alone=0o600 if name == CHANGE else 0o660)
        self._places.append(place)
        server = await asyncio.start_unix_server(partial(self._meet, name), sock=listening, limit=REQUEST_BYTES)
        self._servers.append(server)
        place.take()

    # -- one client ------------------------------------------------------------------------------

    async def _meet(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from here to its end. The boundary of its task."""
        task = asyncio.current_task()
        assert task is not None
        # Every drain waits until the kernel has it all: nothing of ours is unsent when the connection is closed.
        writer.transport.set_write_buffer_limits(high=0)
        if sum(came_by == name for came_by in self._clients.values()) >= CLIENTS:
            # Each socket has its own places: who may only look must not keep the owner from muting.
            self.counts.turned_away += 1
            writer.write(_refusal(f"{CLIENTS} others are connected; end a kioskctl watch and try again"))
            writer.close()
            return
        self._clients[task] = name
        try:
            await self._converse(name, reader, writer)
        except ConnectionError as error:
            log.debug("a client of %s went away: %s", name, error)
        except TimeoutError:
            self.counts.too_slow += 1
        except Exception:
            log.exception("serving a client of %s failed", name)
            self.counts.faults += 1
        finally:
            self._clients.pop(task, None)
            writer.transport.abort()

    async def _converse(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        quiet = f"nothing was asked within {self._speak_s:g} s"
        while True:
            try:
                async with asyncio.timeout(self._speak_s):
                    line = await reader.readline()
            except TimeoutError:
                if quiet:
                    await self._send(writer, _refusal(quiet))
                raise
            except ValueError:
                self.counts.garbage += 1
                await self._send(writer, _refusal(f"a request has at most {REQUEST_BYTES >> 10} KiB"))
                return
            if not line:
                return
            request = self._read(line)
            if name == LOOK and not isinstance(request, str) and request.get("do") == "watch":
                await self._watch(reader, writer)
                return
            await self._send(writer, await self._answer(name, request, writer))
            quiet = ""
            # A client that has sent a thousand requests at once would otherwise hold the loop until all are answered.
            await asyncio.sleep(0)

    async def _send(self, writer: asyncio.StreamWriter, line: bytes) -> None:
        writer.write(line)
        async with asyncio.timeout(self._take_s):
            await writer.drain()

    # -- what is asked ---------------------------------------------------------------------------

    def _read(self, line: bytes) -> Request | str:
        """The request, or the sentence that says why it is none."""
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):  # RecursionError: thousands of brackets
            request = None
        if isinstance(request, dict) and isinstance(request.get("do"), str):
            return request
        self.counts.garbage += 1
        return 'this is no request; one JSON object a line, like {"do": "status"}'

    async def _answer(self, name: str, request: Request | str, writer: asyncio.StreamWriter) -> bytes:
        """One line. The boundary around what the rooms do: whatever they raise, the client gets a sentence."""
        if isinstance(request, str):
            return _refusal(request)
        try:
            line = _line({"ok": True, **await self._do(name, request, writer)})
            self.counts.answered += 1
            return line
        except Refusal as refusal:
            self.counts.refused += 1
            return _refusal(str(refusal))
        except Exception:
            log.exception("%s was asked for on %s and failed", request["do"], name)
            self.counts.faults += 1
            return _refusal("an error inside kioskd; its journal has the traceback")

    async def _do(self, name: str, request: Request, writer: asyncio.StreamWriter) -> Answer:
        asked = str(request["do"])
        looks = ("status", "watch", *self._looks)
        if name == LOOK and asked == "status":
            return {"status": self._status()}
        here = self._looks if name == LOOK else self._changes
        if asked in here:
            if name == CHANGE:
                # Who asks how a run goes asks again and again; its beginning has been told.
                level = logging.DEBUG if "run" in request or request.get("step") == "look" else logging.INFO
                uid = asker(writer.get_extra_info("socket"))
                log.log(level, "%s is asked for by user id %s", asked, uid)
                request = {**request, "uid": uid} if asked in CONFIGURING else request
            try:
                answer = here[asked](request)
                return await answer if isawaitable(answer) else answer
            except ValueError as error:
                raise Refusal(str(error)) from error
        if asked in self._changes:
            raise Refusal(f"{asked} changes the kiosk; ask for it on {CHANGE}")
        if asked in looks:
            raise Refusal(f"{asked} changes nothing; ask for it on {LOOK}")
        known = looks if name == LOOK else tuple(self._changes)
        raise Refusal(f"there is no such request; {name} knows {', '.join(known)}")

    # -- watching --------------------------------------------------------------------------------

    async def _watch(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Stream notes until the client goes, or closes its sending side, which looks the same from here."""
        self.counts.answered += 1
        watcher = self._timeline.subscribe()
        # Taken in the same turn of the loop as the subscription: no note is missed, none comes twice.
        remembered = list(self._timeline.recent)
        both = (
            asyncio.create_task(self._stream(remembered, watcher, writer)),
            asyncio.create_task(_until_gone(reader)),
        )
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._timeline.unsubscribe(watcher)
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        for task in done:
            task.result()

    async def _stream(self, remembered: list[Request], watcher: Watcher, writer: asyncio.StreamWriter) -> None:
        for row in remembered:
            await self._send(writer, _line(row))
        while True:
            await self._send(writer, _line(await watcher.get()))


async def _until_gone(reader: asyncio.StreamReader) -> None:
    while await reader.read(REQUEST_BYTES):
        pass  # a watcher has nothing more to say


def _line(row: Mapping[str, object]) -> bytes:
    # ASCII: a note may hold what the service said, and no terminal shall be steered by it.
    return json.dumps(row, default=str).encode() + b"\n"


def _refusal(sentence: str) -> bytes:
    return _line({"ok": False, "error": sentence})


def _why(error: OSError, runtime_dir: str) -> str:
    reason = error.strerror or str(error)
    return reason if runtime_dir in reason else f"{runtime_dir} cannot be used ({reason}); see ops.runtime_dir"
