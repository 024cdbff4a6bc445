"""Only a broken deadline starves the watchdog."""

from __future__ import annotations

from hypothesis import given, strategies as st

from kioskd.core.health import DEADLINES_S, Health
from kioskd.core.words import PartState


def test_a_kiosk_that_moves_is_well() -> None:
    health = Health(0.0)
    for second in range(100):
        health.claim("capture", PartState.RUNNING, "", second)
        health.progress("capture", second, second)
        assert health.verdict(second + 1.0) == (True, (), "")


def test_a_microphone_that_claims_to_run_and_stands_still_starves() -> None:
    health = Health(0.0)
    health.claim("capture", PartState.RUNNING, "", 0.0)
    health.progress("capture", 7, 0.0)
    assert not health.verdict(2.9).starving
    health.progress("capture", 7, 3.5)
    verdict = health.verdict(3.5)
    assert "has not moved" in verdict.starving and not verdict.ok


def test_an_absent_microphone_is_shown_and_does_not_starve() -> None:
    health = Health(0.0)
    health.claim("capture", PartState.ABSENT, "no card 'mic'", 10.0)
    for tick in range(60):
        health.progress("capture", tick, 10.0 + tick)
        verdict = health.verdict(10.0 + tick)
        assert not verdict.ok and not verdict.starving
    assert verdict.reasons == ("the microphone is absent: no card 'mic' (for 59 s)",)


def test_an_absent_microphone_whose_thread_no_longer_retries_starves() -> None:
    health = Health(0.0)
    health.claim("capture", PartState.ABSENT, "no card", 0.0)
    health.progress("capture", 1, 0.0)
    assert health.verdict(11.0).starving


def test_since_is_when_the_claim_began() -> None:
    health = Health(0.0)
    health.claim("playback", PartState.ABSENT, "gone", 5.0)
    health.claim("playback", PartState.ABSENT, "still gone", 9.0)
    assert "(for 15 s)" in health.verdict(20.0).reasons[0] and "still gone" in health.verdict(20.0).reasons[0]
    assert health.state("playback") is PartState.ABSENT and health.state("nobody") is None


CLAIMS = st.tuples(st.sampled_from([*DEADLINES_S, "panel", "ledger"]), st.sampled_from(PartState))


@given(st.lists(st.tuples(CLAIMS, st.floats(0.0, 5.0)), max_size=40))
def test_whatever_is_absent_or_failed_never_starves_while_everything_ticks(
    history: list[tuple[tuple[str, PartState], float]],
) -> None:
    health, now, tick = Health(0.0), 0.0, 0
    for (part, state), pause_s in history:
        health.claim(part, state, "", now)
        for _ in range(int(pause_s) + 1):
            now += 1.0
            tick += 1
            for name in DEADLINES_S:
                health.progress(name, tick, now)
            assert not health.verdict(now).starving


def test_each_part_in_trouble_is_named_with_its_sentence() -> None:
    health = Health(0.0)
    health.claim("panel", PartState.FAILED, "the button is stuck", 0.0)
    health.claim("capture", PartState.RUNNING, "", 0.0)
    assert health.troubles(5.0) == {"panel": "the panel has failed: the button is stuck (for 5 s)"}
    health.claim("panel", PartState.RUNNING, "", 6.0)
    assert health.troubles(6.0) == {}
