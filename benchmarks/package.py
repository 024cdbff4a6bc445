"""How much of a board's disk the Debian package takes, and what takes it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Mapping, Sequence

from benchmarks.figure import Measured, ProbeFailed

ROOT = Path(__file__).resolve().parent.parent
# What only the local voice service reads; a kiosk with a hosted service could do without.
MODELS = "pocketsphinx/model/"
# Where packaging/stage writes of which sources the package was made.
BUILT_FROM = "./usr/share/kioskd/built-from"
MB = 1e6
# Named one by one as far as they weigh; the others are one line.
NAMED_MB = 1.0
# A build took four minutes on two busy cores; the first one compiles and downloads as well.
LONGEST_S = 1800


def package_mb() -> Mapping[str, Measured]:
    """The installed size without the voice service's models, of a package of the sources as they are now."""
    package = current([ROOT / "dist", ROOT / "build" / "package"])
    with tempfile.TemporaryDirectory() as folder:
        said("dpkg-deb", "-x", str(package), folder)
        return {"package_mb": weigh(Path(folder))}


def said(*command: str) -> str:
    """What a program prints.

    Raises:
        ProbeFailed: it is missing, or failed.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProbeFailed(f"{Path(command[0]).name}: {error}") from error
    if done.returncode:
        last = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise ProbeFailed(f"{Path(command[0]).name}: {last[-1]}")
    return done.stdout


def current(folders: Sequence[Path]) -> Path:
    """The package of these very sources: the one that lies in a folder, else a new one in the last of them."""
    script = str(ROOT / "scripts" / "package")
    fingerprint = said(script, "--fingerprint").strip()
    for package in (package for folder in folders for package in sorted(folder.glob("kioskd_*.deb"))):
        if built_from(package) == fingerprint:
            return package
    last = said(script, "--quick", "--out", str(folders[-1])).strip().splitlines()[-1]
    return Path(last.partition(": ")[0])


def built_from(package: Path) -> str:
    """The fingerprint of what it was made of; empty when it does not say."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as archive:
        found = subprocess.run(["tar", "-xOf", "-", BUILT_FROM], stdin=archive.stdout, capture_output=True, text=True)
        # Where tar gave up early, nobody reads what dpkg-deb still writes.
        archive.kill()
    return found.stdout.strip()


def weigh(tree: Path) -> Measured:
    """The size of a package that was unpacked into ``tree``."""
    sizes: Counter[str] = Counter()
    models = 0
    for path, size in blocks(tree):
        if MODELS in path:
            models += size
        else:
            sizes[owner(path)] += size
    total = sum(sizes.values())
    heavy = [(name, size / MB) for name, size in sizes.most_common() if size / MB >= NAMED_MB]
    rest = total / MB - sum(size for _, size in heavy)
    mb = {name: round(size, 1) for name, size in [*heavy, ("everything else", rest)]}
    shown = ", ".join(f"{name} {size:.0f}" for name, size in heavy[:4])
    story = f"installed: {shown}, ...; {models / MB:.0f} MB of models beside it"
    detail = {"mb": mb, "models_mb": round(models / MB, 1)}
    return Measured(round(total / MB, 1), story, detail)


def blocks(tree: Path) -> Sequence[tuple[str, int]]:
    """Every file and folder with the bytes that it takes from the disk: whole blocks, as a board pays for them."""
    found = []
    for folder, folders, files in os.walk(tree):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            found.append((os.path.relpath(path, tree), os.lstat(path).st_blocks * 512))
    return found


def owner(path: str) -> str:
    """Whose file it is: a library of the environment with what its wheel brought, or a part of the package."""
    _, inside, rest = path.partition("/site-packages/")
    if inside:
        return rest.partition("/")[0].partition(".")[0].partition("-")[0].lower()
    return "documentation" if path.startswith(("usr/share/doc", "usr/share/man")) else "kioskd"
