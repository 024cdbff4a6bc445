"""The way out: signals that ask for it, and the rooms closed in the reverse order of their opening."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, NoReturn

from kioskd.core.catalogue import mark
from kioskd.core.events import StopAsked

log = logging.getLogger(__name__)

# A thread is told to end and is given this long; SIGTERM must be done within a second, all together.
THREAD_END_S = 0.9

# Releasing every relay takes microseconds, or 0.4 s for one whose locks are held by a thread that hangs.
SAFE_S = 0.5
# sysexits(3): an internal software error; systemd starts us afresh, and ExecStopPost has released the relays by then.
EXIT_SOFTWARE = 70
# What must still be done by a process that ends at once (the machine switched off) may hold the kernel from taking a
# hung driver's line back for so long; the line's own fuse goes on meanwhile. Asking logind takes some 50 ms.
LAST_S = 1.0


def on_signals(
    loop: asyncio.AbstractEventLoop, asked: Callable[[StopAsked], None], hung_up: Callable[[], None]
) -> None:
    """Have ``asked`` called on the loop for SIGTERM and SIGINT, and ``hung_up`` for SIGHUP."""
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, StopAsked(f"{number.name} received"))
    # Its default is to end the process on the spot, whatever a relay does at that moment.
    loop.add_signal_handler(signal.SIGHUP, hung_up)


def make_safe(*steps: Callable[[], object], last: Callable[[], object] | None = None) -> None:
    """Release the relays: do these, in this order, in a thread of its own; ``last`` as in ``leave``.

    A driver that does not return must not keep the process, and with it the line: the process ends then, by exit
    status 70 and here, the kernel takes its lines back, and systemd runs the helper that releases them.
    """
    thread = threading.Thread(target=_each, args=steps, name="make-safe", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        log.warning("the relays are released without a thread of their own: %s", error)
        _each(*steps)
        return
    thread.join(SAFE_S)
    if thread.is_alive():
        leave("a relay could not be released, its driver does not return", last)


def _each(*steps: Callable[[], object]) -> None:
    for step in steps:
        try:
            step()
        except Exception:
            # The boundary of this thread, and the last resort: what fails must not keep the others from it.
            log.exception("on the way out")


def leave(why: str, last: Callable[[], object] | None = None) -> NoReturn:
    """End the process here and now, with a line in the journal; ``last`` is done before, within ``LAST_S``."""
    log.critical("ending at once: %s", why, extra=mark("wedged"))
    if last is not None:
        thread = threading.Thread(target=_each, args=(last,), name="last", daemon=True)
        try:
            thread.start()
            thread.join(LAST_S)
        except RuntimeError as error:
            log.warning("ending without what was left to do: %s", error)
    logging.shutdown()
    os._exit(EXIT_SOFTWARE)


class Loop(asyncio.SelectorEventLoop):
    """The daemon's event loop: where it closes, signals stay as they are.

    asyncio's own gives each its default back, and with that SIGTERM ends the process on the spot. A second one that
    came in the moment between that and whatever the caller then sets made a failure of an orderly end (seen as -15 on
    a machine that stood still just there). So the caller ignores them first, and closes the loop then.
    """

    def remove_signal_handler(self, sig: int) -> bool:
        """Leave it as it is."""
        return False


class Closers:
    """What must be closed. Loop only."""

    def __init__(self) -> None:
        self._closers: list[tuple[str, Callable[[], object]]] = []

    def add(self, name: str, close: Callable[[], object]) -> None:
        """Close this before what was added earlier. It may block, and gives False when a thread would not end."""
        self._closers.append((name, close))

    async def close(self) -> bool:
        """Close everything, whatever fails; False when something did, which the last line in the journal names."""
        failed: list[str] = []
        # Its own thread: those of the loop may all wait for a dead resolver, for half a minute.
        thread, loop = ThreadPoolExecutor(1, "closing"), asyncio.get_running_loop()
        for name, close in reversed(self._closers):
            try:
                if await loop.run_in_executor(thread, close) is False:
                    log.error("the %s thread did not end within %.1f s", name, THREAD_END_S)
                    failed.append(f"{name} (still at work)")
            except Exception as error:
                # The last boundary: one room that cannot close must not keep the others from it.
                log.exception("could not close %s", name)
                failed.append(f"{name} ({type(error).__name__})")
        self._closers.clear()
        thread.shutdown(wait=False)
        if failed:
            log.critical("not everything could be closed, which makes the exit status 70: %s", ", ".join(failed))
        return not failed
