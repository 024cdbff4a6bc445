"""The contract of the lines on lines of the kernel: tests/lines/test_lines.py, in the guest, over gpio-sim.

The suite and its rig are the very files of this checkout; what they test is the installed package. The header's chip is
the appliance's own; the expander, which the kiosk does not have, is made for the run.
"""

from __future__ import annotations

import re

import pytest

from appliance.host import ROOT
from appliance.world import World

THERE = "/tmp/lines-contract"
SUITE = "test_lines.py"
# A second chip, as board.sh makes the first; {}: to be run when it is there, whatever comes of it.
EXPANDER = """
chip=/sys/kernel/config/gpio-sim/expander
mkdir -p $chip/bank0 && echo 8 >$chip/bank0/num_lines && echo pcf8574 >$chip/bank0/label && echo 1 >$chip/live
cd /tmp && {run}
code=$?
echo 0 >$chip/live; rmdir $chip/bank0 $chip
exit $code
"""
# Debian's pytest in the product's own environment: what is imported is the product's, and pytest comes last.
RUN = (
    "KIOSKD_GPIO_SIM=1 PYTHONDONTWRITEBYTECODE=1 /usr/lib/kioskd/venv/bin/python -c "
    "\"import sys; sys.path.append('/usr/lib/python3/dist-packages'); import pytest; sys.exit(pytest.main())\" "
    "-o addopts= -v --tb=short --import-mode=importlib -p no:cacheprovider --rootdir={there} {there}/{suite}"
)


@pytest.fixture(scope="module")
def said(world: World) -> str:
    """What pytest prints in the guest, with the kiosk stopped: it has the header's lines."""
    world.ready(60)
    for name in ("conftest.py", SUITE):
        world.channel.write(f"{THERE}/{name}", (ROOT / "tests" / "lines" / name).read_bytes())
    world.channel.must("systemctl", "stop", "kioskd.service", seconds=60)
    done = world.channel.run("sh", "-c", EXPANDER.format(run=RUN.format(there=THERE, suite=SUITE)), seconds=120)
    print("\n".join(done.out.splitlines()[-40:] if done.code else done.out.splitlines()[-1:]))
    print(done.err[-2000:])
    return done.out


def outcomes(said: str, subject: str) -> dict[str, str]:
    """Of each test with that subject, by its name and what else it was given."""
    found = re.findall(r"::(\w+)\[([^]]*)\] +([A-Z]+)", said)
    chosen = [(f"{name}[{given.replace(subject, '', 1)}]", how) for name, given, how in found if subject in given]
    return dict(chosen)


def test_the_contract_holds_on_lines_of_the_kernel(said: str) -> None:
    kernel = outcomes(said, "kernel")
    print(f"{len(kernel)} tests of the contract on lines of the kernel")
    assert [name for name, how in kernel.items() if how != "PASSED"] == []
    # The same tests as on libgpiod over a behaving chip, each of them, and all that the suite has.
    assert kernel.keys() == outcomes(said, "gpiod").keys() and len(kernel) > 30
    assert re.search(r"^=+ \d+ passed in [\d.]+s", said, re.MULTILINE), said[-300:]


def test_the_kiosk_has_its_lines_back_afterwards(said: str, world: World) -> None:
    world.channel.must("systemctl", "start", "kioskd.service", seconds=60)
    world.ready(60)
    world.well()
    lines = world.status()["panel"]["lines"]
    assert lines["pins"] == "gpio" and not lines.get("reasons")
