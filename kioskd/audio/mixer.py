"""Makes the periods that a speaker is given out of slices of any rate: converted, scaled, faded. Pure, and no numpy
unless a rate has to be converted.
"""

from __future__ import annotations

from array import array
from collections import deque
from math import isfinite

from kioskd.audio.conceal import Concealment
from kioskd.audio.streams import PERIOD_MS
from kioskd.core.resample import Resampler, make_resampler
from kioskd.lanes import Slice

# -12 dB: clearly lower, and a visitor who talks over it can still follow it.
DUCKED = 10 ** (-12 / 20)
# Measurements are played as they are, whatever the volume and whoever speaks.
UNTOUCHED = "doctor"
# A slice may be a whole sentence. Converted in blocks it never holds up a period (20 ms of 24 -> 48 kHz: 80 us on x86).
BLOCK_MS = 20
# A new gain is reached within so long: at once would click, and a visitor who speaks over it waits for it.
RAMP_MS = 3
# Sound that goes on behind a hole comes in over so long, and what is left of its concealment goes.
JOIN_MS = 5


class Mixer:
    """Slices in, whole periods out. The playback thread only; ``set_volume``, ``ducked`` and ``giving_way`` are for
    any thread.

    Args:
        volumes: gain for each source, 0.0 to 1.0; 1.0 for one that is not named.

    Attributes:
        ducked, giving_way: everything 12 dB lower, from the next period on; two wishes of two threads, one is enough.
        parts: of the last ``period``: each response in it and its samples, at the device's rate.
    """

    def __init__(self, volumes: dict[str, float]) -> None:
        self._volumes = {source: sane(volume) for source, volume in volumes.items()}
        self.ducked = self.giving_way = False
        self.parts: list[tuple[str, int]] = []
        self._converters: dict[tuple[str, int], Resampler] = {}
        self._raw = b""  # what is left of the slice at hand
        self._raw_at = 0  # bytes of it that have been converted
        self._raw_response = ""
        self._raw_key = self._key = ("", 0)  # source and rate of it, and of what is pending
        self._pending = bytearray()  # at the device's rate
        self._marks: deque[tuple[str, int]] = deque()  # whose it is: response and samples; padding has no mark
        self._unfinished = False  # the converter may hold sound
        self.tune(0)

    def set_volume(self, source: str, volume: float) -> None:
        """A source's gain from the next period on. Any thread.

        Raises:
            ValueError: not a number.
        """
        self._volumes[source] = sane(volume)

    def tune(self, rate_hz: int) -> None:
        """The device takes ``rate_hz``; what was converted for another is given up."""
        self._rate_hz = rate_hz
        self._period_bytes = 2 * (rate_hz * PERIOD_MS // 1000)
        self._converters.clear()
        self._drop_pending()
        self._key = ("", 0)
        self._gain: float | None = None  # at the end of the last period; None: there was silence
        self._fresh = True  # the device has been given nothing yet
        self._chosen = b""  # the period given last, until the device has taken it
        self._past = b""  # the last period that the device has
        self._last = 0  # its last sample
        self._fade = b""  # the period that ends what was cut
        self._hidden: Concealment | None = None
        self._torn: str | None = None  # the response that broke off; what goes on with it must come in softly

    def add(self, piece: Slice) -> None:
        """Take the next slice; only when ``period`` had none to give."""
        self._raw, self._raw_at, self._raw_key = piece.pcm, 0, (piece.source, piece.rate_hz)
        self._raw_response = piece.response
        if self._key != self._raw_key:
            self._finish()

    @property
    def rate_hz(self) -> int:
        """Samples a second of what it gives."""
        return self._rate_hz

    @property
    def partial(self) -> bool:
        """True while some sound waits that does not fill a period."""
        return bool(self._pending)

    def period(self) -> bytes | None:
        """The next period of sound; None when it takes another slice to fill one."""
        self._fresh = False
        self._refill()
        if len(self._pending) < self._period_bytes:
            return None
        pcm = bytes(self._pending[: self._period_bytes])
        del self._pending[: self._period_bytes]
        self.parts = self._unmark(len(pcm) // 2)
        target = self._target()
        start, self._gain = target if self._gain is None else self._gain, target
        ramp = 2 * (self._rate_hz * RAMP_MS // 1000) if start != target else 0
        self._chosen = self._join(scaled(pcm[:ramp], start, target) + scaled(pcm[ramp:], target, target))
        return self._chosen

    def _join(self, pcm: bytes) -> bytes:
        """A period behind silence, or behind what hid a hole."""
        if self._torn is None:
            return pcm
        softly = bool(self.parts) and self.parts[0][0] == self._torn
        self._hidden, self._torn = None, None
        return joined(pcm, self._last, self._rate_hz * JOIN_MS // 1000, softly) if softly or self._last else pcm

    def _target(self) -> float:
        source = self._key[0]
        if source == UNTOUCHED:
            return 1.0
        return self._volumes.get(source, 1.0) * (DUCKED if self.ducked or self.giving_way else 1.0)

    def _refill(self) -> None:
        while len(self._pending) < self._period_bytes and self._raw_at < len(self._raw):
            if self._key != self._raw_key:
                if self._pending:
                    return  # the last period of another source goes first
                self._key, self._gain = self._raw_key, None
            end = self._raw_at + 2 * (self._key[1] * BLOCK_MS // 1000)
            block = self._raw[self._raw_at : end]
            self._raw_at += len(block)
            self._append(self._converter().process(block))
            self._unfinished = True

    def _append(self, pcm: bytes) -> None:
        self._pending += pcm
        self._marks.append((self._raw_response, len(pcm) // 2))

    def _unmark(self, frames: int) -> list[tuple[str, int]]:
        parts = []
        while frames and self._marks:
            response, count = self._marks.popleft()
            if count > frames:
                self._marks.appendleft((response, count - frames))
            parts.append((response, min(count, frames)))
            frames -= parts[-1][1]
        return parts

    def _converter(self) -> Resampler:
        if self._key not in self._converters:
            self._converters[self._key] = make_resampler(self._key[1], self._rate_hz)
        return self._converters[self._key]

    def finish(self) -> bytes | None:
        """Nothing follows: the last period, what the converter held included, with a soft end; None when all is out."""
        self._finish()
        return self.period()

    def _finish(self) -> None:
        self._drain()
        over = len(self._pending) % self._period_bytes if self._period_bytes else 0
        if over:
            self._pending += fall(_last_sample(self._pending), (self._period_bytes - over) // 2)

    def _drain(self) -> None:
        if self._unfinished:
            self._pending += self._converter().drain()
            self._unfinished = False

    def break_off(self, response: str) -> bytes | None:
        """More of ``response`` is due and not here: what there is of a period, the rest drawn out of it; None when all
        is out. ``silence`` goes on drawing out, ``period`` comes in softly where the same response goes on.
        """
        self._drain()
        if len(self._pending) >= self._period_bytes:
            return self.period()
        if not self._pending:
            if self._gain is not None:  # it sounded until now
                self._torn, self._hidden = response, self._hidden or Concealment(self._past, self._rate_hz)
            return None
        self._torn = response
        rest = (self._period_bytes - len(self._pending)) // 2
        target = self._target()
        there = scaled(bytes(self._pending), target if self._gain is None else self._gain, target)
        self.parts, self._gain = self._unmark(len(there) // 2), target
        self._drop_pending()
        self._hidden = Concealment((self._past + there)[-self._period_bytes :], self._rate_hz)
        self._chosen = there + (fall(_last_sample(there), rest) if self._hidden.spent else self._hidden.take(rest))
        return self._chosen

    def cut(self) -> None:
        """Forget all sound at hand; ``silence`` then lets it go within one period."""
        if self._chosen:
            self._fade = scaled(self._chosen, 1.0, 0.0)
        elif self._gain is not None:
            self._refill()
            coming = bytes(self._pending[: self._period_bytes])
            short = (self._period_bytes - len(coming)) // 2
            coming += fall(_last_sample(coming) if coming else self._last, short) if short else b""
            self._fade = scaled(coming, self._gain, 0.0)
        self._gain = None
        self._raw, self._raw_at = b"", 0
        self._drop_pending()
        self._chosen, self._hidden, self._torn = b"", None, None
        for converter in self._converters.values():
            converter.reset()

    def _drop_pending(self) -> None:
        self._pending.clear()
        self._marks.clear()
        self._unfinished = False

    @property
    def loaded(self) -> bool:
        """True while it holds sound, or what leads from sound to silence."""
        return self.falling or self.partial or self._unfinished or self._raw_at < len(self._raw)

    @property
    def falling(self) -> bool:
        """True when the next ``silence`` is not quite silent yet."""
        return self._last != 0 or bool(self._fade) or (self._hidden is not None and not self._hidden.spent)

    def silence(self) -> bytes:
        """A period of silence; those behind sound lead there softly."""
        self._gain, self._fresh = None, False
        fade, self._fade = self._fade, b""
        if fade:
            return fade
        frames = self._period_bytes // 2
        if self._hidden is not None and not self._hidden.spent:
            return self._hidden.take(frames)
        return fall(self._last, frames) if self._last else bytes(self._period_bytes)

    def handed(self, pcm: bytes) -> None:
        """The device has taken this period; one that another device was meant to take counts for nothing."""
        if not self._fresh:
            self._past, self._last, self._chosen = pcm, _last_sample(pcm), b""


def sane(volume: float) -> float:
    """A gain between 0.0 and 1.0.

    Raises:
        ValueError: not a number, or without end.
    """
    if not isfinite(volume):
        raise ValueError(f"a volume of {volume} is no volume; it is 0.0 to 1.0")
    return min(1.0, max(0.0, volume))


def _last_sample(pcm: bytes | bytearray) -> int:
    return int.from_bytes(pcm[-2:], "little", signed=True)


def fall(last: int, frames: int) -> bytes:
    """A straight line from ``last`` to zero."""
    return array("h", [last * (frames - 1 - i) // frames for i in range(frames)]).tobytes()


def joined(pcm: bytes, last: int, frames: int, softly: bool) -> bytes:
    """``pcm`` behind a sample ``last``: over ``frames`` samples that goes and, if ``softly``, this comes."""
    samples = array("h", pcm)
    for i in range(min(frames, len(samples))):
        come = samples[i] * i // frames if softly else samples[i]
        samples[i] = min(32767, max(-32768, come + last * (frames - i) // frames))
    return samples.tobytes()


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
