"""A door contact, a tamper contact, a fire alarm: what does not stand right forbids, and so does what is not known."""

from __future__ import annotations

import pytest

from kioskd.actions import interlocks
from kioskd.actions.interlocks import Interlocks
from kioskd.config.sections import Interlock

FIRE = Interlock(pin="GPIO24", must_be="inactive", name="the fire alarm")
SHUT = Interlock(pin="GPIO25", must_be="active", name="the door contact")


class Contact:
    """A line that is read."""

    def __init__(self, active: bool) -> None:
        self.name = "GPIO24"
        self.level: bool | Exception = active

    @property
    def active(self) -> bool:
        if isinstance(self.level, Exception):
            raise self.level
        return self.level


@pytest.mark.parametrize(
    ("fire", "shut", "name"), [(False, True, None), (True, True, "the fire alarm"), (False, False, "the door contact")]
)
def test_all_of_them_must_hold(fire: bool, shut: bool, name: str | None) -> None:
    read = Interlocks("unlock_door", (FIRE, SHUT), {"GPIO24": Contact(fire), "GPIO25": Contact(shut)}).read()
    assert read.ok is (name is None)
    if name is not None:
        assert read.say == name and name in read.reason and "unlock_door" in read.reason


def test_what_cannot_be_read_forbids() -> None:
    fire = Contact(False)
    fire.level = OSError("the chip is gone")
    read = Interlocks("unlock_door", (FIRE,), {"GPIO24": fire}).read()
    assert not read.ok and read.say == "" and "the chip is gone" in read.reason
    assert not Interlocks("unlock_door", (FIRE,), {}).read().ok


def test_what_took_too_long_to_read_forbids(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 3600.0])
    monkeypatch.setattr(interlocks, "boottime", lambda: next(times))
    read = Interlocks("unlock_door", (FIRE,), {"GPIO24": Contact(False)}).read()
    assert not read.ok and "took 3600.0 s to read" in read.reason
