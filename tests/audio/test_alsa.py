"""ALSA's library asked directly, over the sound server."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from kioskd.audio.alsa import RATES_HZ, Takes, opens, takes
from kioskd.audio.port import quiet


@pytest.mark.sound
def test_a_device_of_the_sound_server_takes_what_a_kiosk_may_want(sound_server: Any) -> None:
    with quiet():
        assert takes("kmic", "input") == Takes(RATES_HZ, tuple(range(1, 9)))
        assert takes("kspk", "output").rates_hz == RATES_HZ
        assert opens("kmic", "input") and opens("kspk", "output")


@pytest.mark.sound
def test_a_name_that_opens_but_has_nothing_for_the_direction_is_found_out(sound_server: Any) -> None:
    with quiet():
        assert not opens("kmic", "output"), "a monitor cannot be played to"
        assert not opens("kspk", "input")


@pytest.mark.sound
def test_a_server_that_is_not_running_does_not_open(sound_server: Any) -> None:
    with quiet():
        assert not opens("kfrailmic", "input")


def test_what_is_not_there_says_so() -> None:
    for name in ("hw:9,0", "nosuchname"):
        with quiet(), pytest.raises(OSError) as refusal:
            takes(name, "input")
        assert refusal.value.errno in (errno.ENOENT, errno.ENODEV)
