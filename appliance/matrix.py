"""What each fault did to the appliance, written down by the tests that ran, and made into a table of docs/faults.md.

python -m appliance.matrix FILE...            print the table of these runs (faults.jsonl in the findings)
python -m appliance.matrix FILE... --write    put it into docs/faults.md
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple, Sequence

from appliance.host import ROOT, ApplianceError

PAGE = ROOT / "docs" / "faults.md"
BEGIN, END = "<!-- scripts/appliance writes from here -->\n", "<!-- to here: the appliance -->\n"
COLUMNS = ("fault", "phase", "lamp", "status", "journal", "off after", "back within", "lost", "test")


class Row(NamedTuple):
    """One fault in one phase, as it was seen; seconds are the guest's own, None: not a question here."""

    fault: str
    phase: str
    lamp: str
    status: str
    journal: str
    lost: str
    test: str
    off_s: float | None = None
    back_s: float | None = None

    def cells(self) -> list[str]:
        """As they stand in the table."""
        off, back = ("" if each is None else f"{each:.2f} s" for each in (self.off_s, self.back_s))
        texts = [self.fault, self.phase, self.lamp, self.status, self.journal, off, back, self.lost, f"`{self.test}`"]
        return [" ".join(text.replace("|", "/").split()) for text in texts]


class Matrix:
    """Where rows are written down as they are seen: a run that is cut short has shown what it has shown."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def row(self, **given: Any) -> None:
        """One more; the arguments of Row."""
        row = Row(**given)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps(row._asdict()) + "\n")
        print(f"\n  {' | '.join(filter(None, row.cells()))}")


def read(paths: Sequence[Path]) -> list[Row]:
    """All rows of these runs; of a fault in a phase the last one, where it was first."""
    found: dict[tuple[str, str], Row] = {}
    for path in paths:
        for line in path.read_text().splitlines():
            row = Row(**json.loads(line))
            found[row.fault, row.phase] = row
    return list(found.values())


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *(row.cells() for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def page(text: str, made: str) -> str:
    """The page with this table in it.

    Raises:
        ApplianceError: the page has lost its marks.
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ApplianceError(f"{PAGE.name} has no {BEGIN.strip()} and {END.strip()}")
    return f"{head}{BEGIN}\n{made}\n{END}{tail}"


def main(given: Sequence[str]) -> int:
    """Print or write the table."""
    paths = [Path(name) for name in given if name != "--write"]
    if not paths:
        print(__doc__)
        return 2
    try:
        made = table(read(paths))
        if "--write" in given:
            PAGE.write_text(page(PAGE.read_text(), made))
        else:
            print(made, end="")
    except (OSError, ValueError, TypeError, ApplianceError) as error:
        print(f"matrix: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
