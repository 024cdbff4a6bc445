"""Specs: what they mean on which machine, and the sentence for each that means nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kioskd.audio.devices import Device, formats, held, open_input, open_output, resolve, validate_spec
from kioskd.audio.streams import DeviceError

SEEED = Device(1, "seeed-2mic-voicecard: bcm2835-i2s-wm8960-hifi wm8960-hifi-0 (hw:2,0)", 2, 2, 44100)
HDMI = Device(0, "vc4-hdmi-0: MAI PCM i2s-hifi-0 (hw:0,0)", 0, 8, 44100)
USB = Device(2, "USB PnP Sound Device: Audio (hw:12,0)", 1, 0, 48000)
KLOOP = Device(3, "kloop", 32, 32, 44100)
DEFAULT = Device(4, "default", 32, 32, 44100)
ALL = [HDMI, SEEED, USB, KLOOP, DEFAULT]


@pytest.fixture
def lobby(tree: Any) -> Any:
    """A board with HDMI, a microphone hat and a USB microphone."""
    tree.plug(0, "vc4hdmi0", "vc4-hdmi-0", has="p")
    tree.plug(2, "seeed2micvoicec", "seeed-2mic-voicecard")
    tree.plug(12, "Device", "USB PnP Sound Device", usb="1-1.3", has="c")
    return tree


def test_a_card_is_found_by_its_id_whatever_its_number(lobby: Any) -> None:
    assert resolve("alsa:seeed2micvoicec", "input", ALL, lobby.kernel) is SEEED
    moved = SEEED._replace(name=SEEED.name.replace("hw:2", "hw:3"))
    lobby.pull(2)
    lobby.plug(3, "seeed2micvoicec", "seeed-2mic-voicecard")
    assert resolve("alsa:seeed2micvoicec", "input", [moved], lobby.kernel) is moved


@pytest.mark.parametrize("spec", ["alsa:Device", "alsa:USB PnP Sound Device", "usb:1-1.3"])
def test_a_card_is_found_by_id_name_and_usb_port(lobby: Any, spec: str) -> None:
    assert resolve(spec, "input", ALL, lobby.kernel) is USB


def test_card_two_is_not_card_twelve(lobby: Any) -> None:
    with pytest.raises(DeviceError):
        resolve("alsa:seeed2micvoicec", "input", [USB], lobby.kernel)


def test_a_row_of_portaudios_list_knows_its_card() -> None:
    assert (USB.card_number, USB.hardware, USB.alsa_name) == (12, (12, 0), "hw:12,0")
    assert (KLOOP.card_number, KLOOP.hardware, KLOOP.alsa_name) == (None, None, "kloop")


def test_a_name_of_alsas_configuration_is_found_too(lobby: Any) -> None:
    assert resolve("alsa:kloop", "output", ALL, lobby.kernel) is KLOOP
    assert resolve("default", "input", ALL, lobby.kernel) is DEFAULT


def test_a_card_that_is_not_there_is_told_with_those_that_are(lobby: Any) -> None:
    with pytest.raises(DeviceError) as refusal:
        resolve("alsa:seeed", "input", ALL, lobby.kernel)
    there = "no card 'seeed'; this machine has: vc4hdmi0, seeed2micvoicec, Device (usb:1-1.3), kloop"
    assert there in str(refusal.value)
    with pytest.raises(DeviceError, match=r"no sound card at USB port 1-1.4; this machine has: .*\(usb:1-1.3\)"):
        resolve("usb:1-1.4", "input", ALL, lobby.kernel)


def test_a_card_without_that_direction_is_told_with_what_would_serve(lobby: Any) -> None:
    with pytest.raises(DeviceError) as refusal:
        resolve("alsa:vc4hdmi0", "input", ALL, lobby.kernel)
    assert str(refusal.value) == (
        "alsa:vc4hdmi0 cannot record: the card has nothing for that; a device would serve that can record with 1 to 8 "
        "channels at 8 to 192 kHz; here that may be alsa:seeed2micvoicec, alsa:Device, alsa:kloop, default"
    )
    with pytest.raises(DeviceError, match="alsa:Device cannot play: .*; here that may be alsa:vc4hdmi0, alsa:seeed"):
        resolve("alsa:Device", "output", ALL, lobby.kernel)


def test_a_busy_card_names_who_holds_it(lobby: Any) -> None:
    lobby.hold(12, "c", 812, "pulseaudio")
    with pytest.raises(DeviceError) as refusal:
        resolve("alsa:Device", "input", [HDMI, SEEED], lobby.kernel)
    assert str(refusal.value) == (
        "alsa:Device is held by pulseaudio (process 812): end that, or have both use the sound server (pulse)"
    )


def test_where_the_holder_is_hidden_that_is_said(lobby: Any) -> None:
    with pytest.raises(DeviceError, match="another program holds it that cannot be seen from here .as root, fuser"):
        resolve("usb:1-1.3", "input", [HDMI, SEEED], lobby.kernel)
    assert "does not open to play" in held("alsa:x", 2, "output", lobby.kernel)


@pytest.mark.parametrize("spec", ["alsa:seeed", "default", "usb:1-1"])
def test_on_a_machine_with_nothing_the_way_out_is_told(tree: Any, spec: str) -> None:
    with pytest.raises(DeviceError, match="this machine has no sound card; plug one in, or use file:PATH.wav or null"):
        resolve(spec, "output", [], tree.kernel)


def test_a_sound_server_that_does_not_answer_is_named(tree: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeviceError, match="no sound server answers at unix:/run/pulse"):
        resolve("pulse:unix:/run/pulse", "output", ALL, tree.kernel)
    monkeypatch.setenv("PULSE_SERVER", "tcp:box")
    with pytest.raises(DeviceError, match="no sound server answers at tcp:box"):
        resolve("pulse", "output", ALL, tree.kernel)


def test_the_wanted_rate_is_tried_first_and_whole_ratios_before_odd_ones() -> None:
    order = formats(16000, 2)
    assert order[:4] == [(16000, 1), (16000, 2), (48000, 1), (48000, 2)]
    assert order.index((44100, 1)) > order.index((32000, 1)) and order[-1] == (8000, 2)
    assert formats(24000, 1)[:3] == [(24000, 1), (48000, 1), (96000, 1)]
    assert (16000, 6) in formats(16000, 6) and (16000, 32) not in formats(16000, 32)
    assert all(rate % 100 == 0 for rate, _ in order)


def test_both_sides_of_a_stereo_card_are_opened_and_of_an_array_the_first() -> None:
    assert formats(16000, 2, "input", card=True)[:3] == [(16000, 2), (16000, 1), (48000, 2)]
    assert formats(16000, 6, "input", card=True)[:3] == [(16000, 1), (16000, 2), (16000, 6)]
    assert formats(24000, 8, "output", card=True)[0] == (24000, 2)
    assert formats(24000, 1, "output", card=True)[0] == (24000, 1)


@pytest.mark.parametrize(
    "spec",
    [
        "default",
        "null",
        "pulse",
        "pulse:unix:/run/pulse/native",
        "pulse:tcp:box:4713",
        "alsa:Device",
        "usb:1-1.3",
        "file:a.wav",
    ],
)
def test_good_specs_are_let_through(spec: str) -> None:
    assert validate_spec(spec) is None


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("", "is no device"),
        ("hw:0,0", "run kioskd devices"),
        ("null:1", "is no device"),
        ("default:", "is no device"),
        ("alsa:", "needs a card id"),
        ("alsa: x", "needs a card id"),
        ("alsa:hw:1,0", "by number, which changes"),
        ("alsa:1", "by number, which changes"),
        ("usb:1", "needs a USB port"),
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
        "out = open_output('file:' + sys.argv[1], 24000); out.write(bytes(480), 1); out.close()\n"
        "assert open_input('file:' + sys.argv[1]).rate_hz == 24000\n"
        "assert open_input('null').rate_hz == 16000 and open_output('null').rate_hz == 24000\n"
        "sys.exit('pyaudio' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.wav")], timeout=30).returncode == 0


@pytest.mark.sound
def test_a_card_opens_through_the_same_door(sound_server: Any) -> None:
    mic, spk = open_input(sound_server.silent_mic_spec), open_output(sound_server.spk_spec)
    try:
        assert (mic.rate_hz, spk.rate_hz) == (16000, 24000)
    finally:
        mic.close()
        spk.close()
