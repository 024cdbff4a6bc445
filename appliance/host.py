"""The machine that builds and boots: its programs, its Debian mirror, whether its KVM serves."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
# How often a long step says that it is still alive.
ALIVE_S = 20.0
PACKAGES = {
    "debootstrap": "debootstrap",
    "mke2fs": "e2fsprogs",
    "unshare": "util-linux",
    "ssh-keygen": "openssh-client",
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-system-aarch64": "qemu-system-arm",
    "espeak-ng": "espeak-ng",
}


class ApplianceError(Exception):
    """It cannot go on; the text says why, and what would help."""


def say(text: str) -> None:
    """One line for whoever waits."""
    print(f"appliance: {text}", file=sys.stderr, flush=True)


def need(*programs: str) -> None:
    """Raises: ApplianceError: one of these programs is missing."""
    # The tools of a system administrator are not in everybody's path.
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = sorted({PACKAGES.get(name, name) for name in programs if shutil.which(name, path=path) is None})
    if missing:
        raise ApplianceError(f"these packages are missing: {' '.join(missing)}; apt-get install {' '.join(missing)}")


def need_root(what: str) -> None:
    """Raises: ApplianceError: not root."""
    if os.geteuid() != 0:
        raise ApplianceError(f"to {what}, root is needed (device files, chroot): sudo scripts/appliance ...")


def run(command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None) -> None:
    """Run a long step at low priority; what it says goes to the log, and a line now and then to whoever waits.

    Raises:
        ApplianceError: it failed; with the last lines of its log.
    """
    arguments = ["nice", "-n", "19", *map(str, command)]
    began = time.monotonic()
    with log.open("ab") as sink:
        sink.write(f"\n$ {' '.join(arguments)}\n".encode())
        sink.flush()
        child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=env)
        done = threading.Event()
        ticker = threading.Thread(target=_tell, args=(done, Path(arguments[3]).name, began), daemon=True)
        ticker.start()
        try:
            code = child.wait()
        except BaseException:
            child.terminate()
            child.wait()
            raise
        finally:
            done.set()
    if code:
        tail = log.read_text(errors="replace").splitlines()[-25:]
        raise ApplianceError("\n".join([*tail, f"{command[0]} ended with status {code}; all it said: {log}"]))


def _tell(done: threading.Event, name: str, began: float) -> None:
    while not done.wait(ALIVE_S):
        say(f"  ... {name}, {time.monotonic() - began:.0f} s")


def output(*command: str) -> str:
    """What a short command prints.

    Raises:
        ApplianceError: it failed.
    """
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ApplianceError(f"{' '.join(command)}: {error}") from error


def architecture() -> str:
    """Debian's name of this machine's architecture."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def debian_mirror(lines: str) -> str:
    """The mirror among ``apt-get indextargets`` lines of the form ORIGIN|REPO_URI|COMPONENT.

    Raises:
        ApplianceError: apt has no Debian archive.
    """
    for line in lines.splitlines():
        origin, _, rest = line.partition("|")
        uri, _, component = rest.partition("|")
        if origin == "Debian" and component == "main" and "security" not in uri:
            return uri
    raise ApplianceError("apt has no Debian archive on this machine; run apt-get update, or see /etc/apt/sources.list")


def mirror() -> str:
    """The Debian mirror that this system itself uses; never written in a file here."""
    form = "$(ORIGIN)|$(REPO_URI)|$(COMPONENT)"
    return debian_mirror(output("apt-get", "indextargets", "--format", form, "Created-By: Packages"))


def kvm_serves(program: str, kernel: Path, seconds: float = 10.0) -> bool:
    """Whether the guest's own kernel comes up under KVM as far as its first line.

    That /dev/kvm is there proves little: inside some virtual machines QEMU aborts at the first exit, or stands still
    with "KVM internal error" at the first instruction that the host must emulate (both seen).
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    machine = [program, "-accel", "kvm", "-cpu", "host", "-m", "512", "-smp", "2", "-nodefaults", "-display", "none"]
    append = "console=ttyS0 console=ttyAMA0 panic=-1"
    arguments = [*machine, "-no-reboot", "-serial", "stdio", "-kernel", str(kernel), "-append", append]
    said = b""
    with subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as probe:
        assert probe.stdout is not None
        timer = threading.Timer(seconds, probe.kill)
        timer.start()
        for line in probe.stdout:
            said = line
            if b"Linux version" in line or b"KVM internal error" in line:
                break
        timer.cancel()
        probe.kill()
    return b"Linux version" in said
