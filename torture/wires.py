"""A GPIO chip in a folder: the kernel's part, where there is no kernel with one. Seen and driven from outside.

Each line is a lock file that its holder keeps (the kernel takes both back when a process dies), a level, and a socket
for edges. Every level that anybody drives is a line in ``moves``, with CLOCK_MONOTONIC nanoseconds. What a released
line does differs between kernels; this one does what ``after`` says: ``keeps`` its level, or becomes an ``input`` that
follows its pull.

``Wires`` is the world's side; ``FolderChip`` stands where ``gpiod.Chip`` stands (torture/onwires.py puts it there).
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import gpiod
from gpiod.line import Bias, Clock, Direction, Drive, Edge, Value

from kioskd.lines import kernel

PATIENCE_S = 10.0
POLL_S = 0.0005
AFTERS = ("keeps", "input")
LINES = 28


class Move(NamedTuple):
    """Somebody drove a line: process ``pid`` put it to ``high`` at ``at`` (monotonic seconds)."""

    at: float
    offset: int
    high: bool
    pid: int


class Wires:
    """A chip, from outside.

    Args:
        folder: where it lies; made with ``make``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def make(cls, folder: Path, label: str = "pinctrl-bcm2711", after: str = "keeps") -> Wires:
        """A chip like that of a Raspberry Pi; lines 0 to 8 are pulled up from power-on, the others down."""
        if after not in AFTERS:
            raise ValueError(f"after is {after!r}, not one of {AFTERS}")
        folder.mkdir(parents=True)
        (folder / "chip.json").write_text(json.dumps({"label": label, "after": after}))
        (folder / "moves").touch()
        for offset in range(LINES):
            (folder / f"level{offset}").write_text("up" if offset <= 8 else "down")
            (folder / f"lock{offset}").touch()
        return cls(folder)

    @property
    def about(self) -> dict[str, str]:
        """Label, and what a released line does."""
        told: dict[str, str] = json.loads((self.folder / "chip.json").read_text())
        return told

    def drive(self, offset: int, high: bool) -> float:
        """The world pulls an input; the stamp of the edge."""
        (self.folder / f"level{offset}").write_text(str(int(high)))
        at = time.monotonic_ns()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as edge:
            edge.sendto(f"{int(high)} {at}".encode(), str(self.folder / f"edge{offset}"))
        return at / 1e9

    def held(self, offset: int) -> bool:
        """Whether a process has the line."""
        with open(self.folder / f"lock{offset}") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def moves(self, offset: int) -> list[Move]:
        """Every level that a process drove the line to, in order."""
        rows = (line.split() for line in (self.folder / "moves").read_text().splitlines())
        return [
            Move(int(at) / 1e9, offset, high == "1", int(pid)) for at, line, high, pid in rows if int(line) == offset
        ]

    def level(self, offset: int) -> bool:
        """How the line stands: as it was driven last, or, on a kernel that lets go of it, as its pull wants."""
        moves = self.moves(offset)
        if not moves or (self.about["after"] == "input" and not self.held(offset)):
            return self.world(offset) in ("1", "up")
        return moves[-1].high

    def world(self, offset: int) -> str:
        """What holds the line while no process drives it: ``1`` or ``0`` somebody, ``up`` or ``down`` its pull."""
        return (self.folder / f"level{offset}").read_text()

    def wait(self, offset: int, high: bool, within_s: float = PATIENCE_S, since: float = 0.0) -> Move:
        """The first move of the line to that level after ``since``.

        Raises:
            TimeoutError: there was none.
        """
        until = time.monotonic() + within_s
        while True:
            for move in self.moves(offset):
                if move.high == high and move.at > since:
                    return move
            if time.monotonic() > until:
                raise TimeoutError(f"line {offset} was not driven {'high' if high else 'low'} within {within_s:g} s")
            time.sleep(POLL_S)


class FolderRequest:
    """A line that is ours, as ``gpiod.LineRequest``."""

    def __init__(self, folder: Path, offset: int, settings: gpiod.LineSettings, consumer: str) -> None:
        self._folder, self._offset = folder, offset
        self._stood = Wires(folder).level(offset)
        self._lock = open(folder / f"lock{offset}", "r+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise OSError(errno.EBUSY, "Device or resource busy") from None
        self._lock.truncate(0)
        self._lock.write(consumer)
        self._lock.flush()
        self._moves = os.open(folder / "moves", os.O_WRONLY | os.O_APPEND)
        self._edges = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._high = self._moved = False
        self._began = settings.output_value is Value.ACTIVE
        self._put(settings)

    @property
    def fd(self) -> int:
        """Readable when there are edges."""
        return self._edges.fileno()

    @property
    def is_energised(self) -> bool:
        """Whether it was driven to the level that it did not begin with."""
        return self._moved

    def get_value(self, offset: int) -> Value:
        """The level."""
        if self._settings.direction is Direction.OUTPUT:
            return Value(int(self._high))
        if self._settings.direction is Direction.AS_IS:
            return Value(int(self._stood))
        pulls = {Bias.PULL_UP: "up", Bias.PULL_DOWN: "down"}
        world = Wires(self._folder).world(self._offset)
        held = pulls.get(self._settings.bias, world) if world in pulls.values() else world
        return Value(int(held in ("1", "up")))

    def set_value(self, offset: int, value: Value) -> None:
        """Drive it."""
        if self._settings.direction is not Direction.OUTPUT:
            raise OSError(errno.EPERM, "Operation not permitted")
        self._write(value is Value.ACTIVE)

    def reconfigure_lines(self, config: dict[int, gpiod.LineSettings]) -> None:
        """Make it otherwise."""
        self._put(config[self._offset])

    def read_edge_events(self) -> list[gpiod.EdgeEvent]:
        """What the world did since."""
        told = self._edges.recv(64).decode().split()
        kind = gpiod.EdgeEvent.Type.RISING_EDGE if told[0] == "1" else gpiod.EdgeEvent.Type.FALLING_EDGE
        return [gpiod.EdgeEvent(kind.value, int(told[1]), self._offset, 0, 0)]

    def release(self) -> None:
        """Give it back."""
        os.close(self._moves)
        self._edges.close()
        self._lock.close()

    def _put(self, settings: gpiod.LineSettings) -> None:
        self._settings = settings
        if settings.direction is Direction.OUTPUT:
            self._write(settings.output_value is Value.ACTIVE)
        elif settings.edge_detection is not Edge.NONE and not self._edges.getsockname():
            path = self._folder / f"edge{self._offset}"
            path.unlink(missing_ok=True)
            self._edges.bind(str(path))

    def _write(self, high: bool) -> None:
        self._high, self._moved = high, high != self._began
        os.write(self._moves, f"{time.monotonic_ns()} {self._offset} {int(high)} {os.getpid()}\n".encode())


class FolderChip:
    """An open chip, as ``gpiod.Chip``; its device file is the folder."""

    def __init__(self, path: str) -> None:
        self._wires = Wires(Path(path))

    def __enter__(self) -> FolderChip:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        pass

    def get_info(self) -> gpiod.ChipInfo:
        """Name, label, lines."""
        return gpiod.ChipInfo(self._wires.folder.name, self._wires.about["label"], LINES)

    def line_offset_from_id(self, name: str) -> int:
        """The line of that name."""
        number = name.removeprefix("GPIO")
        if not number.isdigit() or int(number) >= LINES:
            raise OSError(errno.ENOENT, "No such file or directory")
        return int(number)

    def get_line_info(self, offset: int) -> gpiod.LineInfo:
        """Who has it, and its direction: that of a released line is this kernel's habit."""
        held = self._wires.held(offset)
        consumer = (self._wires.folder / f"lock{offset}").read_text() if held else ""
        keeps = bool(self._wires.moves(offset)) and (held or self._wires.about["after"] == "keeps")
        direction = Direction.OUTPUT if keeps else Direction.INPUT
        fixed = (direction.value, False, Bias.UNKNOWN.value, Drive.PUSH_PULL.value)
        rest = (Edge.NONE.value, Clock.MONOTONIC.value, False, 0)
        return gpiod.LineInfo(offset, f"GPIO{offset}", held, consumer, *fixed, *rest)

    def request_lines(self, config: dict[int, gpiod.LineSettings], consumer: str) -> FolderRequest:
        """Take a line."""
        ((offset, settings),) = config.items()
        return FolderRequest(self._wires.folder, offset, settings, consumer)


def ioctl(device: int, call: int, buffer: bytearray) -> int:
    """The kernel's side of kioskd/lines/kernel.py; ``device`` is the open folder."""
    folder = Path(os.readlink(f"/proc/self/fd/{device}"))
    if call == kernel.CHIP_INFO:
        label = str(Wires(folder).about["label"])
        buffer[:] = kernel.INFO.pack(folder.name.encode(), label.encode(), LINES)
        return 0
    told = kernel.REQUEST.unpack(buffer)
    offset, (flags, attributes, kind, _, values, mask, lines) = told[0], told[65:72]
    if call != kernel.GET_LINE or (flags, attributes, kind, mask, lines) != (8, 1, 2, 1, 1) or offset >= LINES:
        raise OSError(errno.EINVAL, "Invalid argument")
    wish = gpiod.LineSettings(direction=Direction.OUTPUT, output_value=Value(values & mask))
    request = FolderRequest(folder, offset, wish, told[64].rstrip(b"\0").decode())
    kernel.REQUEST.pack_into(buffer, 0, *told[:-1], os.dup(request.fd))
    request.release()
    return 0
