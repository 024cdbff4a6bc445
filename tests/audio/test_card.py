"""One stream: waits without work, counts xruns, and turns every end into a sentence."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from kioskd.audio.port import open_card_input, open_card_output
from kioskd.audio.streams import DeviceError


def test_xruns_that_portaudio_reports_are_counted(microphone: Any, speaker: Any) -> None:
    mic, _, _ = microphone(-9981, 0, 320)
    assert mic.read(1.0) is not None
    assert mic.xruns == 1
    spk, _, _ = speaker(720, -9980, 720)
    assert spk.write(bytes(480), 1.0)
    assert spk.xruns == 1


@pytest.mark.parametrize("end", [-9999, -9988, OSError(-9988, "Stream closed"), OSError("Stream not open")])
def test_every_end_of_a_device_is_a_sentence(end: Any, microphone: Any, speaker: Any) -> None:
    mic, _, _ = microphone(end)
    with pytest.raises(DeviceError, match="alsa:x is gone"):
        mic.read(0.1)
    spk, _, _ = speaker(720, end)
    with pytest.raises(DeviceError, match="alsa:x is gone"):
        spk.write(bytes(480), 0.1)


def test_a_stream_of_a_stale_list_lets_go_and_goes_on_with_a_gap_that_is_counted(microphone: Any, speaker: Any) -> None:
    mic, script, shelf = microphone(320)
    assert mic.read(0.1) is not None
    shelf.stale = True
    assert len(mic.read(0.1) or b"") == 640
    assert (script.closed, mic.xruns, shelf.stale) == (1, 1, False)
    spk, script, shelf = speaker(720)
    shelf.stale = True
    assert spk.write(bytes(480), 0.1)
    assert (script.closed, spk.xruns) == (1, 1)


@pytest.mark.sound
def test_a_sound_server_that_dies_ends_both_streams_with_a_sentence(
    sound_server: Any, frail_server: subprocess.Popen[bytes]
) -> None:
    mic, spk = open_card_input(sound_server.frail_mic_spec, 16000), open_card_output(sound_server.frail_spk_spec, 24000)
    try:
        assert mic.read(1.0) is not None and spk.write(bytes(480), 1.0)
        frail_server.kill()
        frail_server.wait(10)
        with pytest.raises(DeviceError, match="is gone"):
            while mic.read(1.0) is not None:
                pass
        with pytest.raises(DeviceError, match="is gone"):
            while spk.write(bytes(480), 1.0):
                pass
    finally:
        mic.close()
        spk.close()
    with pytest.raises(DeviceError, match="no card 'kfrailmic'"):
        open_card_input(sound_server.frail_mic_spec, 16000)
