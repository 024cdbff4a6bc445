"""The life of a package in a Debian tree: installed, run, upgraded, downgraded, removed, purged."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Callable, NamedTuple

from appliance.host import ROOT
from package_trees import StepFailed, Trees, enter, fresh, must

# An owner's line, which no version of the package has.
EDIT = "Lobby of the owner"
OLD_LINE = "# A line of an older version.\n"
# Runs the kiosk as its user until it answers, mutes it so that something is remembered, and ends it in order.
RUN = r"""
set -e
install -d -o kioskd -g kioskd -m 755 /run/kioskd
install -d -o kioskd -g kioskd -m 750 /var/lib/kioskd
cat >/tmp/trial.yaml <<YAML
kiosk: {name: trial}
service: [{dialect: local}]
talk: {mode: voice}
audio: {input: "null", output: "null"}
panel: {pins: simulated}
YAML
chmod 644 /tmp/trial.yaml
cd /var/lib/kioskd
env -i PATH=/usr/bin:/bin STATE_DIRECTORY=/var/lib/kioskd RUNTIME_DIRECTORY=/run/kioskd LG_WD=/run/kioskd \
    setpriv --reuid kioskd --regid kioskd --init-groups kioskd run -c /tmp/trial.yaml >/tmp/run.log 2>&1 &
pid=$!
for i in $(seq 300); do
    kioskctl --runtime-dir /run/kioskd status --json >/tmp/status.json 2>/tmp/status.err && break
    [ $? = 1 ] && break
    kill -0 $pid || { cat /tmp/run.log; exit 1; }
    sleep 0.2
done
kioskctl --runtime-dir /run/kioskd mute
kioskctl --runtime-dir /run/kioskd status --json >/tmp/status.json || true
python3 -c 'import json; page = json.load(open("/tmp/status.json")); print("version", page["version"], page["phase"])'
kill $pid
wait $pid
"""
# What a later version must find as it was: state, keys and who may read them.
STATE = "cd / && find var/lib/kioskd -type f ! -name '*-wal' ! -name '*-shm' -exec sha256sum {} + | sort -k2"
# Everything in the tree that is not the package manager's own record of what happened.
FILES = (
    "find / -xdev ( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /mnt -o -path /src "
    "-o -path /var/cache -o -path /var/log -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /etc/resolv.conf "
    "-o -path /root -o -name ld.so.cache -o -name catalog/database ) -prune -o -print"
)
CONFOLD = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
PLACES = (
    "/usr/lib/udev/rules.d/60-kioskd-gpio.rules",
    "/usr/share/polkit-1/rules.d/60-kioskd-power.rules",
    "/usr/lib/sysusers.d/kioskd.conf",
    "/usr/lib/systemd/system/kioskd.service",
    "/usr/lib/systemd/catalog/kioskd.catalog",
    "/usr/share/man/man8/kioskd.8.gz",
    "/usr/share/man/man1/kioskctl.1.gz",
    "/usr/share/man/man5/kioskd.yaml.5.gz",
    "/usr/share/bash-completion/completions/kioskctl",
    "/etc/kioskd/kioskd.yaml",
)
LIBRARIES = [
    name
    for line in (ROOT / "packaging" / "libraries").read_text().splitlines()
    if not line.startswith("#")
    for name in line.split()
]


class Row(NamedTuple):
    """One clause, tried."""

    where: str
    clause: str
    ok: bool
    said: str


def variant(package: Path, version: str, change: Callable[[Path], None]) -> Path:
    """The same package under another version, with something changed in it."""
    part = fresh(package.parent / "variant")
    subprocess.run(["dpkg-deb", "-R", str(package), str(part)], check=True)
    change(part)
    sums = "find . -path ./DEBIAN -prune -o -type f -printf '%P\\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums"
    subprocess.run(["sh", "-c", sums], cwd=part, check=True)
    control = part / "DEBIAN" / "control"
    lines = control.read_text().splitlines(keepends=True)
    control.write_text("".join(f"Version: {version}\n" if line.startswith("Version:") else line for line in lines))
    made = package.parent / f"kioskd_{version}_variant.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", str(part), str(made)], check=True, capture_output=True
    )
    shutil.rmtree(part)
    return made


def older(tree: Path) -> None:
    """What an older version has: another default configuration, and a file that went since."""
    yaml = tree / "etc/kioskd/kioskd.yaml"
    yaml.write_text(OLD_LINE + yaml.read_text())
    (tree / "usr/share/kioskd/gone.txt").write_text("Not in later versions.\n")


class Life:
    """One package's life in one tree.

    Args:
        packages: the folder that holds both, seen by the tree as /mnt/packages.
        old, new: two versions.
    """

    def __init__(self, trees: Trees, old: Path, new: Path, told: Callable[[Row], None]) -> None:
        self.where = trees.folder.name
        self.old, self.new = old.name, new.name
        self._binds = {new.parent: "/mnt/packages"}
        self._told = told
        self.tree = trees.copy(trees.box(), "life")

    def sh(self, script: str) -> str:
        """A script in the tree; raises StepFailed."""
        return must(self.tree, "sh", "-c", script, binds=self._binds).strip()

    def apt(self, package: str, *options: str) -> str:
        """Install one of the packages as apt does; raises StepFailed."""
        words = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *options, f"/mnt/packages/{package}"]
        return must(self.tree, *words, binds=self._binds)

    def row(self, clause: str, ok: bool, said: str) -> None:
        """Note what came of a clause."""
        self._told(Row(self.where, clause, ok, said))

    def version(self) -> str:
        """Which one dpkg has."""
        return enter(self.tree, "dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", "kioskd").stdout.strip()

    def live(self) -> None:
        """All of it, in order; raises StepFailed where something failed that must not."""
        need = self.sh(f"dpkg-deb -f /mnt/packages/{self.new} Depends")
        self.sh(f"apt-get update -q && apt-get satisfy -q -y --no-install-recommends '{need}'")
        before = self.files()
        self.install()
        self.run_once()
        self.change_versions()
        self.leave_and_return()
        self.purge(before)
        self.unedited()

    def files(self) -> set[str]:
        """Every path of the tree but the package manager's records."""
        return set(must(self.tree, *FILES.split()).splitlines())

    def install(self) -> None:
        """The first time."""
        self.apt(self.old)
        self.row("installs", self.version().startswith("installed "), self.version())
        missing = [place for place in PLACES if not (self.tree / place.lstrip("/")).is_file()]
        self.row("units, udev, polkit, sysusers, catalogue, pages, completion", not missing, f"missing: {missing}")
        self.row("the files are as packed (dpkg -V)", self.sh("dpkg -V kioskd") == "", "dpkg -V says nothing")
        groups = self.sh("id -nG kioskd; getent group kioskd kioskd-admin gpio | cut -d: -f1")
        wanted = {"kioskd", "audio", "gpio", "kioskd-admin"}
        self.row("user and groups", wanted <= set(groups.split()), " ".join(groups.split()))
        rights = self.sh("stat -c '%U:%G %a' /etc/kioskd/kioskd.yaml")
        self.row("the configuration's rights", rights == "root:kioskd 640", rights)
        units = self.sh("cd /usr/lib/systemd/system && grep -lx '\\[Install\\]' kioskd*").split()
        enabled = self.sh(f"systemctl is-enabled {' '.join(units)}").split()
        self.row("units are enabled", set(enabled) == {"enabled"}, f"{' '.join(units)}: {' '.join(enabled)}")
        said = self.sh("bash -c '. /usr/share/bash-completion/completions/kioskctl; complete -p kioskctl kioskd'")
        self.row("bash's completion", said.count("complete ") == 2, said.replace("\n", "; "))
        unresolved = self.sh(
            "find /usr/lib/kioskd -name '*.so*' -type f -exec ldd {} + 2>&1 | grep -c 'not found' || true"
        )
        imports = " ".join(f"import {name};" for name in LIBRARIES)
        self.sh(f"/usr/lib/kioskd/venv/bin/python -I -W error::ImportWarning -c '{imports}'")
        self.row(
            "every library loads",
            True,
            f"{len(LIBRARIES)} imported; ldd finds no library in {unresolved} places",
        )
        self.row(
            "the packaged configuration checks", "ok" in self.sh("kioskd check && echo ok"), "kioskd check: exit 0"
        )

    def run_once(self) -> None:
        """It runs as its user, and something is remembered."""
        said = self.sh(RUN)
        self.row(
            "runs as its user, answers kioskctl, ends in order",
            said.splitlines()[-1].startswith("version"),
            said.splitlines()[-1],
        )
        self.sh(f"sed -i 's/Front door/{EDIT}/' /etc/kioskd/kioskd.yaml")
        self.sh("install -m 600 /dev/null /etc/kioskd/hydra-key; install -d /etc/systemd/system/kioskd.service.d")
        drop_in = "[Service]\nLoadCredential=hydra-key:/etc/kioskd/hydra-key\n"
        (self.tree / "etc/systemd/system/kioskd.service.d/override.conf").write_text(drop_in)

    def kept(self, clause: str, state: str) -> None:
        """The owner's file, the keys and the state are as they were; the trail is whole."""
        edited = EDIT in (self.tree / "etc/kioskd/kioskd.yaml").read_text()
        rights = self.sh("stat -c '%U:%G %a' /etc/kioskd/kioskd.yaml /etc/kioskd/hydra-key").replace("\n", ", ")
        count = len(state.splitlines())
        same = self.sh(STATE) == state and count > 2
        said = f"{self.version()}; edit kept: {edited} ({rights}); {count} files of state the same: {same}"
        self.row(clause, edited and same and rights.startswith("root:kioskd 640"), said)

    def change_versions(self) -> None:
        """Forwards, backwards, the same again."""
        state = self.sh(STATE)
        self.sh("systemctl disable kioskd-voice.socket")
        self.apt(self.new, *CONFOLD)
        self.kept("upgrade", state)
        beside = self.sh("ls /etc/kioskd")
        gone = not (self.tree / "usr/share/kioskd/gone.txt").exists()
        self.row(
            "upgrade: the new default lies beside, old files go",
            "kioskd.yaml.dpkg-dist" in beside and gone,
            " ".join(beside.split()),
        )
        disabled = enter(self.tree, "systemctl", "is-enabled", "kioskd-voice.socket").stdout.strip()
        self.row("upgrade: what its owner disabled stays so", disabled == "disabled", disabled)
        audit = enter(self.tree, "kioskctl", "audit", "verify", "--dir", "/var/lib/kioskd")
        self.row("upgrade: the audit trail verifies", audit.returncode == 0, audit.stdout.strip().splitlines()[0])
        self.apt(self.old, "--allow-downgrades", *CONFOLD)
        self.kept("downgrade", state)
        self.sh(RUN)
        self.row("downgrade: it runs on the same state", True, "runs, ends in order")
        state = self.sh(STATE)
        self.apt(self.new, *CONFOLD)
        self.apt(self.new, "--reinstall", *CONFOLD)
        self.kept("upgrade again, reinstall", state)
        self.row("reinstall: the files are as packed", self.only_the_owner(), "dpkg -V: only the edited kioskd.yaml")

    def only_the_owner(self) -> bool:
        """dpkg -V names the edited file and nothing else."""
        lines = enter(self.tree, "dpkg", "-V", "kioskd").stdout.splitlines()
        return len(lines) == 1 and lines[0].endswith(" c /etc/kioskd/kioskd.yaml")

    def leave_and_return(self) -> None:
        """Removed, and installed once more."""
        state = self.sh(STATE)
        self.sh("apt-get remove -q -y kioskd")
        self.kept("remove: configuration and state stay", state)
        left = [
            place
            for place in ("/usr/lib/kioskd", "/usr/bin/kioskd", PLACES[0], PLACES[3])
            if (self.tree / place[1:]).exists()
        ]
        self.row("remove: the programs go", not left, f"left: {left}")
        self.apt(self.new, *CONFOLD)
        self.kept("installed again after a removal", state)
        enabled = self.sh("systemctl is-enabled kioskd.service")
        self.row("installed again: enabled", enabled == "enabled", enabled)

    def purge(self, before: set[str]) -> None:
        """Nothing is left, but the user and groups."""
        self.sh("apt-get purge -q -y kioskd")
        left = sorted(self.files() - before)
        self.row("purge leaves no file", not left, f"new paths in the whole tree: {left}")
        self.row("purge: dpkg has forgotten it", "no packages found" in self.version(), self.version())
        user = self.sh("id -un kioskd")
        self.row("purge: the locked user stays (its number is given to nobody else)", user == "kioskd", user)

    def unedited(self) -> None:
        """A configuration that nobody edited is replaced without a question."""
        self.apt(self.old)
        first = (self.tree / "etc/kioskd/kioskd.yaml").read_text()
        self.apt(self.new)
        text = (self.tree / "etc/kioskd/kioskd.yaml").read_text()
        beside = self.sh("ls /etc/kioskd")
        ok = first.startswith(OLD_LINE) and not text.startswith(OLD_LINE) and beside == "kioskd.yaml"
        self.row("upgrade of an unedited configuration: no question, the new default", ok, beside)
        self.sh("apt-get purge -q -y kioskd")
        shutil.rmtree(self.tree)


def live(trees: Trees, old: Path, new: Path, told: Callable[[Row], None]) -> None:
    """The whole life; a step that fails is a row."""
    try:
        Life(trees, old, new, told).live()
    except StepFailed as failed:
        told(Row(trees.folder.name, "a step failed", False, str(failed)))
