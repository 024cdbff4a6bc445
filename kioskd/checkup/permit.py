"""Whether this machine would let kioskd switch it off."""

from __future__ import annotations

import os
from typing import Callable, Iterator, Sequence

from kioskd.core.finding import Finding, ok, unknown, warn

RULE = "60-kioskd-power.rules"
FOLDERS = ("/etc/polkit-1/rules.d", "/usr/share/polkit-1/rules.d")
# By this D-Bus starts it. The folder of its rules is there without it: our own package makes it.
POLKIT = "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service"


def look(
    which: Callable[[str], str | None], folders: Sequence[str] = FOLDERS, polkit: str = POLKIT
) -> Iterator[Finding]:
    """For a configuration whose power line switches the machine off.

    Args:
        which: finds a program.
    """
    if which("systemctl") is None:
        sentence = "systemctl is not installed: when the power goes the kiosk only ends, and the battery runs empty"
        yield warn("power off", sentence, "power.command: none, and something else that cuts the power")
        return
    if not os.path.exists(polkit):
        yield warn("power off", "polkit is not installed: logind lets nobody but root do it", "apt install polkitd")
        return
    hidden = False
    for folder in folders:
        if os.path.isdir(folder) and not os.access(folder, os.X_OK):
            hidden = True
        elif os.path.exists(os.path.join(folder, RULE)):
            yield ok("power off", f"{folder}/{RULE} lets kioskd do it")
            return
    if hidden:
        yield unknown("power off", "only root can see whether polkit lets kioskd do it", "sudo kioskctl doctor")
        return
    sentence = f"no {RULE}: logind will ask for a password that nobody is there to type"
    yield warn("power off", sentence, f"install packaging/{RULE} into {folders[0]}; apt install polkitd")
