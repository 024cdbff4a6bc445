"""Whether a device seems to be there, without opening it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kioskd.audio.cards import Kernel
from kioskd.audio.presence import doubt


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    """A machine with one USB card, which plays only."""
    asound = tmp_path / "proc" / "asound"
    (asound / "card1" / "pcm0p").mkdir(parents=True)
    (asound / "cards").write_text(" 1 [Speaker        ]: USB-Audio - Desk Speaker\n                      Maker Desk\n")
    device = tmp_path / "sys" / "devices" / "usb1" / "1-1.3" / "1-1.3:1.0" / "sound" / "card1"
    device.mkdir(parents=True)
    (tmp_path / "class" / "card1").mkdir(parents=True)
    (tmp_path / "class" / "card1" / "device").symlink_to(device)
    return Kernel(tmp_path / "proc", tmp_path / "class")


@pytest.fixture
def bare(tmp_path: Path) -> Kernel:
    """A machine without sound."""
    return Kernel(tmp_path / "none", tmp_path / "none")


@pytest.mark.parametrize("spec", ["alsa:Speaker", "alsa:Desk Speaker", "usb:1-1.3", "default", "null"])
def test_a_card_that_is_there_is_not_doubted(spec: str, kernel: Kernel) -> None:
    assert doubt(spec, "output", kernel, {}) == ""


def test_a_card_that_is_missing_is_named_with_what_there_is(kernel: Kernel, bare: Kernel) -> None:
    said = doubt("alsa:Mic", "input", kernel, {})
    assert said.startswith("a sound card 'Mic' is not there; this machine has Speaker (usb:1-1.3)")
    assert "at USB port 1-1.4 is not there" in doubt("usb:1-1.4", "output", kernel, {})
    assert "this machine has no sound card" in doubt("alsa:Mic", "input", bare, {})
    assert "no sound card" in doubt("default", "output", bare, {})


def test_a_card_that_cannot_do_it_is_told(kernel: Kernel) -> None:
    assert doubt("alsa:Speaker", "input", kernel, {}) == "the sound card Speaker is there, but cannot record"


def test_two_cards_of_one_name_are_told(kernel: Kernel, tmp_path: Path) -> None:
    cards = tmp_path / "proc" / "asound" / "cards"
    cards.write_text(cards.read_text() + " 2 [Speaker_1      ]: USB-Audio - Desk Speaker\n              Maker Desk\n")
    assert "2 cards are named" in doubt("alsa:Desk Speaker", "output", kernel, {})


def test_a_name_of_alsas_configuration_is_believed(bare: Kernel, tmp_path: Path) -> None:
    (tmp_path / "asound.conf").write_text("pcm.kiosk { type null }\n")
    env = {"ALSA_CONFIG_PATH": str(tmp_path / "asound.conf")}
    assert doubt("alsa:kiosk", "output", bare, env) == "" and doubt("alsa:other", "output", bare, env)


def test_a_sound_server_is_there_when_its_socket_is(bare: Kernel, tmp_path: Path) -> None:
    socket = tmp_path / "native"
    assert f"no sound server has a socket at unix:{socket}" in doubt(f"pulse:unix:{socket}", "output", bare, {})
    assert "PULSE" not in doubt("pulse", "output", bare, {}) and doubt("pulse", "output", bare, {})
    socket.touch()
    for spec, env in (
        (f"pulse:unix:{socket}", {}),
        (f"pulse:{socket}", {}),
        ("pulse", {"PULSE_SERVER": f"unix:{socket}"}),
        ("pulse", {"PULSE_RUNTIME_PATH": str(tmp_path)}),
        ("default", {"PULSE_RUNTIME_PATH": str(tmp_path)}),
        ("pulse:tcp:10.0.0.1:4713", {}),
    ):
        assert doubt(spec, "output", bare, env) == "", spec


def test_a_file_is_there_or_its_folder(bare: Kernel, tmp_path: Path) -> None:
    wav = tmp_path / "a.wav"
    assert doubt(f"file:{wav}", "input", bare, {}) == f"{wav} is not there"
    assert doubt(f"file:{wav}", "output", bare, {}) == ""
    assert "folder" in doubt(f"file:{tmp_path}/none/a.wav", "output", bare, {})
    wav.touch()
    assert doubt(f"file:{wav}", "input", bare, {}) == ""
