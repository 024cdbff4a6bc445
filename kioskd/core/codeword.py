"""What of a service's words may stand in a journal: its codes. Its texts may quote what a visitor said. Pure."""

from __future__ import annotations

import re

# What every dialect calls its codes: rate_limit_exceeded, session.expired, 4011 (dialects reference 8.6).
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,47}", re.ASCII)
UNNAMED = "unnamed"


def codeword(text: str, otherwise: str = UNNAMED) -> str:
    """The code; what is no single word of such letters is a sentence, of which only ``otherwise`` is shown."""
    return text if _CODE.fullmatch(text) else otherwise
