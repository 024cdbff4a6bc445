"""Specs: what they mean on which machine, and the sentence for each that means nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kioskd.audio.devices import (
    Device,
    alsa_cards,
    describe,
    formats,
    open_input,
    open_output,
    resolve,
    validate_spec,
)
from kioskd.audio.streams import DeviceError

SEEED = Device(1, "seeed-2mic-voicecard: bcm2835-i2s-wm8960-hifi wm8960-hifi-0 (hw:2,0)", 2, 2, 44100)
HDMI = Device(0, "vc4-hdmi-0: MAI PCM i2s-hifi-0 (hw:0,0)", 0, 8, 44100)
USB = Device(2, "USB PnP Sound Device: Audio (hw:12,0)", 1, 0, 48000)
KLOOP = Device(3, "kloop", 32, 32, 44100)
DEFAULT = Device(4, "default", 32, 32, 44100)
ALL = [HDMI, SEEED, USB, KLOOP, DEFAULT]
CARDS = {"vc4hdmi0": 0, "seeed2micvoicec": 2, "Device": 12}

PROC_CARDS = """ 0 [vc4hdmi0       ]: vc4-hdmi - vc4-hdmi-0
                      vc4-hdmi-0
 2 [seeed2micvoicec]: seeed-2mic-voic - seeed-2mic-voicecard
                      seeed-2mic-voicecard
12 [Device         ]: USB-Audio - USB PnP Sound Device
                      C-Media Electronics Inc. USB PnP Sound Device at usb-1.2, full speed
"""


def test_card_ids_and_numbers_are_read_from_proc(tmp_path: Path) -> None:
    (tmp_path / "cards").write_text(PROC_CARDS)
    assert alsa_cards(tmp_path) == CARDS


def test_a_machine_without_cards_has_none(tmp_path: Path) -> None:
    assert alsa_cards(tmp_path / "none") == {}
    (tmp_path / "cards").write_text("--- no soundcards ---\n")
    assert alsa_cards(tmp_path) == {}


def test_a_card_is_found_by_its_id_whatever_its_number() -> None:
    assert resolve("alsa:seeed2micvoicec", "input", ALL, CARDS) is SEEED
    moved = SEEED._replace(name=SEEED.name.replace("hw:2", "hw:0"))
    assert resolve("alsa:seeed2micvoicec", "input", [moved], {"seeed2micvoicec": 0}) is moved


def test_card_two_is_not_card_twelve() -> None:
    with pytest.raises(DeviceError):
        resolve("alsa:seeed2micvoicec", "input", [USB], CARDS)


def test_a_name_of_alsas_configuration_is_found_too() -> None:
    assert resolve("alsa:kloop", "output", ALL, CARDS) is KLOOP
    assert resolve("default", "input", ALL, CARDS) is DEFAULT


def test_a_card_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(DeviceError) as refusal:
        resolve("alsa:seeed", "input", ALL, CARDS)
    assert "no card 'seeed'; this machine has: vc4hdmi0, seeed2micvoicec, Device, kloop" in str(refusal.value)


def test_a_card_that_cannot_record_is_told_so() -> None:
    with pytest.raises(DeviceError, match="'vc4hdmi0' is there but cannot be opened for recording"):
        resolve("alsa:vc4hdmi0", "input", ALL, CARDS)


@pytest.mark.parametrize("spec", ["alsa:seeed", "default"])
def test_on_a_machine_with_nothing_the_way_out_is_told(spec: str) -> None:
    with pytest.raises(DeviceError, match="this machine has no sound card; plug one in, or use file:PATH.wav or null"):
        resolve(spec, "output", [], {})


def test_a_sound_server_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeviceError, match="no sound server answers at unix:/run/pulse"):
        resolve("pulse:unix:/run/pulse", "output", ALL, CARDS)
    monkeypatch.setenv("PULSE_SERVER", "tcp:box")
    with pytest.raises(DeviceError, match="no sound server answers at tcp:box"):
        resolve("pulse", "output", ALL, CARDS)


def test_the_wanted_rate_is_tried_first_and_whole_ratios_before_odd_ones() -> None:
    order = formats(16000, 2)
    assert order[:4] == [(16000, 1), (16000, 2), (48000, 1), (48000, 2)]
    assert order.index((44100, 1)) > order.index((32000, 1)) and order[-1] == (8000, 2)
    assert formats(24000, 1)[:3] == [(24000, 1), (48000, 1), (96000, 1)]
    assert (16000, 6) in formats(16000, 6) and (16000, 32) not in formats(16000, 32)
    assert all(rate % 100 == 0 for rate, _ in order)


@pytest.mark.parametrize(
    "spec",
    ["default", "null", "pulse", "pulse:unix:/run/pulse/native", "pulse:tcp:box:4713", "alsa:Device", "file:a.wav"],
)
def test_good_specs_are_let_through(spec: str) -> None:
    assert validate_spec(spec) is None


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("", "is no device"),
        ("hw:0,0", "is no device"),
        ("null:1", "is no device"),
        ("default:", "is no device"),
        ("alsa:", "needs a card id"),
        ("alsa: x", "needs a card id"),
        ("alsa:hw:1,0", "by number, which changes"),
        ("alsa:1", "by number, which changes"),
        ("pulse:", "needs a server"),
        ("pulse:a b", "needs a server"),
        ("file:", "needs the path of a WAV file"),
        ("file:x.mp3", "needs the path of a WAV file"),
    ],
)
def test_a_wrong_spec_gets_a_sentence_and_does_not_open(spec: str, says: str) -> None:
    problem = validate_spec(spec)
    assert problem is not None and says in problem
    for opener in (open_input, open_output):
        with pytest.raises(DeviceError, match=says):
            opener(spec)


@given(st.text(max_size=30))
def test_any_text_is_judged_without_a_crash(text: str) -> None:
    problem = validate_spec(text)
    assert problem is None or text in problem


def test_files_and_nothing_open_without_portaudio(tmp_path: Path) -> None:
    code = (
        "import sys; from kioskd.audio.devices import open_input, open_output\n"
        "out = open_output('file:' + sys.argv[1], 24000); out.write_period(bytes(480), 1); out.close()\n"
        "assert open_input('file:' + sys.argv[1]).rate_hz == 24000\n"
        "assert open_input('null').rate_hz == 16000 and open_output('null').rate_hz == 24000\n"
        "sys.exit('pyaudio' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.wav")], timeout=30).returncode == 0


@pytest.mark.sound
def test_the_list_of_devices_gives_the_spec_to_write_down(sound_server: Any) -> None:
    rows = {row["spec"]: row for row in describe()}
    mic = rows[sound_server.mic_spec]
    assert mic["name"] == "kmic" and mic["card_id"] is None and mic["inputs"] == 32
    assert mic["input_rates_hz"] == [8000, 16000, 24000, 32000, 44100, 48000, 96000]
    assert mic["output_rates_hz"] == []  # it is listed for both, and was really asked
    assert list(rows)[-2:] == ["file:PATH.wav", "null"]
    assert all(len(row) == 8 for row in rows.values())


@pytest.mark.sound
def test_a_card_opens_through_the_same_door(sound_server: Any) -> None:
    mic, spk = open_input(sound_server.silent_mic_spec), open_output(sound_server.spk_spec)
    try:
        assert (mic.rate_hz, spk.rate_hz) == (16000, 24000)
    finally:
        mic.close()
        spk.close()
