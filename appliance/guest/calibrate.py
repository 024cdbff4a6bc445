"""The calibration loop: how fast is this machine, in a way that can be run on any? Prints seconds as JSON.

Pure Python, one thread, no device: what a core does with the sort of work that kioskd does (integers, bytes, dicts).
"""

import hashlib
import json
import time


def work() -> int:
    """A fixed amount of it."""
    table: dict[int, int] = {}
    total = 0
    for number in range(200_000):
        total = (total * 1103515245 + 12345 + number) & 0x7FFFFFFF
        table[total & 1023] = number
    data = bytes(range(256)) * 64
    for _ in range(100):
        data = data[1:] + hashlib.sha256(data).digest()[:1]
    return total + len(table)


def main() -> None:
    """The best of five: the others were disturbed."""
    took = []
    for _ in range(5):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    print(json.dumps({"best_s": round(min(took), 4), "all_s": [round(each, 4) for each in took]}))


if __name__ == "__main__":
    main()
