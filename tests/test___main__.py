"""``python -m kioskd`` is the same door."""

from __future__ import annotations

import subprocess
import sys

from kioskd import __version__


def test_the_module_is_the_door() -> None:
    said = subprocess.run([sys.executable, "-m", "kioskd", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == f"kioskd {__version__}"
