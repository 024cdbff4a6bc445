"""WebRTC's echo canceller (AEC3), noise suppressor and gain control. The only importer of pywebrtc_audio.

Blocks of 10 ms at 16 kHz. Measured with pywebrtc-audio 0.2.0 on x86, in microseconds of CPU for a block: AEC3 80, noise
suppressor 8, gain control 20. Its traps:

* Digital silence in either input makes AEC3's filters decay into denormal numbers: 1300 us a block instead of 80, which
  is 13 % of a core. So a constant block is replaced by noise of one step (-95 dBFS).
* It has a high-pass of its own (100 Hz, second order) that cannot be switched off; see Rumble.
* It gives its audio 128 samples later, the noise suppressor another 96.
* Lengths other than whole blocks are taken without a word.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

from kioskd.audio.reference import BLOCK_BYTES, BLOCK_FRAMES
from kioskd.lanes import UPLINK_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

AEC_DELAY_FRAMES = 128
NS_DELAY_FRAMES = 96
# AEC3 looks back 500 ms for an echo, and a sound server may still play what it was given: after so many blocks without
# a reference there is nothing to cancel, and the canceller is left out (with the same high-pass and the same delay).
REST_BLOCKS = 200
# Each of the two ways runs for so long before it is listened to: their filters have forgotten what was before by then
# (the high-pass rings for 10 ms).
PRIME_BLOCKS = 6
# More would lift the residual echo and the room's noise over the gate (guess; the library's own limit is 50).
MOST_GAIN_DB = 18.0
# The library's high-pass, and what is left of it where the owner wants the low notes.
HIGH_PASS_HZ, OPEN_HZ = 100.0, 30.0
_DITHER_BLOCKS = 97


class EchoError(Exception):
    """The canceller cannot work. The text is a sentence."""


class EchoMissing(EchoError):
    """The library is not there; waiting will not help."""


class WebRtc:
    """One canceller with what was asked for behind it. Capture thread only.

    numpy and the library are imported here, not before: 12 MB that only ``echo: cancel`` pays for.

    Args:
        noise_suppression: takes 12 dB of steady noise away.
        high_pass: False gives back what the canceller's own high-pass takes between 30 and 100 Hz.
        gain_control: evens out levels, up to MOST_GAIN_DB.

    Attributes:
        delay_s: how much later the audio comes out.
        bypassed: blocks for which the canceller was left out because nothing was being played.

    Raises:
        EchoMissing: no pywebrtc_audio.
    """

    def __init__(self, noise_suppression: bool, high_pass: bool, gain_control: bool) -> None:
        try:
            import numpy
            import pywebrtc_audio as library
        except ImportError as error:
            raise EchoMissing(f"pywebrtc-audio cannot be imported ({error}); install it, or choose another audio.echo.")
        self._numpy = numpy
        self._canceller = library.EchoCanceller(UPLINK_HZ, 1)
        self._high_pass = library.AudioProcessor(UPLINK_HZ, 1, high_pass_filter=True)
        self._held: NDArray[Any] = numpy.zeros(AEC_DELAY_FRAMES, numpy.int16)
        self._rumble = None if high_pass else Rumble()
        self._polish = None
        if noise_suppression or gain_control:
            self._polish = library.AudioProcessor(
                UPLINK_HZ,
                1,
                noise_suppression=noise_suppression,
                auto_gain_control=gain_control,
                agc_max_gain_db=MOST_GAIN_DB,
            )
        self.delay_s = (AEC_DELAY_FRAMES + NS_DELAY_FRAMES * noise_suppression) / UPLINK_HZ
        self._steps = _dither(numpy)
        self._step = 0
        self._rested = REST_BLOCKS
        self._primed = 0
        self.bypassed = 0

    def clean(self, near: bytes, far: bytes | None) -> bytes:
        """10 ms from the microphone, and what the loudspeaker was given; None: nothing for some time.

        Raises:
            ValueError: not 10 ms of S16_LE mono at 16 kHz each.
            EchoError: the library failed.
        """
        for pcm in (near, far):
            if pcm is not None and len(pcm) != BLOCK_BYTES:
                raise ValueError(f"a block has {BLOCK_BYTES} bytes, not {len(pcm)}")
        self._rested = 0 if far is not None else self._rested + 1
        try:
            out = self._without_echo(self._lively(near), far)
            if self._rumble is not None:
                out = self._rumble.process(out)
            if self._polish is not None:
                out = self._polish.process(out)
        except (RuntimeError, TypeError, ValueError) as error:
            raise EchoError(f"the echo canceller failed: {error}") from error
        return out.tobytes()

    def _without_echo(self, near: NDArray[Any], far: bytes | None) -> NDArray[Any]:
        resting = self._rested > REST_BLOCKS
        passed = None
        if self._rested > REST_BLOCKS - PRIME_BLOCKS or self._primed < PRIME_BLOCKS:
            passed = self._pass(near)
        if resting:
            self._primed = 0
            self.bypassed += 1
        else:
            cleaned = self._canceller.process(near, self._lively(far))
            if self._primed >= PRIME_BLOCKS:
                return cleaned
            self._primed += 1
        assert passed is not None
        return passed

    def _pass(self, near: NDArray[Any]) -> NDArray[Any]:
        """The way around the canceller."""
        joined = self._numpy.concatenate((self._held, self._high_pass.process(near)))
        self._held = joined[BLOCK_FRAMES:]
        return joined[:BLOCK_FRAMES]

    def _lively(self, pcm: bytes | None) -> NDArray[Any]:
        """The samples, with a little noise in place of digital silence."""
        if pcm is None or pcm == pcm[:2] * BLOCK_FRAMES:
            self._step = (self._step + 1) % _DITHER_BLOCKS
            block: NDArray[Any] = self._steps[self._step]
            return block
        return self._numpy.frombuffer(pcm, dtype=self._numpy.int16)


def _dither(numpy: Any) -> NDArray[Any]:
    """Blocks of -1, 0 and 1; always the same ones, so that the same sound gives the same result."""
    steps = random.Random(1).choices((-1, 0, 1), k=_DITHER_BLOCKS * BLOCK_FRAMES)
    blocks: NDArray[Any] = numpy.array(steps, dtype=numpy.int16).reshape(_DITHER_BLOCKS, BLOCK_FRAMES)
    return blocks


class Rumble:
    """Moves the corner of the library's high-pass from 100 Hz down to 30 Hz: its poles are cancelled, others put in.

    A second order filter over a block is one matrix product: numpy has no recursive filter, and Python is too slow.
    """

    def __init__(self) -> None:
        import numpy

        self._numpy = numpy
        (taken_gain, *taken), (gain, *kept) = butterworth(HIGH_PASS_HZ), butterworth(OPEN_HZ)
        self._taps = numpy.array([1.0, *taken]) * gain / taken_gain
        # What the recursion makes of an impulse, and of each of the two last outputs.
        answers = numpy.zeros((BLOCK_FRAMES, 3))
        for column, (impulse, before) in enumerate(((1.0, [0.0, 0.0]), (0.0, [1.0, 0.0]), (0.0, [0.0, 1.0]))):
            last, older = before
            for n in range(BLOCK_FRAMES):
                value = impulse * (n == 0) - kept[0] * last - kept[1] * older
                answers[n, column] = value
                last, older = value, last
        self._free = answers[:, 1:]
        rows, columns = numpy.indices((BLOCK_FRAMES, BLOCK_FRAMES))
        self._forced = numpy.where(rows >= columns, answers[abs(rows - columns), 0], 0.0)
        self._inputs = numpy.zeros(2)
        self._outputs = numpy.zeros(2)  # the last first

    def process(self, block: NDArray[Any]) -> NDArray[Any]:
        """One block of int16 in, one out."""
        numpy = self._numpy
        joined = numpy.concatenate((self._inputs, block))
        self._inputs = joined[-2:]
        pushed = self._taps[0] * joined[2:] + self._taps[1] * joined[1:-1] + self._taps[2] * joined[:-2]
        out = self._forced @ pushed + self._free @ self._outputs
        self._outputs = out[:-3:-1].copy()
        rounded: NDArray[Any] = numpy.clip(numpy.rint(out), -32768, 32767).astype(numpy.int16)
        return rounded


def butterworth(corner_hz: float) -> tuple[float, float, float]:
    """A second order high-pass by the bilinear transform: gain of (1 - 2/z + 1/z2), then its two recursive taps."""
    w = math.tan(math.pi * corner_hz / UPLINK_HZ)
    scale = 1.0 / (1.0 + math.sqrt(2.0) * w + w * w)
    return scale, 2.0 * (w * w - 1.0) * scale, (1.0 - math.sqrt(2.0) * w + w * w) * scale
