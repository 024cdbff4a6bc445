"""Who else is shown what the microphone hears, and at which stage: for recordings, the doctor, benchmarks."""

from __future__ import annotations

import threading
from typing import Callable

from kioskd.lanes import Chunk

# At 16 kHz, before cancelling; and what the ears hear. The same sound where nothing is cancelled.
RAW, CLEAN = "raw", "clean"

Hook = Callable[[Chunk], object]


class Stages:
    """The hooks of each stage; they may change while they are used. ``show`` in one thread, the rest in any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hooks: dict[str, tuple[Hook, ...]] = {RAW: (), CLEAN: ()}

    def add(self, stage: str, hook: Hook) -> None:
        """Show ``hook`` each chunk from now on. It must neither wait nor raise: what it raises ends the thread.

        Raises:
            ValueError: no such stage.
        """
        if stage not in self._hooks:
            raise ValueError(f"there is no stage {stage!r}: {', '.join(self._hooks)}")
        with self._lock:
            self._hooks[stage] += (hook,)

    def remove(self, stage: str, hook: Hook) -> None:
        """Show it no more; an unknown one is no mistake. One last call may be on its way."""
        with self._lock:
            self._hooks[stage] = tuple(one for one in self._hooks.get(stage, ()) if one != hook)

    def show(self, stage: str, chunk: Chunk) -> None:
        """This chunk has come so far."""
        for hook in self._hooks[stage]:
            hook(chunk)
