"""PortAudio, the only importer of pyaudio: opens, closes and lists sound cards and sound servers.

What is done here and why (both reproduced with PortAudio 19.6):

* ``close`` while another thread reads crashes the process: a stream belongs to the thread that opened it.
* The list of devices is read once for each PyAudio instance: the instance goes when its last stream closes.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from contextlib import contextmanager
from typing import Any, Callable, Iterator

import pyaudio

from kioskd.audio.card import CardInput, CardOutput
from kioskd.audio.devices import MOST_CHANNELS, Card, Device, alsa_cards, formats, resolve
from kioskd.audio.streams import PERIOD_MS, DeviceError

log = logging.getLogger(__name__)

PERIODS_A_SECOND = 1000 // PERIOD_MS
# What is asked of PortAudio for a microphone that is a real card, in periods: its ring holds at least twice that.
# A Python thread was measured to be held up for 37 ms by two busy ones; 40 ms of ring survive that. A sound server
# keeps what is not fetched, but hands out only whole requests: there one period is asked for.
CARD_INPUT_PERIODS = 2
PROBED_RATES_HZ = (8000, 16000, 24000, 32000, 44100, 48000, 96000)


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
        cards: tells the ALSA cards.
    """

    def __init__(
        self,
        make: Callable[[], Any] = pyaudio.PyAudio,
        cards: Callable[[], dict[str, int]] = alsa_cards,
    ) -> None:
        self._make = make
        self._cards = cards
        # PortAudio may not be entered twice to open, close or list. Reads and writes need no lock.
        self._lock = threading.Lock()
        self._instance: Any = None
        self._listed: dict[str, int] = {}  # the cards when the instance was made
        self._streams = 0
        self.stale = False  # the cards have changed: who holds a stream shall let go

    def open(self, spec: str, direction: str, want_rate_hz: int) -> tuple[Any, int, int, bool]:
        """Open a stream.

        Returns:
            PyAudio's stream, its rate in Hz, its channels, and whether it is a card itself (not a plugin).

        Raises:
            DeviceError: with what there is, or what the device said.
        """
        if spec.startswith("pulse:"):
            os.environ["PULSE_SERVER"] = spec.partition(":")[2]
        with self._lock, quiet(), self._used():
            device = self._find(spec, direction)
            stream, rate_hz, channels = self._open(spec, device, direction, want_rate_hz)
            self._streams += 1
        return stream, rate_hz, channels, device.card_number is not None

    @contextmanager
    def _used(self) -> Iterator[None]:
        """Have an instance; without a stream it does not stay. Under the lock."""
        try:
            if self._instance is None:
                self._listed, self.stale = self._cards(), False
                self._instance = self._make()
            yield
        except OSError as error:
            raise DeviceError(f"PortAudio does not start: {error}") from error
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._instance is not None and not self._streams:
            self._instance.terminate()
            self._instance = None

    def _devices(self) -> list[Device]:
        rows = (self._instance.get_device_info_by_index(i) for i in range(self._instance.get_device_count()))
        return [
            Device(
                i, str(row["name"]), row["maxInputChannels"], row["maxOutputChannels"], int(row["defaultSampleRate"])
            )
            for i, row in enumerate(rows)
        ]

    def _find(self, spec: str, direction: str) -> Device:
        cards, name = self._cards(), spec.partition(":")[2]
        try:
            device = resolve(spec, direction, self._devices(), cards)
            if cards.get(name) == self._listed.get(name):
                return device
        except DeviceError:
            if cards == self._listed or not self._streams:
                raise
        # Plugged in since the list was made, and the list cannot be made anew while a stream is open.
        self.stale = True
        raise DeviceError("the sound cards have changed; all are closed and opened again")

    def _open(self, spec: str, device: Device, direction: str, want_rate_hz: int) -> tuple[Any, int, int]:
        error: Exception | None = None
        for rate_hz, channels in formats(want_rate_hz, device.channels(direction)):
            periods = CARD_INPUT_PERIODS if direction == "input" else 1
            where = {direction: True, f"{direction}_device_index": device.number}
            frames = rate_hz // PERIODS_A_SECOND * periods
            try:
                stream = self._instance.open(rate_hz, channels, pyaudio.paInt16, frames_per_buffer=frames, **where)
            except (OSError, ValueError) as refusal:
                error = refusal
                continue
            return stream, rate_hz, channels
        why = error.args[-1] if isinstance(error, OSError) else error
        raise DeviceError(f"{spec} does not open ({why}): does another program hold it, or is its server down?")

    def close(self, stream: Any) -> None:
        """Close a stream of ``open``; only by the thread that uses it, and once."""
        with self._lock:
            try:
                stream.close()
            except OSError as error:
                log.debug("closing a stream that was gone: %s", error)
            self._streams -= 1
            self._let_go()

    def list_cards(self) -> tuple[Card, ...]:
        """What PortAudio can reach. While a stream is open the list is as old as the stream."""
        with self._lock, quiet(), self._used():
            ids = {number: card_id for card_id, number in self._listed.items()}
            return tuple(self._card(device, ids) for device in self._devices())

    def _card(self, device: Device, ids: dict[int, str]) -> Card:
        number = device.card_number
        card_id = None if number is None else ids.get(number)
        spec = device.name if device.name in ("pulse", "default") else f"alsa:{card_id or device.name}"
        rates = (self._rates(device, "input"), self._rates(device, "output"))
        return Card(device.name, spec, card_id, device.inputs, device.outputs, device.default_rate_hz, *rates)

    def _rates(self, device: Device, direction: str) -> tuple[int, ...]:
        most = min(device.channels(direction), MOST_CHANNELS)
        counts = [count for count in dict.fromkeys((1, 2, most)) if 0 < count <= most]
        return tuple(rate for rate in PROBED_RATES_HZ if any(self._takes(device, direction, rate, n) for n in counts))

    def _takes(self, device: Device, direction: str, rate_hz: int, channels: int) -> bool:
        wanted = {f"{direction}_device": device.number, f"{direction}_channels": channels}
        try:
            return bool(
                self._instance.is_format_supported(rate_hz, **wanted, **{f"{direction}_format": pyaudio.paInt16})
            )
        except ValueError:
            return False


_portaudio = PortAudio()


def open_card_input(spec: str, want_rate_hz: int) -> CardInput:
    """Open ``alsa:CARD_ID``, ``alsa:NAME`` (a name in ALSA's configuration), ``pulse``, ``pulse:SERVER``, ``default``.

    At ``want_rate_hz`` if the device takes it, else at a rate of its own; always mono. ``pulse:SERVER`` sets
    PULSE_SERVER for the process.

    Raises:
        DeviceError: with what there is instead.
    """
    return CardInput(spec, want_rate_hz, _portaudio)


def open_card_output(spec: str, want_rate_hz: int) -> CardOutput:
    """The same for a speaker."""
    return CardOutput(spec, want_rate_hz, _portaudio)


def list_cards() -> tuple[Card, ...]:
    """Every device that PortAudio can reach."""
    return _portaudio.list_cards()
