"""``scripts/appliance test`` alone, which names the image, tests the appliance; everybody else collects nothing here.

What a test leaves when it fails (journals, the speaker's sound, which lines moved) goes into a folder of its own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Iterator

import pytest

IMAGE = os.environ.get("KIOSKD_APPLIANCE_IMAGE")
collect_ignore_glob = [] if IMAGE else ["test_*.py"]
ROOT = Path(__file__).resolve().parents[2]
for place in (ROOT, ROOT / "scripts"):
    if str(place) not in sys.path:
        sys.path.append(str(place))

from appliance.vm import Machine  # noqa: E402  (it is no installed package: the path comes first)
from appliance.world import HEARD, World  # noqa: E402

failed: list[str] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.failed and "world" in getattr(item, "fixturenames", ()):
        failed.append(item.name)
        world = item.funcargs.get("world")
        out = Path(os.environ["KIOSKD_APPLIANCE_OUT"]) / item.name
        if isinstance(world, World):
            world.stop_listening()
            world.machine.collect(out, (HEARD, world.changes_file()))
            report.sections.append(("the appliance", f"journals and sounds: {out}"))
    return report


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One boot for all tests of a module, in their order: booting costs a minute under emulation."""
    assert IMAGE is not None
    machine = Machine(Path(IMAGE), os.environ["KIOSKD_APPLIANCE_ARCH"])
    try:
        machine.boot()
        yield World(machine, tmp_path_factory.mktemp("world"))
    finally:
        machine.close()
