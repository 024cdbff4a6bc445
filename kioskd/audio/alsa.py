"""What a device can really do, asked of ALSA's own library, which PortAudio has loaded already.

PortAudio answers for its conversions: it takes one channel for a card that has only two, and gives the left one. And
its list is as old as its instance, so it cannot say whether a device that was missing is there by now.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import NamedTuple

LIBRARY = "libasound.so.2"
# alsa-lib, include/pcm.h: snd_pcm_stream_t, SND_PCM_NONBLOCK, SND_PCM_ACCESS_RW_INTERLEAVED.
PLAYBACK, CAPTURE, NONBLOCK, INTERLEAVED = 0, 1, 1, 3
RATES_HZ = (8000, 16000, 24000, 32000, 44100, 48000, 88200, 96000, 192000)
MOST_CHANNELS = 8


class Takes(NamedTuple):
    """What a device takes in one direction: rates in Hz and channel counts, of those that a kiosk could use."""

    rates_hz: tuple[int, ...]
    channels: tuple[int, ...]


def takes(name: str, direction: str) -> Takes:
    """Open an ALSA device ("hw:1,0", or a name in ALSA's configuration) for a moment and ask it.

    Does not wait for a device that is busy; does wait for a sound server that hangs.

    Args:
        direction: "input" or "output".

    Raises:
        OSError: it does not open; ``errno`` as ALSA gives it (EBUSY: another program holds it).
    """
    library = _library()
    handle, wanted = ctypes.c_void_p(), ctypes.c_void_p()
    stream = CAPTURE if direction == "input" else PLAYBACK
    _check(library.snd_pcm_open(ctypes.byref(handle), os.fsencode(name), stream, NONBLOCK))
    try:
        _check(library.snd_pcm_hw_params_malloc(ctypes.byref(wanted)))
        _check(library.snd_pcm_hw_params_any(handle, wanted))
        _check(library.snd_pcm_hw_params_set_access(handle, wanted, INTERLEAVED))
        rates_hz = [rate for rate in RATES_HZ if not library.snd_pcm_hw_params_test_rate(handle, wanted, rate, 0)]
        counts = range(1, MOST_CHANNELS + 1)
        channels = [count for count in counts if not library.snd_pcm_hw_params_test_channels(handle, wanted, count)]
        # A plugin opens for a device that its server does not have; it is found out when the parameters are set.
        _check(library.snd_pcm_hw_params(handle, wanted))
        return Takes(tuple(rates_hz), tuple(channels))
    finally:
        if wanted:
            library.snd_pcm_hw_params_free(wanted)
        library.snd_pcm_close(handle)


def _check(code: int) -> None:
    if code < 0:
        raise OSError(-code, os.strerror(-code))


def opens(name: str, direction: str) -> bool:
    """Whether the device opens at this moment."""
    try:
        takes(name, direction)
    except OSError:
        return False
    return True


@cache
def _library() -> ctypes.CDLL:
    """ALSA's library.

    Raises:
        OSError: there is none.
    """
    library = ctypes.CDLL(LIBRARY)
    pointer, number = ctypes.c_void_p, ctypes.c_int
    library.snd_pcm_open.argtypes = [ctypes.POINTER(pointer), ctypes.c_char_p, number, number]
    library.snd_pcm_close.argtypes = [pointer]
    library.snd_pcm_hw_params_malloc.argtypes = [ctypes.POINTER(pointer)]
    library.snd_pcm_hw_params_free.argtypes = [pointer]
    library.snd_pcm_hw_params_free.restype = None
    library.snd_pcm_hw_params_any.argtypes = [pointer, pointer]
    library.snd_pcm_hw_params.argtypes = [pointer, pointer]
    library.snd_pcm_hw_params_set_access.argtypes = [pointer, pointer, number]
    library.snd_pcm_hw_params_test_rate.argtypes = [pointer, pointer, ctypes.c_uint, number]
    library.snd_pcm_hw_params_test_channels.argtypes = [pointer, pointer, ctypes.c_uint]
    return library
