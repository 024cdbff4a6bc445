"""What a service says of its troubles, told to the journal: its code. Its text, which may quote a visitor, at DEBUG."""

from __future__ import annotations

import logging

from kioskd.core.codeword import codeword

log = logging.getLogger(__name__)


def told(level: int, name: str, verb: str, code: str, message: str) -> str:
    """Log it; the code as it may be shown.

    Args:
        verb: ``says`` or ``warns``.
    """
    shown = codeword(code or "error")
    log.log(level, "< %s %s %s", name, verb, shown)
    log.debug("< %s: %s", name, message)
    return shown
