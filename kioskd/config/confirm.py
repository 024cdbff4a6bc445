"""The section about what confirms beside the talk button (``confirm``): codes on a keypad, people elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.config.option import option
from kioskd.config.policy import Lockout
from kioskd.config.secretref import SecretRef

# What ``policy.confirm`` may ask for one by one, and how it asks for several of them (policy.confirm_by).
KINDS = ("button", "code", "staff")
GROUPS = ("all_of", "any_of", "two_of")
# A telephone's layout.
PHONE = ("123", "456", "789", "*0#")


@dataclass(frozen=True, kw_only=True)
class Code:
    """One code that opens."""

    hash: SecretRef = option("where its hash lies; kioskd code makes one")
    name: str = option("whose it is, for journal and audit trail")


@dataclass(frozen=True, kw_only=True)
class Keypad:
    """Where codes are entered: a matrix of lines, or an input device. Neither is read while no code is asked for."""

    rows: tuple[str, ...] = option("lines of the rows, top first; 1 kOhm in series in each of them", ())
    columns: tuple[str, ...] = option("lines of the columns, left first; pulled up inside the board", ())
    keys: tuple[str, ...] = option(
        "what is printed on them: a text for each row, # is enter, * begins anew; default: 123, 456, 789, *0#", ()
    )
    device: str | None = option("an input device (/dev/input/by-id/...) instead of lines", None)

    @property
    def printed(self) -> tuple[str, ...]:
        """What is printed on the keys, row by row."""
        return self.keys or PHONE


@dataclass(frozen=True, kw_only=True)
class StaffConfirm:
    """Who confirms from elsewhere, over the broker or at an address that is polled; signed with the device's key."""

    key: SecretRef = option("the key of this device, at least 16 characters; both sides sign with it")
    device: str = option("name of this device in what is signed; no two devices share one", "kiosk")
    url: str | None = option("asked by POST until it answers", None)
    topic: str | None = option("below mqtt.topic; asked at TOPIC/ask, answered at TOPIC/answer", None)
    every_s: float = option("the address is asked this often", 1.0, low=0.5, high=30)
    timeout_s: float = option("for one request to the address", 4.0, low=0.5, high=30)


@dataclass(frozen=True, kw_only=True)
class Confirm:
    """What may confirm beside the talk button."""

    codes: tuple[Code, ...] = option("codes, for tools with confirm: code", ())
    keypad: Keypad | None = option("where they are entered; none is needed with panel.pins: simulated", None)
    wrong_codes: Lockout = option(
        "after so many wrong codes none is taken for a while; cutting the power helps nobody",
        Lockout(refusals=5, per_s=600.0, for_s=900.0),
        applies="live",
    )
    staff: StaffConfirm | None = option("people elsewhere, for tools with confirm: staff", None)
