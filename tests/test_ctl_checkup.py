"""What the doctor looks at of a whole box, held to trees and configurations of its own."""

from __future__ import annotations

import dataclasses
import os
import textwrap
from pathlib import Path
from typing import Any

import pytest

from kioskd import ctl_checkup
from kioskd.checkup import keys, rights
from kioskd.checkup.runner import run
from kioskd.config.loader import parse
from kioskd.config.secretref import SecretRef
from kioskd.config.unit import SHIPPED, Unit
from kioskd.core.finding import Finding, Grade
from kioskd.core.supply import Supply
from kioskd.ctl_checkup import Place, checks, files, places, switches_off, wanted_groups

SECRET = "sk_canary_0123456789abcdef"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A kiosk whose service is not there, on a machine of empty trees."""
    key = tmp_path / "key"
    key.write_text(SECRET)
    key.chmod(0o600)
    path = tmp_path / "kiosk.yaml"
    path.write_text(textwrap.dedent(f"""\
        kiosk: {{name: Front door}}
        service:
          - dialect: hydra
            url: ws://127.0.0.1:9/waves/v1/s2s
            key: {{file: {key}}}
        talk: {{mode: voice}}
        audio: {{input: "null", output: "null"}}
        panel: {{pins: simulated}}
        power: {{pin: GPIO23}}
        ops: {{state_dir: {tmp_path}, runtime_dir: {tmp_path}}}
        """))
    path.chmod(0o640)
    loaded = parse(path.read_text(), str(path))
    assert loaded.problems == ()
    trees = {name: tmp_path / name for name in ("sysfs", "proc", "dev")}
    return Place(str(path), loaded, SHIPPED, None, "no kioskd serves", **trees)


def look(place: Place) -> dict[str, Finding]:
    return {one.name: one for one in run(checks(place))}


def test_a_box_without_a_daemon_is_looked_at_all_the_same(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctl_checkup, "said", lambda command: None)
    found = look(place)
    assert found["daemon"].grade is Grade.FAIL and found["daemon"].sentence == "no kioskd serves"
    assert found["configuration"].grade in (Grade.OK, Grade.WARN)
    assert found["key service[0].key"].grade is Grade.OK
    assert found["way hydra-1"].grade is Grade.FAIL
    assert found["microphone"].grade is found["speaker"].grade is Grade.OK
    assert found["gpio chips"].grade is Grade.OK, "simulated lines need no chip"
    assert {"clock", "supply", "power off", "disk sync", "disk wear", "groups", "files", "echo", "wi-fi"} <= set(found)
    assert SECRET not in repr(found), "no line shows any of a secret"


def test_what_the_daemon_knows_is_taken_from_it(place: Place) -> None:
    status: dict[str, Any] = {
        "version": "9",
        "health": {"ok": False, "reasons": ["the secret service[0].key is absent: the file is empty (for 3 s)"]},
        "audio": {"capture": {"state": "running"}, "playback": {"state": "failed", "reason": "burnt"}, "doctor": {}},
    }
    found = look(place._replace(status=status))
    assert found["daemon"].grade is Grade.FAIL and "the file is empty" in found["daemon"].sentence
    assert found["microphone"].grade is Grade.OK and found["speaker"].grade is Grade.FAIL
    well = look(place._replace(status={**status, "health": {"ok": True, "reasons": []}}))
    assert well["daemon"].grade is Grade.OK


def test_a_file_with_mistakes_is_told_and_the_rest_is_looked_at(place: Place) -> None:
    loaded = parse("kiosk: {nmae: x}\n", "kiosk.yaml")
    found = look(place._replace(loaded=loaded))
    assert found["configuration"].grade is Grade.FAIL and "nmae" in found["configuration"].sentence
    assert "clock" in found and place._replace(loaded=loaded).config.kiosk.name == "kiosk"


def test_a_credential_is_looked_for_where_the_unit_takes_it_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    path = tmp_path / "hydra-key"
    path.write_text(SECRET)
    path.chmod(0o600)
    ref = SecretRef(credential="hydra-key")
    (there,) = places(ref, Unit("x", (), {"hydra-key": str(path)}))
    assert there.read() == SECRET and SECRET not in there.where
    assert list(places(ref, SHIPPED)) == [], "only systemd knows it: root's business"
    (file,) = places(SecretRef(file=str(path)), SHIPPED)
    assert file.read() == SECRET


def test_only_groups_that_this_configuration_needs_are_wanted(place: Place) -> None:
    config = place.config
    assert wanted_groups(config) == ("kioskd-admin",)
    audio = dataclasses.replace(config.audio, input="alsa:mic")
    panel = dataclasses.replace(config.panel, pins="gpio")
    assert wanted_groups(dataclasses.replace(config, audio=audio, panel=panel)) == ("audio", "gpio", "kioskd-admin")


def test_the_key_is_among_the_files_whose_modes_matter(place: Place) -> None:
    refs = {rule.path for rule in files(place)}
    assert place.path in refs and any(path.endswith("/key") for path in refs)


def test_the_right_to_switch_off_matters_only_where_it_is_used(place: Place) -> None:
    assert switches_off(place.config)
    power = dataclasses.replace(place.config.power, command="none")
    assert not switches_off(dataclasses.replace(place.config, power=power))


def test_the_firmwares_own_program_helps_where_the_kernel_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctl_checkup, "said", lambda command: "throttled=0x50000\n")
    assert ctl_checkup.board(tmp_path) == Supply(0x50000)
    monkeypatch.setattr(ctl_checkup, "said", lambda command: None)
    assert not ctl_checkup.board(tmp_path).known


def test_root_looks_at_a_key_as_the_daemon_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What root may read says nothing; and a key of the daemon's own must not be chowned to root on our advice."""
    path = tmp_path / "key"
    path.write_text(SECRET)
    path.chmod(0o600)
    own = os.getuid() or 4711
    os.chown(path, own, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for uid, theirs in ((own, True), (own + 1, False)):
        account = rights.Account(uid, frozenset())
        monkeypatch.setattr(rights, "account", lambda user, account=account: account)
        (place,) = places(SecretRef(file=str(path)), SHIPPED)
        (told,) = keys.look("service[0].key", [place], None)
        assert told.grade is (Grade.OK if theirs else Grade.FAIL), told.sentence
        assert "to root" not in told.sentence
