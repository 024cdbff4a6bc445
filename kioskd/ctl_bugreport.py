"""``kioskctl bugreport``: what support needs to know of a box, in one archive, without keys, speech or transcripts.

Each exhibit is gathered by itself: what cannot be had says why in its place, and a dead daemon is no reason to give up.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import os
import platform
import subprocess
import sys
import tarfile
import time
from typing import TYPE_CHECKING, Callable, Iterator, Mapping, NamedTuple

from kioskd import __version__

if TYPE_CHECKING:
    from kioskd.config.secretref import SecretRef

# Of each exhibit its end, which is what has just happened; all of them fit into a mail.
MOST_BYTES = 2 << 20
COMMAND_S = 20.0
# The doctor waits for what hangs (checkup/runner.py), and a box in trouble is the one that it is wanted of.
DOCTOR_S = 45.0
# Programs that say how the box is, by the name of their exhibit; one that is not installed says so.
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "journal-kioskd.txt": ("journalctl", "-u", "kioskd", "-u", "kioskd-voice", "-n", "5000", "-o", "short-precise"),
    "journal-kernel.txt": ("journalctl", "-k", "-n", "1000", "-o", "short-monotonic"),
    "unit.txt": ("systemctl", "show", "kioskd", "kioskd-voice", "--no-pager"),
    "security.txt": ("systemd-analyze", "security", "kioskd", "--no-pager"),
    "clock.txt": ("timedatectl", "show"),
    "disk.txt": ("df", "-h"),
    "network.txt": ("ip", "-brief", "address"),
    "routes.txt": ("ip", "route"),
    "usb.txt": ("lsusb",),
    "gpio.txt": ("gpioinfo",),
    "throttled.txt": ("vcgencmd", "get_throttled"),
    "packages.txt": (sys.executable, "-m", "pip", "list", "--format", "freeze"),
}
FILES: Mapping[str, str] = {
    "model.txt": "/proc/device-tree/model",
    "memory.txt": "/proc/meminfo",
    "cards.txt": "/proc/asound/cards",
    "load.txt": "/proc/loadavg",
    "release.txt": "/etc/os-release",
}
# The timeline has no transcripts, but what a tool was asked with, or found, may hold a visitor's words.
PRIVATE = frozenset({"arguments", "output", "result", "transcript", "message"})


class Exhibit(NamedTuple):
    """One file of the archive.

    Attributes:
        name: in the archive.
        text: redacted.
        missing: why it could not be had; empty when it could.
    """

    name: str
    text: str
    missing: str = ""


class NotHad(Exception):
    """An exhibit cannot be had; the text says why."""


Redact = Callable[[str], str]
Status = Callable[[], Mapping[str, object]]


def gather(status: Status, config: str, redact: Redact) -> Iterator[Exhibit]:
    """All exhibits, one after the other; each takes at most COMMAND_S, the doctor DOCTOR_S.

    Args:
        status: asks the daemon; raises NotHad.
        config: path of the configuration.
        redact: takes keys out of a text.
    """
    sources: list[tuple[str, Callable[[], str]]] = [
        ("about.txt", _about),
        ("status.json", lambda: json.dumps(status(), indent=2)),
        ("config-effective.yaml", lambda: _config(config)),
        ("config-check.txt", lambda: _command((sys.executable, "-m", "kioskd", "check", config))),
        (
            "doctor.json",
            # Exit status 1: it found something, which its answer says itself.
            lambda: _command((sys.executable, "-m", "kioskd.ctl", "doctor", "--json", "-c", config), DOCTOR_S, (0, 1)),
        ),
        ("sound-devices.txt", lambda: _command((sys.executable, "-m", "kioskd", "devices"))),
        *((name, lambda words=words: _command(words)) for name, words in COMMANDS.items()),
        *((name, lambda path=path: _file(path)) for name, path in FILES.items()),
        ("timeline.jsonl", lambda: _timeline(config)),
    ]
    for name, source in sources:
        try:
            yield Exhibit(name, redact(source())[-MOST_BYTES:])  # cut last: half a key is one that nothing finds
        except NotHad as error:
            yield Exhibit(name, "", redact(str(error)))


def _about() -> str:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    machine = " ".join((platform.system(), platform.release(), platform.machine()))
    return f"kioskd {__version__}\n{stamp}\n{machine}\nPython {platform.python_version()}\nuser id {os.geteuid()}\n"


def _config(path: str) -> str:
    from kioskd.config.loader import load
    from kioskd.config.show import effective

    loaded = load(path)
    if loaded.config is None:
        raise NotHad("; ".join(map(str, loaded.problems)))
    return effective(loaded.config)


def _command(words: tuple[str, ...], longest_s: float = 0.0, good: tuple[int, ...] = (0,)) -> str:
    longest_s = longest_s or COMMAND_S
    try:
        ended = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=longest_s
        )
    except FileNotFoundError as error:
        raise NotHad(f"{words[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise NotHad(f"{words[0]} did not end within {longest_s:g} s") from error
    except OSError as error:
        raise NotHad(f"{words[0]} cannot be run: {error.strerror}") from error
    said = ended.stdout.decode(errors="replace")
    return said if ended.returncode in good else f"{said}\n(exit status {ended.returncode})\n"


def _file(path: str) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - MOST_BYTES))  # files of /proc have no size
            return file.read(MOST_BYTES).decode(errors="replace").rstrip("\0")
    except OSError as error:
        raise NotHad(f"{path}: {error.strerror}") from error


def _timeline(path: str) -> str:
    from kioskd.config.loader import load

    loaded = load(path)
    if loaded.config is None or not loaded.config.ops.timeline:
        raise NotHad("ops.timeline is not set")
    return "".join(map(_discreet, _file(loaded.config.ops.timeline).splitlines()))


def _discreet(line: str) -> str:
    try:
        row = json.loads(line)
    except ValueError:
        return "(a line that is none)\n"
    if not isinstance(row, dict):
        return "(a line that is none)\n"
    return json.dumps({name: "***" if name in PRIVATE else value for name, value in row.items()}) + "\n"


def redactor(path: str, env: Mapping[str, str]) -> Redact:
    """Takes out every secret that the configuration points at, as far as we may read it, and what looks like one."""
    from kioskd.config.loader import load
    from kioskd.config.secretref import SecretRef
    from kioskd.config.secrets import LOOKS_SECRET, MASK, SecretError, read_secret, redact

    config = load(path).config
    secrets: set[str] = set()
    for ref in _refs(config) if config is not None else ():
        # systemd keeps a credential for the service alone; its file is usually beside the configuration.
        beside = os.path.join(os.path.dirname(path), ref.credential) if ref.credential else None
        for place in (ref, SecretRef(file=beside)) if beside else (ref,):
            try:
                secrets.add(read_secret(place, env, _owner(place)))
            except SecretError:
                continue  # what we cannot read cannot be told apart from other words; the shape of a key can
    return lambda text: LOOKS_SECRET.sub(MASK, redact(text, secrets))


def _promise(path: str) -> str:
    from kioskd.config.loader import load

    if load(path).config is not None:
        return "Keys are taken out, speech is not in it."
    # Where they lie stands in a file that cannot be understood.
    return f"Speech is not in it. {path} cannot be used, so only what looks like a key is taken out: look for yours."


def _owner(ref: SecretRef) -> int | None:
    """Whose file it is: root takes out the daemon's own keys as well."""
    try:
        return os.stat(ref.file).st_uid if ref.file else None
    except OSError:
        return None


def _refs(section: object) -> Iterator[SecretRef]:
    from kioskd.config.secretref import SecretRef

    if isinstance(section, SecretRef):
        yield section
    elif dataclasses.is_dataclass(section):
        for field in dataclasses.fields(section):
            yield from _refs(getattr(section, field.name))
    elif isinstance(section, (tuple, list)):
        for item in section:
            yield from _refs(item)


def bundle(exhibits: list[Exhibit], out: str) -> None:
    """Write the archive, for our eyes only.

    Raises:
        OSError: it could not be written.
    """
    notes = "".join(f"{one.name}: {one.missing or f'{len(one.text)} characters'}\n" for one in exhibits)
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, text in (("contents.txt", notes), *((one.name, one.text) for one in exhibits if not one.missing)):
            data = text.encode(errors="replace")
            entry = tarfile.TarInfo(f"kioskd-bugreport/{name}")
            entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o600
            archive.addfile(entry, io.BytesIO(data))


def bugreport(options: argparse.Namespace, status: Status) -> str:
    """Gather, bundle, and say what was done.

    Raises:
        OSError: the archive cannot be written.
    """
    out = options.out or time.strftime("kioskd-bugreport-%Y%m%d-%H%M%S.tar.gz")
    exhibits = []
    for exhibit in gather(status, options.config, redactor(options.config, os.environ)):
        exhibits.append(exhibit)
        if sys.stderr.isatty():
            print(f"\r{exhibit.name:<30}", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print("\r" + " " * 30, end="\r", file=sys.stderr)
    bundle(exhibits, out)
    had = {one.name: len(one.text) for one in exhibits if not one.missing}
    missing = {one.name: one.missing for one in exhibits if one.missing}
    if options.json:
        return json.dumps({"archive": os.path.abspath(out), "exhibits": had, "missing": missing}, indent=2)
    rows = [f"  - {name}: {why}" for name, why in missing.items()]
    return "\n".join(
        [
            f"{out}: {len(had)} exhibits, {os.path.getsize(out) / 1024:.0f} kB, readable for you alone",
            *([f"{len(missing)} could not be had:", *rows] if missing else []),
            f"{_promise(options.config)} Read it before you send it: tar -xzf {out}",
        ]
    )
