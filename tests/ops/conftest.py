"""A folder as short as /run/kioskd, because a unix socket's path may have 107 bytes; and the rights of nobody."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Iterator

import pytest

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A runtime directory."""
    path = Path(tempfile.mkdtemp(prefix="kioskd-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def unprivileged(folder: Path) -> Iterator[Path]:
    """The folder, ours, and nothing beyond: root may everything, so root becomes nobody for a while."""
    root = os.geteuid() == 0
    if root:
        os.chown(folder, NOBODY, NOBODY)
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
            os.setegid(0)
