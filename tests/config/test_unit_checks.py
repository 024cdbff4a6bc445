"""A configuration that asks for more than the systemd unit gives."""

from __future__ import annotations

import dataclasses
import os
import pwd
from pathlib import Path

import pytest

from kioskd.config.findings import Finding
from kioskd.config.panel import Lamp, Panel, Strip
from kioskd.config.sections import (
    Action,
    Audio,
    Config,
    Endpoint,
    Ops,
    Recording,
    RelayAction,
    SecretRef,
    Tool,
)
from kioskd.config.unit import SHIPPED, Unit
from kioskd.config.unit_checks import drop_in, unit_findings


def found(config: Config, unit: Unit = SHIPPED) -> list[Finding]:
    findings = list(unit_findings(config, unit))
    assert all(one.warning for one in findings), "by hand it may run well"
    return findings


def only(config: Config, unit: Unit = SHIPPED) -> str:
    (one,) = found(config, unit)
    return f"{one.key}: {one.sentence}"


def keyed(**ref: str) -> Config:
    return Config(service=(Endpoint(dialect="hydra", key=SecretRef(**ref)),))


def test_what_the_unit_gives_is_fine() -> None:
    ops = Ops(timeline="/var/lib/kioskd/timeline.jsonl", wire_log="/run/kioskd/wire.jsonl")
    assert found(Config(ops=ops, audio=Audio(record=Recording(dir="/var/lib/kioskd/recordings")))) == []
    assert drop_in(Config(ops=ops), SHIPPED) == ""


@pytest.mark.parametrize(
    ("config", "key", "line"),
    [
        (Config(audio=Audio(record=Recording(dir="/srv/rec"))), "audio.record.dir", "ReadWritePaths=/srv/rec"),
        (Config(ops=Ops(timeline="/var/log/kiosk/t.jsonl")), "ops.timeline", "LogsDirectory=kiosk"),
        (Config(ops=Ops(wire_log="/srv/a/../wire.jsonl")), "ops.wire_log", "ReadWritePaths=/srv"),
        (Config(ops=Ops(state_dir="/data")), "ops.state_dir", "ReadWritePaths=/data"),
    ],
)
def test_a_folder_outside_is_told_with_both_ways_out(config: Config, key: str, line: str) -> None:
    said = only(config)
    assert said.startswith(key) and line in said and "use a folder below /var/lib/kioskd" in said
    assert drop_in(config, SHIPPED) == f"[Service]\n{line}"
    given = dataclasses.replace(SHIPPED, writable=(*SHIPPED.writable, "/srv", "/data", "/var/log/kiosk"))
    assert found(config, given) == []


def test_a_tmp_of_its_own_is_no_place_to_keep_anything() -> None:
    config = Config(ops=Ops(timeline="/tmp/t.jsonl"))
    assert "empty at each start" in only(config)
    assert found(config, dataclasses.replace(SHIPPED, private_tmp=False, writable=())) == []
    assert "lets kioskd write" in only(Config(ops=Ops(timeline="/tmpfs/t.jsonl")))


def test_a_relative_path_is_the_loaders_affair() -> None:
    assert found(Config(ops=Ops(timeline="t.jsonl"))) == []


def test_a_credential_that_the_unit_does_not_load_is_told_with_its_line() -> None:
    config = keyed(credential="hydra-key")
    line = "LoadCredential=hydra-key:/etc/kioskd/hydra-key"
    assert only(config).startswith("service[0].key.credential") and line in only(config)
    assert "put the secret into /etc/kioskd/no-such (mode 600), then add" in only(keyed(credential="no-such"))
    assert drop_in(config, SHIPPED) == f"[Service]\n{line}"
    given = dataclasses.replace(SHIPPED, credentials={"hydra-key": "/no/such/file"})
    assert "loads it from /no/such/file, which is not there" in only(config, given) and drop_in(config, given) == ""
    assert found(config, dataclasses.replace(SHIPPED, credentials={"hydra-key": ""})) == []
    assert found(config, dataclasses.replace(SHIPPED, imported=("hydra*",))) == []


def test_a_variable_that_the_unit_does_not_set_is_told() -> None:
    config = keyed(env="HYDRA_API_KEY")
    assert "LoadCredential" in only(config) and "HYDRA" not in only(config)
    for names in (None, frozenset({"HYDRA_API_KEY"})):
        assert found(config, dataclasses.replace(SHIPPED, variables=names)) == []


def test_a_file_must_be_there_and_its_readers(tmp_path: Path) -> None:
    key = tmp_path / "key"
    assert "is not there" in only(keyed(file=str(key)))
    key.write_text("x")
    me = pwd.getpwuid(os.geteuid()).pw_name
    other = next(one.pw_name for one in pwd.getpwall() if one.pw_uid not in (0, os.geteuid()))
    assert found(keyed(file=str(key)), dataclasses.replace(SHIPPED, user=me)) == []
    assert f"chown {other} {key}" in only(keyed(file=str(key)), dataclasses.replace(SHIPPED, user=other))
    assert found(keyed(file=str(key)), dataclasses.replace(SHIPPED, user="nobody-of-this-name")) == []
    assert found(keyed(file=str(key / "below"))) == [], "what cannot be looked at is not said to be missing"


def test_a_strip_of_lamps_needs_its_bus() -> None:
    config = Config(panel=Panel(lamp=Lamp(strip=Strip())))
    lines = ("DeviceAllow=char-spidev rw", "SupplementaryGroups=spi")
    assert all(line in only(config) for line in lines)
    assert drop_in(config, SHIPPED) == "\n".join(("[Service]", *lines))
    given = dataclasses.replace(SHIPPED, devices=(*(SHIPPED.devices or ()), "char-spidev"), groups=("spi",))
    assert found(config, given) == [] and drop_in(config, given) == ""
    assert found(config, dataclasses.replace(SHIPPED, devices=None, user="root")) == []
    assert found(Config(panel=Panel(pins="simulated", lamp=Lamp(strip=Strip())))) == []


def test_relays_that_the_helper_would_look_for_elsewhere_are_told() -> None:
    """Killed in the middle of a pulse, such a kiosk leaves its door open: the helper finds no facts and is content."""
    door = Tool(name="door", description="", class_="actuate", action=Action(relay=RelayAction(pin="GPIO27")))
    elsewhere = Ops(runtime_dir="/run/kioskd/front")
    said = only(Config(tools=(door,), ops=elsewhere))
    assert said.startswith("ops.runtime_dir: ExecStopPost") and "/run/kioskd/front/lines.json" in said
    assert found(Config(tools=(door,))) == found(Config(ops=elsewhere)) == []
    simulated = Config(tools=(door,), ops=elsewhere, panel=Panel(pins="simulated"))
    assert found(simulated) == []
    assert found(Config(tools=(door,), ops=elsewhere), dataclasses.replace(SHIPPED, facts="/run/kioskd/front/a")) == []
    assert "does not look" in only(Config(tools=(door,)), dataclasses.replace(SHIPPED, facts=""))
