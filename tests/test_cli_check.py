"""``kioskd check`` looks at the machine as well as at the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kioskd.audio.cards import Kernel
from kioskd.cli_check import look, page, table
from kioskd.config.unit import SHIPPED
from kioskd.config.unit_checks import drop_in

KIOSK = """\
talk: {mode: voice}
service:
  - dialect: hydra
    key: {credential: hydra-key}
audio:
  output: usb:1-1.2
  input: "null"
ops:
  timeline: /srv/timeline.jsonl
"""


@pytest.fixture
def bare(tmp_path: Path) -> Kernel:
    """A machine without sound cards."""
    return Kernel(tmp_path / "none", tmp_path / "none")


def lines(text: str, tmp_path: Path, kernel: Kernel) -> tuple[list[str], dict[str, object]]:
    path = tmp_path / "kiosk.yaml"
    path.write_text(text)
    loaded = look(str(path), SHIPPED, kernel)
    missing = drop_in(loaded.config, SHIPPED) if loaded.config is not None else ""
    return list(page(str(path), loaded, missing)), table(loaded, missing)


def test_what_the_machine_lacks_is_a_warning_with_its_line(tmp_path: Path, bare: Kernel) -> None:
    said, rows = lines(KIOSK, tmp_path, bare)
    assert [one.split(":")[1] for one in said if one.endswith("(warning)")] == ["1", "4", "6", "9"]
    assert "no sound card" in said[2] and said[-1].endswith("no mistakes, 4 warnings")
    drop = "[Service]\nReadWritePaths=/srv\nLoadCredential=hydra-key:/etc/kioskd/hydra-key"
    assert f"{drop}\n" in said and rows["ok"] is True and rows["drop_in"] == drop
    json.dumps(rows)


def test_mistakes_and_warnings_stand_in_the_order_of_their_lines(tmp_path: Path, bare: Kernel) -> None:
    said, rows = lines(KIOSK + "persona: {instructions: ''}\nkiosk: {settle_s: 900}\n", tmp_path, bare)
    numbers = [int(one.split(":")[1]) for one in said]
    assert numbers == sorted(numbers) and said[-1].startswith(f"{tmp_path / 'kiosk.yaml'}:11")
    assert not rows["ok"] and rows["drop_in"] == "" and not any("no mistakes" in one for one in said)


def test_a_device_that_has_no_valid_name_is_one_mistake(tmp_path: Path, bare: Kernel) -> None:
    said, _ = lines("audio: {output: 'hw:0,0', input: 'null'}\ntalk: {mode: voice}\n", tmp_path, bare)
    (one,) = [text for text in said if "audio.output" in text]
    assert "run kioskd devices" in one
