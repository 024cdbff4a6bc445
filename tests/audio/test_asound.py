"""ALSA without its heavy plugins: what is left out, what is kept, and who keeps everything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kioskd.audio.asound import HEAVY, NAME, VARIABLE, configuration, kept, slim


@pytest.fixture
def system(tmp_path: Path) -> dict[str, Any]:
    """A machine's configuration."""
    folder = tmp_path / "conf.d"
    folder.mkdir()
    for name in (*HEAVY, "50-pulseaudio.conf", "99-mine.conf", "README"):
        (folder / name).write_text("pcm.x { type null }\n")
    (tmp_path / "alsa.conf").write_text("# the system's\n")
    (tmp_path / "asound.conf").write_text("pcm.mine { type hw card 1 }  # not speex\n")
    return {
        "system": str(tmp_path / "alsa.conf"),
        "folders": (str(tmp_path / "none"), str(folder)),
        "own": (str(tmp_path / "asound.conf"), str(tmp_path / "gone")),
    }


def test_the_heavy_files_are_left_out_and_all_others_keep_their_order(system: dict[str, Any]) -> None:
    names = [os.path.basename(path) for path in kept(system["folders"], system["own"])]
    assert names == ["50-pulseaudio.conf", "99-mine.conf", "asound.conf"]


def test_the_configuration_is_read_behind_the_systems(tmp_path: Path, system: dict[str, Any]) -> None:
    env: dict[str, str] = {}
    assert slim(str(tmp_path), ("alsa:Device",), env, **system)
    base, path = env[VARIABLE].split(":")
    assert base == system["system"] and path == str(tmp_path / NAME)
    assert Path(path).read_text() == configuration(kept(system["folders"], system["own"]))
    assert not (tmp_path / f"{NAME}.new").exists()


def test_an_owners_own_file_stays_the_base(tmp_path: Path, system: dict[str, Any]) -> None:
    own = tmp_path / "own.conf"
    own.write_text("</usr/share/alsa/alsa.conf>\npcm.kiosk { type hw card 0 }\n")
    env = {VARIABLE: str(own)}
    assert slim(str(tmp_path), (), env, **system)
    assert env[VARIABLE] == f"{own}:{tmp_path / NAME}"
    assert slim(str(tmp_path), (), env, **system) is False, "its hooks are ours already"


@pytest.mark.parametrize("plugin", sorted(set(HEAVY.values())))
def test_who_names_such_a_plugin_keeps_them_all(tmp_path: Path, system: dict[str, Any], plugin: str) -> None:
    env: dict[str, str] = {}
    assert not slim(str(tmp_path), (f"alsa:{plugin}",), env, **system)
    Path(system["own"][0]).write_text(f'pcm.mine {{ type plug slave.pcm "{plugin}" }}\n')
    assert not slim(str(tmp_path), ("alsa:mine",), env, **system)
    assert env == {}


def test_hooks_of_the_owners_own_are_not_touched(tmp_path: Path, system: dict[str, Any]) -> None:
    own = tmp_path / "own.conf"
    own.write_text("@hooks [ { func load files [ /x ] } ]\n")
    env = {VARIABLE: str(own)}
    assert not slim(str(tmp_path), (), env, **system) and env == {VARIABLE: str(own)}


def test_where_nothing_can_be_written_everything_stays_as_it_is(tmp_path: Path, system: dict[str, Any]) -> None:
    env: dict[str, str] = {}
    assert not slim(str(tmp_path / "no" / "folder"), (), env, **system)
    assert not slim(str(tmp_path), (), {VARIABLE: str(tmp_path / "missing.conf")}, **system)
    assert env == {}


HEARD = """
import os, sys
from kioskd.audio.asound import slim
from kioskd.audio.devices import open_input
assert slim(sys.argv[1], (sys.argv[2],), os.environ)
mic = open_input(sys.argv[2])
assert mic.read(2.0) is not None
mic.close()
maps = open("/proc/self/maps").read()
print("libasound.so" in maps, [name for name in ("libavcodec", "librsvg") if name in maps])
"""


@pytest.mark.sound
def test_a_microphone_is_heard_and_the_plugins_are_not_there(tmp_path: Path, sound_server: Any) -> None:
    command = [sys.executable, "-c", HEARD, str(tmp_path), sound_server.mic_spec]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "True []"
