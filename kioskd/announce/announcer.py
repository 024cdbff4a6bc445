"""Announcements on their way: rendered at once, played when the machine says that nobody is in the middle of something.

The machine knows an announcement by its number (core/announcing.py); its sound waits here.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import Callable, Protocol

from kioskd.announce.ports import Recording, VoiceFailed
from kioskd.announce.renderer import Renderer
from kioskd.core.announce_events import AnnouncementDropped, AnnouncementRendered
from kioskd.core.ports import Post
from kioskd.core.spoken import NotSpeakable, plain

log = logging.getLogger(__name__)

SOURCE = "announcement"
# So many may be on their way; each waits for the one before it. More is a script gone wild. A guess.
MOST_WAITING = 4
# Whoever asked may ask how it ended for so many announcements.
REMEMBERED = 16

RENDERS, WAITS, PLAYS, PLAYED, CUT, GIVEN_UP, FAILED = (
    "renders",
    "waits",
    "plays",
    "played",
    "cut",
    "given up",
    "failed",
)
OVER = (PLAYED, CUT, GIVEN_UP, FAILED)


class Lane(Protocol):
    """The playback lane."""

    def put(self, pcm: bytes, rate_hz: int, response: str = "", source: str = "service") -> bool:
        """Queue sound; False when there is no room."""


@dataclass(slots=True)
class Announcement:
    """One text.

    Attributes:
        number: counted from 1.
        page: it calls somebody.
        state: renders, waits, plays; then played, cut, given up or failed.
        by: "house" or "local"; empty while nobody has spoken it.
        seconds: how long it plays.
        note: what whoever asked should know, a sentence; or empty.
    """

    number: int
    text: str
    voice: str
    page: bool = False
    state: str = RENDERS
    by: str = ""
    seconds: float = 0.0
    note: str = ""
    recording: Recording | None = None

    def shown(self) -> dict[str, object]:
        """For whoever asked. The text is theirs, it is not told again."""
        return {
            "run": self.number,
            "running": self.state not in OVER,
            "state": self.state,
            "voice": self.by,
            "seconds": round(self.seconds, 2),
            "note": self.note,
        }


class Announcer:
    """Loop only.

    Args:
        lane: where the sound goes.
        post: tells the machine.
        deaf_speaker: why nothing is heard, a sentence; empty when the speaker serves.
        wait_s: an announcement waits so long for its turn.

    Attributes:
        counts: announcements by how they ended.
    """

    def __init__(
        self, renderer: Renderer, lane: Lane, post: Post, deaf_speaker: Callable[[], str], wait_s: float
    ) -> None:
        self._renderer, self._lane, self._post = renderer, lane, post
        self._deaf_speaker, self._wait_s = deaf_speaker, wait_s
        self._known: deque[Announcement] = deque()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._number = 0
        self.counts = dict.fromkeys(OVER, 0)

    # -- whoever asks ----------------------------------------------------------------------------

    def say(self, text: str, voice: str = "", page: bool = False) -> dict[str, object]:
        """Begin one; how it stands. ``page``: it calls somebody.

        Raises:
            ValueError: the text or the voice cannot be spoken, or too many are on their way; a sentence.
        """
        try:
            words = plain(text)
        except NotSpeakable as error:
            raise ValueError(f"the text {error}") from error
        if len(voice) > 100 or not voice.isprintable():
            raise ValueError("this is no name of a voice")
        if sum(one.state not in OVER for one in self._known) >= MOST_WAITING:
            raise ValueError(f"{MOST_WAITING} announcements are on their way; wait until one has been spoken")
        self._number += 1
        one = Announcement(self._number, words, voice, page)
        self._known.append(one)
        if len(self._known) > REMEMBERED:
            self._known.remove(next(known for known in self._known if known.state in OVER))  # not one on its way
        task = self._tasks[one.number] = asyncio.create_task(self._prepare(one), name="announcement")
        task.add_done_callback(lambda _: self._tasks.pop(one.number, None))
        return one.shown()

    def ask(self, number: object) -> dict[str, object]:
        """How one stands.

        Raises:
            ValueError: it is not remembered; a sentence.
        """
        one = self._of(number)
        if one is None:
            raise ValueError("this announcement is not remembered")
        return one.shown()

    def _of(self, number: object) -> Announcement | None:
        return next((one for one in self._known if one.number == number), None)

    def snapshot(self) -> dict[str, object]:
        """For status."""
        states = [one.state for one in self._known]
        return {
            "state": next((state for state in (PLAYS, WAITS, RENDERS) if state in states), "idle"),
            "waiting": sum(state not in OVER for state in states),
            "ended": {name.replace(" ", "_"): count for name, count in self.counts.items()},
        }

    def use(self, renderer: Renderer) -> None:
        """Another renderer, from the next announcement on."""
        self._renderer = renderer

    async def aclose(self) -> None:
        """Give everything up; also twice."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- on its way ------------------------------------------------------------------------------

    async def _prepare(self, one: Announcement) -> None:
        """Render it, and see that it does not wait for ever. The boundary of its task."""
        try:
            rendered = await self._renderer.render(one.text, one.voice)
            one.recording, one.by, one.note = rendered.recording, rendered.by, rendered.problem
            one.seconds, one.state = rendered.recording.seconds, WAITS
            self._post(AnnouncementRendered(one.number, one.page))
            await asyncio.sleep(self._wait_s)
            if one.state == WAITS:
                self._post(AnnouncementDropped(one.number))
                self._end(one, GIVEN_UP, f"the kiosk was in use for {self._wait_s:g} s; say it again later")
        except VoiceFailed as error:
            self._end(one, FAILED, str(error))
        except Exception as error:
            log.exception("an announcement failed")
            self._post(AnnouncementDropped(one.number))
            self._end(one, FAILED, f"a fault inside kioskd ({type(error).__name__}); its journal has the traceback")

    def _end(self, one: Announcement, state: str, note: str = "") -> None:
        one.state, one.recording = state, None
        one.note = "; ".join(part for part in (note, one.note) if part)
        self.counts[state] += 1
        log.info("announcement %s (%.1f s, %s voice): %s", one.number, one.seconds, one.by or "no", state)

    # -- the machine's side ----------------------------------------------------------------------

    def play(self, number: int) -> None:
        """Its turn has come."""
        one = self._of(number)
        if one is None or one.recording is None or one.state != WAITS:
            self._post(AnnouncementDropped(number))
            return
        self._tasks[number].cancel()  # it waits no more
        recording = one.recording
        if self._lane.put(recording.pcm, recording.rate_hz, source=SOURCE):
            one.state, one.recording = PLAYS, None
            return
        self._post(AnnouncementDropped(number))
        self._end(one, FAILED, f"{one.seconds:.0f} s of sound do not fit; see audio.longest_answer_s")

    def over(self, number: int, heard: bool) -> None:
        """It has been played, or somebody spoke over it."""
        one = self._of(number)
        if one is None or one.state != PLAYS:
            return
        deaf = self._deaf_speaker()
        if not heard:
            self._end(one, CUT, "somebody spoke over it, or pressed the button")
        elif deaf:
            self._end(one, FAILED, f"nobody heard it: {deaf}")
        else:
            self._end(one, PLAYED)
