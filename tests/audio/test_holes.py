"""Holes in answers."""

from __future__ import annotations

import pytest

from kioskd.audio.holes import PAUSE_S, Holes


def test_an_answer_that_goes_on_had_a_hole() -> None:
    holes = Holes()
    holes.broke("r", 1.0)
    assert holes.open
    holes.sounded("r", 1.1)
    holes.sounded("r", 1.2)
    assert (holes.underruns, holes.open) == (1, False)
    assert holes.missing_s == pytest.approx(0.1)


def test_an_answer_that_has_ended_had_none() -> None:
    holes = Holes()
    holes.broke("r", 1.0)
    holes.sounded("s", 1.1)
    holes.broke("s", 2.0)
    holes.sounded("", 2.1)  # a cue
    holes.sounded("s", 2.2)
    assert holes.underruns == 0


def test_a_pause_of_the_service_is_no_hole() -> None:
    holes = Holes()
    holes.broke("r", 1.0)
    holes.sounded("r", 1.0 + PAUSE_S)
    assert holes.underruns == 0


def test_what_was_cut_does_not_go_on() -> None:
    holes = Holes()
    holes.broke("", 1.0)
    holes.cut()
    holes.sounded("", 1.1)
    assert holes.underruns == 0
