"""What the systemd unit gives, read from its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from kioskd.config.unit import NAME, SHIPPED, directives, installed, unit

ROOT = Path(__file__).resolve().parents[2]


def test_what_is_assumed_is_what_the_shipped_unit_says() -> None:
    assert unit("", directives((ROOT / "systemd" / NAME).read_text())) == SHIPPED


def test_a_machine_without_the_unit_has_the_shipped_one(tmp_path: Path) -> None:
    assert installed((str(tmp_path / "none"), str(tmp_path))) is SHIPPED


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Path, Path]:
    etc, lib = tmp_path / "etc", tmp_path / "lib"
    for folder in (etc, lib):
        (folder / f"{NAME}.d").mkdir(parents=True)
    (lib / NAME).write_bytes((ROOT / "systemd" / NAME).read_bytes())
    return etc, lib


def test_drop_ins_add_and_take_back_and_the_nearer_folder_wins(machine: tuple[Path, Path]) -> None:
    etc, lib = machine
    (lib / f"{NAME}.d" / "10.conf").write_text("[Service]\nLoadCredential=old:/a\n")
    (etc / f"{NAME}.d" / "10.conf").write_text("[Service]\nLoadCredential=hydra-key:/etc/kioskd/hydra-key\n")
    (etc / f"{NAME}.d" / "20.conf").write_text("[Service]\nReadWritePaths=-/srv/rec '/srv/two words'\nPrivateTmp=no\n")
    (etc / f"{NAME}.d" / "notes.txt").write_text("[Service]\nLoadCredential=no:/a\n")
    found = installed((str(etc), str(lib)))
    assert found.path == str(lib / NAME) and found.credentials == {"hydra-key": "/etc/kioskd/hydra-key"}
    assert found.may_write("/srv/rec/a") and found.may_write("/srv/two words") and not found.may_write("/srv/recorded")
    assert (
        found.may_write("/var/lib/kioskd/x") and not found.may_write("/var/lib/kioskd/../x") and not found.private_tmp
    )
    (etc / f"{NAME}.d" / "30.conf").write_text("[Service]\nLoadCredential=\nImportCredential=kioskd.*\n")
    found = installed((str(etc), str(lib)))
    assert not found.hands_over("hydra-key") and found.hands_over("kioskd.key") and found.credentials == {}


def test_a_drop_in_that_only_root_may_read_says_nothing(machine: tuple[Path, Path]) -> None:
    etc, lib = machine
    (etc / f"{NAME}.d" / "10.conf").mkdir()
    assert installed((str(etc), str(lib))).credentials == {}


def test_lines_sections_and_comments_are_systemds() -> None:
    text = "[Unit]\nUser=wrong\n[Service]\n# User=no\n; User=no\nUser = kiosk \n"
    text += "Environment=A=1 \\\n  # a comment\n  'B=2 3'\n"
    found = unit("u", directives(text))
    assert found.user == "kiosk" and found.variables == {"A", "B"} and found.writable == () and found.may_write("/any")
    assert unit("u", directives(text + "EnvironmentFile=/etc/default/kioskd\n")).variables is None
    assert directives("[Service]\nReadWritePaths='/open\n") == {"ReadWritePaths": ["'/open"]}
    assert unit("u", directives("[Service]\nProtectSystem=strict\nReadWritePaths='/open\n")).writable == ("'/open",)


def test_folders_that_systemd_makes_may_be_written() -> None:
    found = unit("u", directives("[Service]\nProtectSystem=strict\nLogsDirectory=kioskd more\nStateDirectory=a:b\n"))
    assert found.writable == ("/var/lib/a", "/var/log/kioskd", "/var/log/more")
    assert unit("u", directives("[Service]\nSetCredential=pin:1234\n")).credentials == {"pin": ""}


def test_devices_are_closed_by_a_list_or_by_a_policy() -> None:
    def devices(text: str) -> tuple[str, ...] | None:
        return unit("", directives(f"[Service]\n{text}")).devices

    assert devices("") is None and devices("DevicePolicy=auto") is None
    assert devices("DevicePolicy=closed") == ()
    assert devices("DeviceAllow=char-alsa rw\nDeviceAllow=/dev/spidev0.0") == ("char-alsa", "/dev/spidev0.0")
