"""The house's voice: a service that speaks as Lightning does. A text comes whole and in time, or not at all."""

from __future__ import annotations

import asyncio
from typing import Callable

from kioskd.announce.ports import Dial, Recording, Socket, VoiceFailed
from kioskd.config.announce import Announce, AnnounceService
from kioskd.core.spoken import pieces
from kioskd.wire.errors import LocalError, ProtocolError
from kioskd.wire.lightning import Complete, Sound, Speech, SpeechRefused
from kioskd.wire.lightning_offer import VOICES
from kioskd.wire.lightning_request import Request

# As the services' answers and the cues have it, so that all share a device opened at that rate.
RATE_HZ = 24_000
# Nothing comes for so long, and nothing more will: a ``complete`` that obeys no backoff comes after 4 s (reference B4).
STALLED_S = 6.0
# RFC 6455, 7.4.1
NORMAL = 1000


class Hosted:
    """Loop only.

    Args:
        new_id: a fresh id for each request, letters and digits.
        stalled_s: a service that says nothing for so long in the middle of a text has failed.
        asked: told of each piece of text that was sent: that is what is billed.
    """

    def __init__(
        self,
        dial: Dial,
        section: Announce,
        service: AnnounceService,
        new_id: Callable[[], str],
        stalled_s: float = STALLED_S,
        asked: Callable[[str], object] = len,
    ) -> None:
        self._dial, self._section, self._service = dial, section, service
        self._new_id, self._stalled_s, self._asked = new_id, stalled_s, asked

    async def speak(self, text: str, voice: str = "") -> Recording:
        """A plain text, whole. Long ones go in pieces, over one socket where the service keeps it open.

        Raises:
            VoiceFailed: not all of it came within ``deadline_s``.
        """
        deadline_s = self._service.deadline_s
        try:
            async with asyncio.timeout(deadline_s):
                return Recording(await self._whole(text, voice or self._usual_voice), RATE_HZ)
        except TimeoutError:
            raise VoiceFailed(f"it did not speak the whole text within {deadline_s:g} s") from None
        except SpeechRefused as error:
            raise VoiceFailed(f"it says: {error}") from error
        except ProtocolError as error:
            raise VoiceFailed(error.sentence) from error
        except LocalError as error:
            raise VoiceFailed(str(error)) from error

    @property
    def _usual_voice(self) -> str:
        return self._section.voice or VOICES[self._service.model]

    async def _whole(self, text: str, voice: str) -> bytes:
        socket, speech, sound = None, Speech(), []
        try:
            for piece in pieces(text):
                request = self._request(piece, voice)
                if socket is not None:
                    pcm = await self._again(socket, speech, request)
                    if pcm is not None:
                        sound.append(pcm)
                        continue
                socket, speech = await self._dial(), Speech()
                sound.append(await self._one(socket, speech, request))
        finally:
            if socket is not None:
                await socket.close(NORMAL)
        return b"".join(sound)

    def _request(self, piece: str, voice: str) -> Request:
        return Request(
            text=piece,
            voice=voice,
            model=self._service.model,
            language=self._section.language,
            rate_hz=RATE_HZ,
            speed=self._section.speed,
            request_id=self._new_id(),
        )

    async def _again(self, socket: Socket, speech: Speech, request: Request) -> bytes | None:
        """The same over a socket that has served; None where the service closed it behind ``complete`` (B4)."""
        try:
            return await self._one(socket, speech, request)
        except VoiceFailed:
            return None

    async def _one(self, socket: Socket, speech: Speech, request: Request) -> bytes:
        """One request, from its frame to its ``complete``."""
        await socket.send(speech.ask(request))
        self._asked(request.text)
        sound = []
        while True:
            try:
                async with asyncio.timeout(self._stalled_s):
                    told = speech.receive(await socket.receive())
            except TimeoutError:
                raise ProtocolError(
                    1002, f"it fell silent for {self._stalled_s:g} s in the middle of the text"
                ) from None
            if isinstance(told, Sound):
                sound.append(told.pcm)
            elif isinstance(told, Complete):
                break
        if not any(map(any, sound)):
            raise ProtocolError(1002, "it sent no sound")
        return b"".join(sound)
