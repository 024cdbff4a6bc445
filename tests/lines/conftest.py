"""A board that behaves: chips and lines as the kernel has them, under real gpiod value types; and a behaving lgpio."""

from __future__ import annotations

import errno
import glob
import os
import queue
import sys
import threading
import time
import types
from typing import Any, Callable, Iterator

import gpiod
import pytest
from gpiod.line import Bias, Clock, Direction, Drive, Edge, Value

from kioskd.lines.chips import Chips
from kioskd.lines.lines import Lines, open_lines

PATIENCE_S = 5.0  # how long a test waits for what must happen soon


class FakeLine:
    """A wire: what the world drives it to, what the kernel drives it to, who holds it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.world: bool | None = None
        self.settings: gpiod.LineSettings | None = None
        self.output = False
        self.consumer = ""
        self.request: FakeRequest | None = None
        self.driven: list[bool] = []  # every level that the kernel ever drove the wire to

    @property
    def level(self) -> bool:
        settings = self.settings
        if settings is not None and settings.direction is Direction.OUTPUT:
            return self.output
        if self.world is not None:
            return self.world
        return settings is not None and settings.bias is Bias.PULL_UP

    def drive(self, level: bool) -> None:
        """The world pulls the wire; any thread."""
        before, self.world = self.level, level
        if self.request is not None and self.level != before and self.settings is not None:
            rising, wanted = self.level, self.settings.edge_detection
            if wanted is Edge.BOTH or wanted is (Edge.RISING if rising else Edge.FALLING):
                self.request.push(rising)

    def put(self, settings: gpiod.LineSettings) -> None:
        self.settings = settings
        if settings.direction is Direction.OUTPUT:
            self.write(bool(settings.output_value))

    def write(self, level: bool) -> None:
        self.output = level
        self.driven.append(level)


class FakeRequest:
    def __init__(self, chip: FakeChipState, offset: int) -> None:
        self._chip, self._offset = chip, offset
        self._line = chip.lines[offset]
        self._edges: list[gpiod.EdgeEvent] = []
        self.fd, self._in = os.pipe()

    def push(self, rising: bool) -> None:
        kind = gpiod.EdgeEvent.Type.RISING_EDGE if rising else gpiod.EdgeEvent.Type.FALLING_EDGE
        self._edges.append(gpiod.EdgeEvent(kind.value, time.monotonic_ns(), self._offset, 0, 0))
        os.write(self._in, b"e")

    def unplug(self) -> None:
        os.write(self._in, b"x")

    def read_edge_events(self) -> list[gpiod.EdgeEvent]:
        count = len(os.read(self.fd, 64))
        self._chip.check()
        ready, self._edges = self._edges[:count], self._edges[count:]
        return ready

    def get_value(self, offset: int) -> Value:
        self._chip.check()
        assert offset == self._offset
        return Value(int(self._line.level))

    def set_value(self, offset: int, value: Value) -> None:
        self._chip.check()
        assert offset == self._offset
        if self._line.settings is None or self._line.settings.direction is not Direction.OUTPUT:
            raise OSError(errno.EPERM, "Operation not permitted")
        self._line.write(bool(value))

    def reconfigure_lines(self, config: dict[int, gpiod.LineSettings]) -> None:
        self._chip.check()
        self._line.put(config[self._offset])

    def release(self) -> None:
        """Also what the kernel does when the process dies: then it has happened before the process can."""
        if self._line.request is not self:
            return
        os.close(self.fd)
        os.close(self._in)
        self._line.request, self._line.settings, self._line.consumer = None, None, ""


class FakeChipState:
    """What a chip is, however often it is opened."""

    def __init__(self, path: str, label: str, names: list[str]) -> None:
        self.path, self.label = path, label
        self.lines = [FakeLine(name) for name in names]
        self.trouble: int | None = None

    def check(self) -> None:
        if self.trouble is not None:
            raise OSError(self.trouble, os.strerror(self.trouble))

    def unplug(self) -> None:
        self.trouble = errno.ENODEV
        for line in self.lines:
            if line.request is not None:
                line.request.unplug()


class FakeChip:
    """An open chip, as gpiod.Chip."""

    def __init__(self, state: FakeChipState) -> None:
        self._state = state

    def __enter__(self) -> FakeChip:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get_info(self) -> gpiod.ChipInfo:
        state = self._state
        return gpiod.ChipInfo(os.path.basename(state.path), state.label, len(state.lines))

    def line_offset_from_id(self, name: str) -> int:
        for offset, line in enumerate(self._state.lines):
            if line.name == name:
                return offset
        raise OSError(errno.ENOENT, "No such file or directory")

    def get_line_info(self, offset: int) -> gpiod.LineInfo:
        line = self._state.lines[offset]
        fixed = (Direction.INPUT.value, False, Bias.UNKNOWN.value, Drive.PUSH_PULL.value)
        used = line.request is not None or bool(line.consumer)
        return gpiod.LineInfo(
            offset, line.name, used, line.consumer, *fixed, Edge.NONE.value, Clock.MONOTONIC.value, False, 0
        )

    def request_lines(self, config: dict[int, gpiod.LineSettings], consumer: str) -> FakeRequest:
        ((offset, settings),) = config.items()
        line = self._state.lines[offset]
        if line.request is not None or line.consumer:
            raise OSError(errno.EBUSY, "Device or resource busy")
        line.request, line.consumer = FakeRequest(self._state, offset), consumer
        line.put(settings)
        return line.request


class FakeBoard:
    """All chips of a machine."""

    def __init__(self) -> None:
        self.chips: dict[str, FakeChipState] = {}

    def add(self, label: str, names: list[str]) -> FakeChipState:
        path = f"/dev/gpiochip{len(self.chips)}"
        self.chips[path] = FakeChipState(path, label, names)
        return self.chips[path]

    def open(self, path: str) -> FakeChip:
        self.chips[path].check()
        return FakeChip(self.chips[path])

    def seen(self) -> Chips:
        return Chips(self.open, lambda: sorted(self.chips))

    def line(self, pin: str) -> FakeLine:
        place = self.seen().find(pin)
        return self.chips[place.path].lines[place.offset]


def pi_board() -> FakeBoard:
    board = FakeBoard()
    board.add("pinctrl-bcm2711", [f"GPIO{number}" for number in range(28)])
    board.add("pcf8574", [""] * 8)
    return board


def soon(true: Callable[[], bool]) -> bool:
    """Wait until it is true; only for what has no event of its own."""
    end = time.monotonic() + PATIENCE_S
    while not true() and time.monotonic() < end:
        time.sleep(0.002)
    return true()


@pytest.fixture(name="soon")
def _soon() -> Callable[[Callable[[], bool]], bool]:
    """``soon`` for tests."""
    return soon


class FakeLgpio(types.ModuleType):
    """lgpio 0.2 as far as gpiozero uses it: one chip, a notification thread of its own, software PWM."""

    SET_PULL_UP, SET_PULL_DOWN, SET_PULL_NONE = 32, 64, 128
    RISING_EDGE, FALLING_EDGE, BOTH_EDGES = 1, 2, 3
    OUT = 2

    class error(Exception):
        pass

    def __init__(self) -> None:
        super().__init__("lgpio")
        self.mode: dict[int, int] = {}
        self.level: dict[int, bool] = {}
        self.pwm: dict[int, tuple[float, float]] = {}
        self.taken: set[int] = set()
        self.callbacks: dict[int, Any] = {}
        self.edges: queue.SimpleQueue[tuple[int, int, int] | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._notify, daemon=True)
        self.thread.start()

    def _notify(self) -> None:
        while (edge := self.edges.get()) is not None:
            gpio, level, tick = edge
            if gpio in self.callbacks:
                self.callbacks[gpio](0, gpio, level, tick)

    def drive(self, gpio: int, level: bool) -> None:
        if self.gpio_read(0, gpio) != level:
            self.level[gpio] = level
            self.edges.put((gpio, int(level), time.monotonic_ns()))

    def gpiochip_open(self, chip: int) -> int:
        return chip

    def gpiochip_close(self, handle: int) -> None:
        self.mode.clear()

    def gpio_get_mode(self, handle: int, gpio: int) -> int:
        return self.mode.get(gpio, 0)

    def _claim(self, gpio: int, mode: int) -> None:
        if gpio in self.taken:
            raise self.error("'GPIO busy'")
        self.mode[gpio] = mode

    def gpio_claim_input(self, handle: int, gpio: int, flags: int = 0) -> None:
        self._claim(gpio, flags)

    def gpio_claim_alert(self, handle: int, gpio: int, edges: int, flags: int = 0) -> None:
        self._claim(gpio, flags)

    def gpio_claim_output(self, handle: int, gpio: int, level: int = 0) -> None:
        self._claim(gpio, self.OUT)
        self.level[gpio] = bool(level)

    def gpio_free(self, handle: int, gpio: int) -> None:
        self.mode.pop(gpio, None)

    def gpio_read(self, handle: int, gpio: int) -> int:
        return int(self.level.get(gpio, bool(self.mode.get(gpio, 0) & self.SET_PULL_UP)))

    def gpio_write(self, handle: int, gpio: int, level: bool) -> None:
        self.level[gpio] = level

    def gpio_set_debounce_micros(self, handle: int, gpio: int, micros: int) -> None:
        pass

    def tx_pwm(self, handle: int, gpio: int, frequency: float, duty: float) -> None:
        self.pwm[gpio] = (frequency, duty)

    def callback(self, handle: int, gpio: int, edges: int, function: Any) -> Any:
        self.callbacks[gpio] = function
        return types.SimpleNamespace(cancel=lambda: self.callbacks.pop(gpio, None))


class Rig:
    """Lines over one kind of factory, and the world around them."""

    def __init__(
        self, name: str, lines: Lines, drive: Callable[[str, bool], None], wire: Callable[[str], bool]
    ) -> None:
        self.name, self.lines, self.drive, self.wire = name, lines, drive, wire


def simulated_rig() -> Rig:
    lines = open_lines("simulated", None)

    def pin(name: str) -> Any:
        return lines._served[name][2].pin

    return Rig(
        "simulated", lines, lambda name, high: lines._source.drive(pin(name), high), lambda name: pin(name).state
    )


def gpiod_rig() -> Rig:
    board = pi_board()
    lines = open_lines("gpio", None, board.seen())
    return Rig("gpiod", lines, lambda name, high: board.line(name).drive(high), lambda name: board.line(name).level)


def install_lgpio(monkeypatch: pytest.MonkeyPatch) -> FakeLgpio:
    """Make this machine a Raspberry Pi 3 with lgpio."""
    import gpiozero.pins.local as local

    fake = FakeLgpio()
    monkeypatch.setenv("LG_WD", "/")  # restored after the test: opening sets it
    monkeypatch.setitem(sys.modules, "lgpio", fake)
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    monkeypatch.setattr(local, "get_pi_revision", lambda: 0xA02082)
    return fake


class KernelBoard:
    """Chips of the kernel's own simulator (gpio-sim), and the hand on their wires: a machine that was made for this."""

    def line(self, pin: str, what: str) -> str:
        """The file of a line: ``pull``, which is the world outside, or ``value``, which is the wire."""
        place = Chips().find(pin)
        (folder,) = glob.glob(f"/sys/devices/platform/gpio-sim.*/{os.path.basename(place.path)}")
        return f"{folder}/sim_gpio{place.offset}/{what}"

    def drive(self, pin: str, high: bool) -> None:
        """The world pulls the wire."""
        with open(self.line(pin, "pull"), "w") as file:
            file.write("pull-up" if high else "pull-down")

    def wire(self, pin: str) -> bool:
        """The level of the wire."""
        with open(self.line(pin, "value")) as file:
            return file.read().strip() == "1"

    def rest(self) -> None:
        """What the test before has pulled is forgotten."""
        for path in glob.glob("/sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio*/pull"):
            with open(path, "w") as file:
                file.write("pull-down")


def kernel_rig() -> Rig:
    board = KernelBoard()
    board.rest()
    return Rig("gpiod", open_lines("gpio", None), board.drive, board.wire)


def lgpio_rig(monkeypatch: pytest.MonkeyPatch, runtime_dir: str) -> Rig:
    fake, board = install_lgpio(monkeypatch), pi_board()
    lines = open_lines("gpio", runtime_dir, board.seen())

    def by_lgpio(pin: str) -> bool:
        return pin in lines._served and lines._served[pin][1] == "lgpio"

    def drive(pin: str, high: bool) -> None:
        fake.drive(int(pin[4:]), high) if by_lgpio(pin) else board.line(pin).drive(high)

    def wire(pin: str) -> bool:
        return bool(fake.gpio_read(0, int(pin[4:]))) if by_lgpio(pin) else board.line(pin).level

    return Rig("lgpio", lines, drive, wire)


# Lines of a real kernel: only where the appliance has made them and says so (tests/appliance/test_lines.py).
KERNEL = ["kernel"] if "KIOSKD_GPIO_SIM" in os.environ else []


@pytest.fixture(params=["simulated", "gpiod", "lgpio", *KERNEL])
def rig(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rig]:
    """The contract's subjects."""
    if request.param == "simulated":
        made = simulated_rig()
    elif request.param == "gpiod":
        made = gpiod_rig()
    elif request.param == "kernel":
        made = kernel_rig()
    else:
        made = lgpio_rig(monkeypatch, str(tmp_path_factory.mktemp("run")))
    yield made
    made.lines.close()


@pytest.fixture
def board() -> FakeBoard:
    """A Pi with an expander of eight nameless lines."""
    return pi_board()


@pytest.fixture
def raspberry(monkeypatch: pytest.MonkeyPatch) -> FakeLgpio:
    """A Raspberry Pi 3 with lgpio."""
    return install_lgpio(monkeypatch)
