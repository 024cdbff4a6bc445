"""Which sound each cue has: its built-in tone, none, a WAV file's, or a text's that somebody has spoken."""

from __future__ import annotations

import logging
from collections import deque
from typing import Callable, Mapping, NamedTuple

from kioskd.audio.cues import CUE_HZ, CUES, cue
from kioskd.config.cuefile import SILENT, TONE, read_cue, said
from kioskd.core.events import PartChanged
from kioskd.core.ports import Post
from kioskd.core.resample import to_mono
from kioskd.core.wavhead import NotPlayable
from kioskd.core.words import PartState

log = logging.getLogger(__name__)


class Sound(NamedTuple):
    """S16_LE mono; empty for a cue that is silent."""

    pcm: bytes
    rate_hz: int


NOTHING = Sound(b"", CUE_HZ)


class Page(NamedTuple):
    """What one ``load`` made: exchanged as a whole, so that nobody sees half of one and half of another.

    Attributes:
        sounds: by cue; one that is not here is what its setting says, a file's its tone.
        problems: what is wrong with files, by cue. Their tones are played.
        unspoken: cues whose text nobody has spoken yet. Their tones are played.
    """

    sounds: Mapping[str, Sound]
    problems: Mapping[str, str]
    unspoken: tuple[str, ...]

    @property
    def problem(self) -> str:
        """Everything that is wrong, in sentences; empty: nothing is."""
        return "; ".join(self.problems.values())


class CueBook:
    """The sounds of the cues. ``sound`` and ``choose`` in any thread, ``load`` in one that may wait for the disk.

    Args:
        settings: cue to ``tone``, ``silent``, a path or ``say:TEXT``; one that is not named is a tone.
        post: gets PartChanged("cues", FAILED or RUNNING, sentence) when ``load`` finds that what is wrong has changed.

        spoken: where the recording of a text lies; None while there is none. May block on the disk.

    Attributes:
        page: what the latest ``load`` made; whoever asks it for two things takes it once.
    """

    def __init__(
        self, settings: Mapping[str, str], post: Post, spoken: Callable[[str], str | None] | None = None
    ) -> None:
        self._spoken = spoken
        self.page = Page({}, {}, ())
        self._post = post
        # The latest choice. One end puts, the other takes: what is chosen while files are read is not lost.
        self._wanted: deque[Mapping[str, str]] = deque(maxlen=1)
        self._latest: Mapping[str, str] = {}  # what is played before the first ``load`` is through
        self.choose(settings)

    def choose(self, settings: Mapping[str, str]) -> None:
        """Other sounds, from the next ``load`` on.

        Raises:
            KeyError: there is no such cue.
        """
        for name in settings:
            if name not in CUES:
                raise KeyError(f"no cue '{name}'; there are {', '.join(CUES)}")
        self._latest = dict(settings)
        self._wanted.append(self._latest)

    @property
    def stale(self) -> bool:
        """True when ``load`` has something to do."""
        return bool(self._wanted)

    def load(self) -> None:
        """Make every sound ready. Reads files: blocks on the disk, at most 3 MB for each cue."""
        try:
            wanted = self._wanted.pop()
        except IndexError:
            return
        before, problems, sounds = self.page.problem, {}, {}
        recorded = {name: self._recorded(wanted.get(name, TONE)) for name in CUES}
        for name in CUES:
            setting = recorded[name]
            try:
                sounds[name] = _sound(name, setting)
            except NotPlayable as error:
                problems[name] = f"the file of the cue {name}, {setting}, {error}; its tone is played"
                log.warning("%s", problems[name])
                sounds[name] = _sound(name, TONE)
        unspoken = tuple(name for name, setting in wanted.items() if recorded[name] == TONE != setting)
        self.page = page = Page(sounds, problems, unspoken)
        if page.problem != before:
            self._post(PartChanged("cues", PartState.FAILED if problems else PartState.RUNNING, page.problem))

    def _recorded(self, setting: str) -> str:
        """Where it is spoken: the path of its recording, or its tone while there is none."""
        text = said(setting)
        if text is None:
            return setting
        return (self._spoken(text) if self._spoken is not None else None) or TONE

    def sound(self, name: str) -> Sound:
        """What to play for a cue. A file's is its tone until ``load`` has been called.

        Raises:
            KeyError: there is no such cue.
        """
        sounds = self.page.sounds
        if name in sounds:
            return sounds[name]
        return NOTHING if self._latest.get(name) == SILENT else _sound(name, TONE)


def _sound(name: str, setting: str) -> Sound:
    if setting == SILENT:
        return NOTHING
    if setting == TONE:
        return Sound(cue(name, CUE_HZ), CUE_HZ)
    layout, data = read_cue(setting)
    pcm = data[layout.start : layout.start + layout.length]
    return Sound(to_mono(pcm, layout.channels), layout.rate_hz)
