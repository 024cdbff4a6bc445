"""``kioskd check``: every mistake in a configuration, and whatever on this machine would keep it from working."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import Iterator

from kioskd.audio.cards import Kernel
from kioskd.audio.presence import doubt
from kioskd.config.device_spec import problem
from kioskd.config.findings import Finding, Lines
from kioskd.config.loader import Also, Loaded, load
from kioskd.config.sections import Config
from kioskd.config.unit import Unit, installed
from kioskd.config.unit_checks import drop_in, unit_findings


def look(path: str, unit: Unit, kernel: Kernel) -> Loaded:
    """The file, held to what this machine has."""
    return load(path, *checks(unit, kernel))


def checks(unit: Unit, kernel: Kernel) -> tuple[Also, ...]:
    """What this machine holds a configuration to, beyond its own sense."""

    def devices(config: Config, lines: Lines) -> Iterator[Finding]:
        for way in ("input", "output"):
            spec = getattr(config.audio, way)
            why = "" if problem(spec) else doubt(spec, way, kernel, os.environ)
            if why:
                yield Finding(f"audio.{way}", why, warning=True)

    return devices, lambda config, lines: unit_findings(config, unit)


def report(path: str, as_json: bool) -> bool:
    """Print what is wrong, in the order of the lines; whether the configuration can be run."""
    unit = installed()
    loaded = look(path, unit, Kernel())
    missing = drop_in(loaded.config, unit) if loaded.config is not None else ""
    if as_json:
        print(json.dumps(table(loaded, missing), indent=2))
    else:
        for line in page(path, loaded, missing):
            print(line)
    return not loaded.problems


def table(loaded: Loaded, missing: str) -> dict[str, object]:
    """For scripts."""
    return {
        "ok": not loaded.problems,
        "problems": [asdict(one) for one in loaded.problems],
        "warnings": [asdict(one) for one in loaded.warnings],
        "drop_in": missing,
    }


def page(path: str, loaded: Loaded, missing: str) -> Iterator[str]:
    """For people."""
    rows = [(one.line, str(one)) for one in loaded.problems]
    rows += [(one.line, f"{one} (warning)") for one in loaded.warnings]
    for _, text in sorted(rows, key=lambda row: row[0]):
        yield text
    if missing:
        yield "\nWhat the systemd unit lacks for this configuration; systemctl edit kioskd takes it:\n"
        yield f"{missing}\n"
    if not loaded.problems:
        count = len(loaded.warnings)
        yield f"{path}: no mistakes" + (f", {count} warning{'s' * (count > 1)}" if count else "")
