"""Secrets are told of without any of them."""

from __future__ import annotations

from typing import Callable

import pytest

from kioskd.checkup.keys import Place, look
from kioskd.core.finding import Grade

SECRET = "sk_very_secret_0123456789"


def has() -> str:
    return SECRET


def refuses(error: Exception) -> Callable[[], str]:
    def read() -> str:
        raise error

    return read


def test_a_secret_that_can_be_read_is_there_and_not_shown() -> None:
    (told,) = look("service[0].key", [Place("a", refuses(ValueError("no"))), Place("the file b", has)], None)
    assert told.grade is Grade.OK and "the file b" in told.sentence and SECRET not in repr(told)


@pytest.mark.parametrize(
    ("error", "daemon", "grade"),
    [
        (PermissionError(13, "Permission denied"), "", Grade.OK),
        (PermissionError(13, "Permission denied"), None, Grade.UNKNOWN),
        (PermissionError(13, "Permission denied"), "the secret service[0].key is absent: empty", Grade.FAIL),
        (ValueError("the file /k is empty"), None, Grade.FAIL),
    ],
)
def test_what_we_may_not_read_the_daemon_is_asked_for(error: Exception, daemon: str | None, grade: Grade) -> None:
    (told,) = look("service[0].key", [Place("a", refuses(error))], daemon)
    assert told.grade is grade


def test_a_credential_without_a_place_is_roots_business() -> None:
    (told,) = look("service[0].key", [], None)
    assert told.grade is Grade.UNKNOWN and "sudo" in told.advice
