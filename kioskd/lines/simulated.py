"""Lines without hardware: gpiozero's own mock pins, pressed by a thread of ours.

Real drivers call back from a thread of theirs; so does this one, or a test would prove nothing about threads.
"""

from __future__ import annotations

import logging
import queue
import threading
from typing import NamedTuple

from kioskd.lines.naming import LineError, parse
from kioskd.lines.zero import Board, Factory, MockFactory, MockPWMPin

log = logging.getLogger(__name__)

HEADER_LINES = 28  # GPIO0 to GPIO27 are on the 40-pin header; a simulated GPIO99 is as absent as a real one
STOP_S = 2.0


class SimulatedFactory(MockFactory):
    """gpiozero's mock factory, with ``CHIP_LABEL:OFFSET`` as well."""

    def __init__(self) -> None:
        super().__init__(pin_class=MockPWMPin)
        self._board = Board()

    def _get_board_info(self) -> Board:
        return self._board


class Level(NamedTuple):
    """Put this pin to this level."""

    pin: MockPWMPin
    high: bool


class SimulatedSource:
    """Where simulated lines come from."""

    pins = "simulated"

    def __init__(self) -> None:
        self._factory = SimulatedFactory()
        self._levels: queue.SimpleQueue[Level | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self.errors = 0  # lines that could not be driven

    def factory(self, pin: str, moves: bool) -> tuple[str, Factory]:
        """The one factory there is.

        Raises:
            LineError: no such line on the simulated header.
        """
        name = parse(pin)
        if name.chip is None and name.offset >= HEADER_LINES:
            raise LineError(f"{pin} does not exist: the simulated header has GPIO0 to GPIO{HEADER_LINES - 1}.")
        return "simulated", self._factory

    def why(self) -> str:
        """Why no other factory serves."""
        return "panel.pins is simulated"

    def place(self, pin: str) -> str | None:
        """Simulated lines are nowhere."""
        return None

    def explain(self, pin: str, sentence: str) -> str:
        """There is no better one."""
        return sentence

    def drive(self, device_pin: object, high: bool) -> None:
        """Put an input to a level, soon, in the driver thread. Any thread; does not wait."""
        if not isinstance(device_pin, MockPWMPin):
            raise LineError(f"{device_pin!r} is no simulated pin.")
        self._levels.put(Level(device_pin, high))
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="lines-simulated", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._levels.put(None)
        if self._thread is not None:
            self._thread.join(STOP_S)
            if self._thread.is_alive():
                log.error("the thread of the simulated lines did not end within %s s", STOP_S)
        self._factory.close()

    def _run(self) -> None:
        while (level := self._levels.get()) is not None:
            try:
                (level.pin.drive_high if level.high else level.pin.drive_low)()
            except Exception:
                # The boundary of this thread.
                self.errors += 1
                log.exception("a simulated line could not be driven")
