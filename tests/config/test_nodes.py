from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.config.nodes import MAX_DEPTH, MAX_NODES, Items, Refused, Scalar, Table, Tree, read

LOADERS = [yaml.CSafeLoader, yaml.SafeLoader]


@pytest.fixture(params=LOADERS, ids=["libyaml", "pure"])
def loader(request: pytest.FixtureRequest) -> Any:
    return request.param


def only(tree: Tree) -> str:
    assert len(tree.mistakes) == 1, tree.mistakes
    return f"{tree.mistakes[0].line}: {tree.mistakes[0].path}: {tree.mistakes[0].sentence}"


def test_every_node_remembers_its_line_and_its_quotes(loader: Any) -> None:
    tree = read("a: no\nb:\n  - 'off'\n  - 010\n", loader)
    assert tree.whole and not tree.mistakes
    assert isinstance(tree.root, Table)
    (a, off), (b, items) = tree.root.entries
    assert (a, off) == (Scalar(1, "a", False), Scalar(1, "no", False))
    assert b == Scalar(2, "b", False)
    assert items == Items(3, [Scalar(3, "off", True), Scalar(4, "010", False)])


def test_block_text_counts_as_quoted(loader: Any) -> None:
    tree = read("a: |\n  12\n", loader)
    assert isinstance(tree.root, Table)
    assert tree.root.entries[0][1] == Scalar(1, "12\n", True)


def test_a_duplicate_key_is_kept_twice() -> None:
    tree = read("a: 1\na: 2\n")
    assert isinstance(tree.root, Table)
    assert [key.line for key, _ in tree.root.entries] == [1, 2]


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n"])
def test_an_empty_text_is_no_mistake(text: str, loader: Any) -> None:
    tree = read(text, loader)
    assert not tree.mistakes
    assert tree.root is None or (isinstance(tree.root, Scalar) and tree.root.text == "")


def test_references_are_refused_where_they_stand_and_reading_goes_on(loader: Any) -> None:
    tree = read("a: &x 1\nb:\n  c: *x\nd: 2\n", loader)
    assert [(one.line, one.path) for one in tree.mistakes] == [(1, "a"), (3, "b.c")]
    assert isinstance(tree.root, Table)
    assert tree.root.entries[-1][1] == Scalar(4, "2", False)
    inner = tree.root.entries[1][1]
    assert isinstance(inner, Table) and inner.entries[0][1] == Refused(3)


def test_an_alias_bomb_never_unfolds(loader: Any) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    tree = read("\n".join(rows), loader)
    assert len(tree.mistakes) == 30 + 29 * 9  # each anchor and each alias once


def test_an_alias_that_holds_itself_is_refused(loader: Any) -> None:
    assert [one.line for one in read("a: &a [*a]\n", loader).mistakes] == [1, 1]


def test_text_that_begins_with_a_star_gets_the_advice_to_quote_it() -> None:
    assert "put text in quotes" in only(read("description: *important\n"))


def test_tags_are_refused_and_build_nothing(loader: Any) -> None:
    tree = read("a: !!python/object/apply:os.system ['true']\n", loader)
    assert "1: a: tags (!name) are not used here" in only(tree)
    assert "tags" in only(read('a: !!int "3"\n', loader))


def test_merging_is_refused(loader: Any) -> None:
    assert "merging (<<) is not used" in only(read("a:\n  <<: {b: 1}\n", loader))


def test_a_key_is_one_word(loader: Any) -> None:
    assert "a key must be one word" in only(read("a: {[x]: 1}\n", loader))


def test_a_fault_without_a_place_is_still_a_mistake() -> None:
    def broken(text: str) -> None:
        raise yaml.YAMLError("no")

    assert read("a: 1", broken).mistakes == [(1, "", "this is not YAML: it cannot be read")]


def test_a_second_document_is_refused_and_the_first_is_still_read(loader: Any) -> None:
    tree = read("a: 1\n---\nb: 2\n", loader)
    assert only(tree).startswith("2: : a second document begins here")
    assert tree.whole


def test_depth_is_bounded(loader: Any) -> None:
    tree = read("[" * 900, loader)
    assert f"more than {MAX_DEPTH} levels" in only(tree)
    assert not tree.whole


def test_a_megabyte_of_brackets_neither_crashes_nor_recurses() -> None:
    assert not read("[" * 1_000_000).whole


def test_the_number_of_values_is_bounded() -> None:
    tree = read("a: [" + "1, " * (MAX_NODES + 10) + "1]\n")
    assert f"more than {MAX_NODES} values" in only(tree)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\n\tb: 2\n", "a tab indents this line; YAML takes spaces only"),
        ("panel:\n\ttalk: 1\n", "2: panel: a tab indents this line; YAML takes spaces only"),
        ("a:\n  b: Opens: the door\n", "2: a"),
        ("a: 'never closed\nb: 1\n", "1: a: the quote that begins here is never closed"),
        ("a: @home\n", "1: a: a value cannot begin with this character; put the value in quotes"),
        ("a:\n  - 1\n - 2\n", "3: : the line is not indented like its neighbours"),
        ("a: [1, 2\nb: 3\n", "a list in [ ] is not closed, or lacks a comma"),
        ('a: "\\q"\n', "1: a: a backslash in double quotes begins an escape; use single quotes"),
        ("a: 1\nb\n", "this is neither 'key: value' nor '- item'"),
    ],
)
def test_syntax_is_explained_in_plain_words_with_its_line(text: str, said: str, loader: Any) -> None:
    tree = read(text, loader)
    assert not tree.whole
    assert said in only(tree)


def test_every_line_that_a_tab_indents_is_named() -> None:
    tree = read("a:\n\tb: 1\n  c: 2\n\td: 3\n")
    assert [one.line for one in tree.mistakes] == [2, 4]


@pytest.mark.parametrize("text", ["a: 1\nb: \x00\n", "a: 1\nb: \x1b[31m\n", "a: 1\nb: \ud800\n"])
def test_control_characters_are_named_with_their_line(text: str) -> None:
    tree = read(text)
    assert only(tree).startswith("2: : the file holds the control character '\\")


def test_what_was_read_before_a_syntax_error_is_kept(loader: Any) -> None:
    tree = read("a: 1\nb: @\n", loader)
    assert isinstance(tree.root, Table)
    assert tree.root.entries == [(Scalar(1, "a", False), Scalar(1, "1", False))]


YAML_LIKE = st.text(alphabet="ab: -[]{},'\"\n\t#&*!|>%@`?~<0.\\", max_size=60)


@settings(max_examples=150, deadline=None)
@given(st.one_of(YAML_LIKE, st.text(max_size=60)))
def test_no_text_raises_in_either_parser(text: str) -> None:
    quick, pure = read(text, yaml.CSafeLoader), read(text, yaml.SafeLoader)
    for tree in (quick, pure):
        assert tree.whole or tree.mistakes
        assert all(one.line >= 1 and "\n" not in one.sentence for one in tree.mistakes)
