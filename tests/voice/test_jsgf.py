"""The grammar as the decoder gets it."""

from __future__ import annotations

import re

from kioskd.core.phrases import describe
from kioskd.voice.grammar import Grammar, build
from kioskd.voice.jsgf import PHONES, VOWELS, compose, spoken, words_needed

TOOLS = [{"name": "door", "description": describe("", ["unlock the front door", "frobnicate the door"])}]


def known(word: str) -> bool:
    return word != "frobnicate"


def test_articles_are_optional_and_one_may_come() -> None:
    assert spoken(("unlock", "the", "front", "door")) == "unlock [the | a] front door"
    assert spoken(("unlock", "door")) == "unlock [the | a] door"
    assert spoken(("help",)) == "help"


def test_a_phrase_with_a_word_that_nobody_can_pronounce_is_left_out_and_named() -> None:
    grammar = build(TOOLS)
    jsgf = compose(grammar, known)
    assert jsgf.refused == ("frobnicate the door (frobnicate)",)
    assert "frobnicate" not in jsgf.text and "frobnicate" not in jsgf.words
    assert "unlock [the | a] front door" in jsgf.text


def test_every_rule_that_is_used_is_defined() -> None:
    for grammar in (Grammar(), build(TOOLS), build([{"name": "help"}])):
        text = compose(grammar, known).text
        used, defined = set(re.findall(r"<(\w+)>", text)), set(re.findall(r"^(?:public )?<(\w+)> =", text, re.M))
        assert used <= defined


def test_negations_decoys_and_the_phone_loop_are_in_it() -> None:
    text = compose(build(TOOLS), known).text
    assert "[<start>] <garbage>" in text and "<start> = unlock | unlock [the | a] front" in text
    assert "<not> <ask>" in text and "is [the | a] front door open" in text
    assert all(f"g_{phone.lower()}" in text for phone in PHONES)
    # PocketSphinx dies of exponents in weights.
    assert not re.search(r"/\d+e-", text)


def test_every_word_of_the_text_is_looked_up() -> None:
    grammar = build(TOOLS)
    text = re.sub(r"<\w+>|/[\d.]+/|^#.*|^grammar.*|\bpublic\b", " ", compose(grammar, known).text, flags=re.M)
    words = {word for word in re.findall(r"[a-z'_]+", text) if not word.startswith("g_")}
    assert words <= words_needed(grammar)


def test_vowels_are_phones() -> None:
    assert VOWELS < set(PHONES) and len(PHONES) == 39
