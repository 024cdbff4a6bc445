"""What waits for the ledger's thread."""

from __future__ import annotations

from kioskd.actions.jobs import MOST_ONCE, about, once
from kioskd.core.words import CallKey


def test_what_the_service_sent_is_bounded() -> None:
    told = about(CallKey("e", "s" * 5000, "c" * 5000), "t" * 5000)
    assert told["endpoint"] == "e" and all(len(str(text)) <= 200 for text in told.values())


def test_long_names_do_not_make_two_calls_one() -> None:
    """A receiver would do them once."""
    ordinary, *long = (
        CallKey("hydra-1", session, call) for session, call in (("s", "c"), ("s" * 4000, "a"), ("s" * 4000, "b"))
    )
    assert once(ordinary) == '"hydra-1/s/c"'
    assert len({once(key) for key in long}) == 2 and all(len(once(key)) < MOST_ONCE for key in long)
    assert once(CallKey("e", "line\nbreak", "ü")).isprintable() and once(CallKey("e", "line\nbreak", "ü")).isascii()
