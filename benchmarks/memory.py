"""Which import costs how much memory, in a fresh interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys

STEPS = ("asyncio", "yaml", "webrtcvad", "msgspec", "websockets.asyncio.client", "sqlite3", "pyaudio", "kioskd.app")
# Loaded by the daemon only when a device cannot take or give the wanted rate.
RESAMPLING = "numpy"
PROGRAM = """
import json, sys
def pss():
    with open("/proc/self/smaps_rollup") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
rows, last = {"python": round(pss(), 1)}, pss()
for name in sys.argv[1:]:
    try:
        __import__(name)
    except ImportError as error:
        rows[name] = str(error)
        continue
    now = pss()
    rows[name], last = round(now - last, 1), now
print(json.dumps(rows))
"""


def imports_mb() -> dict[str, object]:
    """MB of PSS that each import adds, in this order; "python" is the bare interpreter."""
    command = [sys.executable, "-c", PROGRAM, *STEPS, RESAMPLING]
    # As kioskd.cli has it: no pool of memory for each core.
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, timeout=30, env=env)
    if done.returncode:
        return {"failed": done.stderr.decode(errors="replace").strip().splitlines()[-1]}
    rows: dict[str, object] = json.loads(done.stdout)
    return rows
