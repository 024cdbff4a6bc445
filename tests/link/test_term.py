"""How long a session lasts, and what its end is called."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.config.session import Session
from kioskd.link.failures import Failure
from kioskd.link.term import term_of
from kioskd.wire.dialects import HYBRIE_GEMINI, HYDRA, OPENAI
from kioskd.wire.profile import Trouble

LONG = Session(longest_s=86_400.0)


def test_the_dialect_says_when_and_the_margin_comes_before_it() -> None:
    term = term_of(100.0, HYBRIE_GEMINI, LONG, None)
    assert (term.due_at, term.ends_at) == (100.0 + 540.0, 100.0 + 600.0)
    term = term_of(0.0, HYBRIE_GEMINI, dataclasses.replace(LONG, rotate_margin_s=30.0), None)
    assert term.due_at == 570.0


def test_what_the_service_says_itself_counts_where_it_is_sooner() -> None:
    assert term_of(0.0, OPENAI, LONG, 1800.0).ends_at == 1800.0
    assert term_of(0.0, OPENAI, LONG, 7200.0).ends_at == 3600.0
    assert term_of(0.0, HYDRA, LONG, 900.0).ends_at == 900.0


@pytest.mark.parametrize("nonsense_s", [-157_680_000.0, -1.0, 0.0, 157_680_000.0])
def test_a_clock_that_is_years_wrong_changes_nothing(nonsense_s: float) -> None:
    assert term_of(0.0, OPENAI, LONG, nonsense_s) == term_of(0.0, OPENAI, LONG, None)


def test_without_a_limit_the_owners_own_holds() -> None:
    term = term_of(0.0, HYDRA, Session(), None)
    assert term.due_at == 1200.0 and term.ends_at == float("inf")


@settings(deadline=None, max_examples=100)
@given(st.floats(30, 86_400), st.floats(5, 3600), st.floats(30, 86_400))
def test_a_session_is_never_due_before_half_its_time(length_s: float, margin_s: float, longest_s: float) -> None:
    options = Session(longest_s=longest_s, rotate_margin_s=margin_s)
    term = term_of(0.0, dataclasses.replace(OPENAI, session_max_s=length_s), options, None)
    assert min(longest_s, length_s / 2) <= term.due_at <= min(longest_s, length_s)


def test_an_end_at_the_limit_is_the_limit_whatever_it_is_called() -> None:
    term = term_of(0.0, HYBRIE_GEMINI, LONG, None)
    for trouble, code in ((Trouble.TRANSPORT, 1011), (Trouble.NORMAL, 1000)):
        named = term.named(Failure(trouble, "closed", close_code=code), "gemini", 595.0)
        assert (named.trouble, named.close_code) == (Trouble.EXPIRY, 1001) and named.sentence.startswith(
            "gemini ended the session at its limit"
        )
        early = Failure(trouble, "closed", close_code=code)
        assert term.named(early, "gemini", 300.0) is early


def test_a_connection_that_vanished_or_a_key_that_died_is_not_the_limit() -> None:
    term = term_of(0.0, HYBRIE_GEMINI, LONG, None)
    for failure in (
        Failure(Trouble.TRANSPORT, "broke", close_code=1006),
        Failure(Trouble.TRANSPORT, "silent"),
        Failure(Trouble.FATAL, "no", close_code=4000),
        Failure(Trouble.CAPACITY, "full", close_code=1013),
    ):
        assert term.named(failure, "gemini", 599.0) is failure
