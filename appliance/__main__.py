"""``python -m appliance``; scripts/appliance is the usual way in."""

import sys

from appliance.cli import main

sys.exit(main())
