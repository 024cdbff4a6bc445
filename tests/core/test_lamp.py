"""The lamp's ladder: every combination of inputs, and every rhythm."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.lamp import LADDER, Light, glow, light
from kioskd.core.words import Link, Phase

BOOLS = (False, True)
TIMES = st.floats(min_value=0, max_value=1e8, allow_nan=False)
NAMES = st.sampled_from([rung.name for rung in LADDER])


def expected(
    ok: bool, link: Link, mute: bool, phase: Phase, confirming: bool, refused: bool, recording: bool, booting: bool
) -> str:
    """The ladder in the words of the design, written out again on purpose."""
    if recording:
        return "recording"
    if not ok:
        return "fault"
    if booting:
        return "booting"
    if link in (Link.OFFLINE, Link.REFUSED):
        return "offline"
    if mute:
        return "muted"
    if refused:
        return "refused"
    if link == Link.BUSY:
        return "busy"
    if confirming:
        return "confirm"
    return {
        Phase.IDLE: "idle",
        Phase.LISTENING: "listening",
        Phase.THINKING: "thinking",
        Phase.ACTING: "acting",
        Phase.SPEAKING: "speaking",
    }[phase]


def test_every_combination_shows_the_topmost_rung_that_applies() -> None:
    combinations = list(itertools.product(BOOLS, Link, BOOLS, Phase, BOOLS, BOOLS, BOOLS, BOOLS))
    assert len(combinations) == 2 * 7 * 2 * 5 * 2 * 2 * 2 * 2
    for ok, link, mute, phase, confirming, refused, recording, booting in combinations:
        shown = light(ok, link, mute, phase, confirming, refused, 12.5, recording, booting)
        assert shown.name == expected(ok, link, mute, phase, confirming, refused, recording, booting)


def test_a_recording_is_announced_in_every_phase() -> None:
    for phase in Phase:
        assert light(True, Link.READY, False, phase, False, False, 0.0, recording=True).name == "recording"


def test_a_sleeping_link_is_not_shown_as_a_fault() -> None:
    assert light(True, Link.ASLEEP, False, Phase.IDLE, False, False, 0.0).name == "idle"


def beats(rhythm_ms: tuple[int, ...]) -> tuple[int, int, int, int, int]:
    """What an eye tells without colour: how many flashes, the shortest, the longest, the longest pause, the round."""
    lit, dark = rhythm_ms[::2] or (10**9,), rhythm_ms[1::2] or (0,)
    return len(lit), min(lit), max(lit), max(dark), sum(rhythm_ms) or 10**9


def test_any_two_rungs_are_told_apart_by_rhythm_alone() -> None:
    """Colour-blind eyes, and a lamp of one colour: another number of flashes, or one length of them twice another."""
    for one, other in itertools.combinations(LADDER, 2):
        seen, also = beats(one.rhythm_ms), beats(other.rhythm_ms)
        apart = max(max(a, b) / max(1, min(a, b)) for a, b in zip(seen[1:], also[1:]))
        assert seen[0] != also[0] or apart >= 2, (one.name, other.name)


def test_no_two_rungs_share_a_name_a_look_or_a_meaning() -> None:
    for column in ("name", "look", "meaning"):
        values = [getattr(rung, column) for rung in LADDER]
        assert len(set(values)) == len(values), column


def test_every_rhythm_ends_dark_so_that_its_repeats_do_not_run_together() -> None:
    assert all(len(rung.rhythm_ms) % 2 == 0 and min(rung.rhythm_ms, default=1) > 0 for rung in LADDER)


@pytest.mark.parametrize("rung", LADDER, ids=lambda rung: rung.name)
def test_no_second_has_more_than_three_flashes(rung) -> None:
    if not rung.rhythm_ms:
        return
    starts, at = [], 0
    for place, length_ms in enumerate(rung.rhythm_ms * 40):
        if place % 2 == 0:
            starts.append(at)
        at += length_ms
    for start in starts[:20]:
        assert sum(start <= other < start + 1000 for other in starts) <= 3


@pytest.mark.parametrize("rung", LADDER, ids=lambda rung: rung.name)
def test_every_rung_is_lit_at_the_start_of_its_rhythm(rung) -> None:
    shown = glow(rung.name, 0.0)
    assert (shown.red, shown.green, shown.blue) == rung.colour
    assert max(rung.colour) == 1.0


def test_a_steady_rung_asks_for_no_wake_up() -> None:
    assert glow("listening", 3.0).next_change is None


def test_an_idle_lamp_needs_two_wake_ups_in_four_seconds() -> None:
    wake_ups, t = 0, 0.0
    while (change := glow("idle", t).next_change) is not None and change <= 4.0:
        wake_ups, t = wake_ups + 1, change
    assert wake_ups == 2


@settings(max_examples=300, deadline=None)
@given(NAMES, TIMES)
def test_the_next_change_is_later_and_really_changes_the_lamp(name: str, t: float) -> None:
    now = glow(name, t)
    if now.next_change is None:
        return
    assert now.next_change > t or now.next_change > t - 1e-5
    then = glow(name, now.next_change)
    assert colour(then) != colour(now)
    assert then.next_change is not None and then.next_change > now.next_change


@pytest.mark.parametrize("rung", LADDER, ids=lambda rung: rung.name)
def test_following_the_next_changes_never_stands_still(rung) -> None:
    # Some whole milliseconds times 1000 lie a hair below the whole number: 1.001 * 1000 < 1001.
    for start in (0.0, 1.001, 86_400.5):
        now = glow(rung.name, start)
        for _ in range(3000 if rung.rhythm_ms else 0):
            then = glow(rung.name, now.next_change)
            assert then.next_change > now.next_change and colour(then) != colour(now)
            now = then


@settings(max_examples=200, deadline=None)
@given(NAMES, TIMES, st.floats(min_value=0.0, max_value=0.98))
def test_nothing_changes_before_the_next_change(name: str, t: float, share: float) -> None:
    now = glow(name, t)
    if now.next_change is not None and now.next_change - t > 0.002:
        between = t + (now.next_change - 0.001 - t) * share
        assert colour(glow(name, between)) == colour(now)


def colour(shown: Light) -> tuple[float, float, float]:
    return (shown.red, shown.green, shown.blue)


def test_the_page_for_owners_shows_the_ladder_as_it_is() -> None:
    page = (Path(__file__).parents[2] / "docs" / "panel.md").read_text()
    table = page.split("LADDER -->\n")[1].split("\n<!-- end")[0].splitlines()[2:]
    assert table == [f"| {r.name} | {r.colour_name} | {r.look} | {r.meaning} |" for r in LADDER]
