"""Rows and columns of a keypad, as copper joins them."""

from __future__ import annotations

import pytest

from kioskd.config.confirm import PHONE
from kioskd.core.confirm_events import ENTER
from kioskd.panel.matrix import Matrix


class Pad:
    """A membrane keypad: a pressed key joins its row to its column, and through others back (no diodes)."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.keys = keys
        self.pressed: set[str] = set()
        self.driven: set[int] = set()
        self.rows = [Row(self, number) for number in range(len(keys))]
        self.columns = [Column(self, number) for number in range(len(keys[0]))]

    def joined(self, column: int) -> bool:
        reached, rows = {column}, set[int]()
        for _ in range(8):
            rows |= {r for r, row in enumerate(self.keys) for c in reached if row[c] in self.pressed}
            reached |= {c for c in range(len(self.keys[0])) for r in rows if self.keys[r][c] in self.pressed}
        return bool(rows & self.driven)


class Row:
    def __init__(self, pad: Pad, number: int) -> None:
        self.pad, self.number = pad, number

    def set(self, red: float, green: float, blue: float) -> None:
        (self.pad.driven.add if red else self.pad.driven.discard)(self.number)


class Column:
    name = "GPIO1"

    def __init__(self, pad: Pad, number: int) -> None:
        self.pad, self.number = pad, number

    @property
    def active(self) -> bool:
        if not self.pad.driven:
            return False
        return self.pad.joined(self.number)


@pytest.fixture
def pad() -> Pad:
    return Pad(PHONE)


def matrix(pad: Pad) -> Matrix:
    return Matrix(pad.rows, pad.columns, pad.keys, pause=lambda seconds: None)


def typed(pad: Pad, on: Matrix, *pressed: str) -> list[str]:
    found = []
    for keys in pressed:
        pad.pressed = set(keys)
        for _ in range(3):
            found += [key for key, _ in on.read(0.2)]
    return found


def test_every_key_is_told_by_its_row_and_column(pad: Pad) -> None:
    on = matrix(pad)
    for printed in "1234567890":
        assert typed(pad, on, "", printed) == [printed]
    assert typed(pad, on, "", "#") == [ENTER]


def test_three_keys_show_a_fourth_that_nobody_presses_and_none_counts(pad: Pad) -> None:
    on = matrix(pad)
    pad.pressed = {"1", "2", "4"}
    pad.driven = {1}
    assert pad.joined(1), "the fourth corner, 5, seems to be down"
    pad.driven = set()
    assert typed(pad, on, "", "124") == []


def test_a_row_is_driven_only_while_it_is_looked_at_also_when_a_column_fails(pad: Pad) -> None:
    class Broken(Column):
        @property
        def active(self) -> bool:
            raise OSError("the expander is gone")

    on = Matrix(pad.rows, [Broken(pad, 0)], pad.keys, pause=lambda seconds: None)
    with pytest.raises(OSError, match="expander is gone"):
        on.read(0.2)
    assert pad.driven == set()
    on.close()


def test_what_is_held_when_the_question_comes_counts_after_its_release(pad: Pad) -> None:
    on = matrix(pad)
    typed(pad, on, "")
    pad.pressed = {"5"}
    on.open()
    assert typed(pad, on, "5") == []
    assert typed(pad, on, "", "5") == ["5"]
