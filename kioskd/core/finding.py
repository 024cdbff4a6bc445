"""What the doctor found of one thing: a grade, a sentence, what to do, and the figures behind it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Iterable, Mapping


class Grade(Enum):
    """How one thing is. UNKNOWN: nobody could look, which is neither good nor bad."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's page.

    Attributes:
        name: what was looked at: ``clock``, ``tls hydra-1``.
        sentence: how it is, for people.
        advice: what to do about it; empty when there is nothing to do.
        data: figures for scripts; nothing secret.
    """

    name: str
    grade: Grade
    sentence: str
    advice: str = ""
    data: Mapping[str, object] = field(default_factory=dict)

    def row(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "name": self.name,
            "grade": self.grade.value,
            "sentence": self.sentence,
            "advice": self.advice,
            "data": dict(self.data),
        }


def ok(name: str, sentence: str, **data: object) -> Finding:
    """It is as it should be."""
    return Finding(name, Grade.OK, sentence, "", data)


def warn(name: str, sentence: str, advice: str, **data: object) -> Finding:
    """It works, and will make trouble."""
    return Finding(name, Grade.WARN, sentence, advice, data)


def fail(name: str, sentence: str, advice: str, **data: object) -> Finding:
    """It does not work."""
    return Finding(name, Grade.FAIL, sentence, advice, data)


def unknown(name: str, sentence: str, advice: str = "", **data: object) -> Finding:
    """Nobody could look."""
    return Finding(name, Grade.UNKNOWN, sentence, advice, data)


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """How many there are of each grade."""
    found = dict.fromkeys((grade.value for grade in Grade), 0)
    for one in findings:
        found[one.grade.value] += 1
    return found
