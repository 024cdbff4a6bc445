"""scripts/install in a Debian tree: what it refuses, what it installs, that it changes nothing the second time."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Callable

from appliance.host import ROOT
from package_life import Row
from package_trees import StepFailed, Trees, enter, fresh, must

INSTALL = "/src/kioskd/scripts/install"
# Rights and owners of everything that a second run might touch, sizes and times of the files.
LOOK = (
    "find /etc /usr /var/lib ( -path /var/lib/apt -o -path /var/lib/dpkg/lock -o -path /etc/ssl "
    "-o -path /etc/resolv.conf -o -path /usr/sbin/policy-rc.d ) -prune -o "
    "-type d -printf %p_%m_%u_%g\\n -o -printf %p_%m_%u_%g_%s_%T@\\n"
)
# What it must refuse: how the tree is made so, and a word of the sentence.
REFUSALS = (
    ("not as root", "setpriv --reuid 65534 --regid 65534 --clear-groups {install} {deb}", "root installs it"),
    (
        "not on another system",
        "printf 'ID=fedora\\nPRETTY_NAME=Fedora\\nVERSION_ID=42\\n' >/tmp/os && "
        "mount --bind /tmp/os /etc/os-release && {install} {deb}",
        "packaged for Debian 12 and 13",
    ),
    (
        "not without room",
        "mkdir -p /usr/lib/kioskd && mount -t tmpfs -o size=20m none /usr/lib/kioskd && {install} {deb}",
        "make room",
    ),
    ("not for another release", "cp {deb} /tmp/k.deb && {other} && {install} /tmp/k.deb", "its Python would not find"),
    ("not a file that is none", "{install} /mnt/packages/none.deb", "there is no"),
    ("not a package of something else", "{install} /src/kioskd/README.md", "is not a package of kioskd"),
)
OTHER = (
    "sed 's/VERSION_ID=.*/VERSION_ID=\"{version}\"/' /usr/lib/os-release >/tmp/os && "
    "mount --bind /tmp/os /etc/os-release"
)


class Board:
    """A tree that stands for a board."""

    def __init__(self, trees: Trees, package: Path, told: Callable[[Row], None]) -> None:
        self.trees, self.package = trees, package
        self._told = told
        self._binds = {package.parent: "/mnt/packages", ROOT: "/src/kioskd"}

    def row(self, clause: str, ok: bool, said: str) -> None:
        """Note what came of a clause."""
        self._told(Row(self.trees.folder.name, f"scripts/install: {clause}", ok, said))

    def refuse(self) -> None:
        """Every refusal is one sentence, and nothing was changed."""
        tree = self.trees.copy(self.trees.box(), "board")
        other = OTHER.format(version=13 if self.trees.release == "bookworm" else 12)
        deb = f"/mnt/packages/{self.package.name}"
        for clause, script, word in REFUSALS:
            done = enter(tree, "sh", "-c", script.format(install=INSTALL, deb=deb, other=other), binds=self._binds)
            said = done.stdout.strip()
            absent = enter(tree, "dpkg-query", "-W", "kioskd").returncode != 0
            self.row(clause, done.returncode == 1 and word in said and said.count("\n") == 0 and absent, said)

    def install(self) -> None:
        """With the package: once, again, after an edit, after damage."""
        tree = self.trees.folder / "board"
        command = [INSTALL, f"/mnt/packages/{self.package.name}"]
        said = must(tree, *command, binds=self._binds).strip()
        steps = said.splitlines()[-2:]
        told = "kioskd check" in steps[0] and "systemctl start kioskd" in steps[1]
        self.row("one command, with the package", "is installed. Next:" in said and told, said.replace("\n", " | "))
        self.again(tree, command, "a second run changes nothing and says so")
        must(tree, "rm", "/usr/lib/kioskd/venv/bin/kioskctl", "/usr/share/man/man8/kioskd.8.gz")
        must(tree, "sed", "-i", "s/Front door/Lobby/", "/etc/kioskd/kioskd.yaml")
        must(tree, *command, binds=self._binds)
        yaml = (tree / "etc/kioskd/kioskd.yaml").read_text()
        whole = (tree / "usr/lib/kioskd/venv/bin/kioskctl").exists() and "Lobby" in yaml
        self.row("a damaged installation is mended, an edited file stays", whole, "kioskctl is back, the edit is there")
        shutil.rmtree(tree)

    def again(self, tree: Path, command: list[str], clause: str) -> None:
        """The same command again."""
        before = must(tree, *LOOK.split())
        said = must(tree, *command, binds=self._binds).strip()
        same = must(tree, *LOOK.split()) == before
        self.row(
            clause,
            same and "nothing was changed" in said,
            f"{len(before.splitlines())} paths the same: {same}; {said.splitlines()[0]}",
        )

    def from_checkout(self) -> None:
        """Without a package: it builds one here, and installs it."""
        tree = self.trees.copy(self.trees.builder(), "board")
        # What is edited meanwhile would be another package, and rightly so.
        checkout = fresh(self.trees.folder / "checkout")
        names = "kioskd systemd packaging config docs scripts setup.cfg pyproject.toml README.md CHANGELOG.md LICENSE"
        checkout.mkdir()
        subprocess.run(["cp", "-rp", "--parents", *names.split(), str(checkout)], cwd=ROOT, check=True)
        self._binds[checkout] = "/src/checkout"
        command = ["/src/checkout/scripts/install"]
        said = must(tree, *command, binds=self._binds).strip()
        version = must(tree, "kioskctl", "--version").strip()
        self.row("from the checkout", "is installed. Next:" in said, f"{said.splitlines()[-3]} {version}")
        self.again(tree, command, "from the checkout, a second run builds nothing and changes nothing")
        shutil.rmtree(tree)
        shutil.rmtree(checkout)


def board(trees: Trees, package: Path, checkout: bool, told: Callable[[Row], None]) -> None:
    """All of it; a step that fails is a row."""
    try:
        tried = Board(trees, package, told)
        tried.refuse()
        tried.install()
        if checkout:
            tried.from_checkout()
    except StepFailed as failed:
        told(Row(trees.folder.name, "scripts/install: a step failed", False, str(failed)))
