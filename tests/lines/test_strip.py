"""A strip of lamps: what goes over the bus, and what is said when there is none."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from kioskd.lines.naming import LineError
from kioskd.lines.strip import NoBus, Strip, frame, open_strip


class FakeBus:
    """A bus that keeps what it was sent, and can be pulled out."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.broken = 0
        self.opened = 0
        self.closed = 0

    def open(self) -> FakeBus:
        if self.broken:
            raise OSError(self.broken, os.strerror(self.broken))
        self.opened += 1
        return self

    def transfer(self, data: bytes) -> bytes:
        if self.broken:
            raise OSError(self.broken, os.strerror(self.broken))
        self.sent.append(data)
        return data

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


def strip(bus: FakeBus, count: int = 3, brightness: float = 1.0) -> Strip:
    return Strip("/dev/spidev0.0", count, brightness, bus.open)


def decoded(sent: bytes, count: int) -> list[tuple[int, int, int]]:
    """Red, green, blue of each lamp, read as the data sheet has it."""
    assert sent[:4] == bytes(4), "the start frame"
    lamps = [sent[4 + 4 * place : 8 + 4 * place] for place in range(count)]
    assert all(lamp[0] == 0xFF for lamp in lamps), "three marks and full current"
    end = sent[4 + 4 * count :]
    assert not any(end) and 8 * (len(end) - 4) >= count / 2, "clocks for the last lamp, and 32 more for SK9822"
    return [(lamp[3], lamp[2], lamp[1]) for lamp in lamps]


@pytest.mark.parametrize("count", [1, 3, 12, 64, 300])
def test_all_lamps_show_one_colour(count: int) -> None:
    assert decoded(frame(count, 1.0, 0.5, 0.0), count) == [(255, 128, 0)] * count


def test_a_colour_beyond_its_bounds_stays_a_byte() -> None:
    assert decoded(frame(1, 7.0, -1.0, 1.0), 1) == [(255, 0, 255)]


def test_brightness_bounds_what_the_board_must_supply(bus: FakeBus) -> None:
    lamps = strip(bus, brightness=0.2)
    lamps.set(1.0, 1.0, 1.0)
    assert decoded(bus.sent[-1], 3) == [(51, 51, 51)] * 3 and bus.opened == 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOENT, "/dev/spidev0.0 is not there: switch SPI on"),
        (errno.EACCES, "may not be used by kioskd: the unit needs the drop-in"),
        (errno.EIO, "does not work: Input/output error"),
    ],
)
def test_a_strip_without_its_bus_says_what_to_do_and_comes_back_by_itself(bus: FakeBus, code: int, words: str) -> None:
    lamps = strip(bus)
    bus.broken = code
    for _ in range(2):
        with pytest.raises(LineError, match=words):
            lamps.set(1.0, 0.0, 0.0)
    assert lamps.shown is None and lamps.snapshot() == {"bus": "/dev/spidev0.0", "lamps": 3, "open": False, "failed": 2}
    bus.broken = 0
    lamps.set(0.0, 1.0, 0.0)
    assert decoded(bus.sent[-1], 3) == [(0, 255, 0)] * 3 and lamps.snapshot()["open"] is True


def test_a_bus_that_breaks_is_let_go_of(bus: FakeBus) -> None:
    lamps = strip(bus)
    lamps.set(1.0, 0.0, 0.0)
    bus.broken = errno.EIO
    with pytest.raises(LineError):
        lamps.set(0.0, 1.0, 0.0)
    assert bus.closed == 1


def test_at_the_end_it_is_dark(bus: FakeBus) -> None:
    lamps = strip(bus)
    lamps.close()
    assert bus.sent == [], "it was never lit"
    lamps.set(1.0, 1.0, 1.0)
    lamps.close()
    lamps.close()
    assert decoded(bus.sent[-1], 3) == [(0, 0, 0)] * 3 and bus.closed == 1


def test_the_strip_of_a_simulated_panel_needs_no_bus() -> None:
    lamps = open_strip("simulated", "/dev/no-such-bus", 12, 4_000_000, 0.5)
    lamps.set(1.0, 0.0, 1.0)
    assert lamps.shown == (0.5, 0.0, 0.5) and isinstance(lamps._bus, NoBus)
    assert decoded(lamps._bus.sent, 12) == [(128, 0, 128)] * 12


def test_the_real_library_on_a_machine_without_the_bus(tmp_path: Path) -> None:
    """python-periphery itself: a file that is missing, and one that is no SPI bus."""
    with pytest.raises(LineError, match="no-such-bus is not there: switch SPI on"):
        open_strip("gpio", str(tmp_path / "no-such-bus"), 12, 4_000_000, 0.5).set(1.0, 1.0, 1.0)
    (tmp_path / "file").touch()
    with pytest.raises(LineError, match="file is no SPI bus"):
        open_strip("gpio", str(tmp_path / "file"), 12, 4_000_000, 0.5).set(1.0, 1.0, 1.0)
