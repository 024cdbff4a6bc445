"""Spoken cues are rendered in the background: once, by the house's voice if it can, by the local one meanwhile."""

from __future__ import annotations

import asyncio
import logging
from typing import Callable, Mapping

from kioskd.announce.ports import VoiceFailed
from kioskd.announce.renderer import HOUSE, LOCAL, Renderer
from kioskd.announce.shelf import Shelf

log = logging.getLogger(__name__)

# The kiosk itself comes first: its devices, its first session. A guess.
START_S = 3.0
# A service that did not speak is asked again: soon, later, and then every quarter of an hour for as long as it takes.
SOON_S, CAP_S = 20.0, 900.0


class CueMaker:
    """Loop only; the disk is touched in threads.

    Args:
        texts: what is to be spoken, by cue.
        changed: told when there is a new recording to play.
        chance: a number from 0.0 to 1.0; a fleet that lost its service does not come back in step.

    Attributes:
        by: which voice the recording of each cue has; "" where there is none yet.
        problem: what is wrong, a sentence; empty when every cue has the voice that it should have.
        attempts: how often all that was missing was tried.
    """

    def __init__(
        self,
        texts: Mapping[str, str],
        renderer: Renderer,
        shelf: Shelf,
        changed: Callable[[], None],
        chance: Callable[[], float],
        start_s: float = START_S,
        soon_s: float = SOON_S,
    ) -> None:
        self._texts, self._renderer, self._shelf = texts, renderer, shelf
        self._changed, self._chance, self._start_s, self._soon_s = changed, chance, start_s, soon_s
        self._hopeless: dict[str, str] = {}  # texts that no trying again makes fit, and why
        self.by = dict.fromkeys(texts, "")
        self.problem = ""
        self.attempts = 0

    async def run(self) -> None:
        """Render what is missing until nothing is. Then it returns."""
        await asyncio.sleep(self._start_s)
        wait_s = self._soon_s
        while not await self.attempt():
            await asyncio.sleep(wait_s * (0.5 + self._chance()))
            wait_s = min(2 * wait_s, CAP_S)

    async def attempt(self) -> bool:
        """Try everything that is missing once; whether nothing is missing any more."""
        self.attempts += 1
        problems, fresh = [], False
        for cue, text in self._texts.items():
            before = self.by[cue]
            try:
                self.by[cue] = await self._have(text)
            except VoiceFailed as error:
                problems.append(f"the cue {cue} is not spoken yet: {error}")
            except OSError as error:
                problems.append(f"the cue {cue} cannot be kept in {self._shelf.folder}: {error.strerror or error}")
            fresh |= self.by[cue] != before
        try:
            await asyncio.to_thread(self._shelf.tidy, tuple(self._texts.values()))
        except OSError as error:
            log.warning("%s cannot be tidied: %s", self._shelf.folder, error.strerror or error)
        best = HOUSE if self._renderer.hosted else LOCAL
        if not problems and any(by != best for by in self.by.values()):
            problems.append(f"cues are spoken by the local voice for the time being: {self._renderer.problem}")
        before, self.problem = self.problem, "; ".join(problems)
        if problems and self.problem != before:
            log.warning("%s", self.problem)
        if fresh:
            self._changed()
        return not problems

    async def _have(self, text: str) -> str:
        """Which voice has spoken this text: the best one, now or before."""
        if text in self._hopeless:
            raise VoiceFailed(self._hopeless[text])  # minutes are billed
        best = HOUSE if self._renderer.hosted else LOCAL
        if await asyncio.to_thread(self._shelf.sound, text, best):
            return best
        spoken = best != LOCAL and bool(await asyncio.to_thread(self._shelf.sound, text, LOCAL))
        try:
            # What the local voice has spoken it need not speak again.
            rendered = await self._renderer.render(text, fall_back=not spoken)
        except VoiceFailed:
            if spoken:
                return LOCAL
            raise
        try:
            await asyncio.to_thread(self._shelf.keep, text, rendered.by, rendered.recording)
        except VoiceFailed as error:
            self._hopeless[text] = str(error)
            raise
        return rendered.by
