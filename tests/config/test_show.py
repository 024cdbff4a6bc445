from __future__ import annotations

import dataclasses
from typing import Any, Mapping

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.config.keys import Key, keys
from kioskd.config.loader import parse
from kioskd.config.nodes import read
from kioskd.config.sections import (
    Action,
    Button,
    Config,
    Endpoint,
    Lamp,
    Panel,
    RelayAction,
    SecretRef,
    SensorAction,
    StaffAction,
    Talk,
    Tool,
)
from kioskd.config.shape import Shape
from kioskd.config.show import Change, changes, effective, quoted, scalar

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
TEXT = st.text(max_size=25) | st.sampled_from(
    [
        "off",
        "no",
        "010",
        "12:30",
        "1.10",
        "~",
        "null",
        "true",
        "",
        " a",
        "a ",
        "a\nb",
        "a\nb\n",
        "a\n b",
        "# a",
        "- a",
        "a: b",
    ]
    + [
        "---",
        "a\n---\nb",
        "a #b",
        "\u2028",
        "\x85",
        "\x00",
        "\ufeff",
        "😀",
        "'",
        '"',
        "\\",
        "\t",
        "a\r\nb",
        "a\n\n",
        "\n",
    ]
)


def sections(cls: type, **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any instance that keeps to types, bounds and choices; ``fixed`` for keys that need more sense than that."""
    return st.builds(cls, **{key.field: fixed.get(key.field, value(key)) for key in keys(cls)})


def value(key: Key) -> st.SearchStrategy[Any]:
    one = item(key)
    if key.many:
        return st.lists(one, max_size=2).map(tuple)
    return st.none() | one if key.optional else one


def item(key: Key) -> st.SearchStrategy[Any]:
    if key.is_section:
        return sections(key.kind)
    if key.choices:
        return st.sampled_from(key.choices)
    low, high = key.low, key.high
    kinds: dict[Any, st.SearchStrategy[Any]] = {
        str: TEXT,
        bool: st.booleans(),
        int: st.integers(int(low or 0), int(high or 0) if high is not None else 1000),
        float: st.floats(low, high, allow_nan=False, allow_infinity=False),
        Mapping: st.dictionaries(st.text(max_size=5), JSON, max_size=3),
    }
    return kinds[key.kind]


@settings(max_examples=100, deadline=None)
@given(sections(Config))
def test_any_configuration_in_form_comes_back_from_its_own_text(config: Config) -> None:
    tree = read(effective(config))
    assert not tree.mistakes and tree.root is not None
    shape = Shape()
    assert shape.section(Config, tree.root) == config
    assert shape.found == []


@st.composite
def sound_configs(draw: st.DrawFn) -> Config:
    """Configurations that the checks let pass."""
    names = draw(st.lists(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True), max_size=4, unique=True))
    pins = draw(st.permutations([f"GPIO{n}" for n in range(28)]))
    phrase = st.from_regex(r"[a-z]{1,8}( [a-z]{1,8})?", fullmatch=True)
    tools = []
    for name in names:
        relay = RelayAction(pin=pins.pop(), pulse_ms=draw(st.integers(20, 2000)), min_gap_s=draw(st.floats(2, 3600)))
        sensor = SensorAction(file="/" + draw(TEXT), unit=draw(TEXT), scale=draw(st.floats(-1e9, 1e9)))
        staff = StaffAction(url="https://h/", token=draw(st.none() | st.just(SecretRef(env="TOKEN"))))
        action = draw(st.sampled_from([Action(relay=relay), Action(sensor=sensor), Action(staff=staff)]))
        plain_tool = sections(
            Tool,
            name=st.just(name),
            description=TEXT,
            phrases=st.lists(phrase, max_size=2).map(tuple),
            parameters=st.sampled_from(
                [{}, {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0.5}}}]
            ),
            class_=st.sampled_from(["read", "notify", "actuate"]),
            action=st.just(action),
        )
        tool = draw(plain_tool)
        sound = {"confirm": "none", "hours": (), "holidays": (), "interlocks": ()}
        tools.append(dataclasses.replace(tool, policy=dataclasses.replace(tool.policy, **sound)))
    key = draw(st.sampled_from([SecretRef(credential="k"), SecretRef(env="K"), SecretRef(file="/k")]))
    service = (Endpoint(dialect="hydra", key=key, voice=draw(st.none() | TEXT)), Endpoint(dialect="local"))
    panel = Panel(
        talk=Button(pin=pins.pop()), lamp=Lamp(red=pins.pop(), green=pins.pop(), blue=pins.pop()), pins="simulated"
    )
    talk = draw(sections(Talk, start_window_ms=st.integers(500, 1000)))
    return Config(service=service, talk=talk, panel=panel, tools=tuple(tools))


@settings(max_examples=60, deadline=None)
@given(sound_configs())
def test_any_sound_configuration_loads_from_its_own_text(config: Config) -> None:
    loaded = parse(effective(config), "effective.yaml")
    assert loaded.problems == ()
    assert loaded.config == config


@settings(max_examples=150, deadline=None)
@given(TEXT)
def test_another_yaml_reader_takes_text_for_the_same_text(text: str) -> None:
    assert yaml.safe_load(f"a: {scalar(text)}") == {"a": text}
    assert yaml.safe_load(f"a: {quoted(text)}") == {"a": text}


def test_effective_shows_defaults_and_what_is_not_set() -> None:
    shown = effective(Config())
    assert "  preroll_ms: 300\n" in shown
    assert "  # lamp: not set\n" in shown
    assert "tools: []\n" in shown


def test_long_instructions_stay_readable() -> None:
    config = parse("persona:\n  instructions: |\n    One.\n    Two, grüßt.\ntalk: {mode: voice}\n", "x").config
    assert config is not None
    assert "  instructions: |\n    One.\n    Two, grüßt.\n" in effective(config)


def test_secrets_are_shown_as_the_places_where_they_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_API_KEY", "hunter2")
    endpoint = Endpoint(dialect="hydra", key=SecretRef(env="HYDRA_API_KEY"), url="wss://h/?api_key=hunter2")
    shown = effective(Config(service=(endpoint,)))
    assert "    key:\n      env: HYDRA_API_KEY\n" in shown
    assert "hunter2" not in shown


def test_no_change_is_no_change() -> None:
    assert changes(Config(), Config()) == ()


def config(text: str) -> Config:
    loaded = parse(text + "\ntalk: {mode: voice}", "x")
    assert loaded.config is not None, loaded.problems
    return loaded.config


TOOL = "{name: %s, description: d, class: read, action: {sensor: {file: /%s}}, say_done: %s}"


def changed(old: str, new: str) -> list[str]:
    return [f"{one.key} {one.applies}" for one in changes(config(old), config(new))]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("audio: {volume: 1.0}", "audio: {volume: 0.5}", ["audio.volume live"]),
        ("audio: {input: pulse}", "audio: {input: default}", ["audio.input restart"]),
        ("persona: {instructions: a}", "persona: {instructions: b}", ["persona.instructions session"]),
        ("panel: {mute: {pin: GPIO4}}", "panel: {mute: {pin: GPIO5}}", ["panel.mute.pin restart"]),
        ("panel: {}", "panel: {mute: {pin: GPIO5}}", ["panel.mute restart"]),
        ("service: [dialect: local]", "service: [dialect: local, dialect: local]", ["service[1] session"]),
        ("tools: []", "tools: [%s]" % (TOOL % ("a", "x", "x")), ["tools[a] restart"]),
    ],
)
def test_each_change_says_when_it_applies(old: str, new: str, said: list[str]) -> None:
    if "dialect: local, dialect" in new:
        new = "service: [{dialect: local}, {dialect: local, voice: x}]"
    assert changed(old.replace("[dialect: local]", "[{dialect: local}]"), new) == said


def test_a_tool_is_known_by_its_name_not_by_its_place() -> None:
    a, b, b2 = TOOL % ("a", "x", "x"), TOOL % ("b", "y", "y"), TOOL % ("b", "y", "z")
    assert changed(f"tools: [{a}, {b}]", f"tools: [{b}, {a}]") == []
    assert changed(f"tools: [{a}, {b}]", f"tools: [{b2}]") == ["tools[a] live", "tools[b].say_done live"]


def test_a_tool_that_wants_a_restart_waits_for_it_as_a_whole() -> None:
    a, moved = TOOL % ("a", "x", "x"), TOOL % ("a", "y", "z")
    assert changed(f"tools: [{a}]", f"tools: [{moved}]") == [
        "tools[a].action.sensor.file restart",
        "tools[a].say_done restart",
    ]


def test_another_place_for_a_secret_applies_when_its_user_asks_for_it() -> None:
    key = "service: [{dialect: hydra, key: {env: %s}}]"
    assert changed(key % "A_KEY", key % "B_KEY") == ["service[0].key session"]
    token = "tools: [{name: a, description: d, class: read, action: {staff: {url: 'https://h/', token: {env: %s}}}}]"
    assert changed(token % "A_KEY", token % "B_KEY") == ["tools[a].action.staff.token restart"]


def test_a_change_reads_as_a_sentence() -> None:
    assert str(Change("audio.volume", "live", "1.0", "0.5")) == "audio.volume: 1.0 -> 0.5 (at once)"
    assert str(Change("a", "session", "", "x")) == "a: nothing -> x (from the next session on)"
    assert str(Change("a", "restart", "x", "")) == "a: x -> nothing (after a restart)"
