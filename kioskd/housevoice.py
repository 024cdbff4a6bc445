"""The way to the house's voice: joins the room ``announce`` to the link's connection, and counts its use."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Callable, Mapping

from kioskd.config.announce import AnnounceService
from kioskd.config.secrets import SecretError, read_secret
from kioskd.core.budget import CHARACTERS, VOICE
from kioskd.core.tally import ZERO, Tally

if TYPE_CHECKING:
    from kioskd.announce.ports import Socket
    from kioskd.link.client import Connection

# The sound is here by then, or nobody wants it any more; and SIGTERM must be done within a second, all together.
GOODBYE_S = 0.2


class Account:
    """What the service was used for since the start. Loop only.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used = ZERO
        self._open: list[float] = []  # when each connection that is there was opened

    def attempted(self) -> None:
        """It was dialled."""
        self._add(Tally(attempts=1))

    def asked(self, text: str) -> None:
        """It was asked to speak this: that is billed, and reported by nobody (Hydra reference B)."""
        self._add(Tally(usage={CHARACTERS: len(text)}))

    def opened(self) -> float:
        """A connection is there; what ``closed`` wants to know."""
        self._add(Tally(sessions=1))
        self._open.append(now := self._clock())
        return now

    def closed(self, since: float) -> None:
        """It is gone."""
        if since in self._open:
            self._open.remove(since)
            self._add(Tally(session_s=self._clock() - since))

    def carried(self, up: int = 0, down: int = 0) -> None:
        """So many bytes went over it."""
        self._add(Tally(bytes_up=up, bytes_down=down))

    def readings(self) -> Mapping[str, Tally]:
        """As the link's: by name of service; empty as long as it was never called."""
        if self._used == ZERO:
            return {}
        now = self._clock()
        return {VOICE: self._used.plus(Tally(session_s=sum(now - since for since in self._open)))}

    def _add(self, used: Tally) -> None:
        self._used = self._used.plus(used)


async def dial_service(service: AnnounceService, seen: set[str], env: Mapping[str, str], account: Account) -> Socket:
    """A socket to the house's voice, over the link's one client. The key is read afresh each time.

    Args:
        seen: every secret read goes in here, for the redaction of logs.

    Raises:
        VoiceFailed: it cannot be had; the text says why.
    """
    from kioskd.announce.ports import VoiceFailed
    from kioskd.link.client import Target, dial
    from kioskd.link.failures import LinkError
    from kioskd.link.redaction import Scrub
    from kioskd.services import proxy_reader
    from kioskd.wire.lightning import MOST_FRAME_BYTES
    from kioskd.wire.profile import Profile

    try:
        key = None if service.key is None else await asyncio.to_thread(read_secret, service.key, env)
    except SecretError as error:
        raise VoiceFailed(f"its key cannot be had: {error}") from error
    if key is not None:
        seen.add(key)
    scrub = Scrub(key)
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    profile = Profile(name="lightning", url=service.url, max_frame_bytes=MOST_FRAME_BYTES)
    try:
        way = await asyncio.to_thread(proxy_reader(service.proxy, service.url, env, seen))
        within_s = service.deadline_s
        target = Target(profile, service.url, headers, scrub, (), within_s, close_timeout_s=GOODBYE_S, proxy=way)
        account.attempted()
        return Line(await dial(target), scrub.frame, account)
    except LinkError as error:
        raise VoiceFailed(_of_us(str(error))) from None
    except ValueError as error:
        raise VoiceFailed(str(error)) from None


class Line:
    """A connection as the room ``announce`` has it (announce/ports.Socket)."""

    def __init__(self, connection: Connection, mask: Callable[[str], str], account: Account) -> None:
        self._connection, self._mask, self._account = connection, mask, account
        self._since = account.opened()

    async def receive(self) -> str | bytes:
        """The next frame, without the key."""
        from kioskd.announce.ports import VoiceFailed
        from kioskd.link.failures import LinkError

        try:
            frame = await self._connection.receive()
        except LinkError as error:
            self._account.closed(self._since)
            raise VoiceFailed(_of_us(str(error))) from None
        self._account.carried(down=len(frame))
        return self._mask(frame) if isinstance(frame, str) else frame

    async def send(self, frame: str) -> None:
        """Hand one text frame over."""
        from kioskd.announce.ports import VoiceFailed
        from kioskd.link.failures import LinkError

        try:
            await self._connection.send(frame)
        except LinkError as error:
            self._account.closed(self._since)
            raise VoiceFailed(_of_us(str(error))) from None
        self._account.carried(up=len(frame))

    async def close(self, code: int) -> None:
        """Say goodbye."""
        self._account.closed(self._since)
        await self._connection.close(code)


def _of_us(sentence: str) -> str:
    """The link's sentences name the keys of its own section."""
    return sentence.replace("service.", "announce.service.")
