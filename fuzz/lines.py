"""Which lines of the product ran: ``sys.monitoring`` from Python 3.12 on, ``sys.settrace`` before.

Both fall silent where everything was seen, so that a long run is hardly slower than one that nobody watches.
"""

from __future__ import annotations

import dis
import sys
from types import CodeType, FrameType
from typing import Any, Callable

Line = tuple[str, int]


class Lines:
    """The lines seen so far, of files for which ``wanted`` holds. Watches while it is entered; one at a time."""

    TOOL = 4  # of sys.monitoring's; 1 is for coverage, which may be measuring us

    def __init__(self, wanted: Callable[[str], bool]) -> None:
        self._wanted = wanted
        self._before = sys.gettrace()
        self.seen: set[Line] = set()

    def __enter__(self) -> Lines:
        if sys.version_info >= (3, 12):
            self._monitor()
        else:
            self._unseen: dict[CodeType, set[int]] = {}
            sys.settrace(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        if sys.version_info >= (3, 12):
            sys.monitoring.set_events(self.TOOL, 0)
            sys.monitoring.register_callback(self.TOOL, sys.monitoring.events.LINE, None)
            sys.monitoring.free_tool_id(self.TOOL)
        else:
            sys.settrace(self._before)

    # -- Python 3.12 and newer -------------------------------------------------------------------

    def _monitor(self) -> None:
        if sys.version_info >= (3, 12):
            watch = sys.monitoring
            watch.use_tool_id(self.TOOL, "kioskd fuzz")
            watch.register_callback(self.TOOL, watch.events.LINE, self._ran)
            watch.set_events(self.TOOL, watch.events.LINE)
            watch.restart_events()

    def _ran(self, code: CodeType, line: int) -> Any:
        if self._wanted(code.co_filename):
            self.seen.add((code.co_filename, line))
        if sys.version_info >= (3, 12):
            return sys.monitoring.DISABLE  # of this line: it was seen

    # -- Python 3.11 -----------------------------------------------------------------------------

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        unseen = self._unseen.get(code)
        if unseen is None:
            wanted = self._wanted(code.co_filename)
            lines = {line for _, line in dis.findlinestarts(code) if line is not None} if wanted else set()
            unseen = self._unseen[code] = lines - {line for file, line in self.seen if file == code.co_filename}
        if not unseen:
            return None

        def ran(frame: FrameType, event: str, argument: Any) -> Any:
            if event == "line" and frame.f_lineno in unseen:
                unseen.discard(frame.f_lineno)
                self.seen.add((code.co_filename, frame.f_lineno))
            return ran if unseen else None

        return ran
