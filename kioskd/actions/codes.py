"""Codes, kept as hashes: how one is made, and how what was typed is compared with all of them.

scrypt (RFC 7914) with 16 MB and about 50 ms of a small board: it slows down who has the hashes, no more; a code of four
digits has only ten thousand forms. Whoever stands at the keypad is held up by ``confirm.wrong_codes``.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from typing import Callable, Sequence

from kioskd.config.confirm import Code
from kioskd.config.sections import SecretRef

COST, BLOCK, PARALLEL = 2**14, 8, 1
SALT_BYTES, HASH_BYTES = 16, 32
# What a hash in a secret may ask for: its file is the owner's, and a mistake in it must not take the memory.
MOST_COST, MOST_BLOCK, MOST_PARALLEL = 2**16, 16, 4
MOST_MEMORY = 160 << 20
LEAST_DIGITS, MOST_DIGITS = 4, 32
ALLOWED = frozenset("0123456789ABCD")


class CodeError(ValueError):
    """A code or its hash is none; the text is a sentence, and never holds any of it."""


def unfit(code: str) -> str:
    """Why nobody can use this code; empty when it is one."""
    if not LEAST_DIGITS <= len(code) <= MOST_DIGITS:
        return f"a code has {LEAST_DIGITS} to {MOST_DIGITS} characters"
    if not set(code) <= ALLOWED:
        return "a code is made of the keys 0 to 9 and A to D"
    if len(set(code)) == 1 or code in "01234567890" or code in "09876543210":
        return "everybody tries this one first; take another"
    return ""


def hashed(code: str, salt: bytes | None = None) -> str:
    """The text that is kept of a code: ``scrypt$COST$BLOCK$PARALLEL$SALT$HASH``."""
    salt = os.urandom(SALT_BYTES) if salt is None else salt
    digest = _scrypt(code, salt, COST, BLOCK, PARALLEL)
    parts = (COST, BLOCK, PARALLEL, _text(salt), _text(digest))
    return "$".join(("scrypt", *map(str, parts)))


def matches(code: str, kept: str) -> bool:
    """Whether ``kept`` is the hash of ``code``. Takes as long for a wrong one.

    Raises:
        CodeError: ``kept`` is no hash.
    """
    try:
        name, cost, block, parallel, salt, digest = kept.split("$")
        numbers = (int(cost), int(block), int(parallel))
        wanted, salted = base64.b64decode(digest, validate=True), base64.b64decode(salt, validate=True)
    except (ValueError, binascii.Error):
        raise CodeError("what is kept of a code is no hash of one; make it with kioskd code") from None
    fits = all(0 < number <= most for number, most in zip(numbers, (MOST_COST, MOST_BLOCK, MOST_PARALLEL)))
    if name != "scrypt" or not fits or len(wanted) != HASH_BYTES or len(salted) < 8 or numbers[0] & (numbers[0] - 1):
        raise CodeError("what is kept of a code is no hash that kioskd can compare; make it with kioskd code")
    return hmac.compare_digest(_scrypt(code, salted, *numbers), wanted)


class Codes:
    """All codes of the kiosk.

    Args:
        codes: as configured.
        read_secret: reads a secret's text.
    """

    def __init__(self, codes: Sequence[Code], read_secret: Callable[[SecretRef], str]) -> None:
        self._codes = tuple(codes)
        self._read_secret = read_secret
        self.trouble = ""  # a sentence: at the last comparison one of them could not be read

    def whose(self, code: str) -> str:
        """Whose code it is; empty: nobody's. Blocks for a tenth of a second or so; a worker thread only.

        All are compared, whichever fits: how long it takes tells nothing. One that cannot be read fits nobody
        (``trouble`` says so), and what fits none of the others is wrong: else one bad hash would make every attempt
        at the others free.

        Raises:
            CodeError: none of them can be read, so nothing was compared.
        """
        found, trouble, compared = "", "", 0
        for one in self._codes:
            try:
                fits = matches(code, self._read_secret(one.hash))
            except (OSError, ValueError, LookupError) as error:
                trouble = trouble or f"the code of {one.name}: {_sentence(error)}"
                continue
            compared += 1
            if fits and not found:
                found = one.name
        self.trouble = trouble
        if trouble and not compared:
            raise CodeError(trouble)
        return found


def _sentence(error: Exception) -> str:
    """A SecretError's text is a sentence that holds no secret; of others only the kind is told."""
    return str(error) if isinstance(error, ValueError) else type(error).__name__


def _scrypt(code: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    import hashlib  # OpenSSL is loaded with it; most kiosks have no codes

    raw = code.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(raw, salt=salt, n=cost, r=block, p=parallel, maxmem=MOST_MEMORY, dklen=HASH_BYTES)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
