"""A panel on simulated lines, and an inbox that a test can wait on."""

from __future__ import annotations

import queue
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator, cast

import pytest

from kioskd.config import sections
from kioskd.core.events import Event
from kioskd.lines.chips import Chips
from kioskd.lines.gpio import GpioSource
from kioskd.lines.lines import Lines, open_lines
from kioskd.lines.naming import LineError
from kioskd.lines.zero import Factory, MockFactory, MockPWMPin
from torture.wires import FolderChip, Wires

PATIENCE_S = 5.0


class Posted:
    """Stands where the inbox stands: takes events from any thread."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def post(self, event: Event) -> bool:
        self._events.put(event)
        return True

    def next(self, patience_s: float = PATIENCE_S) -> Event:
        return self._events.get(timeout=patience_s)

    def take(self, count: int) -> list[Event]:
        return [self.next() for _ in range(count)]

    def empty(self) -> bool:
        return self._events.empty()


@pytest.fixture
def posted() -> Posted:
    return Posted()


def no_lgpio(runtime_dir: str | None) -> Factory:
    raise ImportError("this is no Raspberry Pi")


class WorldLines(Lines):
    """Lines of a real panel, moved by the world: what a hand does to them, a test does by ``press`` and ``release``."""

    def _drive(self, pin: str, active: bool) -> None:
        if pin not in self._inputs:
            raise LineError(f"{pin} is neither a button nor an input of this kiosk.")
        device, active_low = self._inputs[pin]
        if device.closed:
            raise LineError(f"{pin} is closed: kioskd is ending.")
        self.world(pin, device.pin, active != active_low)

    world: Callable[[str, Any, bool], None]


def mock_lines() -> Lines:
    """The driver is gpiozero's own mock factory."""
    made = WorldLines(GpioSource(None, None, lgpio=lambda _: MockFactory(pin_class=MockPWMPin)))

    def move(name: str, pin: Any, high: bool) -> None:
        driver = threading.Thread(target=pin.drive_high if high else pin.drive_low)  # drivers have one of theirs
        driver.start()
        driver.join()

    made.world = move
    return made


def kernel_lines(folder: Path) -> Lines:
    """The driver is our own over libgpiod, on a chip that lies in a folder."""
    wires, opens = Wires.make(folder), cast(Any, FolderChip)
    made = WorldLines(GpioSource(None, Chips(opens, lambda: [str(folder)]), lgpio=no_lgpio))

    def move(name: str, pin: Any, high: bool) -> None:
        offset = int(name.removeprefix("GPIO"))
        if (folder / f"edge{offset}").exists():
            wires.drive(offset, high)
        else:
            (folder / f"level{offset}").write_text(str(int(high)))  # nobody awaits its edges

    made.world = move
    return made


@pytest.fixture(params=["simulated", "mock", "kernel"])
def lines(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lines]:
    """The contract's subjects: simulated pins, real lines over gpiozero's MockFactory, real lines over libgpiod."""
    if request.param == "simulated":
        made = open_lines("simulated", None)
    else:
        made = mock_lines() if request.param == "mock" else kernel_lines(tmp_path / "chip")
    yield made
    made.close()


@pytest.fixture
def section() -> sections.Panel:
    """Talk button, mute switch, one lamp; debounced as fast as the shortest configuration allows a test to be."""
    return sections.Panel(
        pins="simulated",
        talk=sections.Button(pin="GPIO17", debounce_ms=5),
        mute=sections.Button(pin="GPIO22", debounce_ms=5),
        lamp=sections.Lamp(single="GPIO10"),
    )


@pytest.fixture
def config(section: sections.Panel) -> sections.Config:
    """The panel alone in a configuration."""
    return sections.Config(panel=section)


@pytest.fixture
def clock() -> Any:
    return time.monotonic
