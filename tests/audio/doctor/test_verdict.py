"""From figures to a mode, in sentences; no hardware, no numpy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kioskd.audio.doctor.verdict import LONGEST_TAIL_MS, Figures, judge, tail_ms

GOOD = Figures(
    noise_floor_dbfs=-60.0,
    heard=True,
    peak_dbfs=-10.0,
    clipped=0.0,
    delay_ms=80.0,
    reference_dbfs=-20.0,
    echo_dbfs=-32.0,
    return_loss_db=12.0,
    decay_ms=120.0,
    tail_ms=210,
    distortion=0.02,
    erle_db=38.0,
    residual_dbfs=-70.0,
)
NOTHING = Figures(noise_floor_dbfs=-60.0, heard=False, peak_dbfs=-50.0, clipped=0.0)


def told(figures: Figures, configured: str = "half_duplex", canceller: str = "") -> str:
    return " ".join(judge(figures, configured, canceller).sentences)


@pytest.mark.parametrize("configured", ["half_duplex", "cancel"])
def test_a_good_place_bears_cancelling_and_half_duplex_too(configured: str) -> None:
    verdict = judge(GOOD, configured, "")
    assert verdict.mode == "cancel" and verdict.fit
    assert "38 dB" in verdict.sentences[0] and "210 ms" in verdict.sentences[1]


def test_an_echo_that_comes_too_late_refuses_cancelling() -> None:
    late = replace(GOOD, delay_ms=640.0)
    assert judge(late, "half_duplex", "").fit and judge(late, "half_duplex", "").mode == "half_duplex"
    assert not judge(late, "cancel", "").fit
    assert "640 ms" in told(late) and "500 ms" in told(late)


def test_a_canceller_that_takes_too_little_is_refused_unless_the_rest_is_noise() -> None:
    weak = replace(GOOD, erle_db=9.0, residual_dbfs=-41.0)
    assert judge(weak, "cancel", "").mode == "half_duplex" and "only 9 dB" in told(weak)
    drowned = replace(weak, noise_floor_dbfs=-42.0)
    assert judge(drowned, "cancel", "").mode == "cancel"


def test_a_canceller_is_not_judged_by_torn_sound() -> None:
    torn = replace(GOOD, erle_db=9.0, residual_dbfs=-41.0, lost_ms=80.0)
    assert judge(torn, "cancel", "").mode == "half_duplex" and "Measure again" in told(torn)
    assert judge(replace(GOOD, lost_ms=80.0), "cancel", "").mode == "cancel", "it did well all the same"


def test_without_a_canceller_it_says_why() -> None:
    bare = replace(GOOD, erle_db=None, residual_dbfs=None)
    verdict = judge(bare, "half_duplex", "pywebrtc-audio cannot be imported.")
    assert verdict.mode == "half_duplex" and verdict.fit and "cannot be imported" in " ".join(verdict.sentences)


def test_no_echo_is_refused_with_what_to_look_at() -> None:
    verdict = judge(NOTHING, "half_duplex", "")
    assert verdict.mode == "" and not verdict.fit
    for word in ("volume", "audio.output", "audio.input", "hardware"):
        assert word in verdict.sentences[0]


@pytest.mark.parametrize("configured", ["system", "hardware"])
def test_no_echo_is_what_a_cancelling_card_is_for(configured: str) -> None:
    verdict = judge(NOTHING, configured, "")
    assert verdict.fit and verdict.mode == configured and "did not" in verdict.sentences[0]
    hardly = replace(GOOD, echo_dbfs=-56.0)
    assert judge(hardly, configured, "").mode == configured and judge(hardly, configured, "").fit


def test_a_card_that_does_not_cancel_is_found_out() -> None:
    verdict = judge(GOOD, "hardware", "")
    assert verdict.mode == "cancel" and not verdict.fit and "28 dB above the noise" in verdict.sentences[0]


def test_a_clipping_microphone_is_to_be_turned_down_first() -> None:
    verdict = judge(replace(GOOD, clipped=0.02), "cancel", "")
    assert verdict.mode == "" and not verdict.fit and "gain" in verdict.sentences[0]


def test_a_loud_room_is_measured_again_later() -> None:
    loud = replace(GOOD, noise_floor_dbfs=-35.0, residual_dbfs=-36.0, erle_db=4.0)
    assert judge(loud, "half_duplex", "").mode == "" and "quiet" in told(loud)
    louder_echo = replace(loud, echo_dbfs=-20.0, erle_db=30.0)
    assert judge(louder_echo, "half_duplex", "").mode == "cancel" and "loud" in told(louder_echo)


def test_a_faint_echo_makes_the_figures_uncertain() -> None:
    assert "uncertain" in told(replace(GOOD, echo_dbfs=-55.0))


def test_a_distorting_speaker_is_told_and_refuses_nothing_by_itself() -> None:
    bent = replace(GOOD, distortion=0.3, erle_db=26.0)
    assert judge(bent, "cancel", "").mode == "cancel" and "distorts (30%)" in told(bent)


def test_a_hall_that_never_falls_silent_bears_no_half_duplex() -> None:
    cathedral = replace(GOOD, tail_ms=LONGEST_TAIL_MS, erle_db=5.0, residual_dbfs=-40.0)
    assert judge(cathedral, "half_duplex", "").mode == "" and "damp the room" in told(cathedral)
    assert judge(replace(cathedral, erle_db=30.0), "half_duplex", "").mode == "cancel"


def test_the_tail_is_in_whole_tens_with_a_margin_and_bounded() -> None:
    assert tail_ms(120.0, 50.0) == 210
    assert tail_ms(0.0, -30.0) == 40, "earlier than the device says is not late"
    assert tail_ms(9000.0, 0.0) == LONGEST_TAIL_MS
