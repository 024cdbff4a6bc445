"""The section of what confirms, as an owner writes it."""

from __future__ import annotations

import textwrap

from kioskd.config.confirm import PHONE, Confirm, Keypad
from kioskd.config.loader import parse

SECTION = textwrap.dedent("""\
    confirm:
      codes:
        - name: caretaker
          hash: {credential: code-caretaker}
        - name: owner
          hash: {file: /etc/kioskd/owner.code}
      keypad:
        rows: [GPIO4, GPIO12, GPIO16, GPIO18]
        columns: [GPIO19, GPIO20, GPIO21]
      wrong_codes: {refusals: 3, per_s: 300, for_s: 1800}
      staff:
        key: {credential: confirm-key}
        device: front-door
        url: https://staff.example.org/kiosk/confirm
    """)


def test_it_is_read_with_its_secrets_where_they_lie(kiosk: str) -> None:
    policy = "allow: true\n      confirm: two_of\n      confirm_by: [button, code, staff]\n      fresh_s: 60"
    loaded = parse(kiosk.replace("allow: true", policy) + SECTION, "kiosk.yaml")
    assert loaded.problems == () and loaded.config is not None
    confirm = loaded.config.confirm
    assert [code.name for code in confirm.codes] == ["caretaker", "owner"]
    assert confirm.codes[0].hash.credential == "code-caretaker"
    assert confirm.wrong_codes.refusals == 3
    assert confirm.keypad is not None and confirm.keypad.printed == PHONE
    assert confirm.staff is not None and confirm.staff.device == "front-door"
    assert loaded.config.tools[0].policy.confirm_by == ("button", "code", "staff")


def test_a_code_written_into_the_file_is_refused_and_not_repeated(kiosk: str) -> None:
    loaded = parse(kiosk + "confirm: {codes: [{name: caretaker, hash: '4711'}]}\n", "kiosk.yaml")
    said = " ".join(map(str, loaded.problems))
    assert loaded.config is None and "4711" not in said and "never stands in this file" in said


def test_nothing_of_it_is_needed() -> None:
    assert Confirm() == Confirm(codes=(), keypad=None, staff=None)
    assert Keypad(keys=("12#",)).printed == ("12#",)
