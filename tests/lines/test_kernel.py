"""The kernel's own call. That a real kernel takes it is shown where there is one (tests/appliance)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable

import pytest

from kioskd.lines import kernel
from kioskd.lines.kernel import INFO, REQUEST, drive
from torture import wires as board
from torture.wires import FolderRequest, Wires

Make = Callable[..., Wires]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Chips in a folder that stands for /dev."""
    monkeypatch.setattr(kernel, "DEVICES", str(tmp_path))
    monkeypatch.setattr(kernel, "_open", lambda path: os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    monkeypatch.setattr(kernel, "ioctl", board.ioctl)
    return lambda name="gpiochip0", label="pinctrl-bcm2711": Wires.make(tmp_path / name, label)


def test_the_structures_are_as_large_as_those_of_linux_gpio_h() -> None:
    """The size is part of the call's number (asm-generic/ioctl.h), so one that is wrong would be refused."""
    assert (INFO.size, REQUEST.size) == (68, 592)
    assert [number >> 16 & 0x3FFF for number in (kernel.CHIP_INFO, kernel.GET_LINE)] == [68, 592]


@pytest.mark.parametrize("place", ["pinctrl-bcm2711:27", "gpiochip0:27"])
@pytest.mark.parametrize("high", [True, False])
def test_a_line_is_driven_in_one_request_and_let_go(make: Make, place: str, high: bool) -> None:
    chip = make()
    open_before = len(os.listdir("/proc/self/fd"))
    assert drive(place, high)
    assert [move.high for move in chip.moves(27)] == [high] and not chip.held(27)
    assert len(os.listdir("/proc/self/fd")) == open_before


def test_the_right_chip_is_found_by_its_label(make: Make) -> None:
    other, chip = make("gpiochip0", "pcf8574"), make("gpiochip1", "pinctrl-bcm2711")
    assert drive("pcf8574:3", True) and drive("pinctrl-bcm2711:3", False)
    assert [move.high for move in other.moves(3)] == [True] and [move.high for move in chip.moves(3)] == [False]


def test_what_cannot_be_done_quickly_is_left_to_libgpiod(make: Make) -> None:
    assert not drive("pinctrl-bcm2711:27", True), "there is no chip"
    one = make("gpiochip0", "pcf8574")
    assert not drive("GPIO27", True) and not drive("pcf8574:x", True) and not drive("pcf8574:999", True)
    two = make("gpiochip1", "pcf8574")
    assert not drive("pcf8574:3", True), "which of the two?"
    assert one.moves(3) == two.moves(3) == []


def test_a_line_that_somebody_has_is_not_driven(make: Make) -> None:
    from gpiod import LineSettings

    chip = make()
    held = FolderRequest(chip.folder, 27, LineSettings(), "gpio-hog")
    assert not drive("pinctrl-bcm2711:27", True) and chip.moves(27) == []
    held.release()


def test_without_the_folder_of_devices_nothing_is_driven(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kernel, "DEVICES", str(tmp_path / "gone"))
    assert not drive("pinctrl-bcm2711:27", True)
