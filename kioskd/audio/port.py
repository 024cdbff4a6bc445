"""PortAudio, the only importer of pyaudio: opens, closes and lists sound cards and sound servers.

What is done here and why (all reproduced with PortAudio 19.6):

* ``close`` while another thread reads crashes the process: it is asked for by the thread that reads, between reads.
* Opening, closing and listing wait for the sound server without end: they are done in a thread of their own.
* The list of devices is read once for each PyAudio instance: the instance goes when its last stream closes. Where the
  list is too old, every stream lets go for that moment, and opens again by itself (card.py).
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from contextlib import contextmanager
from typing import Any, Callable, Iterator

import pyaudio

from kioskd.audio import alsa
from kioskd.audio.bounded import Bounded
from kioskd.audio.card_input import CardInput
from kioskd.audio.card_output import CardOutput
from kioskd.audio.cards import Cards, Kernel, find_card
from kioskd.audio.devices import Device, formats, held, resolve, would_serve
from kioskd.audio.inventory import Row, rows
from kioskd.audio.servers import Servers
from kioskd.audio.streams import PERIOD_MS, DeviceError

log = logging.getLogger(__name__)

PERIODS_A_SECOND = 1000 // PERIOD_MS
# What is asked of PortAudio for a microphone that is a real card, in periods: its ring holds at least twice that.
# A Python thread was measured to be held up for 37 ms by two busy ones; 40 ms of ring survive that. A sound server
# keeps what is not fetched, but hands out only whole requests: there one period is asked for.
CARD_INPUT_PERIODS = 2
# PortAudio's codes (portaudio.h): paInvalidSampleRate, paInvalidChannelCount, paSampleFormatNotSupported; and
# paDeviceUnavailable, which is what ALSA's EBUSY becomes.
UNFIT, BUSY = (-9997, -9998, -9994), -9985
# Reading the list took 33 to 150 ms here, and more with a cold SD card: a guess.
OPEN_S = 1.5
LIST_S = 10.0
# Closing takes 1 to 3 ms. Whoever closes has a fault to tell, and must not wait for a server that hangs.
CLOSE_S = 0.05
# Every thread that has a stream looks at it every 20 ms, lets go, and makes the new list when it opens again: it comes
# first, so that its pause is short. One that closes for good does not, and is not waited for any longer than this.
LET_GO_S = 0.25
# A list made anew may not help, and costs the other direction a gap: at most so often, and ever more seldom.
RENEW_FIRST_S, RENEW_LAST_S = 10.0, 600.0


# PyAudio's stream, its rate in Hz, its channels, and whether it is a card itself (not a plugin).
Opened = tuple[Any, int, int, bool]


class StaleList(Exception):
    """What is wanted may be there, but the list is too old to know, and streams keep it."""


@contextmanager
def quiet() -> Iterator[None]:
    """Turn stderr away: ALSA, JACK and PortAudio print about 90 lines while they look for devices.

    The whole process's stderr goes to a buffer meanwhile (33 ms); it is logged at DEBUG afterwards.
    """
    sys.stderr.flush()
    kept, noise = os.dup(2), os.memfd_create("kioskd-noise")
    try:
        os.dup2(noise, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        text = os.pread(noise, 16384, 0).decode(errors="replace")
        os.close(noise)
        if text:
            log.debug("the sound libraries said: %s", text.strip())


class PortAudio:
    """One PyAudio instance for all streams, made with the first and ended with the last. Any thread.

    Args:
        make: makes the instance (tests give one that is choosy).
        kernel: tells the cards and who holds them.
        opens: whether ALSA can open a name ("hw:1,0", or one of its configuration) in a direction now.
    """

    def __init__(
        self,
        make: Callable[[], Any] = pyaudio.PyAudio,
        kernel: Kernel = Kernel(),
        opens: Callable[[str, str], bool] = alsa.opens,
    ) -> None:
        self._make, self._kernel, self._opens = make, kernel, opens
        # Only the runner's thread touches what follows, but for ``stale`` and ``_renewed``.
        self._runner = Bounded()
        self._instance: Any = None
        self._listed: Cards = ()  # the cards when the instance was made
        self._streams = 0
        self._servers = Servers()
        self._renewals: dict[tuple[str, str], tuple[float, float]] = {}  # not before, and the pause after that
        self.stale = False  # who holds a stream shall let go
        self._renewed = threading.Event()

    def open(self, spec: str, direction: str, want_rate_hz: int) -> Opened:
        """Open a stream; not from a thread that has one open that it should let go.

        Returns:
            PyAudio's stream, its rate in Hz, its channels, and whether it is a card itself (not a plugin).

        Raises:
            DeviceError: with what there is, or what the device said.
        """
        for _ in range(2):
            try:
                return self._call(spec, OPEN_S, lambda: self._admit(spec, direction, want_rate_hz))
            except StaleList:
                self._renewed.wait(LET_GO_S)
        raise DeviceError("the sound cards have changed; all are closed and opened again")

    def _call(self, spec: str, timeout_s: float, work: Callable[[], Opened]) -> Opened:
        try:
            return self._runner.call(work, timeout_s, undo=lambda opened: self._close(opened[0]))
        except TimeoutError:
            stuck_s = max(timeout_s, self._runner.busy_s)
            raise DeviceError(f"{spec} has not opened for {stuck_s:.0f} s: does a sound server hang?") from None

    # -- the runner's side -------------------------------------------------------------------------

    def _admit(self, spec: str, direction: str, want_rate_hz: int) -> Opened:
        if self.stale and self._streams:
            raise StaleList
        server = self._servers.choose(spec)
        with quiet(), self._used():
            device = self._find(spec, direction)
            stream, rate_hz, channels = self._open(spec, device, direction, want_rate_hz)
            self._streams += 1
        self._servers.note(stream, server)
        self._renewals.pop((spec, direction), None)
        return stream, rate_hz, channels, device.card_number is not None

    @contextmanager
    def _used(self) -> Iterator[None]:
        """Have an instance; without a stream it does not stay."""
        try:
            if self._instance is None:
                self._listed = self._kernel.cards()
                self._instance = self._make()
                self._renewed.set()
            yield
        except OSError as error:
            raise DeviceError(f"PortAudio does not start: {error}") from error
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._instance is not None and not self._streams:
            self._instance.terminate()
            self._instance = None
            self.stale = False

    def _devices(self) -> list[Device]:
        infos = (self._instance.get_device_info_by_index(i) for i in range(self._instance.get_device_count()))
        return [
            Device(
                i, str(row["name"]), row["maxInputChannels"], row["maxOutputChannels"], int(row["defaultSampleRate"])
            )
            for i, row in enumerate(infos)
        ]

    def _find(self, spec: str, direction: str) -> Device:
        card, known = find_card(spec, self._kernel.cards()), find_card(spec, self._listed)
        moved = card is not None and (known is None or known.number != card.number)
        try:
            device = resolve(spec, direction, self._devices(), self._kernel)
        except DeviceError:
            kind, _, name = spec.partition(":")
            if card is not None:
                name = self._kernel.alsa_name(card.number, direction)
            self._doubt(spec, direction, name if card or kind == "alsa" else kind, moved)
            raise
        if moved:
            self._renew()
        return device

    def _renew(self) -> None:
        """Have the list made anew: it cannot be while a stream is open, so all shall let go.

        Raises:
            StaleList: always.
        """
        self._renewed.clear()
        self.stale = True
        raise StaleList

    def _doubt(self, spec: str, direction: str, name: str, moved: bool) -> None:
        """A device that could not be had: where the list is at fault, have it made anew."""
        if not self._streams:
            return  # the list is new
        if moved:
            self._renew()
        now, key = time.monotonic(), (spec, direction)
        not_before, pause_s = self._renewals.get(key, (0.0, RENEW_FIRST_S))
        if now >= not_before and self._opens(name, direction):
            self._renewals[key] = now + pause_s, min(2 * pause_s, RENEW_LAST_S)
            self._renew()

    def _open(self, spec: str, device: Device, direction: str, want_rate_hz: int) -> tuple[Any, int, int]:
        """Try the formats, the best first."""
        card, code, why = device.card_number is not None, 0, ""
        for rate_hz, channels in formats(want_rate_hz, device.channels(direction), direction, card):
            periods = CARD_INPUT_PERIODS if direction == "input" else 1
            where = {direction: True, f"{direction}_device_index": device.number}
            frames = rate_hz // PERIODS_A_SECOND * periods
            try:
                stream = self._instance.open(rate_hz, channels, pyaudio.paInt16, frames_per_buffer=frames, **where)
            except (OSError, ValueError) as refusal:
                code, why = refusal.errno or 0 if isinstance(refusal, OSError) else UNFIT[0], str(refusal.args[-1])
                if code == BUSY or code not in UNFIT and not card:
                    break  # not a matter of the format
                continue
            return stream, rate_hz, channels
        if code == BUSY and device.card_number is not None:
            raise DeviceError(held(spec, device.card_number, direction, self._kernel))
        if code in UNFIT or not why:
            others = [one for one in self._devices() if one.channels(direction)]
            instead = would_serve(direction, others, self._kernel.cards(), without=device.number)
            raise DeviceError(f"{spec} takes no rate and channels that fit a kiosk: {instead}")
        self._doubt(spec, direction, device.alsa_name, False)
        raise DeviceError(f"{spec} does not open ({why}): is its sound server down, or its device not there?")

    def _close(self, stream: Any) -> None:
        try:
            stream.close()
        except OSError as error:
            log.debug("closing a stream that was gone: %s", error)
        self._streams -= 1
        self._servers.forget(stream)
        self._let_go()

    # -- any thread --------------------------------------------------------------------------------

    def close(self, stream: Any) -> None:
        """Close a stream of ``open``; only by the thread that uses it, and once. It may end a little later."""
        try:
            self._runner.call(lambda: self._close(stream), CLOSE_S, must=True)
        except TimeoutError:
            log.debug("a stream does not close yet: its sound server hangs")

    def list_devices(self) -> list[Row]:
        """What this machine has. While a stream is open PortAudio's part of it is as old as the stream.

        Raises:
            DeviceError: PortAudio does not start, or does not answer.
        """

        def work() -> list[Row]:
            with quiet(), self._used():
                return rows(self._devices(), self._kernel)

        try:
            return self._runner.call(work, LIST_S)
        except TimeoutError:
            raise DeviceError(f"the list takes longer than {LIST_S:.0f} s: does the sound server hang?") from None


_portaudio = PortAudio()


def open_card_input(spec: str, want_rate_hz: int) -> CardInput:
    """Open ``alsa:CARD_ID``, ``alsa:NAME``, ``usb:PORT``, ``pulse``, ``pulse:SERVER``, ``default``.

    At ``want_rate_hz`` if the device takes it, else at a rate of its own; always mono. ``pulse:SERVER`` sets
    PULSE_SERVER for the process.

    Raises:
        DeviceError: with what there is instead.
    """
    return CardInput(spec, want_rate_hz, _portaudio)


def open_card_output(spec: str, want_rate_hz: int) -> CardOutput:
    """The same for a speaker."""
    return CardOutput(spec, want_rate_hz, _portaudio)


def list_devices() -> list[Row]:
    """Every device of this machine, for ``kioskd devices``."""
    return _portaudio.list_devices()
