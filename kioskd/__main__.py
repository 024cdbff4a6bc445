"""``python -m kioskd`` is ``kioskd``."""

from __future__ import annotations

import sys

from kioskd.cli import main

if __name__ == "__main__":
    sys.exit(main())
