"""The cache: layers by the hash of what goes into them, made beside and moved into place when they are whole."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

from appliance.host import say

KEEP = 2  # of each sort of layer: this one, and the one before it


def cache_folder() -> Path:
    """KIOSKD_CACHE, else the user's cache folder."""
    named = os.environ.get("KIOSKD_CACHE")
    if named:
        return Path(named).resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kioskd"


def digest(*parts: str) -> str:
    """Of texts; the same texts give the same name, on every machine."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(f"{len(part)}:{part}".encode())
    return whole.hexdigest()[:16]


def of_files(root: Path, *names: str) -> str:
    """Of files and folders of the project: what they are called, whether they are programs, what is in them."""
    whole = hashlib.sha256()
    for name in names:
        top = root / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and "__pycache__" not in path.parts:
                mode = "x" if os.access(path, os.X_OK) else "-"
                sum_ = hashlib.sha256(path.read_bytes()).hexdigest()
                whole.update(f"{path.relative_to(root)} {mode} {sum_}\n".encode())
    return whole.hexdigest()[:16]


class Store:
    """All layers on this machine, for one Debian release and architecture."""

    def __init__(self, release: str, arch: str, folder: Path | None = None) -> None:
        self.folder = (folder or cache_folder()) / "appliance" / f"{release}-{arch}"

    def path(self, sort: str, key: str) -> Path:
        """Where that layer is, or would be."""
        return self.folder / f"{sort}-{key}"

    def have(self, sort: str, key: str) -> bool:
        """Whether it was made already."""
        return (self.path(sort, key) / "made.json").exists()

    def layer(self, sort: str, key: str, what: str, make: Callable[[Path, Path], None]) -> Path:
        """The folder of the layer, made if it has to be.

        Args:
            make: gets an empty folder and a log; leaves the layer in the folder.
        """
        with self._locked(sort):
            place = self.path(sort, key)
            if self.have(sort, key):
                say(f"{what}: from the cache")
                os.utime(place)
                return place
            say(f"{what} ...")
            began = time.monotonic()
            log = self.folder / f"{sort}.log"
            log.unlink(missing_ok=True)
            partial = self.folder / f".{sort}-{key}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            shutil.rmtree(place, ignore_errors=True)
            partial.mkdir(parents=True)
            make(partial, log)
            took_s = round(time.monotonic() - began, 1)
            (partial / "made.json").write_text(json.dumps({"sort": sort, "key": key, "seconds": took_s}) + "\n")
            partial.rename(place)
            say(f"{what}: {took_s:.0f} s")
            self._prune(sort)
            return place

    def _prune(self, sort: str) -> None:
        """Older layers of the same sort go, and what a build that was cut short left behind."""
        layers = sorted(self.folder.glob(f"{sort}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in [*layers[KEEP:], *self.folder.glob(f".{sort}-*.partial")]:
            shutil.rmtree(old, ignore_errors=True)

    @contextmanager
    def _locked(self, sort: str) -> Iterator[None]:
        """Two builds at once would make the same layer in the same folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f".{sort}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
