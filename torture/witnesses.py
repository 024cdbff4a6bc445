"""Who confirms beside the button, on the bench: a visitor at the keypad, what compares codes, people elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kioskd.core import confirm_effects as cf
from kioskd.core import confirm_events as ce
from kioskd.core.effects import Effect
from kioskd.core.words import CallKey
from torture.tools import RIGHT

if TYPE_CHECKING:
    from torture.door import Kiosk


class Witnesses:
    """What the machine has asked of them, and they have not answered yet."""

    def __init__(self) -> None:
        self.checks: list[cf.CheckCode] = []
        self.asked: list[CallKey] = []  # every call that people elsewhere were ever asked about

    def take(self, effect: Effect) -> None:
        if isinstance(effect, cf.CheckCode):
            self.checks.append(effect)
        elif isinstance(effect, cf.AskStaff):
            self.asked.append(effect.key)


def key(kiosk: Kiosk, typed: str) -> None:
    """A key goes down; sometimes its stamp is older than what has happened since."""
    kiosk.now += 0.0001
    late_s = kiosk.chance.choice((0.0, 0.0, 0.0, 0.0, 0.0, 0.4))
    # Not of enter and clear: one from before the question is no part of what was typed after it.
    kiosk.step(ce.KeyTyped(typed, kiosk.now - (late_s if typed.isdigit() else 0.0)))


def type_code(kiosk: Kiosk) -> None:
    """A code, right or wrong, whole or not, as fast as fingers are."""
    chance = kiosk.chance
    code = chance.choice(sorted(RIGHT)) if chance.random() < 0.6 else chance.choice(("0000", "47", "4712", "11", ""))
    for typed in code:
        key(kiosk, typed)
        if chance.random() < 0.1:
            kiosk.wait(0.1)
    if chance.random() < 0.1:
        key(kiosk, ce.CLEAR)
    if chance.random() < 0.9:
        key(kiosk, ce.ENTER)


def compare(kiosk: Kiosk) -> None:
    """What was entered is compared; or an answer comes that nobody waits for."""
    chance, checks = kiosk.chance, kiosk.witnesses.checks
    if checks and chance.random() < 0.85:
        check = checks.pop(0)
        problem = "the secret cannot be read" if chance.random() < 0.05 else ""
        name = "" if problem else RIGHT.get(check.code, "")
        kiosk.step(ce.CodeChecked(check.key, check.number, name, problem))
    else:
        number = chance.choice((0, -1, max(0, kiosk.machine.state.checking - 1)))  # of no attempt, or the one before
        kiosk.step(ce.CodeChecked(CallKey("e", f"s{kiosk.sessions}", f"c{kiosk.ids}"), number, "nobody"))


def people(kiosk: Kiosk) -> None:
    """Somebody elsewhere says yes or no: to the last question, to an old one, to one that never was."""
    chance, asked = kiosk.chance, kiosk.witnesses.asked
    roll = chance.random()
    if asked and roll < 0.6:
        about = asked[-1]
    elif asked and roll < 0.8:
        about = chance.choice(asked)
    else:
        about = CallKey("e", f"s{kiosk.sessions}", f"c{chance.randint(0, kiosk.ids + 1)}")
    if chance.random() < 0.1:
        kiosk.step(ce.StaffUnreached(about, "the broker is away"))
    else:
        kiosk.step(ce.StaffAnswered(about, chance.random() < 0.8, "Anna"))
