"""Whether each secret can be had, told without any of it."""

from __future__ import annotations

from typing import Callable, Iterator, NamedTuple, Sequence

from kioskd.core.finding import Finding, fail, ok, unknown


class Place(NamedTuple):
    """A way to read one secret: where it lies, in words, and what reads it (ValueError: a sentence, OSError)."""

    where: str
    read: Callable[[], str]


def look(key: str, places: Sequence[Place], daemon: str | None) -> Iterator[Finding]:
    """One secret.

    Args:
        key: where the configuration names it.
        places: the first that gives it counts; each is tried.
        daemon: what the running daemon says is wrong with it ("": nothing); None: no daemon runs.
    """
    what, last = f"key {key}", ""
    for place in places:
        try:
            place.read()
        except (ValueError, OSError) as error:
            last = str(error)
            continue
        yield ok(what, f"there, in {place.where}; it was read and is not shown")
        return
    if daemon == "":
        yield ok(what, "the daemon has it; you may not look yourself")
    elif daemon:
        yield fail(what, daemon, "docs: a secret is a credential, a variable or a file of mode 0600")
    elif "ermission" in last or not places:
        yield unknown(what, "only root can look, and no daemon runs that could", "sudo kioskctl doctor")
    else:
        yield fail(what, last, "kioskd check prints the lines that the unit lacks")
