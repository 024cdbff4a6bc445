"""The doctor's arithmetic in a process of its own: what it takes for half a second (40 MB, a core) ends with it.

The daemon would keep most of that memory for years; and it can be ended in the middle, as no thread can.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import sys

from kioskd.audio.doctor.diagnosis import Report, diagnose, prepare
from kioskd.audio.doctor.take import Take
from kioskd.config.sections import Audio

# The last line of a traceback is what a person can use.
WHY_CHARS = 200


class ApartError(Exception):
    """The other process failed; the text says how."""


async def prepare_apart(volume: float) -> bytes:
    """``diagnosis.prepare`` there. Loop only.

    Raises:
        ApartError: it failed.
    """
    return await _run(("prepare", volume))


async def diagnose_apart(take: Take, audio: Audio) -> Report:
    """``diagnosis.diagnose`` there. Loop only. Cancelled, it ends the other process.

    Raises:
        ApartError: it failed.
    """
    report = json.loads(await _run(("diagnose", take, audio)))
    if not isinstance(report, dict):
        raise ApartError("the doctor's process answered with something that is no report")
    return report


async def _run(task: tuple[object, ...]) -> bytes:
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kioskd.audio.doctor.apart", stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        answer, complaint = await child.communicate(pickle.dumps(task))
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        last = complaint.decode(errors="replace").strip().rpartition("\n")[2][:WHY_CHARS]
        raise ApartError(f"the doctor's process ended with {child.returncode}: {last}")
    return answer


def work(task: bytes) -> bytes:
    """In the other process: what was asked for, done. ``task`` comes from the daemon that started it, nobody else."""
    verb, *arguments = pickle.loads(task)
    if verb == "prepare":
        return prepare(*arguments)
    return json.dumps(diagnose(*arguments), allow_nan=False).encode()


if __name__ == "__main__":
    sys.stdout.buffer.write(work(sys.stdin.buffer.read()))
