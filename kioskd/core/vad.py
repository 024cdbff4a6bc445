"""Is this chunk speech? webrtcvad, and loud enough to be meant for us. No hardware; the only importer of webrtcvad.

Sample arithmetic reads S16_LE with ``array``, in native order: little-endian on every board kioskd runs on.
"""

from __future__ import annotations

import math
from array import array
from operator import mul

import webrtcvad

from kioskd.lanes import CHUNK_BYTES, UPLINK_HZ

# One step of a 16-bit sample stands at -90.3 dBFS; digital silence is called this, not minus infinity.
SILENCE_DBFS = -96.0
_FULL_SCALE_POWER = 32768.0**2
# Every third sample is enough for a level: 5 us a chunk instead of 12 (x86; is_speech as a whole takes 7). On synthetic
# speech within 0.5 dB of the full sum in 19 of 20 chunks, 1.4 dB at worst. Three rather than four: few things
# that hum or whistle do so at a multiple of 2667 Hz.
_STRIDE = 3
# A detector that knows no noise yet takes the first 4 or 5 chunks of any steady hiss for speech (measured from -50 to
# -30 dBFS): enough to open the gate and a billed session at each start. Twice that, and less than the usual preroll, so
# somebody who does speak at once is only heard later, not cut.
LEARNING_CHUNKS = 10


def power(pcm: bytes) -> float:
    """Mean square of S16_LE samples around their mean; 0.0 for nothing.

    Around the mean, because a cheap microphone's DC offset is no sound, yet would lift every chunk over the floor.
    """
    samples = array("h", pcm)[::_STRIDE]
    count = len(samples)
    if not count:
        return 0.0
    mean = sum(samples) / count
    mean_square: float = sum(map(mul, samples, samples)) / count
    return max(0.0, mean_square - mean * mean)


def dbfs(mean_square: float) -> float:
    """RMS in dB below a full-scale square wave (a full-scale sine stands at -3.0); never below SILENCE_DBFS."""
    # After a minute of digital silence a follower's mean square is so small that its share of full scale is zero.
    share = mean_square / _FULL_SCALE_POWER
    return max(SILENCE_DBFS, 10.0 * math.log10(share)) if share > 0.0 else SILENCE_DBFS


class Vad:
    """A voice activity detector. It follows the room's noise, so each microphone has one of its own.

    One thread calls ``is_speech``; ``level_dbfs`` may be read by any.

    Args:
        aggressiveness: webrtcvad's mode, 0 (hears speech everywhere) to 3 (rejects most noise).
        min_dbfs: a chunk quieter than this is never speech (a television behind the wall).
        learning_chunks: the first so many chunks are never speech, because the detector does not know the room yet.

    Raises:
        ValueError: the mode is not one of the four.
    """

    def __init__(self, aggressiveness: int, min_dbfs: float, learning_chunks: int = LEARNING_CHUNKS) -> None:
        if aggressiveness not in (0, 1, 2, 3):
            raise ValueError(f"vad_aggressiveness is 0, 1, 2 or 3, not {aggressiveness!r}")
        self._detector = webrtcvad.Vad(aggressiveness)
        self._min_power = _FULL_SCALE_POWER * 10.0 ** (min_dbfs / 10.0)
        self._unlearned = learning_chunks
        self._pcm = b""

    def is_speech(self, pcm: bytes) -> bool:
        """Whether 20 ms of S16_LE mono at 16 kHz (``CHUNK_BYTES``) hold speech.

        Raises:
            ValueError: another length.
        """
        # The level last, and on demand: it costs as much as the detector, and silence needs neither.
        return self.hears(pcm) and power(pcm) >= self._min_power

    def is_candidate(self, pcm: bytes) -> bool:
        """The same: nothing here confirms (see audio/detector.py, where something does)."""
        return self.is_speech(pcm)

    @property
    def doubtful(self) -> bool:
        """Whether the last chunk may be speech though it was not called so: never, this one has no doubts."""
        return False

    @property
    def fault(self) -> str:
        """What is missing: nothing."""
        return ""

    def hears(self, pcm: bytes) -> bool:
        """webrtcvad's word alone, whatever the level.

        Raises:
            ValueError: another length.
        """
        if len(pcm) != CHUNK_BYTES:
            raise ValueError(f"a chunk has {CHUNK_BYTES} bytes, not {len(pcm)}")
        self._pcm = pcm
        # Asked for quiet chunks too: the detector learns the room's noise from them.
        speech = bool(self._detector.is_speech(pcm, UPLINK_HZ))
        if self._unlearned:
            self._unlearned -= 1
            return False
        return speech

    @property
    def level_dbfs(self) -> float:
        """Level of the last chunk."""
        return dbfs(power(self._pcm))
