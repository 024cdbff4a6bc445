"""What waits for the ledger's thread."""

from __future__ import annotations

from kioskd.actions.jobs import about
from kioskd.core.words import CallKey


def test_what_the_service_sent_is_bounded() -> None:
    told = about(CallKey("e", "s" * 5000, "c" * 5000), "t" * 5000)
    assert told["endpoint"] == "e" and all(len(str(text)) <= 200 for text in told.values())
