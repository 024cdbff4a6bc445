"""Joins what confirms beside the talk button to the house: keypad, codes, people elsewhere. Only what is configured."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kioskd.actions.crew import Crew, Job
from kioskd.actions.outcome import Outcome, failed
from kioskd.config.secrets import read_secret
from kioskd.config.sections import SecretRef
from kioskd.core import codes as core_codes
from kioskd.core.confirm_events import CodeChecked, StaffUnreached
from kioskd.core.events import PartChanged
from kioskd.core.ports import Bus
from kioskd.core.words import CallKey, PartState

if TYPE_CHECKING:
    # Most kiosks have none of them: they are loaded where they are made.
    from kioskd.actions.codes import Codes
    from kioskd.actions.inquiry import Inquiry
    from kioskd.app import House
    from kioskd.panel.keypad import Keypad, Source

CODES_PART = "codes"
END_S = 0.5
CHECK_S = core_codes.CHECK_S - 1.0


class Confirming:
    """What the corridor asks of keypad, codes and people elsewhere. Loop only; nothing here blocks.

    Args:
        house: its lines are open, its control socket too.
        bus: the broker, if there is one.
    """

    def __init__(self, house: House, bus: Bus | None = None) -> None:
        self._house = house
        self._post = house.inbox.post
        config = house.config.confirm
        self._codes: Codes | None = None
        self._codes_trouble = ""
        self._crew: Crew | None = None
        self._keypad: Keypad | None = None
        self._inquiry: Inquiry | None = None
        if config.codes:
            from kioskd.actions import codes

            self._codes, self._crew = codes.Codes(config.codes, self._secret), Crew("kioskd-code", 1, 2)
            house.closes("codes", lambda: self._crew is None or self._crew.stop(END_S))
        if config.keypad is not None or (config.codes and house.config.panel.pins == "simulated"):
            self._open_keypad()
        if config.staff is not None:
            from kioskd.actions import inquiry

            self._inquiry = inquiry.Inquiry(config.staff, house.config.kiosk.name, bus, self._secret, self._post)
            house.closes("confirm", lambda: self._inquiry is None or self._inquiry.stop(END_S))

    # -- what the corridor asks ------------------------------------------------------------------

    def listen_to_keys(self, on: bool) -> None:
        """Read the keypad, or no more."""
        if self._keypad is not None:
            self._keypad.listen(on)

    def check_code(self, key: CallKey, number: int, code: str) -> None:
        """Compare a code with all that are known, as soon as its attempt is on the disk: who cuts the power at a wrong
        one has it counted all the same. Answered by one CodeChecked.
        """

        def compare() -> Outcome:
            if self._codes is None:
                return failed("there is no code (confirm.codes)")
            try:
                return Outcome(True, say=self._codes.whose(code))
            except ValueError as error:
                return failed(str(error))
            finally:
                self._tell_codes(self._codes.trouble)

        def answer(outcome: Outcome) -> None:
            name = outcome.say if outcome.ok else ""
            self._post(CodeChecked(key, number, name, "" if outcome.ok else outcome.reason))

        def begin(trouble: str) -> None:
            if trouble:
                answer(failed(f"the attempt cannot be counted: {trouble}"))
            elif self._crew is None or not self._crew.submit(Job("a code", compare, answer, CHECK_S)):
                answer(failed("no code can be compared: there is none (confirm.codes), or kioskd is ending"))

        self._house.ledger.when_kept(begin)

    def _tell_codes(self, trouble: str) -> None:
        """Status says when a code cannot be read, until it can. A thread of the crew."""
        if trouble != self._codes_trouble:
            self._codes_trouble = trouble
            state = PartState.FAILED if trouble else PartState.RUNNING
            self._post(PartChanged(CODES_PART, state, trouble and f"{trouble}; see confirm.codes"))

    def ask_staff(self, key: CallKey, tool: str, for_s: float) -> None:
        """Ask people elsewhere. Answered by StaffAnswered or StaffUnreached, or not at all."""
        if self._inquiry is None:
            self._post(StaffUnreached(key, "nobody says where they are asked (confirm.staff)."))
        else:
            self._inquiry.ask(key, tool, for_s)

    def forget_staff(self, key: CallKey) -> None:
        """Take no answer about this call any more."""
        if self._inquiry is not None:
            self._inquiry.forget(key)

    # -- the side door ---------------------------------------------------------------------------

    def press(self, name: str) -> bool:
        """Press a key of a simulated keypad; False: there is no such key, or no keypad."""
        if self._keypad is None:
            return False
        try:
            self._keypad.press(name)
        except ValueError:
            return False
        return True

    def snapshot(self) -> dict[str, object]:
        """For status; never a code."""
        return {
            "codes": len(self._house.config.confirm.codes),
            "keypad": None if self._keypad is None else self._keypad.snapshot(),
            "staff": None if self._inquiry is None else self._inquiry.snapshot(),
        }

    # -- what is configured ----------------------------------------------------------------------

    def _secret(self, ref: SecretRef) -> str:
        secret = read_secret(ref, os.environ)
        self._house.secrets.add(secret)
        return secret

    def _open_keypad(self) -> None:
        from kioskd.panel.keypad import PART, Keypad

        try:
            source = self._source()
        except OSError as error:
            self._post(PartChanged(PART, PartState.FAILED, f"The keypad: {error}"))
            return
        self._keypad = Keypad(source, self._post)
        self._house.closes("keypad", self._keypad.close)

    def _source(self) -> Source | None:
        """Where keys come from; None: from ``kioskctl panel``."""
        from kioskd.panel.keyboard import Keyboard
        from kioskd.panel.matrix import Matrix

        config, lines = self._house.config.confirm.keypad, self._house.lines
        if config is None or self._house.config.panel.pins == "simulated":
            return None
        if config.device is not None:
            return Keyboard(config.device)
        if lines is None:
            raise OSError("its lines cannot be had.")
        rows = [lines.lamp(pin, None, None, None, "low") for pin in config.rows]
        return Matrix(rows, [lines.input(pin, "up") for pin in config.columns], config.printed)
