"""Builds the package in a Debian tree of its own: for another release, or for another architecture under emulation.

scripts/package --release trixie --arch arm64 [--out DIR] [--revision TEXT]

The trees are made by debootstrap once and kept in ~/.cache/kioskd-package (KIOSKD_PACKAGE_CACHE says another place).
Exit status 75: it cannot be had on this machine; the sentence says what is missing.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Mapping, Sequence

from appliance.host import ROOT, ApplianceError, architecture, mirror

RELEASES = ("bookworm", "trixie")
EMULATORS = {"amd64": "x86_64", "arm64": "aarch64"}
CACHE = Path(os.environ.get("KIOSKD_PACKAGE_CACHE", "~/.cache/kioskd-package")).expanduser()
# What scripts/package needs (scripts/setup knows it, and would fetch it each time).
COMPILERS = (
    "python3-venv python3-dev gcc pkg-config portaudio19-dev libasound2-dev libsystemd-dev espeak-ng "
    "dpkg-dev binutils fakeroot xz-utils ca-certificates"
)
# What a board has before kioskd comes.
BOARD = "systemd systemd-sysv udev dbus python3 ca-certificates"
NO_START = "#!/bin/sh\nexit 101\n"  # policy-rc.d(8): nothing is started in a tree
EX_TEMPFAIL, EX_NOPERM = 75, 77


class CannotBuild(Exception):
    """It cannot be had on this machine; the text says why, and what would help."""


class StepFailed(Exception):
    """A command in a tree failed; the text is what it said last."""


def say(text: str) -> None:
    """One line for whoever waits."""
    print(f"kioskd: {text}", file=sys.stderr, flush=True)


def environment(binds: Mapping[Path, str]) -> dict[str, str]:
    """What a command in a tree sees; how this machine reaches the network goes along."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.endswith("_proxy")}
    return {
        **kept,
        "BINDS": " ".join(f"{here}={there}" for here, there in binds.items()),
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/root",
        "DEBIAN_FRONTEND": "noninteractive",
    }


def enter(tree: Path, *command: str, binds: Mapping[Path, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command in the tree, in a mount namespace of its own; whatever its status.

    Args:
        binds: folders of this machine that the tree has too: ``{here: there}``.
    """
    archives = tree.parent / "apt"
    shared = {archives: "/var/cache/apt/archives", CACHE / "pip": "/root/.cache/pip", **(binds or {})}
    for folder in (archives / "partial", CACHE / "pip"):
        folder.mkdir(parents=True, exist_ok=True)
    names = tree / "etc/resolv.conf"
    names.unlink(missing_ok=True)
    shutil.copyfile("/etc/resolv.conf", names)
    policy = tree / "usr/sbin/policy-rc.d"
    policy.write_text(NO_START)
    policy.chmod(0o755)
    within = ["nice", "-n", "10", "unshare", "--mount", "--propagation", "private", "sh"]
    return subprocess.run(
        [*within, str(ROOT / "packaging" / "enter"), str(tree), *command],
        env=environment(shared),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def must(tree: Path, *command: str, binds: Mapping[Path, str] | None = None) -> str:
    """What the command says.

    Raises:
        StepFailed: it failed.
    """
    done = enter(tree, *command, binds=binds)
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-25:])
        raise StepFailed(f"{last}\n{' '.join(command)[:200]} ended with status {done.returncode}")
    return done.stdout


class Trees:
    """The trees of one Debian release on one architecture."""

    def __init__(self, release: str, arch: str) -> None:
        self.release, self.arch = release, arch
        self.folder = CACHE / f"{release}-{arch}"
        self.folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One run at a time has these trees."""
        with open(self.folder / "lock", "w") as mine:
            fcntl.flock(mine, fcntl.LOCK_EX)
            yield

    def base(self) -> Path:
        """Debian's minimum."""
        tree = self.folder / "base"
        if not tree.exists():
            say(f"{tree.parent.name}: a Debian tree (some minutes)")
            part = fresh(self.folder / "base.part")
            archives = self.folder / "apt"
            archives.mkdir(exist_ok=True)
            words = ["--variant=minbase", f"--arch={self.arch}", f"--cache-dir={archives}"]
            command = ["nice", "-n", "10", "debootstrap", *words, self.release, str(part), mirror()]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                last = "\n".join(done.stdout.splitlines()[-15:])
                raise StepFailed(f"{last}\ndebootstrap ended with status {done.returncode}")
            part.rename(tree)
        return tree

    def with_packages(self, name: str, packages: str) -> Path:
        """A tree that has these packages too."""
        tree = self.folder / name
        if not tree.exists():
            part = self.copy(self.base(), f"{name}.part")
            say(f"{self.folder.name}: {name} ({packages.split()[0]} and others)")
            must(part, "sh", "-c", f"apt-get update -q && apt-get install -q -y --no-install-recommends {packages}")
            part.rename(tree)
        return tree

    def builder(self) -> Path:
        """A tree that compiles."""
        return self.with_packages("builder", COMPILERS)

    def box(self) -> Path:
        """A tree as a board has it before kioskd comes."""
        return self.with_packages("box", BOARD)

    def copy(self, tree: Path, name: str) -> Path:
        """The same tree again, to be changed."""
        there = fresh(self.folder / name)
        subprocess.run(["cp", "-a", "--reflink=auto", str(tree), str(there)], check=True)
        return there


def fresh(tree: Path) -> Path:
    """A place for a tree; what lies there goes. Nothing is mounted in it: see enter."""
    shutil.rmtree(tree, ignore_errors=True)
    return tree


def check_machine(arch: str, emulators: Path = Path("/proc/sys/fs/binfmt_misc")) -> None:
    """Raises: CannotBuild: this machine cannot have a tree of that architecture."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [name for name in ("debootstrap", "unshare", "nice") if shutil.which(name, path=path) is None]
    if missing:
        raise CannotBuild(f"{' and '.join(missing)} is missing: apt-get install debootstrap util-linux coreutils")
    if arch != architecture():
        emulator = emulators / f"qemu-{EMULATORS[arch]}"
        said = emulator.read_text() if emulator.exists() else ""
        flags = next((line for line in said.splitlines() if line.startswith("flags:")), "")
        if not said.startswith("enabled") or "F" not in flags.removeprefix("flags:"):
            raise CannotBuild(
                f"this machine runs {architecture()} and does not emulate {arch}: apt-get install qemu-user-static "
                f"binfmt-support, or run scripts/package on a machine with {arch}"
            )


def build(trees: Trees, out: Path, *options: str) -> Path:
    """The package, built in the tree that compiles.

    Args:
        options: of scripts/package.

    Raises:
        StepFailed: what scripts/package said.
    """
    builder = trees.builder()
    out.mkdir(parents=True, exist_ok=True)
    slowly = "" if trees.arch == architecture() else " (emulated: a quarter of an hour)"
    say(f"{trees.folder.name}: the package{slowly}")
    command = ["/src/kioskd/scripts/package", "--out", "/mnt/out", *options]
    said = must(builder, *command, binds={ROOT: "/src/kioskd", out: "/mnt/out"})
    line = said.strip().splitlines()[-1]
    return out / Path(line.partition(": ")[0]).name


def common(prog: str) -> argparse.ArgumentParser:
    """The options that say which Debian."""
    parser = argparse.ArgumentParser(prog=prog)
    parser.add_argument("--release", choices=RELEASES, help="default: both")
    parser.add_argument("--arch", choices=tuple(EMULATORS), default=architecture(), help="default: this machine's")
    return parser


def answer(error: Exception) -> int:
    """Tell what went wrong; the exit status."""
    say(str(error))
    return EX_TEMPFAIL if isinstance(error, CannotBuild) else 1


def main(given: Sequence[str] | None = None) -> int:
    """Build; the exit status."""
    parser = common("scripts/package")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="default: dist")
    parser.add_argument("--revision", default="", help="a build of your own: VERSION+TEXT")
    parser.add_argument("--quick", action="store_true", help="packed in seconds, half as large again")
    options = parser.parse_args(given)
    try:
        check_machine(options.arch)
        if os.geteuid() != 0:
            say("root makes the trees (debootstrap, chroot): sudo scripts/package ...")
            return EX_NOPERM
        for release in [options.release] if options.release else RELEASES:
            words = [*(("--revision", options.revision) if options.revision else ()), *(["--quick"] * options.quick)]
            trees = Trees(release, options.arch)
            with trees.lock():
                package = build(trees, options.out.resolve(), *words)
            print(f"{package}: {package.stat().st_size // 1024} kB to download")
    except (CannotBuild, StepFailed, ApplianceError) as error:
        return answer(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
