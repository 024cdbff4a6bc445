"""By what a tool is confirmed."""

from __future__ import annotations

import pytest

from kioskd.config.means import Means, means
from kioskd.config.sections import Action, Policy, Tool


def of(class_: str, confirm: str | None, *by: str) -> Means:
    policy = Policy(allow=True, confirm=confirm, confirm_by=by)
    return means(Tool(name="it", description="x", class_=class_, action=Action(), policy=policy))


@pytest.mark.parametrize(
    ("class_", "confirm", "by", "kinds", "needed"),
    [
        ("access", None, (), ("button",), 1),
        ("read", None, (), (), 0),
        ("access", "none", (), (), 0),
        ("access", "code", ("button",), ("code",), 1),
        ("notify", "staff", (), ("staff",), 1),
        ("access", "all_of", ("button", "code"), ("button", "code"), 2),
        ("access", "all_of", ("button", "code", "staff"), ("button", "code", "staff"), 3),
        ("access", "any_of", ("code", "staff"), ("code", "staff"), 1),
        ("access", "two_of", ("button", "code", "staff"), ("button", "code", "staff"), 2),
        ("access", "all_of", ("code", "code"), ("code",), 1),
    ],
)
def test_kinds_and_how_many(
    class_: str, confirm: str, by: tuple[str, ...], kinds: tuple[str, ...], needed: int
) -> None:
    assert of(class_, confirm, *by) == Means(kinds, needed)


@pytest.mark.parametrize(("confirm", "by"), [("all_of", ()), ("any_of", ()), ("two_of", ("code", "code"))])
def test_what_names_too_few_can_never_be_confirmed(confirm: str, by: tuple[str, ...]) -> None:
    found = of("access", confirm, *by)
    assert found.needed > len(found.kinds)
