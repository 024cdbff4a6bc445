from __future__ import annotations

import os
from pathlib import Path
from typing import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.config.loader import MOST_BYTES, MOST_PROBLEMS, Loaded, Problem, load, parse
from kioskd.config.sections import Config

Judge = Callable[..., Loaded]


def problems(loaded: Loaded) -> list[str]:
    assert loaded.config is None
    return [str(one) for one in loaded.problems]


def test_a_sound_kiosk_loads(with_: Judge) -> None:
    loaded = with_()
    assert loaded.problems == () and loaded.warnings == ()
    assert loaded.config is not None
    assert loaded.config.kiosk.name == "Lobby"
    assert loaded.config.tools[0].class_ == "access"


def test_a_problem_reads_file_line_key_sentence() -> None:
    assert (
        str(Problem("kiosk.yaml", 12, "tools[1].action.relay.pin", "x"))
        == "kiosk.yaml:12: tools[1].action.relay.pin: x"
    )


TEN = """\
kiosk: {naem: Lobby}
service: [{dialect: hydra}]
persona: {greet: yes}
talk: {mode: shout, preroll_ms: 9000}
audio: {echo: none, volume: loud}
panel: {talk: {pin: GPIO99}}
tools:
  - name: 1st
    class: read
    phrases: [a]
    action: {sensor: {file: /sys/x}}
    policy: {allow: true}
"""


def test_ten_mistakes_yield_ten_sentences() -> None:
    assert [one.split(": ")[:2] for one in problems(parse(TEN, "k.yaml"))] == [
        ["k.yaml:1", "kiosk.naem"],
        ["k.yaml:2", "service[0].key"],
        ["k.yaml:3", "persona.greet"],
        ["k.yaml:4", "talk.mode"],
        ["k.yaml:4", "talk.preroll_ms"],
        ["k.yaml:5", "audio.echo"],
        ["k.yaml:5", "audio.volume"],
        ["k.yaml:6", "panel.talk.pin"],
        ["k.yaml:8", "tools[0].description"],
        ["k.yaml:8", "tools[0].name"],
    ]


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n"])
def test_an_empty_file_is_all_defaults_and_a_warning(text: str) -> None:
    loaded = parse(text, "k.yaml")
    assert loaded.config == Config()
    assert loaded.problems == ()
    assert [str(one) for one in loaded.warnings] == [
        "k.yaml:1: config: the file is empty: all is as by default, there is no tool and no button, so it serves nobody"
    ]


def test_a_kiosk_without_a_tool_is_warned(with_: Judge) -> None:
    loaded = parse("talk: {mode: voice}\n", "k.yaml")
    assert loaded.config is not None
    assert [one.key for one in loaded.warnings] == ["tools"]


def test_semantic_problems_carry_their_line_too(with_: Judge) -> None:
    assert problems(with_("GPIO27", "GPIO17")) == [
        "kiosk.yaml:17: tools[0].action.relay.pin: GPIO17 is used here and by panel.talk.pin (line 9); "
        "each line serves one thing"
    ]


def test_what_is_not_in_the_file_gets_the_line_above_it(with_: Judge) -> None:
    (said,) = problems(with_("pulse_ms: 1000", "min_gap_s: 1"))
    assert said.startswith("kiosk.yaml:16: tools[0].action.relay.pulse_ms: 3000 ms is longer than min_gap_s (1 s)")


def test_one_mistake_is_one_sentence_even_if_others_depend_on_it(with_: Judge) -> None:
    assert len(problems(with_("  talk:\n    pin", "  tolk:\n    pin"))) == 1
    assert len(problems(with_("mode: push_to_talk", "mode: pust_to_talk"))) == 1
    assert len(problems(with_("class: access", "class: acess"))) == 1
    assert len(problems(with_("pin: GPIO27", "pni: GPIO27"))) == 1
    assert len(problems(with_("tools:", "tool:"))) == 1


def test_a_warning_does_not_stop_the_kiosk(with_: Judge) -> None:
    loaded = with_("allow: true", "allow: false")
    assert loaded.config is not None
    assert [str(one) for one in loaded.warnings] == [
        "kiosk.yaml:20: tools[0].policy.allow: is not true: this tool will never run"
    ]


def test_a_syntax_error_does_not_hide_the_mistakes_above_it(with_: Judge) -> None:
    said = problems(with_("name: Lobby", "naem: Lobby", "allow: true", "allow: @true"))
    assert [one.split(": ")[0] for one in said] == ["kiosk.yaml:2", "kiosk.yaml:20"]


def test_a_second_document_and_the_mistakes_of_the_first_are_told(with_: Judge) -> None:
    said = problems(with_("name: Lobby", "naem: Lobby", "+", "---\nkiosk: {}\n"))
    assert [one.split(": ")[0] for one in said] == ["kiosk.yaml:2", "kiosk.yaml:21"]


def test_duplicates_name_both_lines(with_: Judge) -> None:
    assert problems(with_("+", "kiosk:\n  name: Again\n")) == [
        "kiosk.yaml:21: kiosk: is given twice, in line 1 and in line 21"
    ]


def test_an_alias_bomb_is_refused() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 60)]
    said = problems(parse("\n".join(rows), "k.yaml"))
    assert len(said) == MOST_PROBLEMS + 1
    assert said[-1].split(": ", 2)[2].startswith("and ") and said[-1].endswith(" more mistakes from here on")


def test_no_secret_that_could_be_recognised_reaches_a_sentence(with_: Judge) -> None:
    for value in ("{env: sk_live_abcdefgh}", "sk_live_abcdefgh", "{file: sk_live_abcdefgh}", "{sk_live_abcdefgh: 1}"):
        said = problems(with_("dialect: local", f"dialect: hydra\n    key: {value}"))
        assert said and not any("abcdefgh" in one for one in said)
    said = problems(with_("mode: push_to_talk", "mode: 'Bearer abcdefgh'"))
    assert said and not any("abcdefgh" in one for one in said)


def test_a_byte_order_mark_is_no_mistake(kiosk: str) -> None:
    assert parse("\ufeff" + kiosk, "k.yaml").config is not None


def test_load_reads_a_file(tmp_path: Path, kiosk: str) -> None:
    path = tmp_path / "kiosk.yaml"
    path.write_text(kiosk)
    assert load(str(path)).config == parse(kiosk, "x").config


def test_a_missing_file_a_directory_and_a_fifo_are_problems(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (missing,) = problems(load(str(tmp_path / "none.yaml")))
    assert missing == f"{tmp_path}/none.yaml:1: config: cannot be read: no such file or directory; is the path right?"
    (directory,) = problems(load(str(tmp_path)))
    assert directory.endswith("cannot be read: it is not a regular file; name the file in this directory")
    (fifo,) = problems(load(str(tmp_path / "fifo")))
    assert "it is not a regular file" in fifo
    (nul,) = problems(load("a\0b"))
    assert "cannot be read" in nul


def test_an_unreadable_file_is_a_problem(tmp_path: Path, kiosk: str) -> None:
    path = tmp_path / "kiosk.yaml"
    path.write_text(kiosk)
    path.chmod(0)
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)  # root reads everything; nobody does not
    try:
        (said,) = problems(load(str(path)))
    finally:
        os.seteuid(was)
    assert said.endswith("permission denied; the user that kioskd runs as must be able to read it")


def test_a_file_that_is_not_utf_8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.yaml"
    path.write_bytes(b"kiosk:\n  name: caf\xe9\n")
    assert problems(load(str(path))) == [f"{path}:2: config: this line is not UTF-8 text; save the file as UTF-8"]


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.yaml"
    with path.open("wb") as file:
        file.truncate(100 << 20)
    (said,) = problems(load(str(path)))
    assert said.endswith("is larger than 1 MiB; this is not a configuration")
    assert problems(parse("#" * (MOST_BYTES + 1), "k.yaml"))[0].endswith("this is not a configuration")


def test_the_largest_file_that_is_read_is_read(kiosk: str) -> None:
    padded = kiosk + "#" * (MOST_BYTES - len(kiosk))
    assert parse(padded, "k.yaml").config is not None


WORDS = """
    kiosk service persona talk audio panel tools session ops name dialect hydra local url key env file credential mode
    voice open pin GPIO17 GPIO5 lamp single red relay sensor staff action policy allow confirm none button class access
    read parameters type object properties phrases description pulse_ms min_gap_s rate count per_s true false null 1 -1
    0.5 1e9 010 ws://x wss://[ https://h/ ~ * & ! | > % @ ` ' " # : - [ ] { } , ? << --- ...
"""
TOKENS = st.sampled_from(
    WORDS.split() + [": ", "\n", "\n  ", "\n    ", "\n  - ", "\t", ": {", "\x00", "\ud800", "\u2028"]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.lists(TOKENS, max_size=40).map("".join), st.lists(TOKENS, max_size=40).map(" ".join), st.text()))
def test_no_text_raises_and_every_problem_is_one_line(text: str) -> None:
    loaded = parse(text, "k.yaml")
    assert (loaded.config is None) == bool(loaded.problems)
    last = text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") + text.count("\u2029") + 2
    for one in (*loaded.problems, *loaded.warnings):
        assert len(str(one).splitlines()) == 1
        assert 1 <= one.line <= last
        assert one.key and one.sentence


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_damage_to_a_sound_file_is_taken_calmly(data: st.DataObject) -> None:
    text = SOUND
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 12)))
        text = text[:start] + data.draw(st.text(alphabet="ab:-[]{} \n\t#&*'\"0", max_size=4)) + text[end:]
    loaded = parse(text, "k.yaml")
    assert (loaded.config is None) == bool(loaded.problems)


SOUND = (Path(__file__).parents[2] / "config" / "kioskd.yaml").read_text()
