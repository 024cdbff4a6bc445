"""What the doctor found out about this unit's room, kept over a restart: ``state_dir/echo.json``."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields

NAME = "echo.json"
# The file has some 300 bytes; one that is much larger is not ours.
LARGEST_BYTES = 64 * 1024
LONGEST_TAIL_MS = 2000  # as audio.echo_tail_ms


class KeptError(Exception):
    """Nothing usable is kept; the text is a sentence."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One kept result.

    Attributes:
        tail_ms: what half duplex waits after the last sample.
        erle_db: None where no canceller was tried.
        mode: the recommended ``audio.echo``.
        at: when it was measured, ISO 8601 in UTC.
        input, output: the devices that it is true for.
        version: of the kioskd that measured.
    """

    tail_ms: int
    delay_ms: float
    return_loss_db: float
    erle_db: float | None
    noise_floor_dbfs: float
    mode: str
    at: str
    input: str
    output: str
    version: str


def write(state_dir: str, kept: Kept) -> str:
    """Replace the kept result; after a power cut there is the old one or the new one. Blocks for the disk.

    Returns:
        the path.

    Raises:
        KeptError: the folder cannot be written.
    """
    path = os.path.join(state_dir, NAME)
    beside = f"{path}.new"
    try:
        with open(beside, "w", encoding="utf-8") as file:
            json.dump(asdict(kept), file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        folder = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise KeptError(f"{path} cannot be written ({error.strerror}): see ops.state_dir.") from error
    return path


def read(state_dir: str, input_spec: str, output_spec: str) -> Kept | None:
    """What is kept for these devices; None when nothing was ever kept.

    Raises:
        KeptError: it is broken, or belongs to other devices; the sentence says what to do.
    """
    path = os.path.join(state_dir, NAME)
    again = "run: kioskctl doctor audio --keep"
    try:
        with open(path, "rb") as file:
            kept = _parse(json.loads(file.read(LARGEST_BYTES)))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeptError(f"{path} cannot be read ({error.strerror}); {again}.") from error
    except (ValueError, RecursionError) as error:
        raise KeptError(f"{path} is not what the doctor wrote ({error}); {again}.") from error
    if (kept.input, kept.output) != (input_spec, output_spec):
        raise KeptError(
            f"{path} was measured with {kept.input} and {kept.output} and does not hold for {input_spec} and "
            f"{output_spec}; {again}."
        )
    return kept


def _parse(row: object) -> Kept:
    """Raises ValueError with what is wrong."""
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    names = [field.name for field in fields(Kept)]
    missing = [name for name in names if name not in row]
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    for name in ("mode", "at", "input", "output", "version"):
        if not isinstance(row[name], str):
            raise ValueError(f"{name} is no text")
    for name in ("tail_ms", "delay_ms", "return_loss_db", "erle_db", "noise_floor_dbfs"):
        if not _number(row[name]) and not (name == "erle_db" and row[name] is None):
            raise ValueError(f"{name} is no number")
    if not isinstance(row["tail_ms"], int) or not 0 <= row["tail_ms"] <= LONGEST_TAIL_MS:
        raise ValueError(f"tail_ms is not between 0 and {LONGEST_TAIL_MS}")
    return Kept(**{name: row[name] for name in names})


def _number(value: object) -> bool:
    """JSON of Python may hold NaN and Infinity."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e6
