"""Codes are kept as hashes; what was typed is compared with all of them."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from kioskd.actions import codes as room
from kioskd.actions.codes import CodeError, Codes, hashed, matches, unfit
from kioskd.config.confirm import Code
from kioskd.config.secrets import SecretError
from kioskd.config.sections import SecretRef


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "COST", 2**4)


def test_a_hash_matches_its_code_and_no_other() -> None:
    kept = hashed("4711")
    assert matches("4711", kept) and "4711" not in kept and kept.startswith("scrypt$")
    for other in ("4712", "47110", "471", "", "４７１１", "\ud800"):
        assert not matches(other, kept)
    assert hashed("4711") != kept


def test_it_is_scrypt_as_others_have_it() -> None:
    """RFC 7914 section 12 holds the parameters of the library; here stands the text's form."""
    kept = hashed("4711", b"0123456789abcdef")
    digest = hashlib.scrypt(b"4711", salt=b"0123456789abcdef", n=16, r=8, p=1, dklen=32)
    salt = base64.b64encode(b"0123456789abcdef").decode()
    assert kept == f"scrypt$16$8$1${salt}${base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "4711",
        "scrypt$16$8$1$AAAA",
        "md5$16$8$1$AAAAAAAAAAAAAAAAAAAAAA==$" + "A" * 44,
        "scrypt$1048576$8$1$AAAAAAAAAAAAAAAAAAAAAA==$" + "A" * 43 + "=",
        "scrypt$15$8$1$AAAAAAAAAAAAAAAAAAAAAA==$" + "A" * 43 + "=",
        "scrypt$0$8$1$AAAAAAAAAAAAAAAAAAAAAA==$" + "A" * 43 + "=",
        "scrypt$16$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAA",
        "scrypt$16$8$1$AA==$" + "A" * 43 + "=",
        "scrypt$x$8$1$AAAAAAAAAAAAAAAAAAAAAA==$" + "A" * 43 + "=",
    ],
)
def test_what_is_no_hash_matches_nothing_and_says_so(kept: str) -> None:
    with pytest.raises(CodeError, match="kioskd code"):
        matches("4711", kept)


@pytest.mark.parametrize("code", ["123", "1" * 6, "1234", "9876", "abcd", "47 11", "4" * 33, ""])
def test_a_code_that_everybody_tries_first_is_none(code: str) -> None:
    assert unfit(code)
    assert unfit("4711") == "" and unfit("47A11B") == ""


class Secrets:
    """Secrets by the name of their environment variable."""

    def __init__(self, **texts: Any) -> None:
        self.texts = texts
        self.read: list[str] = []

    def __call__(self, ref: SecretRef) -> str:
        self.read.append(ref.env or "")
        text = self.texts[ref.env or ""]
        if isinstance(text, Exception):
            raise text
        return str(text)


def named(*names: str) -> list[Code]:
    return [Code(name=name, hash=SecretRef(env=name)) for name in names]


def test_whose_code_it_is() -> None:
    secrets = Secrets(caretaker=hashed("4711"), owner=hashed("8642"))
    codes = Codes(named("caretaker", "owner"), secrets)
    assert [codes.whose(typed) for typed in ("4711", "8642", "0815")] == ["caretaker", "owner", ""]


def test_all_are_compared_whichever_fits() -> None:
    secrets = Secrets(a=hashed("4711"), b=hashed("8642"), c=hashed("9753"))
    codes = Codes(named("a", "b", "c"), secrets)
    for typed in ("4711", "9753", "0815"):
        secrets.read.clear()
        codes.whose(typed)
        assert secrets.read == ["a", "b", "c"]


def test_one_that_cannot_be_read_does_not_stand_in_the_way_of_another() -> None:
    secrets = Secrets(a=SecretError("the credential a cannot be read"), b=hashed("8642"), c="rubbish")
    codes = Codes(named("a", "b", "c"), secrets)
    assert codes.whose("8642") == "b"


def test_one_that_cannot_be_read_makes_no_attempt_at_the_others_free() -> None:
    """What nobody compared costs no attempt: else anybody could try all codes beside one bad hash."""
    secrets = Secrets(a=SecretError("the credential a cannot be read"), b=hashed("8642"))
    codes = Codes(named("a", "b"), secrets)
    assert codes.whose("4711") == "" and codes.trouble == "the code of a: the credential a cannot be read"
    secrets.texts["a"] = hashed("4711")
    assert codes.whose("4711") == "a" and codes.trouble == ""


def test_with_none_that_can_be_read_nothing_is_compared() -> None:
    with pytest.raises(CodeError, match="the code of a: the credential a cannot be read"):
        Codes(named("a", "c"), Secrets(a=SecretError("the credential a cannot be read"), c="x")).whose("4711")


def test_without_codes_nothing_fits() -> None:
    assert Codes((), Secrets()).whose("4711") == ""
