"""Groups and modes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kioskd.checkup.rights import Account, Rule, account, groups, modes, rules
from kioskd.core.finding import Grade

ALL = frozenset({"audio", "gpio", "kioskd-admin"})


@pytest.mark.parametrize(
    ("found", "given", "grade"),
    [
        (Account(990, ALL), (), Grade.OK),
        (Account(990, ALL - {"gpio"}), (), Grade.FAIL),
        (Account(990, ALL - {"gpio"}), ("gpio",), Grade.OK),
        (Account(0, frozenset()), (), Grade.WARN),
        (None, (), Grade.UNKNOWN),
    ],
)
def test_the_daemons_user_is_in_the_groups_that_it_needs(
    found: Account | None, given: tuple[str, ...], grade: Grade
) -> None:
    (told,) = groups("kioskd", sorted(ALL), given, lambda user: found)
    assert told.grade is grade
    assert grade is not Grade.FAIL or told.advice == "usermod -aG gpio kioskd, and restart kioskd"


def test_this_machines_accounts_are_read() -> None:
    root = account("root")
    assert root is not None and root.uid == 0 and "root" in root.groups
    assert account("no-such-user-here") is None


def test_files_that_are_open_to_others_are_named_with_what_to_type(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.yaml"
    path.write_text("")
    path.chmod(0o666)
    (told,) = modes([Rule(str(path), 0o022, "others can change it")])
    assert told.grade is Grade.FAIL and told.advice == f"chmod 644 {path}" and told.data == {"mode": "0666"}
    path.chmod(0o640)
    (told,) = modes([Rule(str(path), 0o022, "others can change it")])
    assert told.grade is Grade.OK


def test_what_is_not_there_counts_only_where_it_should_be(tmp_path: Path) -> None:
    missing = str(tmp_path / "no")
    assert [one.grade for one in modes([Rule(missing, 0o77, "", optional=True)])] == [Grade.OK]
    assert [one.grade for one in modes([Rule(missing, 0o77, "")])] == [Grade.FAIL]


def test_what_we_may_not_look_at_is_not_known() -> None:
    (told,) = modes([Rule("/proc/1/fd/x" * 400, 0, "")])  # too long a name: neither there nor missing
    assert told.grade is Grade.UNKNOWN


def test_everything_that_opens_a_door_is_looked_at() -> None:
    named = {rule.path: rule.forbidden for rule in rules("/c.yaml", "/state", "/run", ["/key"])}
    assert named["/key"] == 0o077 and named["/run/change.sock"] & 0o006 and named["/c.yaml"] & 0o022
    assert os.path.join("/state", "ledger.db") in named
