"""What would fail when it is first needed: looked at right after the start, and again for as long as it is wrong.

A key is read at the first visitor's word and a webhook's token at the first call for staff. Status shall not say that
all is well until then.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Callable, Mapping, NamedTuple, Sequence

from kioskd.audio.cards import Kernel
from kioskd.audio.presence import doubt
from kioskd.config.checks import secret_refs
from kioskd.config.secrets import SecretError, read_secret
from kioskd.config.sections import Config, SecretRef
from kioskd.core.events import PartChanged
from kioskd.core.ports import Post
from kioskd.core.words import PartState

if TYPE_CHECKING:
    from kioskd.app import House

# What is wrong is looked at again this often: somebody mends it and looks at the lamp. A guess.
AGAIN_S = 30.0
# How the names of these parts begin; the lamp leaves them to the link's own rungs.
SECRET = "the secret"
# A microphone that is muted is not opened; that it is missing would be found out when it is needed.
MUTED = "the microphone behind the mute"


class Look(NamedTuple):
    """One thing to look at: the part that it is told as, and what finds out why it would fail ("": it would not).

    ``find`` may block on the disk; it is called in a worker thread.
    """

    part: str
    find: Callable[[], str]


def looks_at_secrets(config: Config, env: Mapping[str, str], seen: set[str]) -> list[Look]:
    """One look for each secret that the configuration refers to; what is read goes into ``seen``, for redaction."""

    def finder(ref: SecretRef) -> Callable[[], str]:
        def find() -> str:
            try:
                seen.add(read_secret(ref, env))
            except SecretError as error:
                return str(error)
            return ""

        return find

    return [Look(f"{SECRET} {path}", finder(ref)) for path, ref in secret_refs(config)]


def foresee(house: House) -> Foresight:
    """The looks of this house, not begun."""
    return Foresight(looks_of(house), house.inbox.post)


def looks_of(house: House) -> list[Look]:
    """What this house looks at: its secrets, and its microphone while that is muted (the speaker's thread looks after
    the speaker, audio/playback.py)."""

    def microphone() -> str:
        return doubt(house.config.audio.input, "input", Kernel(), os.environ) if house.machine.state.muted else ""

    return [*looks_at_secrets(house.config, os.environ, house.secrets), Look(MUTED, microphone)]


class Foresight:
    """Loop only."""

    def __init__(self, looks: Sequence[Look], post: Post, again_s: float = AGAIN_S) -> None:
        self._looks, self._post, self._again_s = looks, post, again_s
        self._told: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        if self._looks:
            self._task = asyncio.create_task(self._run(), name="foresight")

    def use(self, looks: Sequence[Look]) -> None:
        """Look at these from now on; of what is not among them nothing is wrong any more."""
        if self._task is not None:
            self._task.cancel()
        for part in {part for part, why in self._told.items() if why} - {look.part for look in looks}:
            self._tell(part, "")
        self._looks = looks
        self.start()

    async def aclose(self) -> None:
        """Look no more; also twice, also before the start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            for look in self._looks:
                self._tell(look.part, await asyncio.to_thread(look.find))
            if not any(self._told.values()):
                return
            await asyncio.sleep(self._again_s)

    def _tell(self, part: str, why: str) -> None:
        if why != self._told.get(part, ""):
            self._told[part] = why
            self._post(PartChanged(part, PartState.ABSENT if why else PartState.RUNNING, why))
