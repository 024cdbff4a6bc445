"""``kioskctl doctor``: everything that an installer would look at, one line each, and what to do about it.

It looks for itself, so that it serves beside a daemon that does not start; what only the daemon knows it is asked for.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from kioskd.checkup import clock, disk, firmware, gpio, keys, permit, rights, sound, supply, wifi
from kioskd.checkup.programs import said
from kioskd.checkup.runner import Check
from kioskd.config import boot_lines
from kioskd.config.checks import secret_refs
from kioskd.config.loader import Loaded, load
from kioskd.config.pins import pins
from kioskd.config.sections import Config, SecretRef
from kioskd.config.secrets import read_secret
from kioskd.config.unit import Unit, installed
from kioskd.core.finding import Finding, fail, ok, warn
from kioskd.core.supply import Supply, bits_of
from kioskd.ctl_page import items, part
from kioskd.ctl_road import services
from kioskd.power.supply import read as read_supply

# How the daemon's health speaks of a secret that it cannot have (kioskd/foresight.py).
SECRET = "the secret {} "


class Place(NamedTuple):
    """What is looked at.

    Attributes:
        path: of the configuration.
        loaded: what it says.
        unit: the systemd unit.
        status: the daemon's page; None: no daemon answers.
        silent: why not, a sentence.
        sysfs, proc, dev, boot: trees like those of this machine.
    """

    path: str
    loaded: Loaded
    unit: Unit
    status: Mapping[str, object] | None
    silent: str = ""
    sysfs: Path = Path("/sys")
    proc: Path = Path("/proc")
    dev: Path = Path("/dev")
    boot: Path = Path("/boot")

    @property
    def config(self) -> Config:
        """What is in effect; the defaults where the file has mistakes: the rest is looked at all the same."""
        return Config() if self.loaded.config is None else self.loaded.config


def here(path: str, status: Mapping[str, object] | None, silent: str) -> Place:
    """This machine, with the configuration at ``path``."""
    return Place(path, load(path), installed(), status, silent)


def checks(place: Place) -> list[Check]:
    """All of them, in the order of the page."""
    config, proc, sysfs = place.config, place.proc, place.sysfs
    state_dir = config.ops.state_dir
    return [
        Check("configuration", lambda: configuration(place.path, place.loaded)),
        Check("daemon", lambda: daemon(place.status, place.silent)),
        Check("clock", lambda: clock.synchronised(clock.adjtimex)),
        Check("battery clock", lambda: clock.battery(sysfs, time.time())),
        Check("keys", lambda: secrets(config, place.unit, place.status)),
        Check("services", lambda: services(config)),
        Check("wi-fi", lambda: wifi.look(sysfs, proc, said)),
        Check("supply", lambda: supply.look(board(sysfs))),
        Check("power off", lambda: permit.look(shutil.which) if switches_off(config) else ()),
        Check("disk", lambda: disk.room(state_dir)),
        Check("disk sync", lambda: disk.speed(state_dir)),
        Check("disk wear", lambda: disk.wear(disk.device_of(state_dir, sysfs))),
        Check("groups", lambda: rights.groups(place.unit.user, wanted_groups(config), place.unit.groups)),
        Check("files", lambda: rights.modes(files(place))),
        Check("gpio", lambda: gpio.look(lines(config), place.dev, place.status is not None)),
        Check("boot lines", lambda: firmware.look(resting(config), place.boot, boot_lines_of(place.path))),
        Check("sound", lambda: devices(config, place.status)),
        Check("echo", lambda: sound.echo(config.audio.echo, kept(place.status))),
    ]


def board(sysfs: Path) -> Supply:
    """How the supply is; where the kernel's files do not tell, the firmware's own program may."""
    found = read_supply(sysfs)
    if found.throttled is None and (told := said(("vcgencmd", "get_throttled"))):
        return Supply(bits_of(told), found.alarm)
    return found


def configuration(path: str, loaded: Loaded) -> Iterator[Finding]:
    """Whether the file checks."""
    if loaded.problems:
        yield fail("configuration", "; ".join(map(str, loaded.problems[:3])), f"kioskd check {path} lists all of them")
    elif loaded.warnings:
        count = len(loaded.warnings)
        yield warn("configuration", f"{path}: {count} warning{'s' * (count > 1)}", f"kioskd check {path}")
    else:
        yield ok("configuration", f"{path}: no mistakes")


def daemon(status: Mapping[str, object] | None, silent: str) -> Iterator[Finding]:
    """Whether it runs, and what it says of itself."""
    if status is None:
        yield fail("daemon", silent, "systemctl status kioskd; journalctl -u kioskd -e -x")
    elif part(status, "health").get("ok") is True:
        yield ok("daemon", f"kioskd {status.get('version', '?')}: all is well")
    else:
        reasons = "; ".join(map(str, items(part(status, "health"), "reasons"))) or "it does not say why"
        yield fail("daemon", reasons, "kioskctl status says more")


def secrets(config: Config, unit: Unit, status: Mapping[str, object] | None) -> Iterator[Finding]:
    """Each secret that the configuration refers to."""
    for key, ref in secret_refs(config):
        told: str | None = None
        if status is not None:
            reasons = map(str, items(part(status, "health"), "reasons"))
            told = next((one for one in reasons if one.startswith(SECRET.format(key))), "")
        yield from keys.look(key, list(places(ref, unit)), told)


def places(ref: SecretRef, unit: Unit) -> Iterator[keys.Place]:
    """Where one secret may be read: as the daemon would, and where the unit's credential comes from."""
    where = f"the file {ref.file}" if ref.file else "a variable of the environment"
    where = f"the credential {ref.credential}" if ref.credential else where
    loaded = unit.credentials.get(ref.credential or "")
    if ref.credential is None or "CREDENTIALS_DIRECTORY" in os.environ:
        # Root may read everything: it is looked at as the daemon would.
        daemon = rights.account(unit.user) if os.geteuid() == 0 else None
        yield keys.Place(where, lambda: read_secret(ref, os.environ, None if daemon is None else daemon.uid or None))
    if loaded:
        yield keys.Place(f"{loaded} ({where})", lambda: read_secret(SecretRef(file=loaded), os.environ))


def switches_off(config: Config) -> bool:
    """Whether the kiosk is to switch the machine off."""
    return config.power.pin is not None and config.power.command == "off"


def wanted_groups(config: Config) -> tuple[str, ...]:
    """Those that this configuration needs."""
    specs = (config.audio.input, config.audio.output)
    cards = any(spec.partition(":")[0] in ("alsa", "usb", "default") for spec in specs)
    return (*(("audio",) if cards else ()), *(("gpio",) if lines(config) else ()), "kioskd-admin")


def files(place: Place) -> list[rights.Rule]:
    """Whose modes matter."""
    ops = place.config.ops
    refs = [ref for _, ref in secret_refs(place.config)]
    named = [ref.file for ref in refs if ref.file] + [place.unit.credentials.get(ref.credential or "") for ref in refs]
    return rights.rules(place.path, ops.state_dir, ops.runtime_dir, [path for path in named if path])


def lines(config: Config) -> list[tuple[str, str]]:
    """The real lines of the configuration."""
    return list(pins(config)) if config.panel.pins == "gpio" else []


def resting(config: Config) -> list[tuple[int, str]]:
    """How each line of the header is to rest from boot on."""
    found = boot_lines.lines(config) if config.panel.pins == "gpio" else ()
    return [(line.number, line.state) for line in found if line.number is not None]


def boot_lines_of(path: str) -> str:
    """What writes them."""
    return f"kioskd wiring {path} --boot-lines | sudo tee -a /boot/firmware/config.txt"


def devices(config: Config, status: Mapping[str, object] | None) -> Iterable[Finding]:
    """Microphone and speaker."""
    from kioskd.audio.cards import Kernel
    from kioskd.audio.presence import doubt

    specs = {"input": config.audio.input, "output": config.audio.output}
    doubts = {way: doubt(spec, way, Kernel(), os.environ) for way, spec in specs.items()}
    running = {name: part(status, "audio", name) for name in ("capture", "playback")} if status is not None else {}
    return sound.devices(specs, doubts, running)


def kept(status: Mapping[str, object] | None) -> Mapping[str, object] | None:
    """What was measured of the echo."""
    return None if status is None else part(status, "audio", "doctor", "kept")
