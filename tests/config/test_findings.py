from __future__ import annotations

import pytest

from kioskd.config.findings import Lines, confirms, parent
from kioskd.config.sections import Action, Policy, Tool


@pytest.mark.parametrize(
    ("path", "above"),
    [("tools[1].action.relay", "tools[1].action"), ("tools[1]", "tools"), ("tools", ""), ("kiosk.name", "kiosk")],
)
def test_the_parent_of_a_path(path: str, above: str) -> None:
    assert parent(path) == above


def test_a_path_that_the_file_does_not_name_stands_where_its_parent_stands() -> None:
    lines = Lines({"tools": 3, "tools[1]": 9, "tools[1].action": 12})
    assert lines.of("tools[1].action") == 12
    assert lines.of("tools[1].action.relay.pin") == 12
    assert lines.of("tools[1].policy.allow") == 9
    assert lines.of("tools[7]") == 3
    assert lines.of("kiosk.name") == 1
    assert Lines().of("kiosk") == 1


@pytest.mark.parametrize(
    ("class_", "confirm", "asked"),
    [("access", None, True), ("actuate", None, False), ("access", "none", False), ("read", "button", True)],
)
def test_access_is_confirmed_unless_said_otherwise(class_: str, confirm: str | None, asked: bool) -> None:
    tool = Tool(name="a", description="b", class_=class_, action=Action(), policy=Policy(confirm=confirm))
    assert confirms(tool) is asked
