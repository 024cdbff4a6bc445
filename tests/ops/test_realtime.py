"""Audio threads get real-time priority where they may, and nothing fails where they may not."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import pytest

from kioskd.audio import capture, playback
from kioskd.ops.realtime import WANTED, Realtime

ROOT = Path(__file__).resolve().parents[2]


class Thread(NamedTuple):
    name: str
    native_id: int | None


BOTH = [Thread("kioskd-play", 11), Thread("kioskd-capture", 12), Thread("MainThread", 10), Thread("kioskd-play", None)]


def test_the_names_are_those_of_the_audio_threads() -> None:
    assert set(WANTED) == {capture.THREAD, playback.THREAD}


def test_each_audio_thread_is_given_its_priority_once_and_again_when_it_is_a_new_one() -> None:
    given: list[tuple[int, int]] = []
    threads = BOTH[:]
    realtime = Realtime(99, lambda *what: given.append(what), lambda: threads)
    realtime.look()
    realtime.look()
    assert given == [(11, 20), (12, 19)]
    threads[0] = Thread("kioskd-play", 13)
    realtime.look()
    assert given[2:] == [(13, 20)]
    assert realtime.snapshot() == {"allowed": 99, "given": {"kioskd-play": 20, "kioskd-capture": 19}, "problem": ""}


def test_no_priority_goes_beyond_what_is_allowed() -> None:
    given: list[tuple[int, int]] = []
    Realtime(5, lambda *what: given.append(what), lambda: BOTH).look()
    assert [priority for _, priority in given] == [5, 5]


def test_without_the_right_nothing_is_tried() -> None:
    def never(*what: int) -> None:
        raise AssertionError("the sandbox refuses this call")

    realtime = Realtime(0, never, lambda: BOTH)
    realtime.look()
    assert realtime.snapshot() == {"allowed": 0, "given": {}, "problem": ""}


def test_a_right_that_cannot_be_used_is_said_once_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    tried: list[int] = []

    def refused(thread: int, priority: int) -> None:
        tried.append(thread)
        raise PermissionError(errno.EPERM, "Operation not permitted")

    realtime = Realtime(20, refused, lambda: BOTH)
    realtime.look()
    realtime.look()
    assert tried == [11] and "sound goes on without" in caplog.text and "not permitted" in realtime.problem


def test_a_thread_that_ends_just_then_is_no_trouble() -> None:
    def ended(thread: int, priority: int) -> None:
        raise ProcessLookupError(errno.ESRCH, "No such process")

    realtime = Realtime(20, ended, lambda: BOTH)
    realtime.look()
    assert realtime.problem == "" and realtime.snapshot()["given"] == {}


# Some containers' root may not raise the limit (no CAP_SYS_RESOURCE), but may give the priority (CAP_SYS_NICE): then
# at least that is tried. On a booted machine both are.
REAL = """
import os, resource, sys, threading
most = int(sys.argv[1])
try:
    resource.setrlimit(resource.RLIMIT_RTPRIO, (most, most))
    if os.geteuid() == 0:
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
except ValueError:
    resource.getrlimit = lambda which: (most, most)
from kioskd.ops.realtime import Realtime, limit
done, begun = threading.Event(), threading.Event()
thread = threading.Thread(target=lambda: (begun.set(), done.wait()), name="kioskd-play")
thread.start(); begun.wait()
realtime = Realtime(limit()); realtime.look()
kind = os.sched_getscheduler(thread.native_id)
print(kind & ~os.SCHED_RESET_ON_FORK == os.SCHED_FIFO, bool(kind & os.SCHED_RESET_ON_FORK),
      os.sched_getparam(thread.native_id).sched_priority, os.sched_getscheduler(0), repr(realtime.problem))
done.set(); thread.join()
"""


@pytest.mark.parametrize(("allowed", "said"), [(20, "True True 20 0 ''"), (0, "False False 0 0 ''")])
def test_the_kernel_does_so_by_the_limit_alone_without_any_privilege(allowed: int, said: str) -> None:
    if os.geteuid() != 0:
        allowed, said = 0, "False False 0 0 ''"  # only root may raise the limit, or give the priority without
    done = subprocess.run(
        [sys.executable, "-c", REAL, str(allowed)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == said, done.stderr


def test_this_test_left_no_thread_behind() -> None:
    assert not [thread for thread in threading.enumerate() if thread.name in WANTED]
