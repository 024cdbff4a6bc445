"""Whether the clock can be believed: schedules, lock-outs and certificates hang on it."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

from kioskd.checkup.files import number, text
from kioskd.core.finding import Finding, fail, ok, unknown, warn

# adjtimex(2): the state of a clock that nobody disciplines, and the bit that says the same.
TIME_ERROR, STA_UNSYNC = 5, 0x40
# struct timex of 64-bit Linux: where maxerror (us) and status stand, and more bytes than it has.
_MAX_ERROR, _STATUS, _TIMEX_BYTES = 24, 40, 512

# A schedule is told in minutes, a certificate in days: half a minute is wrong enough to be mended. Guess.
SLACK_S = 30.0
# A battery clock drifts by seconds a week; this much means that nobody sets it, or that its battery is empty. Guess.
RTC_SLACK_S = 300.0
# A small Debian has nothing that keeps the clock: the first command alone says "NTP not supported" there.
NTP = (
    "timedatectl set-ntp true (NTP not supported: apt install systemd-timesyncd); "
    "is UDP port 123 open to a time server?"
)


class Discipline(NamedTuple):
    """What the kernel says of its clock (adjtimex(2)).

    Attributes:
        state: the call's result.
        status: its bits.
        error_us: how wrong it may be at most.
    """

    state: int
    status: int
    error_us: int

    @property
    def synchronised(self) -> bool:
        """Somebody keeps it right."""
        return self.state != TIME_ERROR and not self.status & STA_UNSYNC


def adjtimex() -> Discipline:
    """Ask the kernel; nothing is changed.

    Raises:
        OSError: the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    state = libc.adjtimex(buffer)
    if state < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    error_us = ctypes.c_long.from_buffer(buffer, _MAX_ERROR).value
    return Discipline(state, ctypes.c_int.from_buffer(buffer, _STATUS).value, error_us)


def synchronised(ask: Callable[[], Discipline]) -> Iterator[Finding]:
    """Whether a time server keeps the clock."""
    try:
        found = ask()
    except (OSError, AttributeError) as error:
        yield unknown("clock", f"the kernel does not say whether the clock is kept ({error})", NTP)
        return
    error_ms = found.error_us / 1000
    if found.synchronised:
        yield ok("clock", f"kept by a time server, to {error_ms:.0f} ms at worst", error_ms=error_ms)
    else:
        sentence = "no time server keeps the clock: schedules and certificates go by whatever it shows"
        yield warn("clock", sentence, NTP, error_ms=error_ms)


def battery(sysfs: Path, wall_s: float) -> Iterator[Finding]:
    """Whether there is a clock that goes on without power, and what it shows.

    Args:
        sysfs: a tree like /sys.
        wall_s: what this machine takes for the time.
    """
    for rtc in sorted((sysfs / "class/rtc").glob("rtc*")):
        shown_s, name = number(rtc / "since_epoch"), text(rtc / "name") or rtc.name
        if shown_s is None:
            continue
        apart_s = shown_s - wall_s
        if abs(apart_s) > RTC_SLACK_S:
            sentence = f"the battery clock ({name}) is {abs(apart_s):.0f} s {'ahead' if apart_s > 0 else 'behind'}"
            yield warn("battery clock", sentence, "hwclock --systohc; if it comes back, its battery is empty")
        else:
            yield ok("battery clock", f"{name} shows the same time", apart_s=round(apart_s, 1))
        return
    sentence = "there is none: after a power cut what hangs on hours is refused until a time server was reached"
    yield unknown("battery clock", sentence, "a DS3231 on I2C, or the cell of a Pi 5, if the network may be missing")


def against(date_s: float | None, wall_s: float) -> Iterator[Finding]:
    """The clock held to what the service's own answer says (``Date``, RFC 9110, 6.6.1; whole seconds)."""
    if date_s is None:
        return
    apart_s = wall_s - date_s
    if abs(apart_s) > SLACK_S:
        sentence = f"this kiosk is {abs(apart_s):.0f} s {'ahead of' if apart_s > 0 else 'behind'} the service"
        yield fail("time of day", sentence, NTP, apart_s=round(apart_s, 1))
    else:
        yield ok("time of day", "the same as the service's", apart_s=round(apart_s, 1))
