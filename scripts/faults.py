"""The table of docs/faults.md, read from the tests that prove it: every ``fault`` marker, with its numbers.

scripts/faults            print the table
scripts/faults --write    put it into docs/faults.md
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Iterator, Mapping, NamedTuple, Sequence

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "faults.md"
BEGIN, END = "<!-- scripts/faults writes from here -->\n", "<!-- to here -->\n"
COLUMNS = ("fault", "noticed within", "back within", "attempts at most", "lost", "also at most", "test")
# Numbers that have no column of their own, in words.
WORDS: Mapping[str, str] = {
    "refused_s": "back after {} s where the close is a refusal (1008)",
    "not_before_s": "nobody asks before {} s",
    "answers_s": "what is said meanwhile is heard {} s late",
    "calls": "{} call of the tool",
}


class Fault(NamedTuple):
    """One marker. ``numbers``: as they stand in it, ``lost`` among them."""

    name: str
    numbers: Mapping[str, object]
    room: str
    test: str


class BadMarker(Exception):
    """A marker that no table can be made of; the text is a sentence."""


def markers(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """The ``pytest.mark.fault(...)`` of a module with the names of their tests."""
    for function in ast.walk(tree):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for node in (inner for decorator in function.decorator_list for inner in ast.walk(decorator)):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
                    yield function.name, node


def faults(tests: Path = ROOT / "tests") -> list[Fault]:
    """All of them, in the order of files and lines.

    Raises:
        BadMarker: a name or a number is missing, or is not written out.
    """
    found = []
    for path in sorted(tests.rglob("test_*.py")):
        room = path.relative_to(tests).parts[0].removesuffix(".py").removeprefix("test_")
        for test, call in markers(ast.parse(path.read_text())):
            found.append(_fault(call, room, test, f"{path.name}:{call.lineno}"))
    return found


def _fault(call: ast.Call, room: str, test: str, where: str) -> Fault:
    try:
        names = [str(ast.literal_eval(argument)) for argument in call.args]
        numbers = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except ValueError as error:
        raise BadMarker(f"{where}: what a fault marker says is written out, no name of a value ({error})") from error
    if len(names) != 1 or "lost" not in numbers or len(numbers) < 2:
        raise BadMarker(f"{where}: a fault has one name, at least one number, and says what is lost")
    return Fault(names[0], numbers, room, test)


def table(found: Sequence[Fault]) -> str:
    """Markdown: a table for each room."""
    lines: list[str] = []
    for room in sorted({fault.room for fault in found}):
        lines += [f"### {room}", "", _row(COLUMNS), _row(["---"] * len(COLUMNS))]
        lines += [_row(_cells(fault)) for fault in found if fault.room == room]
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(fault: Fault) -> list[str]:
    left = dict(fault.numbers)
    noticed, back = (f"{left.pop(key):g} s" if key in left else "" for key in ("noticed_s", "back_s"))
    attempts = [str(left.pop("attempts"))] if "attempts" in left else []
    attempts += [f"{left.pop('in_a_minute')} a minute"] if "in_a_minute" in left else []
    lost = str(left.pop("lost"))
    also = [WORDS.get(key, key + " {}").format(f"{number:g}") for key, number in left.items()]
    return [fault.name, noticed, back, ", ".join(attempts), lost, "; ".join(also), f"`{fault.test}`"]


def page(text: str, made: str) -> str:
    """The page with this table in it.

    Raises:
        BadMarker: the page has lost its marks.
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise BadMarker(f"{PAGE.name} has no {BEGIN.strip()} and {END.strip()}")
    return f"{head}{BEGIN}\n{made}\n{END}{tail}"


def main(given: Sequence[str]) -> int:
    """Print or write the table."""
    if given not in ([], ["--write"]):
        print(__doc__)
        return 2
    try:
        made = table(faults())
        if given:
            PAGE.write_text(page(PAGE.read_text(), made))
        else:
            print(made, end="")
    except BadMarker as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
