"""What may be read aloud, and in which pieces."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.spoken import BEST_PIECE, LONGEST_TEXT, MOST_PIECE, NotSpeakable, pieces, plain


def test_white_space_of_any_kind_becomes_one_space() -> None:
    assert plain("  The lift\n is\tback. ") == "The lift is back."


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no word"),
        (" ... !", "no word"),
        ("a" * (LONGEST_TEXT + 1), "501 characters"),
        ("a" * 100_000, "100000 characters"),
        ("the \x1b[2J door", "cannot be read aloud"),
        ("right \u202eto left", "cannot be read aloud"),
        ('<speak>hello</speak> <break time="9s"/>', "markup"),
    ],
)
def test_what_is_no_plain_text_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(NotSpeakable, match=why):
        plain(text)


def test_a_smaller_than_sign_is_no_markup() -> None:
    assert plain("Two < three, and five > four.")


def test_short_sentences_go_together_and_long_ones_alone() -> None:
    long = "This sentence " + "goes on and " * 9 + "ends."
    assert pieces(f"One. Two. {long} Three. And four.") == [f"One. Two. {long}", "Three. And four."]
    assert pieces("One. Two! Three?") == ["One. Two! Three?"]


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("ab ,.!?"), min_size=1, max_size=700))
def test_no_word_is_lost_and_no_piece_is_too_long(text: str) -> None:
    words = " ".join(text.split())
    found = pieces(words)
    assert "".join("".join(found).split()) == "".join(words.split())
    assert all(0 < len(piece) <= MOST_PIECE for piece in found)
    assert all(len(a) + 1 + len(b) > BEST_PIECE for a, b in zip(found, found[1:]))
