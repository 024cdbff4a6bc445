"""The grids, compared cell by cell with docs/machine.md."""

from __future__ import annotations

import re
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Mapping

import pytest

from kioskd.config.sections import Cues
from kioskd.core import regions
from kioskd.core.regions import Mute, MuteSignal, Signal, move
from kioskd.core.words import Call, Feed, Playing, Response, Turn

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "machine.md").read_text()


def table(heading: str) -> tuple[list[str], dict[str, list[str]]]:
    """The signals and the rows of the table under a heading of the page."""
    section = re.split(r"^## ", PAGE, flags=re.M)
    text = next(part for part in section if part.startswith(heading))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return rows[0][1:], {row[0]: row[1:] for row in rows[2:]}


GRIDS = [
    ("turn", regions.TURN, Turn, Signal),
    ("response", regions.RESPONSE, Response, Signal),
    ("playing", regions.PLAYING, Playing, Signal),
    ("call", regions.CALL, Call, Signal),
    ("mute", regions.MUTE, Mute, MuteSignal),
]


@pytest.mark.parametrize(("heading", "grid", "states", "signals"), GRIDS, ids=[row[0] for row in GRIDS])
def test_every_cell_of_the_page_is_what_the_code_does(
    heading: str, grid: Mapping[Enum, Mapping[Enum, Enum]], states: type[Enum], signals: type[Enum]
) -> None:
    columns, rows = table(f"{heading}:")
    assert set(rows) == {state.value for state in states}
    for signal in signals:
        for state in states:
            if signal.value in columns:
                cell = rows[state.value][columns.index(signal.value)]
                wanted = state if cell == "." else states(cell)
            else:
                wanted = state  # a signal that the page does not list moves nothing
            assert move(grid, state, signal) is wanted, f"{heading}: {state.value} x {signal.value}"


def test_the_page_names_every_feed_and_every_cue() -> None:
    for heading, wanted in (("feed:", {feed.value for feed in Feed}), ("Cues", {cue.name for cue in fields(Cues)})):
        _, rows = table(heading)
        assert {name.split(",")[0] for name in rows} == wanted


def test_every_signal_moves_some_region() -> None:
    used = {signal for _, grid, _, _ in GRIDS for row in grid.values() for signal in row}
    assert used == set(Signal) | set(MuteSignal)


def test_no_state_of_a_call_leads_back() -> None:
    order = list(Call)
    for state, row in regions.CALL.items():
        assert all(order.index(after) > order.index(state) for after in row.values())


def test_only_a_committed_call_runs() -> None:
    ways = [
        (state, signal) for state, row in regions.CALL.items() for signal, after in row.items() if after is Call.RUNNING
    ]
    assert ways == [(Call.COMMITTING, Signal.COMMITTED)]
