"""Watches lines of the simulated chip as the kernel has them: lines.py OUT OFFSET...

Each change is one line of OUT: ``{"at": SECONDS, "line": OFFSET, "level": 0 or 1}``, in CLOCK_MONOTONIC, as the journal
has it. The first lines say how everything stands. Looked at every 2 ms: gpio-sim's files cannot be waited for.
"""

import glob
import json
import os
import sys
import time

EVERY_S = 0.002


def main() -> None:
    """Until it is ended."""
    out = open(sys.argv[1], "a", buffering=1)
    chip = glob.glob("/sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio0")[0].removesuffix("0")
    files = {int(offset): os.open(f"{chip}{offset}/value", os.O_RDONLY) for offset in sys.argv[2:]}
    last: dict[int, int] = {}
    while True:
        for offset, file in files.items():
            level = int(os.pread(file, 2, 0))
            if last.get(offset) != level:
                last[offset] = level
                out.write(json.dumps({"at": time.monotonic(), "line": offset, "level": level}) + "\n")
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
