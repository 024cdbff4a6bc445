"""A text becomes sound: by the house's voice if it can, else by the one on the device, and it is said which."""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple

from kioskd.announce.ports import Recording, Voice, VoiceFailed

log = logging.getLogger(__name__)

HOUSE, LOCAL = "house", "local"


class Rendered(NamedTuple):
    """What came of a text.

    Attributes:
        by: "house" or "local".
        problem: why it is not the house's voice though there is one, a sentence; else empty.
    """

    recording: Recording
    by: str
    problem: str


class Renderer:
    """One text at a time: an account speaks one at a time (Hydra reference C2), and a small board has few cores. Loop
    only.

    Args:
        house: None: there is no service.

    Attributes:
        problem: why the house's voice was not had the last time, a sentence; empty when it was, or there is none.
        rendered: how many texts each voice has spoken.
        failed: how many texts a voice did not speak.
    """

    def __init__(self, house: Voice | None, local: Voice) -> None:
        self._house, self._local = house, local
        self._lock = asyncio.Lock()
        self._told: dict[str, str] = {}  # what the journal has been told of each voice's trouble
        self.problem = ""
        self.rendered = {HOUSE: 0, LOCAL: 0}
        self.failed = {HOUSE: 0, LOCAL: 0}

    @property
    def hosted(self) -> bool:
        """There is a service."""
        return self._house is not None

    async def render(self, text: str, voice: str = "", fall_back: bool = True) -> Rendered:
        """Speak a plain text.

        Args:
            voice: another than the configured one; the service's, or without a service espeak-ng's.
            fall_back: let the local voice speak where the house's does not.

        Raises:
            VoiceFailed: nobody spoke it; a sentence that says what to do.
        """
        async with self._lock:
            problem = ""
            if self._house is not None:
                try:
                    return Rendered(await self._by(HOUSE, self._house, text, voice), HOUSE, "")
                except VoiceFailed as error:
                    problem = self.problem = f"the service for announcements failed: {error}"
                    if not fall_back:
                        raise VoiceFailed(problem) from error
                voice = ""  # the service's voices are not espeak-ng's
            try:
                return Rendered(await self._by(LOCAL, self._local, text, voice), LOCAL, problem)
            except VoiceFailed as error:
                raise VoiceFailed(f"{problem}; and {error}" if problem else str(error)) from error

    async def _by(self, name: str, voice: Voice, text: str, wanted: str) -> Recording:
        try:
            recording = await voice.speak(text, wanted)
        except VoiceFailed as error:
            self.failed[name] += 1
            # The same trouble again and again, four times an hour for as long as a service is gone, is one line.
            level = logging.DEBUG if self._told.get(name) == str(error) else logging.WARNING
            self._told[name] = str(error)
            log.log(level, "the %s voice did not speak a text of %s characters: %s", name, len(text), error)
            raise
        self.rendered[name] += 1
        self._told.pop(name, None)
        if name == HOUSE:
            self.problem = ""
        return recording
