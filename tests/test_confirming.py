"""What confirms beside the button, joined to a house: only what is configured, and answers for everything asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest

from kioskd.actions.codes import hashed
from kioskd.config.confirm import Code, Confirm, Keypad, StaffConfirm
from kioskd.config.sections import Config, Kiosk, Panel, SecretRef
from kioskd.confirming import Confirming
from kioskd.core.confirm_events import CodeChecked, KeyTyped, StaffUnreached
from kioskd.core.events import Event, PartChanged
from kioskd.core.words import CallKey, PartState
from kioskd.lines.lines import Lines, open_lines

KEY = CallKey("e", "s", "c")
CODE = Code(name="caretaker", hash=SecretRef(env="CONFIRM_CODE"))


class Posts:
    """An inbox that can be waited for."""

    def __init__(self) -> None:
        import queue

        self.events: "queue.Queue[Event]" = queue.Queue()

    def post(self, event: Event) -> bool:
        self.events.put(event)
        return True

    def next(self, kind: type[Event]) -> Any:
        while not isinstance(event := self.events.get(timeout=20), kind):
            pass
        return event


class Kept:
    """A ledger that says at once, or when it is told to, whether lock-outs are on the disk."""

    def __init__(self) -> None:
        self.slow = False
        self.trouble = ""
        self.waiting: list[Callable[[str], None]] = []

    def when_kept(self, tell: Callable[[str], None]) -> None:
        if self.slow:
            self.waiting.append(tell)
        else:
            tell(self.trouble)


class House:
    """As much of a house as this needs."""

    def __init__(self, confirm: Confirm, pins: str = "simulated", lines: Lines | None = None) -> None:
        self.config = Config(kiosk=Kiosk(name="Lobby"), panel=Panel(pins=pins), confirm=confirm)
        self.inbox = Posts()
        self.secrets: set[str] = set()
        self.lines = lines
        self.closers: list[Callable[[], object]] = []
        self.ledger = Kept()

    def closes(self, name: str, close: Callable[[], object]) -> None:
        self.closers.append(close)

    def close(self) -> None:
        assert all(close() is not False for close in reversed(self.closers))


@pytest.fixture(autouse=True)
def code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFIRM_CODE", hashed("471199"))


def confirming(house: Any) -> Confirming:
    return Confirming(house)


def test_nothing_is_made_of_what_is_not_configured() -> None:
    house = House(Confirm())
    room = confirming(house)
    assert house.closers == [] and room.snapshot() == {"codes": 0, "keypad": None, "staff": None}
    room.listen_to_keys(True)
    room.forget_staff(KEY)
    assert not room.press("5")
    room.check_code(KEY, 1, "471199")
    assert house.inbox.next(CodeChecked).problem
    room.ask_staff(KEY, "door", 10.0)
    assert "confirm.staff" in house.inbox.next(StaffUnreached).reason


def test_a_code_is_compared_and_answered_for_with_its_number() -> None:
    house = House(Confirm(codes=(CODE,)))
    room = confirming(house)
    room.check_code(KEY, 7, "471199")
    assert house.inbox.next(CodeChecked) == CodeChecked(KEY, 7, "caretaker")
    room.check_code(KEY, 8, "471198")
    assert house.inbox.next(CodeChecked) == CodeChecked(KEY, 8, "")
    assert any(secret.startswith("scrypt$") for secret in house.secrets), "the hash is kept out of logs too"
    house.close()


def test_a_hash_that_cannot_be_read_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONFIRM_CODE")
    house = House(Confirm(codes=(CODE,)))
    confirming(house).check_code(KEY, 1, "471199")
    answer = house.inbox.next(CodeChecked)
    assert answer.name == "" and "the code of caretaker" in answer.problem
    house.close()


def test_no_code_is_compared_before_its_attempt_is_on_the_disk() -> None:
    house = House(Confirm(codes=(CODE,)))
    room = confirming(house)
    house.ledger.slow = True
    room.check_code(KEY, 1, "471199")
    assert house.secrets == set(), "not even read"
    house.ledger.waiting.pop()("")
    assert house.inbox.next(CodeChecked) == CodeChecked(KEY, 1, "caretaker")
    house.close()


def test_on_a_disk_that_keeps_no_attempt_no_code_is_compared() -> None:
    house = House(Confirm(codes=(CODE,)))
    house.ledger.trouble = "The ledger cannot be written."
    confirming(house).check_code(KEY, 1, "471199")
    assert house.inbox.next(CodeChecked) == CodeChecked(
        KEY, 1, "", "the attempt cannot be counted: The ledger cannot be written."
    )
    assert house.secrets == set()
    house.close()


def test_a_code_that_cannot_be_read_shows_until_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Code(name="owner", hash=SecretRef(env="CONFIRM_OTHER"))
    house = House(Confirm(codes=(CODE, other)))
    room = confirming(house)
    room.check_code(KEY, 1, "471199")
    told = house.inbox.next(PartChanged)
    assert told.state is PartState.FAILED and "the code of owner" in told.reason and "confirm.codes" in told.reason
    assert house.inbox.next(CodeChecked).name == "caretaker"
    monkeypatch.setenv("CONFIRM_OTHER", hashed("8642"))
    room.check_code(KEY, 2, "0815")
    assert house.inbox.next(PartChanged) == PartChanged("codes", PartState.RUNNING, "")
    house.close()


def test_a_simulated_keypad_is_pressed_from_outside_while_it_is_read() -> None:
    house = House(Confirm(codes=(CODE,)))
    room = confirming(house)
    assert room.press("5") and not room.press("talk")
    room.listen_to_keys(True)
    room.press("7")
    assert house.inbox.next(KeyTyped).key == "7"
    assert room.snapshot()["keypad"] == {"simulated": True, "read": True, "problem": ""}
    house.close()


def test_a_keypad_whose_lines_cannot_be_had_is_a_part_that_failed() -> None:
    pad = Keypad(rows=("GPIO1",), columns=("GPIO2", "GPIO3"), keys=("1#",))
    house = House(Confirm(codes=(CODE,), keypad=pad), pins="gpio")
    room = confirming(house)
    failed = house.inbox.next(PartChanged)
    assert failed.state is PartState.FAILED and "cannot be had" in failed.reason
    room.listen_to_keys(True)
    house.close()


def test_a_matrix_has_its_rows_at_rest_and_its_columns_pulled_up(tmp_path: Path) -> None:
    """The wiring itself, on the lines of the mock: how keys are told apart is shown in test_matrix.py."""
    lines = open_lines("simulated", str(tmp_path))
    pad = Keypad(rows=("GPIO4", "GPIO12"), columns=("GPIO19", "GPIO20"), keys=("12", "3#"))
    house = House(Confirm(codes=(CODE,), keypad=pad), pins="gpio", lines=lines)
    room = confirming(house)
    shown: Any = lines.snapshot()["lines"]
    assert [shown[pin]["value"] for pin in ("GPIO4", "GPIO12", "GPIO19", "GPIO20")] == [0, 0, 0, 0]
    room.listen_to_keys(True)
    lines.press("GPIO19")  # both rows seem to be joined to it: two keys at once are none
    room.listen_to_keys(False)
    house.close()
    assert [shown[pin]["value"] for pin in ("GPIO4", "GPIO12")] == [0, 0]
    lines.close()


def test_an_input_device_that_is_not_there_is_said_when_it_is_wanted(tmp_path: Path) -> None:
    pad = Keypad(device=str(tmp_path / "nothing"))
    house = House(Confirm(codes=(CODE,), keypad=pad), pins="gpio")
    room = confirming(house)
    room.listen_to_keys(True)
    assert "cannot be read as a keypad" in house.inbox.next(PartChanged).reason
    house.close()


def test_people_are_asked_where_they_are_configured() -> None:
    staff = StaffConfirm(key=SecretRef(env="CONFIRM_CODE"), topic="confirm")
    house = House(Confirm(staff=staff))
    room = confirming(house)
    room.ask_staff(KEY, "door", 10.0)
    assert "no broker" in house.inbox.next(StaffUnreached).reason
    room.forget_staff(KEY)
    house.close()
