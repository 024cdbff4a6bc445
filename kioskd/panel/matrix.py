"""A keypad of rows and columns: one row is driven at a time, and the columns tell which of its keys are down."""

from __future__ import annotations

import time
from typing import Callable, Sequence

from kioskd.core.ports import InputLine, LampLine
from kioskd.panel.keys import OneKey

# So often all rows are looked at while a code is awaited, and never else.
LOOK_S = 0.01
# After a row was driven, until its columns have settled: 50 kOhm of pull and 100 pF of cable are 5 us.
SETTLE_S = 0.0002


class Matrix:
    """Any one thread.

    Args:
        rows: outputs, at rest while they are not driven.
        columns: inputs that are active while a key joins them to the driven row.
        keys: what is printed on them, a text for each row.
        pause: ``time.sleep``.
    """

    def __init__(
        self,
        rows: Sequence[LampLine],
        columns: Sequence[InputLine],
        keys: Sequence[str],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rows = tuple(rows)
        self._columns = tuple(columns)
        self._keys = tuple(keys)
        self._pause = pause
        self._one = OneKey()

    def open(self) -> None:
        """Begin: what is held by now counts when it came up."""
        self._one = OneKey()

    def read(self, timeout_s: float) -> list[tuple[str, float]]:
        """The key that has just gone down, with its time, or none; after ``timeout_s`` at most.

        Raises:
            OSError: a line cannot be read or driven; the text is a sentence.
        """
        self._pause(min(LOOK_S, timeout_s))
        began = time.monotonic()
        key = self._one.look(self._look())
        return [(key, began)] if key else []

    def close(self) -> None:
        """All rows at rest."""
        for row in self._rows:
            row.set(0.0, 0.0, 0.0)

    def _look(self) -> list[str]:
        down = []
        for row, printed in zip(self._rows, self._keys):
            row.set(1.0, 1.0, 1.0)
            try:
                self._pause(SETTLE_S)
                down += [key for key, column in zip(printed, self._columns) if column.active]
            finally:
                row.set(0.0, 0.0, 0.0)
        return down
