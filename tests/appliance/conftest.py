"""``scripts/appliance test`` alone, which names the image, tests the appliance; everybody else collects nothing here.

What a test leaves when it fails (journals, the speaker's sound, which lines moved) goes into a folder of its own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Generator, Iterator

import pytest

IMAGE = os.environ.get("KIOSKD_APPLIANCE_IMAGE")
BOX = os.environ.get("KIOSKD_APPLIANCE_BOX")
collect_ignore_glob = [] if IMAGE or BOX else ["test_*.py"]
ROOT = Path(__file__).resolve().parents[2]
for place in (ROOT, ROOT / "scripts"):
    if str(place) not in sys.path:
        sys.path.append(str(place))

from appliance.boxed import Box  # noqa: E402  (it is no installed package: the path comes first)
from appliance.matrix import Matrix  # noqa: E402
from appliance.outside import Outside  # noqa: E402
from appliance.vm import USUAL, Boot, Machine  # noqa: E402
from appliance.world import HEARD, World  # noqa: E402

READY = "ready"
used: list[str] = []  # by which modules the usual machine was


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where a module's tests run says its WHERE: QEMU, BOX, or both. Without one they need sound, lines or a kernel."""
    here = "box" if BOX else "qemu"
    chosen = [item for item in items if here in getattr(getattr(item, "module", None), "WHERE", {"qemu"})]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    world = getattr(item, "funcargs", {}).get("world")
    if report.failed and isinstance(world, World):
        out = Path(os.environ["KIOSKD_APPLIANCE_OUT"]) / item.name
        world.stop_listening()
        world.machine.collect(out, (HEARD, world.changes_file()))
        report.sections.append(("the appliance", f"journals and sounds: {out}"))
    return report


def booted(boot: Boot = USUAL) -> Machine:
    """A machine of its own; where a run names a folder for it, the usual one stays there for the next run."""
    assert IMAGE is not None
    standing = os.environ.get("KIOSKD_APPLIANCE_STANDING") if boot == USUAL else None
    arch = os.environ["KIOSKD_APPLIANCE_ARCH"]
    machine = Machine(Path(IMAGE), arch, boot=boot, standing=Path(standing) if standing else None)
    try:
        machine.boot()
    except BaseException:
        machine.close()
        raise
    return machine


@pytest.fixture(scope="session")
def usual(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """One boot for all tests that want the usual one: each module has it as it was when it first was well."""
    machine = booted()
    try:
        modules = {item.path for item in request.session.items}
        if len(modules) > 1 or "KIOSKD_APPLIANCE_STANDING" in os.environ:
            keep(machine)
        yield machine
    finally:
        machine.close()


def keep(machine: Machine) -> None:
    """Keep it from the moment at which it is well for the first time; one that stood there is put back to it."""
    if machine.kept(READY):
        machine.recall(READY)
        return
    world = World(machine, machine.folder)
    world.ready(60)
    world.well()
    machine.keep(READY)


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A machine for the tests of a module, in their order. A module that needs another boot has a BOOT."""
    folder = tmp_path_factory.mktemp("world")
    if BOX:
        box = Box(Path(BOX), os.environ["KIOSKD_APPLIANCE_ARCH"])
        try:
            box.boot()
            yield World(box, folder)
        finally:
            box.close()
        return
    boot: Boot | None = getattr(request.module, "BOOT", None)
    if boot is None:
        machine = request.getfixturevalue("usual")
        # Not where nobody has used it yet: QEMU forgets all that it had translated.
        if used and machine.kept(READY):
            machine.recall(READY)
        used.append(request.module.__name__)
        yield World(machine, folder)
        return
    machine = booted(boot)
    try:
        yield World(machine, folder)
    finally:
        machine.close()


@pytest.fixture(scope="module")
def outside(
    request: pytest.FixtureRequest, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Outside]:
    """The guest has a network, and a service on it that it knows and prefers to its own."""
    service = Outside(tmp_path_factory.mktemp("outside"))
    try:
        world.machine.network()
        if not world.machine.how.clock:
            world.set_clock()  # the certificate was made just now
        service.introduce(world, getattr(request.module, "EDITS", ""))
        yield service
    finally:
        service.close()


@pytest.fixture(autouse=True)
def cost(request: pytest.FixtureRequest) -> Iterator[None]:
    """What each test cost this machine: a figure that says the same on a busy one."""
    world: World = request.getfixturevalue("world")
    before = world.machine.processor_s()
    yield
    print(f"[{world.machine.processor_s() - before:.0f} s of processor]", end=" ")


@pytest.fixture(scope="session")
def matrix() -> Matrix:
    """Where a test writes down what a fault did."""
    return Matrix(Path(os.environ["KIOSKD_APPLIANCE_OUT"]) / "faults.jsonl")


@pytest.fixture(scope="module")
def box(world: World) -> Box:
    """The machine itself, for the modules that run in a box only."""
    assert isinstance(world.machine, Box)
    return world.machine
