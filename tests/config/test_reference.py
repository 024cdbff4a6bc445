"""The reference configuration says the truth: judged from its text, not from what wrote it."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Iterator

import pytest

from kioskd.config.keys import Key, keys
from kioskd.config.loader import load, parse
from kioskd.config.reference import reference
from kioskd.config.sections import Config, SecretRef

PATH = Path(__file__).parents[2] / "config" / "kioskd.yaml"
LINES = PATH.read_text().splitlines()
# What stands inside a section that is offered as a whole explains its keys as if the section were there.
TAKEN = [re.sub(r"^( *)#(?=(  )+(- )?[#a-z])", r"\1 ", line) for line in LINES]
MOMENTS = {"live": "live", "session": "next session", "restart": "restart"}


def every_key(section: type = Config) -> Iterator[tuple[type, Key]]:
    for key in keys(section):
        yield section, key
        if key.is_section:
            yield from every_key(key.kind)


KEYS = {f"{section.__name__}.{key.name}": key for section, key in every_key()}
LEAVES = {name: key for name, key in KEYS.items() if not key.is_section}


def comments(key: Key) -> list[str]:
    """The comments that begin with a key's sentence and stand right above that key, each as one line."""
    found = []
    for index, line in enumerate(TAKEN):
        if not re.match(rf"\s*(- |#)?{re.escape(key.name)}:", line):
            continue
        above = []
        while index > 0 and re.match(r"\s*# ", TAKEN[index - 1]):
            index -= 1
            above.insert(0, TAKEN[index].lstrip().removeprefix("#"))
            if not above[0].startswith("   "):
                break
        text = " ".join(" ".join(above).split())
        if text.startswith(key.doc):
            found.append(text.removeprefix(key.doc).strip())
    return found


def test_the_file_is_what_is_generated() -> None:
    assert PATH.read_text() == reference(), "run: python -m kioskd.config.reference > config/kioskd.yaml"


def test_it_is_written_anew_by_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(PATH.parents[1] / "kioskd" / "config" / "reference.py"), run_name="__main__")
    assert capsys.readouterr().out == PATH.read_text()


def test_it_checks_clean() -> None:
    loaded = load(str(PATH))
    assert loaded.problems == () and loaded.warnings == ()
    assert loaded.config is not None


def test_it_is_the_kiosk_that_it_promises() -> None:
    config = load(str(PATH)).config
    assert config is not None
    assert [endpoint.dialect for endpoint in config.service] == ["hydra", "local"]
    assert config.service[0].key == SecretRef(credential="hydra-key")
    assert config.talk.mode == "push_to_talk"
    assert config.panel.talk is not None and config.panel.talk.pin == "GPIO17"
    assert config.panel.lamp is not None and config.panel.lamp.blue is not None
    assert [(tool.name, tool.class_) for tool in config.tools] == [
        ("unlock_door", "access"),
        ("read_temperature", "read"),
        ("call_staff", "notify"),
    ]


@pytest.mark.parametrize("name", LEAVES)
def test_every_key_is_explained_once_with_its_truth(name: str) -> None:
    key = LEAVES[name]
    told = comments(key)
    assert told, f"{name} does not occur"
    facts = re.fullmatch(r"\((.*)\)", told[0])
    assert facts, told
    said = [fact for fact in facts[1].split("; ")]
    assert said[-1] == MOMENTS[key.applies]
    if key.low is not None:
        assert said[0] == key.bounds
    for choice in key.choices:
        assert re.search(rf"\b{choice}\b", f"{key.doc} {facts[1]}")


@pytest.mark.parametrize("name", LEAVES)
def test_every_stated_default_is_the_default(name: str) -> None:
    key = LEAVES[name]
    facts = comments(key)[0]
    match = re.search(r"default: (.*); (live|next session|restart)\)$", facts)
    if key.required:
        assert "required" in facts and match is None
    elif match is None:
        assert key.default is None and "default" in key.doc.lower()
    elif match[1] == "none" and key.default in (None, (), {}):
        return
    elif isinstance(key.default, bool):
        assert match[1] == str(key.default).lower()
    elif isinstance(key.default, (int, float)):
        assert float(match[1]) == key.default
    else:
        assert match[1].strip('"') == " ".join(key.default.split())


OFFERED = [index for index, line in enumerate(LINES) if re.match(r"\s*#[a-z]", line)]


@pytest.mark.parametrize("index", OFFERED)
def test_every_offered_line_can_be_taken_at_its_word(index: int) -> None:
    """Taking the '#' away gives what the loader knows; it may only be too much beside what is there."""
    lines = list(LINES)
    lines[index] = lines[index].replace("#", "", 1)
    for below in range(index + 1, len(lines)):
        if not re.match(r"\s*#  ", lines[below]):
            break
        lines[below] = lines[below].replace("#", "", 1)
    loaded = parse("\n".join(lines), "k.yaml")
    too_much = ("it is either one lamp or three", "exactly one of")
    assert [str(one) for one in loaded.problems if not any(words in one.sentence for words in too_much)] == []


def test_an_offered_default_changes_nothing() -> None:
    whole = load(str(PATH)).config
    for index in OFFERED:
        name = LINES[index].strip(" #").split(":")[0]
        if any(key.default is None or key.is_section for key in LEAVES.values() if key.name == name):
            continue  # an example, not a default
        lines = list(LINES)
        lines[index] = lines[index].replace("#", "", 1)
        assert parse("\n".join(lines), "k.yaml").config == whole, name


def test_it_fits_a_terminal() -> None:
    assert max(map(len, LINES)) <= 110
    assert not any(line != line.rstrip() for line in LINES)
