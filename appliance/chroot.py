"""Commands inside a Debian tree: in a mount namespace of their own, so that nothing stays mounted whatever happens."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Sequence

from appliance.host import ROOT, run

_NO_START = "#!/bin/sh\nexit 101\n"  # policy-rc.d(8): nothing is started in a tree


class Chroot:
    """A Debian tree in which commands run.

    Args:
        binds: folders of this machine that the tree has too: ``{here: there}``, ``there`` from the tree's root.
    """

    def __init__(self, tree: Path, log: Path, binds: dict[Path, str] | None = None) -> None:
        self.tree = tree
        self._log = log
        self._binds = " ".join(f"{here}={there}" for here, there in (binds or {}).items())

    def run(self, *command: str) -> None:
        """Raises: ApplianceError: it failed."""
        names = self.tree / "etc/resolv.conf"
        names.unlink(missing_ok=True)
        shutil.copyfile("/etc/resolv.conf", names)
        policy = self.tree / "usr/sbin/policy-rc.d"
        policy.write_text(_NO_START)
        policy.chmod(0o755)
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("LC_", "VIRTUAL_ENV"))},
            "BINDS": self._binds,
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": "/root",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        try:
            enter = ["unshare", "--mount", "--propagation", "private", "sh", str(ROOT / "packaging" / "enter")]
            run([*enter, str(self.tree), *command], self._log, env)
        finally:
            policy.unlink(missing_ok=True)
            names.unlink(missing_ok=True)

    def install(self, packages: Sequence[str]) -> None:
        """Packages of the distribution, and what they depend on.

        Raises:
            ApplianceError: apt could not.
        """
        self.run("apt-get", "update", "-q")
        self.run("apt-get", "install", "-q", "-y", "--no-install-recommends", *packages)
        self.run("apt-get", "clean")

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        """A file of the tree."""
        path = self.tree / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
