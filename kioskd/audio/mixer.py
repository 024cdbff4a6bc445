"""Makes the periods that a speaker is given out of slices of any rate: converted, scaled, faded. Pure, and no numpy
unless a rate has to be converted.
"""

from __future__ import annotations

from array import array

from kioskd.audio.streams import PERIOD_MS
from kioskd.core.resample import Resampler, make_resampler
from kioskd.lanes import Slice

# -12 dB: clearly lower, and a visitor who talks over it can still follow it.
DUCKED = 10 ** (-12 / 20)
# A slice may be a whole sentence. Converted in blocks it never holds up a period (20 ms of 24 -> 48 kHz: 80 us on x86).
BLOCK_MS = 20


class Mixer:
    """Slices in, whole periods out. The playback thread only; ``volumes`` and ``ducked`` may be set by any thread.

    Args:
        volumes: gain for each source, 0.0 to 1.0.

    Attributes:
        ducked: everything 12 dB lower, from the next period on.
    """

    def __init__(self, volumes: dict[str, float]) -> None:
        self.volumes = volumes
        self.ducked = False
        self._converters: dict[tuple[str, int], Resampler] = {}
        self._raw = b""  # what is left of the slice at hand
        self._raw_at = 0  # bytes of it that have been converted
        self._raw_key = self._key = ("", 0)  # source and rate of it, and of what is pending
        self._pending = bytearray()  # at the device's rate
        self._unfinished = False  # the converter may hold sound
        self._last = 0  # the last sample that the device has
        self._gain: float | None = None  # at the end of the last period; None: there was silence
        self.tune(0)

    def tune(self, rate_hz: int) -> None:
        """The device takes ``rate_hz``; what was converted for another is given up."""
        self._rate_hz = rate_hz
        self._period_bytes = 2 * (rate_hz * PERIOD_MS // 1000)
        self._converters.clear()
        self._pending.clear()
        self._unfinished = False
        self._key = ("", 0)
        self._last = 0

    def add(self, piece: Slice) -> None:
        """Take the next slice; only when ``period`` had none to give."""
        self._raw, self._raw_at, self._raw_key = piece.pcm, 0, (piece.source, piece.rate_hz)
        if self._key != self._raw_key:
            self._finish()

    @property
    def partial(self) -> bool:
        """True while some sound waits that does not fill a period."""
        return bool(self._pending)

    def period(self) -> bytes | None:
        """The next period of sound; None when it takes another slice to fill one."""
        self._refill()
        if len(self._pending) < self._period_bytes:
            return None
        pcm = bytes(self._pending[: self._period_bytes])
        del self._pending[: self._period_bytes]
        target = self.volumes.get(self._key[0], 1.0) * (DUCKED if self.ducked else 1.0)
        start, self._gain = target if self._gain is None else self._gain, target
        return scaled(pcm, start, target)

    def _refill(self) -> None:
        while len(self._pending) < self._period_bytes and self._raw_at < len(self._raw):
            if self._key != self._raw_key:
                if self._pending:
                    return  # the last period of another source goes first
                self._key, self._gain = self._raw_key, None
            block = self._raw[self._raw_at :][: 2 * (self._key[1] * BLOCK_MS // 1000)]
            self._raw_at += len(block)
            self._pending += self._converter().process(block)
            self._unfinished = True

    def _converter(self) -> Resampler:
        if self._key not in self._converters:
            self._converters[self._key] = make_resampler(self._key[1], self._rate_hz)
        return self._converters[self._key]

    def finish(self) -> bytes | None:
        """Nothing follows: the last period, what the converter held included, with a soft end; None when all is out."""
        self._finish()
        return self.period()

    def _finish(self) -> None:
        if self._unfinished:
            self._pending += self._converter().drain()
            self._unfinished = False
        over = len(self._pending) % self._period_bytes if self._period_bytes else 0
        if over:
            self._pending += fall(_last_sample(self._pending), (self._period_bytes - over) // 2)

    def cut(self) -> None:
        """Forget all sound at hand; ``silence`` then fades from what the device has."""
        self._raw, self._raw_at = b"", 0
        self._pending.clear()
        self._unfinished = False
        for converter in self._converters.values():
            converter.reset()

    @property
    def falling(self) -> bool:
        """True when the next ``silence`` is not quite silent yet."""
        return self._last != 0

    def silence(self) -> bytes:
        """A period of silence; the first one behind sound falls softly from its last sample."""
        self._gain = None
        return fall(self._last, self._period_bytes // 2) if self._last else bytes(self._period_bytes)

    def handed(self, pcm: bytes) -> None:
        """The device has taken this period."""
        self._last = _last_sample(pcm)


def _last_sample(pcm: bytes | bytearray) -> int:
    return int.from_bytes(pcm[-2:], "little", signed=True)


def fall(last: int, frames: int) -> bytes:
    """A straight line from ``last`` to zero."""
    return array("h", [last * (frames - 1 - i) // frames for i in range(frames)]).tobytes()


def scaled(pcm: bytes, start: float, end: float) -> bytes:
    """``pcm`` with a gain that runs in a straight line from ``start`` to ``end``; untouched at full volume."""
    if start == end == 1.0:
        return pcm
    samples = array("h", pcm)
    # Whole numbers, rounded down: a gain of up to 1.0 cannot overflow.
    gain, step = int(start * 65536), (end - start) * 65536 / max(1, len(samples))
    if start == end:
        return array("h", [sample * gain >> 16 for sample in samples]).tobytes()
    return array("h", [sample * int(gain + step * i) >> 16 for i, sample in enumerate(samples, 1)]).tobytes()
