"""kioskd and its safe-state helper on the chips of torture/wires.py, each as a process of its own:
``python -m torture.onwires FOLDER[,FAULT] run -c FILE`` (or any other command of kioskd), or ``... safe FACTS``.

A fault waits for SIGUSR1; ``stuck``, ``deaf`` and ``unready`` are there from the beginning.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from pathlib import Path
from signal import SIGUSR1
from typing import TYPE_CHECKING, Callable

import gpiod
from gpiod.line import Direction, Value

from kioskd.lines import chips, kernel, probe
from torture.wires import FolderChip, FolderRequest, ioctl

if TYPE_CHECKING:
    from kioskd.app import House

_OPEN: Callable[[str], gpiod.Chip] = FolderChip  # type: ignore[assignment]  # it behaves as one


class OnWires(chips.Chips):
    """The machine's chips are those of a folder."""

    folder = ""

    def __init__(self) -> None:
        super().__init__(_OPEN, lambda: [self.folder])


def put_in_place(folder: str) -> None:
    """From now on this process has these chips. kioskd looks for them when it first needs a line."""
    OnWires.folder = folder
    setattr(chips, "Chips", OnWires)
    setattr(kernel, "DEVICES", str(Path(folder).parent))
    setattr(kernel, "_open", lambda path: os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    setattr(kernel, "ioctl", ioctl)
    probe.HOLDER[:] = [sys.executable, "-m", "torture.onwires", folder, "hold"]


# -- faults --------------------------------------------------------------------------------------


def on_signal(blow: Callable[[House], object]) -> Callable[[], None]:
    """A fault that strikes the open house, in its loop."""

    def put() -> None:
        from kioskd import app

        class Struck(app.House):
            """It waits for the blow."""

            async def open(self) -> None:
                """As always."""
                await super().open()
                self.loop.add_signal_handler(SIGUSR1, blow, self)

        setattr(app, "House", Struck)

    return put


def crash(house: House) -> None:
    """An exception that nobody foresaw comes out of the main task."""
    house.ended.set_exception(RuntimeError("nobody foresaw this"))


def block(house: House) -> None:
    """The event loop stands still for good."""
    time.sleep(3600.0)


def spin(house: House) -> None:
    """The event loop calculates for good, and fights every thread for the interpreter."""
    while True:
        pass


def hungry(house: House) -> None:
    """It asks for memory for good, and uses it."""
    hoard = []
    while True:
        hoard.append(bytearray(b"x") * (1 << 20))


def seize(house: House) -> None:
    """A library keeps the interpreter for good: no thread of the process runs any more."""
    ctypes.PyDLL(None).sleep(3600)


def stuck() -> None:
    """The driver energises the line and never returns from reading it back: the thread that would release it hangs."""
    read = FolderRequest.get_value

    def hang(request: FolderRequest, offset: int) -> Value:
        output = request._settings.direction is Direction.OUTPUT
        if output and request.is_energised:
            threading.Event().wait()
        return read(request, offset)

    setattr(FolderRequest, "get_value", hang)


def deaf() -> None:
    """The driver energises the line and never returns from releasing it, whoever tries."""
    write = FolderRequest.set_value

    def hang(request: FolderRequest, offset: int, value: Value) -> None:
        if request.is_energised:
            threading.Event().wait()
        write(request, offset, value)

    setattr(FolderRequest, "set_value", hang)


def unready() -> None:
    """The start never ends: it stands still when the lines are open and nothing else is."""
    from kioskd import app

    class Opening(app.House):
        """It never opens."""

        def _open_lanes(self) -> None:
            time.sleep(3600.0)

    setattr(app, "House", Opening)


FAULTS: dict[str, Callable[[], None]] = {
    **{blow.__name__: on_signal(blow) for blow in (crash, block, spin, hungry, seize)},
    "stuck": stuck,
    "deaf": deaf,
    "unready": unready,
}


def main(given: list[str]) -> int:
    """Put the chips in place, and be kioskd."""
    folder, _, fault = given[0].partition(",")
    put_in_place(str(Path(folder).resolve()))
    if fault:
        FAULTS[fault]()
    if given[1] == "hold":
        return probe.main(given[1:])
    if given[1] == "safe":
        from kioskd.lines.safe import main as safe

        return safe(given[1:])
    from kioskd.cli import main as door

    return door(given[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
