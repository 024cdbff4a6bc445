"""Chips and who holds lines, against a kernel that answers as the real one does."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from kioskd.checkup.gpio import CHIP_INFO, LINE_INFO, chips, find, ioctl, look
from kioskd.core.finding import Grade


class Kernel:
    """linux/gpio.h, version 2: struct gpiochip_info has 68 bytes, struct gpio_v2_line_info 256."""

    def __init__(self, tmp_path: Path) -> None:
        self.dev = tmp_path
        self.chips: dict[str, tuple[str, int]] = {}
        self.held: dict[tuple[str, int], str] = {}
        self.broken: set[str] = set()

    def add(self, name: str, label: str, lines: int) -> None:
        (self.dev / name).write_text("")
        self.chips[str(self.dev / name)] = (label, lines)

    def __call__(self, path: str, request: int, buffer: bytes) -> bytes:
        if path in self.broken:
            raise PermissionError(13, "Permission denied")
        label, lines = self.chips[path]
        if request == CHIP_INFO:
            assert len(buffer) == 68 == request >> 16 & 0x3FFF
            return (
                Path(path).name.encode().ljust(32, b"\0") + label.encode().ljust(32, b"\0") + struct.pack("=I", lines)
            )
        assert request == LINE_INFO and len(buffer) == 256 == request >> 16 & 0x3FFF
        (offset,) = struct.unpack_from("=I", buffer, 64)
        if offset >= lines:
            raise OSError(22, "Invalid argument")
        holder = self.held.get((path, offset))
        flags = struct.pack("=QQ", 0, 1 if holder is not None else 0)[8:]
        head = f"GPIO{offset}".encode().ljust(32, b"\0") + (holder or "").encode().ljust(32, b"\0")
        return (head + struct.pack("=II", offset, 0) + flags).ljust(256, b"\0")

    def hold(self, name: str, offset: int, holder: str) -> None:
        self.held[str(self.dev / name), offset] = holder


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    one = Kernel(tmp_path)
    one.add("gpiochip0", "pinctrl-bcm2711", 58)
    one.add("gpiochip1", "raspberrypi-exp-gpio", 8)
    (tmp_path / "gpiochip4").symlink_to(tmp_path / "gpiochip0")
    return one


def test_every_chip_is_listed_once(kernel: Kernel) -> None:
    found, troubles = chips(kernel.dev, kernel)
    assert [(one.label, one.lines) for one in found] == [("pinctrl-bcm2711", 58), ("raspberrypi-exp-gpio", 8)]
    assert troubles == []


def test_pins_are_found_in_every_way_of_writing_them(kernel: Kernel) -> None:
    found, _ = chips(kernel.dev, kernel)
    assert find("GPIO17", found) == (found[0], 17)
    assert find("raspberrypi-exp-gpio:3", found) == (found[1], 3)
    assert find("gpiochip1:3", found) == (found[1], 3)
    assert find("raspberrypi-exp-gpio:9", found) is None and find("nonsense", found) is None


@pytest.mark.parametrize(
    ("holder", "running", "grade", "words"),
    [
        ("kioskd", True, Grade.OK, "held by kioskd"),
        ("lg", True, Grade.OK, "held by lg"),
        (None, False, Grade.OK, "free"),
        ("lg", False, Grade.WARN, "lg holds it, and no kioskd answers"),
        (None, True, Grade.WARN, "does not hold it"),
        ("w1-gpio", True, Grade.FAIL, "w1-gpio holds it"),
        ("spi0 CS1", False, Grade.FAIL, "spi0 CS1 holds it"),
    ],
)
def test_who_holds_a_line_is_told(kernel: Kernel, holder: str | None, running: bool, grade: Grade, words: str) -> None:
    if holder is not None:
        kernel.hold("gpiochip0", 17, holder)
    *_, told = look([("panel.talk.pin", "GPIO17")], kernel.dev, running, kernel)
    assert told.grade is grade and words in told.sentence and told.name == "line GPIO17"


def test_a_line_that_no_chip_has_is_told(kernel: Kernel) -> None:
    *_, told = look([("x", "mcp23017:3")], kernel.dev, False, kernel)
    assert told.grade is Grade.FAIL and "no chip here has it" in told.sentence


def test_chips_that_we_may_not_open_are_not_known(kernel: Kernel) -> None:
    kernel.broken = set(kernel.chips)
    assert {one.grade for one in look([("x", "GPIO17")], kernel.dev, True, kernel)} == {Grade.UNKNOWN}


def test_a_machine_without_chips_needs_none_or_lacks_them(tmp_path: Path) -> None:
    assert [one.grade for one in look([], tmp_path, False)] == [Grade.OK]
    assert [one.grade for one in look([("x", "GPIO17")], tmp_path, False)] == [Grade.FAIL]


def test_a_file_that_is_no_chip_is_an_error_of_the_kernels() -> None:
    with pytest.raises(OSError):
        ioctl("/dev/null", CHIP_INFO, bytes(68))
