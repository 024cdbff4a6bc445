"""A take travels to another process and back as it is."""

from __future__ import annotations

import pickle

from kioskd.audio.doctor.stimulus import programme
from kioskd.audio.doctor.sweep import power
from kioskd.audio.doctor.take import PAUSE_S, SWEEP_S, Take
from kioskd.lanes import UPLINK_HZ


def test_a_take_survives_the_way_to_another_process() -> None:
    take = Take(b"\x01\x00", None, 1.0, b"\x02\x00", 24_000, 2.0, 0.03)
    assert pickle.loads(pickle.dumps(take)) == take
    assert take.volume == 1.0 and take.lost_ms == 0.0


def test_the_times_are_those_of_the_programme() -> None:
    said = programme()
    assert said.sweep.stop == SWEEP_S * UPLINK_HZ and said.speech.start == (SWEEP_S + PAUSE_S) * UPLINK_HZ
    assert power(said.samples[said.sweep.stop : said.speech.start]) == 0.0
