"""``python -m benchmarks [NAME ...] [--json] [--list]``.

Exit status: 0 all figures are within their bounds; 1 one is not, or could not be measured; 2 an unknown name.
"""

from __future__ import annotations

import sys

from benchmarks.door import main

sys.exit(main())
