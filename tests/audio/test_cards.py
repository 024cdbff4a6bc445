"""The kernel's cards, on trees of files that look like other machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kioskd.audio.cards import Kernel, SoundCard, call, find_card, listed, sound_cards, usb_port
from kioskd.audio.streams import DeviceError

REAL = """ 0 [vc4hdmi0       ]: vc4-hdmi - vc4-hdmi-0
                      vc4-hdmi-0
 2 [seeed2micvoicec]: seeed-2mic-voic - seeed-2mic-voicecard
                      seeed-2mic-voicecard
12 [Device         ]: USB-Audio - USB PnP Sound Device
                      C-Media Electronics Inc. USB PnP Sound Device at usb-1.2, full speed
"""


def test_ids_numbers_and_both_names_are_read(tmp_path: Path) -> None:
    (tmp_path / "cards").write_text(REAL)
    assert [(card.number, card.card_id, card.name, card.usb) for card in sound_cards(tmp_path, tmp_path)] == [
        (0, "vc4hdmi0", "vc4-hdmi-0", None),
        (2, "seeed2micvoicec", "seeed-2mic-voicecard", None),
        (12, "Device", "USB PnP Sound Device", None),
    ]
    assert sound_cards(tmp_path, tmp_path)[2].long_name.endswith("Sound Device at usb-1.2, full speed")


def test_a_machine_without_cards_has_none(tree: Any, tmp_path: Path) -> None:
    assert tree.kernel.cards() == ()
    assert Kernel(tmp_path / "nothing", tmp_path / "nothing").cards() == ()


@pytest.mark.parametrize("port", ["1-1", "1-1.3", "3-2.4.1"])
def test_the_port_of_a_usb_card_is_the_innermost_one(tree: Any, port: str) -> None:
    tree.plug(1, "Device", "USB Mic", usb=port)
    assert usb_port(1, tree.sysfs) == port
    assert tree.kernel.cards()[0].usb == port


def test_a_card_on_the_board_has_no_port(tree: Any) -> None:
    tree.plug(0, "vc4hdmi0", "vc4-hdmi-0")
    assert tree.kernel.cards()[0].usb is None and usb_port(7, tree.sysfs) is None


def test_a_card_is_found_by_id_by_name_by_long_name_and_by_port(tree: Any) -> None:
    tree.plug(0, "vc4hdmi0", "vc4-hdmi-0")
    tree.plug(12, "Device", "USB PnP Sound Device", usb="1-1.2")
    cards = tree.kernel.cards()
    long_name = "alsa:USB PnP Sound Device at usb-1-1.2, full speed"
    for spec in ("alsa:Device", "alsa:USB PnP Sound Device", long_name, "usb:1-1.2"):
        found = find_card(spec, cards)
        assert found is not None and found.number == 12, spec
    for spec in ("alsa:12", "alsa:USB", "usb:1-1", "usb:1-1.21", "pulse", "default", "alsa:"):
        assert find_card(spec, cards) is None, spec


def test_two_cards_of_one_make_are_told_apart_by_port(tree: Any) -> None:
    tree.plug(1, "Device", "USB Mic", usb="1-1.2")
    tree.plug(2, "Device_1", "USB Mic", usb="1-1.4")
    with pytest.raises(DeviceError, match="2 cards are named 'USB Mic': write usb:1-1.2 or usb:1-1.4"):
        find_card("alsa:USB Mic", tree.kernel.cards())
    found = find_card("usb:1-1.4", tree.kernel.cards())
    assert found is not None and found.card_id == "Device_1"


def test_an_id_comes_before_the_name_of_another_card() -> None:
    named, meant = SoundCard(0, "a", "Device", "", None), SoundCard(1, "Device", "b", "", None)
    assert find_card("alsa:Device", [named, meant]) is meant


def test_a_card_that_came_back_elsewhere_is_found_with_its_new_number(tree: Any) -> None:
    tree.plug(1, "Device", "USB Mic", usb="1-1.2")
    tree.pull(1)
    assert find_card("alsa:Device", tree.kernel.cards()) is None
    tree.plug(3, "Device", "USB Mic", usb="1-1.4")
    found = find_card("alsa:Device", tree.kernel.cards())
    assert found is not None and (found.number, found.usb) == (3, "1-1.4")


def test_what_a_card_has_is_known_without_opening_it(tree: Any) -> None:
    tree.plug(0, "HDMI", "HDMI", has="p")
    assert tree.kernel.has(0, "output") and not tree.kernel.has(0, "input") and not tree.kernel.has(4, "output")
    for name in ("pcm10p", "pcm3p", "pcm2c"):
        (tree.proc / "asound" / "card0" / name).mkdir()
    (tree.proc / "asound" / "card0" / "pcm0p").rename(tree.proc / "asound" / "card0" / "gone")
    assert (tree.kernel.alsa_name(0, "output"), tree.kernel.alsa_name(0, "input")) == ("hw:0,3", "hw:0,2")
    assert tree.kernel.alsa_name(4, "input") == ""


STREAM = """USB Mic at usb-1-1.3, full speed : USB Audio

Playback:
  Status: Stop
  Interface 1
    Altset 1
    Format: S16_LE
    Channels: 2
    Endpoint: 0x01 (1 OUT) (ADAPTIVE)
    Rates: 44100, 48000
    Bits: 16
    Channel map: FL FR

Capture:
  Status: Running
    Interface = 2
    Momentary freq = 16000 Hz (0x10.0000)
  Interface 2
    Altset 1
    Format: S16_LE
    Channels: 1
    Rates: 8000, 16000
  Interface 2
    Altset 2
    Channels: 2
    Rates: 48000 - 96000 (continuous)
"""


def test_what_a_usb_cards_descriptors_name_is_known_while_it_is_held(tree: Any) -> None:
    tree.plug(1, "Device", "USB Mic", usb="1-1.3")
    assert tree.kernel.told(1, "input") == ((), ())
    (tree.proc / "asound" / "card1" / "stream0").write_text(STREAM)
    assert tree.kernel.told(1, "input") == ((8000, 16000, 48000, 96000), (1, 2))
    assert tree.kernel.told(1, "output") == ((44100, 48000), (2,))


def test_cards_are_told_in_every_way_to_write_them(tree: Any) -> None:
    tree.plug(0, "HDMI", "HDMI")
    tree.plug(1, "Device", "USB Mic", usb="1-1.2")
    cards = tree.kernel.cards()
    assert listed(cards) == "HDMI, Device (usb:1-1.2)"
    assert [call(card) for card in cards] == ["alsa:HDMI", "usb:1-1.2"]


def test_the_machine_itself_can_be_asked() -> None:
    assert isinstance(Kernel().cards(), tuple)
