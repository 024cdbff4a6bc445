"""``kioskctl reload`` on the command line, and changes as lines."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from kioskd.ctl import parser
from kioskd.ctl_config import shown


def plain(code: str, text: str) -> str:
    return text


def test_changes_stand_under_when_they_apply() -> None:
    rows = [
        {"key": "panel.talk.pin", "applies": "restart", "old": "GPIO17", "new": "GPIO4"},
        {"key": "audio.volume", "applies": "live", "old": "1.0", "new": "0.5"},
        {"key": "persona.greet", "applies": "session", "old": "", "new": "true\x1b[2J"},
        "not a row",
    ]
    assert shown(rows, plain) == [
        "at once:",
        "  audio.volume: 1.0 -> 0.5",
        "with the next session:",
        "  persona.greet: nothing -> true·[2J",
        "after a restart:",
        "  panel.talk.pin: GPIO17 -> GPIO4",
    ]
    assert shown([], plain) == ["nothing changes"]


def test_reload_is_synchronous_and_fails_on_a_bad_file(kiosk_file: Any, kiosk_unit: Any) -> None:
    """As ExecReload of the unit: done when it returns, and a failure is an exit status."""
    kiosk_file.path.write_text(kiosk_file.but("0.8", "0.3"))
    done = kiosk_file.ctl("reload")
    assert done.returncode == 0 and "audio.volume: 0.8 -> 0.3" in done.stdout
    kiosk_file.path.write_text(kiosk_file.but("0.8", "0.4"))
    assert json.loads(kiosk_file.ctl("reload", "--json").stdout)["changes"][0]["new"] == "0.4"
    kiosk_file.path.write_text(kiosk_file.text + "volume: [\n")
    done = kiosk_file.ctl("reload")
    assert done.returncode == 1 and "refused, and nothing has changed" in done.stderr
    told = [one.split("=")[0] for one in kiosk_unit.told]
    assert told.count("RELOADING") == 3 and kiosk_file.status()["health"]["ok"]
    assert all("\nMONOTONIC_USEC=" in one for one in kiosk_unit.told if one.startswith("RELOADING=1"))


def test_who_only_looks_does_not_load_what_applies() -> None:
    code = "import sys, kioskd.ctl; print(*[name for name in sys.modules if name in ('yaml', 'kioskd.config')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_unit_reloads_by_this_verb() -> None:
    unit = (Path(__file__).resolve().parent.parent / "systemd" / "kioskd.service").read_text()
    (line,) = re.findall(r"^ExecReload=(.*)$", unit, re.MULTILINE)
    program, *words = line.split()
    assert program.endswith("/bin/kioskctl") and parser().parse_args(words).door == "reload"
    assert "\nType=notify\n" in unit, "Type=notify-reload would be unknown to systemd 252"
