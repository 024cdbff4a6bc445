"""A code may be shown, a sentence may not."""

from __future__ import annotations

import pytest

from kioskd.core.codeword import UNNAMED, codeword


@pytest.mark.parametrize("code", ["rate_limit_exceeded", "session.expired", "4011", "a-b:c", "interrupted"])
def test_a_code_is_shown(code: str) -> None:
    assert codeword(code) == code


@pytest.mark.parametrize("text", ["", "my name is Anna", "_", "x" * 49, "caf\u00e9", "a\n", "open the door", "\u0661"])
def test_a_sentence_is_not(text: str) -> None:
    assert codeword(text) == UNNAMED and codeword(text, "") == ""
