"""``kioskd devices``: what to write, what is taken, who holds it."""

from __future__ import annotations

import errno
import json
from typing import Any

import pytest

from kioskd.audio.alsa import Takes
from kioskd.audio.devices import Device
from kioskd.audio.inventory import FILE, NONE, SILENCE, describe, rows, table

HDMI = Device(0, "vc4-hdmi-0: MAI PCM i2s-hifi-0 (hw:0,0)", 0, 8, 44100)
USB = Device(1, "USB PnP Sound Device: Audio (hw:3,0)", 1, 2, 48000)
PULSE = Device(2, "pulse", 32, 32, 44100)
TAKES = {
    ("hw:0,0", "output"): Takes((44100, 48000), (2, 3, 4, 5, 6, 7, 8)),
    ("hw:3,0", "input"): Takes((16000, 44100, 48000), (1,)),
    ("hw:3,0", "output"): Takes((48000,), (1, 2)),
    ("pulse", "input"): Takes((16000, 48000), (1, 2, 4)),
}


def takes(name: str, direction: str) -> Takes:
    try:
        return TAKES[name, direction]
    except KeyError:
        raise OSError(errno.ENODEV, "No such device") from None


@pytest.fixture
def board(tree: Any) -> Any:
    tree.plug(0, "vc4hdmi0", "vc4-hdmi-0", has="p")
    tree.plug(3, "Device", "USB PnP Sound Device", usb="1-1.3")
    return tree


def test_a_row_has_the_spec_the_port_and_what_each_direction_takes(board: Any) -> None:
    hdmi, usb, pulse = rows([HDMI, USB, PULSE], board.kernel, takes)
    assert (hdmi["spec"], hdmi["usb"], hdmi["input_rates_hz"], hdmi["output_channels"]) == (
        "alsa:vc4hdmi0",
        None,
        [],
        [2, 3, 4, 5, 6, 7, 8],
    )
    assert (usb["spec"], usb["usb"], usb["card_id"]) == ("alsa:Device", "1-1.3", "Device")
    assert (usb["input_rates_hz"], usb["input_channels"]) == ([16000, 44100, 48000], [1])
    assert (usb["output_rates_hz"], usb["output_channels"]) == ([48000], [1, 2])
    assert (pulse["spec"], pulse["card_id"], pulse["output_rates_hz"], pulse["output_busy"]) == (
        "pulse",
        None,
        [],
        None,
    )


def test_a_card_that_portaudio_leaves_out_is_listed_with_its_holder(board: Any) -> None:
    board.hold(3, "c", 812, "pulseaudio")

    def busy(name: str, direction: str) -> Takes:
        raise OSError(errno.EBUSY, "Device or resource busy")

    (usb,) = [row for row in rows([HDMI], board.kernel, busy) if row["card_id"] == "Device"]
    assert usb["input_busy"] == "held by pulseaudio (process 812)"
    assert usb["output_busy"] == "held by a program that is not seen"
    said = table([usb])
    assert "alsa:Device: its microphone is held by pulseaudio (process 812)" in said and "busy" in said


def test_a_usb_card_that_is_held_is_listed_with_what_it_says_of_itself(board: Any) -> None:
    board.hold(3, "c", 812, "kioskd")
    (board.proc / "asound" / "card3" / "stream0").write_text(
        "USB PnP\n\nCapture:\n  Status: Running\n  Interface 2\n    Channels: 1\n    Rates: 16000, 48000\n"
    )

    def busy(name: str, direction: str) -> Takes:
        raise OSError(errno.EBUSY, "Device or resource busy")

    (usb,) = [row for row in rows([USB], board.kernel, busy) if row["card_id"] == "Device"]
    assert (usb["input_rates_hz"], usb["input_channels"]) == ([16000, 48000], [1])
    assert usb["input_busy"] == "held by kioskd (process 812)"
    assert "1 ch 16 48 kHz" in table([usb]) and "its microphone is held by kioskd (process 812)" in table([usb])


def test_a_card_that_does_not_open_says_why(board: Any) -> None:
    def closed(name: str, direction: str) -> Takes:
        raise OSError(errno.EACCES, "Permission denied")

    (usb,) = [row for row in rows([], board.kernel, closed) if row["card_id"] == "Device"]
    assert usb["input_busy"] == "does not open: Permission denied"


def test_the_table_stands_in_columns(board: Any) -> None:
    lines = table(rows([HDMI, USB, PULSE], board.kernel, takes)).splitlines()
    assert [line.split("  ")[0].strip() for line in lines] == ["write this", "alsa:vc4hdmi0", "alsa:Device", "pulse"]
    assert "1 ch 16 44.1 48 kHz" in lines[2] and "1-2 ch 48 kHz" in lines[2] and " 1-1.3 " in lines[2]
    assert "1-2,4 ch 16 48 kHz" in lines[3] and "2-8 ch 44.1 48 kHz" in lines[1]
    starts = {line.index(name) for line, name in zip(lines, ("name", "vc4-hdmi-0:", "USB PnP", "pulse"))}
    assert len(starts - {0}) == 1


def test_without_any_device_the_table_says_what_to_do(board: Any) -> None:
    blank = rows([USB], board.kernel, takes)[0]
    always = [{**blank, "name": name, "input_busy": None, "output_busy": None} for name in (FILE, SILENCE)]
    bare = [{**row, "input_rates_hz": [], "output_rates_hz": []} for row in always]
    assert [line.count("any") for line in table(bare).splitlines()] == [0, 2, 2, 0]
    assert table(bare).endswith(NONE) and NONE not in table([*bare, blank])


@pytest.mark.sound
def test_the_list_of_this_machine_gives_what_to_write_down(sound_server: Any) -> None:
    found = {row["spec"]: row for row in describe()}
    mic = found[sound_server.mic_spec]
    assert mic["name"] == "kmic" and mic["card_id"] is None and mic["inputs"] == 32
    assert mic["input_rates_hz"] == [8000, 16000, 24000, 32000, 44100, 48000, 88200, 96000, 192000]
    assert mic["input_channels"] == list(range(1, 9))
    assert mic["output_rates_hz"] == [], "PortAudio lists it for both, and it was really asked"
    assert list(found)[-2:] == ["file:PATH.wav", "null"]
    assert len({tuple(row) for row in found.values()}) == 1, "every row has the same keys"
    json.dumps(list(found.values()))
