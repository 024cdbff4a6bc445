"""Runs one check after the other, with an end: a disk that hangs or a fault of ours is a finding, not the end."""

from __future__ import annotations

import logging
import threading
import time
from typing import Callable, Iterable, Iterator, NamedTuple, Sequence

from kioskd.core.finding import Finding, unknown

log = logging.getLogger(__name__)

# DNS and TLS have shorter limits of their own, 25 s together (ctl_road.py); so long a disk may stand still (guess).
LONGEST_S = 28.0
# One that takes longer goes on beside the next ones, so that several that hang are waited for together: if all of them
# did, the last would still begin in time.
PATIENCE_S = 1.5


class Check(NamedTuple):
    """One thing to look at: its name, and what finds out. It may block."""

    name: str
    look: Callable[[], Iterable[Finding]]


def run(
    checks: Sequence[Check], show: Callable[[str], None] = lambda name: None, longest_s: float = LONGEST_S
) -> Iterator[Finding]:
    """Every finding, in the order of the checks.

    Args:
        show: told the name of each check before it begins.
        longest_s: for all of them; the threads of those that hang are left behind then.
    """
    until, begun = time.monotonic() + longest_s, []
    for check in checks:
        show(check.name)
        begun.append((check, *_begun(check)))
        begun[-1][1].join(PATIENCE_S)
    for check, thread, found in begun:
        thread.join(max(0.0, until - time.monotonic()))
        yield from _told(check, thread, found, longest_s)


def _begun(check: Check) -> tuple[threading.Thread, list[Finding]]:
    found: list[Finding] = []
    thread = threading.Thread(target=_look, args=(check, found), name=f"check {check.name}", daemon=True)
    thread.start()
    return thread, found


def _told(check: Check, thread: threading.Thread, found: list[Finding], longest_s: float) -> list[Finding]:
    if thread.is_alive():
        sentence = f"nothing was found out within {longest_s:g} s: what is asked does not answer"
        return [*found, unknown(check.name, sentence, "is the disk or a driver hung? see: dmesg")]
    return found


def _look(check: Check, found: list[Finding]) -> None:
    """The boundary of the check's thread."""
    try:
        for one in check.look():
            found.append(one)
    except Exception as error:
        log.exception("the check %s failed", check.name)
        found.append(unknown(check.name, f"the check itself failed ({type(error).__name__}: {error})", "tell us"))
