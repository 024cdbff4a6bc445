"""What of the panel does not work, told to the machine whenever it changes."""

from __future__ import annotations

import threading

from kioskd.core.events import PartChanged
from kioskd.core.ports import Post
from kioskd.core.words import PartState


class Troubles:
    """One sentence for each thing that does not work. Any thread.

    Nothing is posted before ``begin``: what goes wrong while the panel opens is told at once, in one event.
    """

    def __init__(self, post: Post) -> None:
        self._post = post
        self._lock = threading.Lock()
        self._sentences: dict[str, str] = {}
        self._begun = False

    def begin(self) -> None:
        """The panel is open: say how it stands."""
        with self._lock:
            self._begun = True
            self._tell()

    def say(self, name: str, sentence: str) -> None:
        """``name`` does not work, for this reason; an empty sentence: it works again."""
        with self._lock:
            before = dict(self._sentences)
            if sentence:
                self._sentences[name] = sentence
            else:
                self._sentences.pop(name, None)
            if self._begun and self._sentences != before:
                self._tell()

    def sentences(self) -> list[str]:
        """What does not work now."""
        with self._lock:
            return list(self._sentences.values())

    def _tell(self) -> None:
        state = PartState.FAILED if self._sentences else PartState.RUNNING
        self._post(PartChanged("panel", state, " ".join(self._sentences.values())))
