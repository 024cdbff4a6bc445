"""A number pad as the kernel tells of it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from kioskd.core.confirm_events import ENTER
from kioskd.panel.keyboard import EVENT, Keyboard, grab


class Pad:
    """A named pipe that says what an input device would."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.keyboard = Keyboard(str(path), prepare=lambda descriptor: None)
        self.keyboard.open()
        self._out = os.open(path, os.O_WRONLY)

    def says(self, *events: tuple[int, int, int], at: float = 12.5) -> None:
        seconds, micros = int(at), round((at % 1) * 1e6)
        os.write(self._out, b"".join(EVENT.pack(seconds, micros, *event) for event in events))

    def close(self) -> None:
        os.close(self._out)
        self.keyboard.close()


def test_keys_that_go_down_are_told_with_the_kernels_stamp(tmp_path: Path) -> None:
    pad = Pad(tmp_path / "pad")
    # EV_MSC scan, EV_KEY down, EV_SYN; then up; then its repetition, a key of no meaning, and enter.
    pad.says((4, 4, 89), (1, 79, 1), (0, 0, 0), (1, 79, 0), (1, 80, 2), (1, 57, 1), (1, 96, 1))
    assert pad.keyboard.read(5.0) == [("1", 12.5), (ENTER, 12.5)]
    pad.close()


def test_nothing_typed_is_nothing_read_in_time(tmp_path: Path) -> None:
    pad = Pad(tmp_path / "pad")
    began = time.monotonic()
    assert pad.keyboard.read(0.02) == [] and time.monotonic() - began < 5
    pad.close()


def test_a_keypad_that_is_pulled_out_is_a_sentence(tmp_path: Path) -> None:
    pad = Pad(tmp_path / "pad")
    os.close(pad._out)
    with pytest.raises(OSError, match="plug the keypad in again"):
        pad.keyboard.read(1.0)
    pad.keyboard.close()
    pad.keyboard.close()


def test_what_is_no_input_device_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "nothing"):
        with pytest.raises(OSError, match="cannot be read as a keypad.*confirm.keypad"):
            Keyboard(str(path)).open()
    with pytest.raises(OSError):
        grab(os.open(os.devnull, os.O_RDONLY))
