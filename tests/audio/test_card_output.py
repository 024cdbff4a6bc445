"""A speaker: written only where there is room, its ring just full enough."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kioskd.audio.card_output import CardOutput
from kioskd.audio.port import open_card_output
from kioskd.audio.streams import DeviceError


def test_write_is_entered_only_when_there_is_room(speaker: Any) -> None:
    spk, script, _ = speaker(720, 0, 100, 240)
    assert spk.write(bytes(480), 1.0)
    assert script.entered == 1
    spk, script, _ = speaker(720, 0)
    assert not spk.write(bytes(480), 0.02)
    assert script.entered == 0


def test_a_speaker_tells_how_many_periods_it_has_room_for_and_takes_them_at_once(speaker: Any) -> None:
    spk, script, _ = speaker(720, 720, 480, 239, 0)
    assert [spk.await_room(0.02), spk.await_room(0.02), spk.await_room(0.001)] == [3, 2, 0]
    spk, script, _ = speaker(720, 480, 480)
    assert spk.await_room(0.02) == 2 and spk.write(bytes(960), 0.0)
    assert script.entered == 1
    began = time.monotonic()
    assert spk.await_room(0.05) == 2
    assert time.monotonic() - began > 0.015, "two periods were handed over: the next look is two later"


def test_a_speaker_that_ran_dry_is_kept_full_unless_more_room_is_asked_for(scripted: Any) -> None:
    script = scripted.Script([720] + 11 * [480] + [720, 240, 300, 480])
    spk = CardOutput("alsa:wary", 24000, scripted.Shelf(script))
    for _ in range(12):
        assert spk.await_room(0.05) >= 2 and spk.write(bytes(480), 0.0)
    assert spk.xruns == 1
    assert spk.await_room(0.05) == 1 and spk.write(bytes(480), 0.0)
    assert spk.await_room(0.05, 2) == 2


def test_a_ring_of_two_periods_is_not_let_run_dry_for_the_sake_of_two(speaker: Any) -> None:
    """A kernel card's ring as PortAudio makes it: two periods of room in it are an underrun."""
    spk, script, _ = speaker(480, 480, 100, 240)
    assert spk.await_room(0.05, 2) == 2 and spk.write(bytes(960), 0.0)
    assert spk.await_room(0.05, 2) == 1, "one period is free, and the other one plays"


def test_a_speaker_that_ran_empty_counts_one(speaker: Any) -> None:
    spk, _, _ = speaker(720, 720, 480, 720)
    for _ in range(3):
        assert spk.write(bytes(480), 1.0)
    assert spk.xruns == 1


def test_a_device_that_goes_while_it_is_opened_is_a_sentence_and_is_closed(scripted: Any) -> None:
    script = scripted.Script([OSError(-9988, "Stream closed")])
    with pytest.raises(DeviceError, match=r"alsa:x went while it was opened \(Stream closed\)"):
        CardOutput("alsa:x", 24000, scripted.Shelf(script))
    assert script.closed == 1


@pytest.mark.sound
def test_a_speaker_takes_ten_ms_every_ten_ms_and_notices_when_it_ran_dry(sound_server: Any, watch: Any) -> None:
    spk = open_card_output(sound_server.spk_spec, 24000)
    try:
        began = time.monotonic()
        for _ in range(50):
            assert spk.write(bytes(480), 1.0)
        took_s = time.monotonic() - began
        held_s = watch.held_s(began)
        assert 0.4 - held_s < took_s < 0.7 + held_s
        before, since = spk.xruns, time.monotonic()
        time.sleep(0.1)
        assert spk.write(bytes(480), 1.0)
        # Held up for longer than the ring lasts, it runs dry once more.
        assert spk.xruns == before + 1 or spk.xruns > before and watch.worst_s(since) > 0.01
    finally:
        spk.close()
