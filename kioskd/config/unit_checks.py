"""What a configuration asks for and the systemd unit does not give: folders to write to, secrets. All of it warnings:
by hand the same configuration may run well.
"""

from __future__ import annotations

import os
import pwd
from typing import Iterable, Iterator

from kioskd.config.checks import secret_refs
from kioskd.config.findings import Finding
from kioskd.config.keys import words
from kioskd.config.sections import Config, SecretRef
from kioskd.config.unit import SHIPPED, Unit

EDIT = "below [Service] with systemctl edit kioskd"
# Where a unit would make a folder by itself, and give it to the daemon's user.
_MADE = {"/var/log/": "LogsDirectory", "/var/cache/": "CacheDirectory"}


def unit_findings(config: Config, unit: Unit) -> Iterator[Finding]:
    """Every finding. Looks whether files are there; blocks on the disk."""
    for key, folder, what in _folders(config):
        if unit.private_tmp and f"{os.path.normpath(folder)}/".startswith(("/tmp/", "/var/tmp/")):
            sentence = f"is in a /tmp of the unit's own, which is empty at each start; {_below(unit)}"
            yield Finding(key, sentence, warning=True)
        elif not unit.may_write(folder):
            sentence = (
                f"the systemd unit lets kioskd write below {words(unit.writable, 'and')} only: {_below(unit)}, or add "
                f"{_opens(folder)} {EDIT}{'' if _made(folder) else f' (the folder must belong to {unit.user})'}"
            )
            yield Finding(key, f"{what}{sentence}", warning=True)
    bus = _bus(config, unit)
    if bus:
        sentence = f"the systemd unit does not let kioskd use the SPI bus: add {' and '.join(bus)} {EDIT}"
        yield Finding("panel.lamp.strip", sentence, warning=True)
    if _relays(config) and os.path.dirname(unit.facts) != os.path.normpath(config.ops.runtime_dir):
        yield Finding("ops.runtime_dir", _unreleased(config, unit), warning=True)
    for path, ref in secret_refs(config):
        for source, sentence in _secret(ref, unit):
            yield Finding(f"{path}.{source}", sentence, warning=True)


def drop_in(config: Config, unit: Unit) -> str:
    """The text for ``systemctl edit kioskd`` that gives all of it; empty when the unit gives it already."""
    lines = [_opens(folder) for _, folder, _ in _folders(config) if not unit.may_write(folder)]
    lines += _bus(config, unit)
    lines += [_load(ref.credential) for _, ref in secret_refs(config) if _lacks(ref, unit) and ref.credential]
    return "\n".join(("[Service]", *dict.fromkeys(lines))) if lines else ""


def _folders(config: Config) -> Iterable[tuple[str, str, str]]:
    """(key, folder that is written to, how the sentence begins) of everything that kioskd writes; whole paths only."""
    ops, record = config.ops, config.audio.record
    files = [("ops.timeline", ops.timeline), ("ops.wire_log", ops.wire_log)]
    found = [(key, os.path.dirname(path), f"{path}: ") for key, path in files if path is not None]
    found += [("ops.state_dir", ops.state_dir, ""), ("ops.runtime_dir", ops.runtime_dir, "")]
    found += [("audio.record.dir", record.dir, "")] if record is not None else []
    return [one for one in found if one[1].startswith("/")]


def _bus(config: Config, unit: Unit) -> list[str]:
    """What the unit lacks for a strip of lamps."""
    lamp = config.panel.lamp
    if lamp is None or lamp.strip is None or config.panel.pins == "simulated":
        return []
    closed = unit.devices is not None and not {"char-spidev", lamp.strip.spi} & set(unit.devices)
    stranger = unit.user != "root" and "spi" not in unit.groups
    return ["DeviceAllow=char-spidev rw"] * closed + ["SupplementaryGroups=spi"] * stranger


def _relays(config: Config) -> bool:
    """Whether a line of this machine moves something."""
    bells = (tool.action.staff.bell for tool in config.tools if tool.action.staff is not None)
    relays = any(tool.action.relay is not None for tool in config.tools)
    return config.panel.pins == "gpio" and (relays or any(bell is not None and bell.pin is not None for bell in bells))


def _unreleased(config: Config, unit: Unit) -> str:
    folder = os.path.normpath(config.ops.runtime_dir)
    looks = f"looks for the relays in {unit.facts}, and kioskd writes" if unit.facts else "does not look for those in"
    return (
        f"ExecStopPost of the systemd unit {looks} {folder}/lines.json: a relay that is on when kioskd is killed stays "
        f"on; use {os.path.dirname(unit.facts or SHIPPED.facts)}, or give the unit an ExecStopPost that names that file"
    )


def _below(unit: Unit) -> str:
    return f"use a folder below {unit.writable[0]}" if unit.writable else "use another folder"


def _made(folder: str) -> str:
    top = next((top for top in _MADE if folder.startswith(top)), "")
    return f"{_MADE[top]}={os.path.normpath(folder).removeprefix(top)}" if top else ""


def _opens(folder: str) -> str:
    return _made(folder) or f"ReadWritePaths={os.path.normpath(folder)}"


def _load(name: str) -> str:
    return f"LoadCredential={name}:/etc/kioskd/{name}"


def _lacks(ref: SecretRef, unit: Unit) -> bool:
    return ref.credential is not None and not unit.hands_over(ref.credential)


def _secret(ref: SecretRef, unit: Unit) -> Iterator[tuple[str, str]]:
    """(which of the three, what is wrong) of a reference; the loader has seen to it that it has one of the three."""
    if ref.credential is not None:
        where = unit.credentials.get(ref.credential, "")
        if _lacks(ref, unit):
            file = f"/etc/kioskd/{ref.credential}"  # a unit that loads a credential which is not there does not start
            first = f"put the secret into {file} (mode 600), then " if _gone(file) else ""
            sentence = f"the systemd unit hands over no such credential: {first}add {_load(ref.credential)} {EDIT}"
            yield "credential", sentence
        elif where and _gone(where):
            yield "credential", f"the systemd unit loads it from {where}, which is not there: the unit will not start"
    elif ref.env is not None and unit.variables is not None and ref.env not in unit.variables:
        yield "env", (
            "the systemd unit sets no such variable; a credential is the better place for a secret "
            f"(credential: NAME, and LoadCredential=NAME:PATH {EDIT})"
        )
    elif ref.file is not None and ref.file.startswith("/"):
        trouble = "is not there" if _gone(ref.file) else _owned(ref.file, unit.user)
        if trouble:
            yield "file", trouble


def _gone(path: str) -> bool:
    """Whether a file is missing for certain; one that we may not look at is none."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return False


def _owned(path: str, user: str) -> str:
    """Why the unit's user could not read a file that only its owner may read."""
    try:
        found, wanted = os.stat(path), pwd.getpwnam(user)
    except (OSError, ValueError, KeyError):
        return ""  # not for us to look at, or the user is not made yet
    if wanted.pw_uid in (0, found.st_uid):
        return ""
    return f"belongs to another user than {user}, whom the systemd unit runs kioskd as: chown {user} {path}"
