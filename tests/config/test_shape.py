from __future__ import annotations

from typing import Any

import pytest

from kioskd.config.nodes import Scalar, read
from kioskd.config.sections import Config
from kioskd.config.shape import Shape, Wrong, placeholder, scalar, shown


def shape(text: str, whole: bool = True) -> tuple[Config, list[str], Shape]:
    tree = read(text)
    assert tree.root is not None and not tree.mistakes
    shaped = Shape(whole)
    config: Config = shaped.section(Config, tree.root)
    return config, [f"{line}: {path}: {sentence}" for line, path, sentence in shaped.found], shaped


def sound(text: str) -> Config:
    config, found, _ = shape(text)
    assert not found
    return config


def only(text: str) -> str:
    _, found, _ = shape(text)
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("text", ["off", "no", "12:30", "010", "1.10", "0x10", "true", "2001-01-01", "1_000", "y", "="])
def test_a_text_key_keeps_what_was_written(text: str) -> None:
    assert sound(f"kiosk: {{name: {text}}}").kiosk.name == text


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "True", "1", "'true'"])
def test_only_true_and_false_are_booleans(word: str) -> None:
    assert "must be true or false" in only(f"persona: {{greet: {word}}}")


def test_true_is_true_and_false_is_false() -> None:
    assert sound("persona: {greet: true}").persona.greet is True
    assert sound("persona: {greet: false}").persona.greet is False


@pytest.mark.parametrize("text", ["010", "0x10", "1_000", "12:30", "3.0", "1e3", "many", "'300'", "", "- 1", "٣٠٠"])
def test_a_whole_number_is_decimal_digits_and_nothing_else(text: str) -> None:
    assert only(f"talk:\n  preroll_ms:\n    {text}\n").split(": ")[1] == "talk.preroll_ms"


def test_octal_gets_the_advice_to_write_decimal() -> None:
    assert only("talk: {preroll_ms: 010}") == (
        '1: talk.preroll_ms: is "010", but must be a whole number, written in plain decimal digits'
    )


@pytest.mark.parametrize(("text", "value"), [("0.5", 0.5), (".5", 0.5), ("1", 1.0), ("5e-1", 0.5), ("+0.25", 0.25)])
def test_numbers(text: str, value: float) -> None:
    assert sound(f"audio: {{volume: {text}}}").audio.volume == value


@pytest.mark.parametrize("text", [".inf", ".nan", "inf", "nan", "1e999", "01.5", "1_0.5", "12:30.5", "9" * 41])
def test_what_is_no_finite_decimal_number_is_refused(text: str) -> None:
    with pytest.raises(Wrong):
        scalar(float, Scalar(1, text, False))


def test_out_of_bounds_names_bounds_and_unit() -> None:
    assert only("talk: {preroll_ms: 1001}") == "1: talk.preroll_ms: is 1001, but must be from 0 to 1000 ms"
    assert only("talk: {min_dbfs: 0}") == "1: talk.min_dbfs: is 0, but must be from -90 to -10 dBFS"
    assert only("audio: {volume: 1.5}") == "1: audio.volume: is 1.5, but must be from 0 to 1"


def test_both_bounds_are_allowed() -> None:
    assert sound("talk: {preroll_ms: 0}").talk.preroll_ms == 0
    assert sound("talk: {preroll_ms: 1000}").talk.preroll_ms == 1000


def test_the_keepalive_bound_says_why() -> None:
    assert only("talk: {keepalive_s: 40}").endswith(
        "must be from 1 to 25 s: the service closes a session after 30 s without a frame"
    )


def test_a_bad_choice_lists_the_choices() -> None:
    assert only("audio: {echo: none}").endswith('is "none", but must be half_duplex, cancel, system or hardware')


def test_a_word_that_an_owner_may_well_try_gets_a_sentence_of_its_own() -> None:
    assert "the kiosk listens by itself in mode voice" in only("talk: {mode: vad}")
    assert "write neural" in only("talk: {confirm_vad: silero}")


def test_a_wake_word_is_a_way_to_open_a_conversation() -> None:
    talk = sound("talk: {mode: wake_word, wake_word: alexa}").talk
    assert (talk.mode, talk.wake_word) == ("wake_word", "alexa")
    assert "okay_nabu, alexa, hey_jarvis or hey_mycroft" in only("talk: {wake_word: computer}")


def test_an_unknown_key_gets_the_nearest_name() -> None:
    assert only("talk: {perroll_ms: 300}") == (
        "1: talk.perroll_ms: is not a key of this file; did you mean 'preroll_ms'?"
    )


def test_a_key_in_the_wrong_section_is_told_where_it_belongs() -> None:
    assert only("talk: {cue_volume: 1}").endswith("'cue_volume' belongs under audio")


def test_an_unknown_key_like_nothing_else_lists_the_keys() -> None:
    assert only("session: {zzz: 1}").endswith(
        "the keys here are policy, longest_s, rotate_margin_s, carry_over and carry_over_bytes"
    )


def test_a_misspelt_required_key_is_one_mistake_not_two() -> None:
    text = "tools:\n  - {name: a, descripton: b, class: read, action: {sensor: {file: /x}}}"
    assert only(text) == "2: tools[0].descripton: is not a key of this file; did you mean 'description'?"


def test_a_missing_required_key_says_what_it_is_for() -> None:
    text = "tools:\n  - name: a\n    class: read\n    action: {sensor: {file: /x}}\n"
    assert only(text) == "2: tools[0].description: is missing; it is needed: when to call it, for the model"


def test_a_text_that_broke_off_is_not_asked_for_what_may_stand_below() -> None:
    _, found, _ = shape("tools:\n  - name: a\n", whole=False)
    assert found == []


def test_a_duplicate_key_names_both_lines() -> None:
    assert only("kiosk:\n  name: a\n  name: b\n") == "3: kiosk.name: is given twice, in line 2 and in line 3"


def test_duplicates_inside_a_json_schema_are_found() -> None:
    text = "tools:\n - {name: a, description: b, class: read, action: {}, parameters: {type: object, type: string}}"
    assert "tools[0].parameters.type: is given twice" in only(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kiosk: 5", "1: kiosk: must be a group of keys (name, settle_s, time_zone and lockout), each on its own line"),
        ("kiosk: [a]", "1: kiosk: must be a group of keys"),
        ("kiosk: {name: [a]}", "1: kiosk.name: is a group or a list, but must be text"),
        ("kiosk: {name: {a: b}}", "1: kiosk.name: is a group or a list, but must be text"),
        ("service: {dialect: local}", "1: service: must be a list: begin each item with '- '"),
        ("service: [local]", "1: service[0]: must be a group of keys"),
        ("hello", "1: : must be a group of keys"),
        ("- a", "1: : must be a group of keys"),
        ("kiosk: {name: }", "1: kiosk.name: has no value; give it one, or remove the line"),
        ("kiosk: {name: null}", "1: kiosk.name: has no value"),
    ],
)
def test_wrong_types_say_what_belongs_there(text: str, said: str) -> None:
    assert only(text).startswith(said)


def test_headings_whose_keys_are_commented_out_are_defaults() -> None:
    text = "kiosk:\n  #name: x\naudio:\ntools:\npanel:\n  lamp:\nservice:\n  - dialect: hydra\n    key:\n"
    config = sound(text)
    assert config.kiosk.name == "kiosk"
    assert config.tools == ()
    assert config.panel.lamp is None
    assert config.service[0].key is None


@pytest.mark.parametrize("key", ["sk_live_abcdef", "{sk_live_abcdef: }", "{value: sk_live_abcdef}", "[sk_live_abcdef]"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(key: str) -> None:
    sentence = only(f"service:\n  - dialect: hydra\n    key: {key}\n")
    assert "a secret itself never stands in this file" in sentence
    assert "sk_live" not in sentence


def test_a_secret_source_that_is_misspelt_is_still_helped() -> None:
    sentence = only("service:\n  - dialect: hydra\n    key: {credentials: hydra-key}\n")
    assert sentence.endswith("did you mean 'credential'?")


PARAMETERS = "tools:\n - {name: a, description: b, class: read, action: {sensor: {file: /x}}, parameters: {x: %s}}"


@pytest.mark.parametrize(
    ("text", "value"),
    [("on", "on"), ("no", "no"), ("12:30", "12:30"), ("3", 3), ("-3", -3), ("0.5", 0.5), ("true", True), ("null", None)]
    + [("'010'", "010"), ("1e-07", 1e-7), ("[1, a]", [1, "a"]), ("{a: 1}", {"a": 1})]
    + [("v1", "v1"), ("eye", "eye")],
)
def test_inside_a_json_schema_values_are_json(text: str, value: Any) -> None:
    assert sound(PARAMETERS % text).tools[0].parameters == {"x": value}


@pytest.mark.parametrize(
    "text", ["010", "0x10", "1_000", "1.10", "0o17", "1.2.3", "2001-01-01", "9" * 50, "9" * 100_000]
)
def test_inside_a_json_schema_what_might_be_a_number_must_be_clear(text: str) -> None:
    assert "put text in quotes" in only(PARAMETERS % text)


def test_the_schema_itself_is_a_group_or_nothing() -> None:
    text = PARAMETERS.replace("{x: %s}", "%s")
    assert "must be a JSON Schema" in only(text % "string")
    assert "must be a JSON Schema" in only(text % "[a]")
    assert sound(text % "null").tools[0].parameters == {}
    assert sound(PARAMETERS % ("word" * 20)).tools[0].parameters == {"x": "word" * 20}


def test_what_was_refused_while_reading_is_not_told_again() -> None:
    tree = read(PARAMETERS % "*x")
    assert len(tree.mistakes) == 1 and tree.root is not None
    shaped = Shape()
    shaped.section(Config, tree.root)
    assert shaped.found == [] and shaped.broken == {"tools[0].parameters.x"}


def test_lines_lead_from_every_path_to_its_line() -> None:
    _, _, shaped = shape("kiosk:\n  name: a\nservice:\n  - dialect: local\n  - dialect: local\n    voice: x\n")
    assert shaped.lines == {
        "kiosk": 1,
        "kiosk.name": 2,
        "service": 3,
        "service[0]": 4,
        "service[0].dialect": 4,
        "service[1]": 5,
        "service[1].dialect": 5,
        "service[1].voice": 6,
    }


def test_what_is_broken_is_marked_and_stood_in_for() -> None:
    config, _, shaped = shape("talk: {mode: 5, linger_s: x}\n")
    assert config.talk.mode == "push_to_talk" and config.talk.linger_s == 20.0
    assert shaped.broken == {"talk.mode", "talk.linger_s"}
    assert placeholder(str) == ""


def test_quoted_values_stay_short_and_on_one_line() -> None:
    assert shown("a\nb\u2028c") == '"a\\nb\\u2028c"'
    assert len(shown("x" * 1000)) < 50
