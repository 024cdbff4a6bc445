"""scripts/appliance: build, boot, shell, box, test, soak."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Mapping, Sequence

from appliance.boxed import Box, cannot_box
from appliance.host import ROOT, ApplianceError, architecture, need, say
from appliance.layers import Layers
from appliance.vm import QEMU, Machine

EXAMPLES = """examples:
  scripts/appliance build                      the image, as far as it is not in the cache
  scripts/appliance boot                       boot it here; root without a password; systemctl poweroff ends it
  scripts/appliance shell                      boot it and open a shell in it over ssh
  scripts/appliance shell kioskctl status      boot it, run one command, switch it off
  scripts/appliance test --smoke               at most five minutes
  scripts/appliance test                       all tests in tests/appliance
  scripts/appliance test watchdog              those whose name has that word
  sudo scripts/appliance test --boxed          in minutes, without QEMU: what needs systemd and no sound, line or kernel
  sudo scripts/appliance test --boxed units    the same with a word of test names
  sudo scripts/appliance box kioskctl status   boot such a box, run one command (or a shell) in it, take it away
  scripts/appliance soak --hours 2 --seed 7    conversations and faults at random; a table at the end

The image is Debian with the package in it, built from the mirror that this system itself uses, and cached in
$KIOSKD_CACHE (else $XDG_CACHE_HOME/kioskd, else ~/.cache/kioskd). What a boot writes is gone with it.
Exit status: 0 done; 1 a test failed; 2 it could not be done, and why; 75 this machine cannot
(nothing in the cache for --cached, no QEMU, no namespaces for a box, too slow for --within), and it says so.
"""
UNAVAILABLE = 75  # EX_TEMPFAIL, sysexits.h


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="scripts/appliance",
        description="The whole appliance on a plain machine: Debian under QEMU, with sound card, GPIO and the package.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--release", default="trixie", help="Debian's code name (default: trixie)")
    top.add_argument("--arch", default=architecture(), choices=sorted(QEMU), help="default: this machine's")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("build", help="make the image")
    commands.add_parser("boot", help="boot it on this terminal")
    shell = commands.add_parser("shell", help="boot it and run a shell, or a command, in it")
    shell.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    box = commands.add_parser("box", help="boot it without QEMU, as root, and run a shell, or a command, in it")
    box.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    test = commands.add_parser("test", help="boot it and test it")
    test.add_argument("names", nargs="*", metavar="NAME", help="words of test names; default: all")
    test.add_argument("--smoke", action="store_true", help="tests/appliance/test_smoke.py only")
    test.add_argument("--boxed", action="store_true", help="in namespaces instead of QEMU, as root: docs/appliance.md")
    test.add_argument("--cached", action="store_true", help="not without a cached base: status 75")
    test.add_argument("--within", type=float, metavar="MINUTES", help="give up after this long: status 75")
    test.add_argument("--standing", type=Path, metavar="DIR", help="leave the machine there, or take the one that is")
    test.add_argument("--out", type=Path, default=ROOT / "appliance-findings", help="for journals of what failed")
    soak = commands.add_parser("soak", help="run it for hours under faults at random")
    soak.add_argument("--hours", type=float, default=2.0)
    soak.add_argument("--seed", type=int, default=1)
    soak.add_argument("--out", type=Path, default=ROOT / "appliance-findings" / "soak", help="for samples and journal")
    return top


def boot(layers: Layers) -> int:
    """The guest's console on this terminal."""
    machine = Machine(layers.build(), layers.arch, console="here")
    say(f"{'KVM' if machine.kvm else 'emulated: slow'}; root, no password; Ctrl-A X pulls the plug")
    try:
        machine.start()
        return machine.wait()
    finally:
        machine.close()


def shell(layers: Layers, words: Sequence[str]) -> int:
    """A shell in the guest, or one command."""
    machine = Machine(layers.build(), layers.arch)
    try:
        say(f"booting ({'KVM' if machine.kvm else 'emulated: slow'})")
        machine.boot()
        if words:
            # By the agent, which needs no network: the kiosk stands as it booted.
            done = machine.channel.run(*words, seconds=600)
            sys.stdout.write(done.out)
            sys.stderr.write(done.err)
            return done.code
        need("ssh")
        machine.network()
        return subprocess.call(machine.ssh())
    finally:
        machine.close()


def box(layers: Layers, words: Sequence[str]) -> int:
    """A shell in a box, or one command."""
    why = cannot_box()
    if why:
        say(why)
        return UNAVAILABLE
    machine = Box(layers.build_box(), layers.arch)
    try:
        machine.boot()
        return subprocess.call(machine.inside(*(words or ["bash"])))
    finally:
        machine.close()


def cannot(layers: Layers, boxed: bool = False) -> str:
    """Why this machine cannot test without building Debian first; empty when it can.

    A cached base is enough: the project's own layers on top of it are two minutes.
    """
    if not boxed and shutil.which(QEMU[layers.arch]) is None:
        return f"this machine has no {QEMU[layers.arch]}; scripts/appliance build, then test, say what to install"
    if (layers.box() if boxed else layers.image()) is not None:
        return ""
    if not layers.store.have("builder", layers.builder_key()):
        return "there is no image in the cache, nor what it is built on; scripts/appliance build makes one"
    if os.geteuid() != 0:
        return "the image in the cache is of an older project, and to renew it root is needed"
    return ""


def test(layers: Layers, given: argparse.Namespace) -> int:
    """pytest on tests/appliance, which nothing else collects."""
    why = cannot_box() if given.boxed else ""
    why = why or (cannot(layers, given.boxed) if given.cached else "")
    if why:
        say(f"not tested: {why}")
        return UNAVAILABLE
    image = {"KIOSKD_APPLIANCE_BOX": layers.build_box()} if given.boxed else {"KIOSKD_APPLIANCE_IMAGE": layers.build()}
    env = {
        **os.environ,
        **{name: str(folder) for name, folder in image.items()},
        "KIOSKD_APPLIANCE_ARCH": layers.arch,
        "KIOSKD_APPLIANCE_OUT": str(given.out),
        "PYTHONPATH": str(ROOT),
        **({"KIOSKD_APPLIANCE_STANDING": str(given.standing.absolute())} if given.standing else {}),
    }
    what = ROOT / "tests" / "appliance" / ("test_smoke.py" if given.smoke else "")
    chosen = ["-k", " or ".join(given.names)] if given.names else []
    # One line a test: this takes minutes, and somebody waits.
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "-v", "-s", "--strict-markers"]
    command += ["-x"] if given.smoke else []
    command += ["--import-mode=importlib", "-p", "no:cacheprovider", *chosen, str(what)]
    began = time.monotonic()
    code = bounded(command, env, given.within)
    say(f"{time.monotonic() - began:.0f} s; exit status {code}")
    return code


def bounded(command: Sequence[str], env: Mapping[str, str], minutes: float | None) -> int:
    """Its status; UNAVAILABLE when this machine was too slow for it. Nothing had failed then: it would have ended."""
    with subprocess.Popen(command, env=env, cwd=ROOT) as child:
        try:
            return child.wait(None if minutes is None else minutes * 60)
        except subprocess.TimeoutExpired:
            say(f"not tested to its end: this machine is too slow or too busy to do it in {minutes:g} minutes")
            child.send_signal(signal.SIGINT)  # pytest pulls the plug of what it booted
            return UNAVAILABLE
        except KeyboardInterrupt:
            child.wait()
            raise


def main() -> int:
    """The door."""
    given = parser().parse_args()
    layers = Layers(given.release, given.arch)
    try:
        if given.command == "build":
            print(layers.build())
            return 0
        if given.command == "boot":
            return boot(layers)
        if given.command == "shell":
            return shell(layers, given.words)
        if given.command == "box":
            return box(layers, given.words)
        if given.command == "soak":
            from appliance.soak import soak

            return soak(layers.build(), layers.arch, given.hours, given.seed, given.out)
        return test(layers, given)
    except ApplianceError as error:
        print(f"appliance: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
