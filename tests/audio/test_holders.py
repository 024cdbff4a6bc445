"""Who holds a card: by its open files, by ALSA's own word, and when it is hidden."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from kioskd.audio.holders import Holder, holders, tell


def test_the_process_with_the_device_file_open_is_named(tree: Any) -> None:
    tree.plug(1, "Device", "USB Mic")
    tree.hold(1, "c", 812, "pulseaudio")
    tree.hold(1, "p", 900, "aplay")
    tree.hold(2, "c", 901, "arecord")
    assert holders(1, "input", tree.proc) == (Holder(812, "pulseaudio"),)
    assert holders(1, "output", tree.proc) == (Holder(900, "aplay"),)
    assert holders(0, "input", tree.proc) == ()


def test_card_one_is_not_card_eleven(tree: Any) -> None:
    tree.hold(11, "c", 812, "pulseaudio")
    assert holders(1, "input", tree.proc) == ()


def test_alsas_owner_is_known_where_files_are_hidden(tree: Any) -> None:
    tree.plug(1, "Device", "USB Mic")
    tree.hold(1, "c", 812, "pulseaudio", fd=False, owner=True)
    assert holders(1, "input", tree.proc) == (Holder(812, "pulseaudio"),)
    tree.plug(2, "Other", "USB Mic")
    tree.hold(2, "c", 813, "", fd=False, owner=True)
    assert holders(2, "input", tree.proc) == (Holder(813, ""),)


def test_the_owner_is_a_thread_and_the_process_is_told(tree: Any) -> None:
    tree.plug(1, "Device", "USB Mic")
    tree.hold(1, "c", 830, "alsa-source", fd=False, owner=True)
    (tree.proc / "830" / "status").write_text("Name:\talsa-source\nTgid:\t812\nPid:\t830\n")
    tree.hold(1, "c", 812, "pulseaudio")
    assert holders(1, "input", tree.proc) == (Holder(812, "pulseaudio"),)


def test_a_process_that_goes_meanwhile_is_passed_over(tree: Any) -> None:
    (tree.proc / "77").mkdir()
    (tree.proc / "self").mkdir()
    assert holders(1, "input", tree.proc) == ()


def test_the_sentence_names_three_at_most() -> None:
    assert tell(()) == ""
    assert tell([Holder(812, "pulseaudio")]) == "pulseaudio (process 812)"
    assert tell([Holder(5, "")]) == "process 5"
    assert tell([Holder(n, "x") for n in range(5)]).endswith("x (process 2) and 2 more")


def test_a_real_process_is_seen_through_the_real_proc(tmp_path: Path) -> None:
    # There is no sound card to hold here; a file of that name under another root tells that links are read as they are.
    code = "import os, sys; os.open(sys.argv[1], os.O_RDONLY); print('open', flush=True); sys.stdin.read()"
    (tmp_path / "held").write_text("")
    command = [sys.executable, "-c", code, str(tmp_path / "held")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"open\n"
        files = {os.readlink(f"/proc/{process.pid}/fd/{name}") for name in os.listdir(f"/proc/{process.pid}/fd")}
        assert str(tmp_path / "held") in files
        assert holders(0, "input") == ()
        process.communicate()
