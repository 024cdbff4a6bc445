from __future__ import annotations

from dataclasses import replace

import pytest

from kioskd.wire.dialects import DIALECTS
from kioskd.wire.errors import ProtocolError
from kioskd.wire.frames import Setup
from kioskd.wire.profile import Profile
from kioskd.wire.ready import SHOWN_KEYS, SHOWN_TOOLS, effective
from kioskd.wire.text import TEXT_LIMIT


@pytest.mark.parametrize(
    "model, override, said, rate_hz",
    [
        ("hydra-v1.1", None, 24000, 24000),
        ("hydra-v1.1", None, 48000, 48000),
        ("hydra-v1.1", 16000, 24000, 24000),
        ("hydra-v1.1", None, 44100, 44100),
        ("hydra-v1.1", None, 24000.0, 24000),
        ("hydra-v1.1", None, None, 24000),
        ("hydra-v1.0", None, None, 48000),
        ("hydra", None, None, 48000),
        ("", None, None, 24000),
        ("hydra-v1.0", 16000, None, 16000),
    ],
)
def test_the_echoed_rate_wins_over_the_owners_and_that_over_the_tags(
    hydra: Profile, setup: Setup, model: str, override: int | None, said: object, rate_hz: int
) -> None:
    echo = {} if said is None else {"output_audio_sample_rate": said}
    really = effective(hydra, replace(setup, model=model, out_rate_hz=override), echo)
    assert (really.out_rate_hz, really.warnings) == (rate_hz, ())


@pytest.mark.parametrize("said", [0, 7999, 48001, 47999, 24001, -1, 10**30, "24000", True, [], 22050.5])
def test_an_impossible_rate_is_refused_and_told(hydra: Profile, setup: Setup, said: object) -> None:
    really = effective(hydra, setup, {"output_audio_sample_rate": said})
    assert really.out_rate_hz == 24000
    assert [warned.code for warned in really.warnings] == ["output_rate"]


def test_a_voice_that_was_replaced_silently_is_told(hydra: Profile, setup: Setup) -> None:
    really = effective(hydra, setup, {"voice": "sterling\n"})
    assert [warned.message for warned in really.warnings] == ["The service speaks as sterling, not as aria."]
    assert effective(hydra, replace(setup, voice=None), {"voice": "sterling"}).warnings == ()


def test_a_service_that_listens_at_another_rate_is_told(hydra: Profile, setup: Setup) -> None:
    assert [w.code for w in effective(hydra, setup, {"input_audio_sample_rate": 24000}).warnings] == ["input_rate"]


@pytest.mark.parametrize("key", ["output_audio_format", "input_audio_format"])
def test_a_format_that_cannot_be_played_ends_the_session(hydra: Profile, setup: Setup, key: str) -> None:
    assert effective(hydra, setup, {key: "pcm16"}).warnings == ()
    with pytest.raises(ProtocolError, match="g711_ulaw") as caught:
        effective(hydra, setup, {key: "g711_ulaw"})
    assert caught.value.code == 1003


def test_the_configuration_is_shown_in_plain_values(hydra: Profile, setup: Setup) -> None:
    echo = {
        "voice": "aria",
        "instructions": "x" * 1000,
        "tools": [{"name": "open_door", "parameters": {}}, "junk", {"name": 5}],
        "generate_initial_response": False,
        "output_audio_sample_rate": 24000,
        "nested": {"a": 1},
        "nothing": None,
    }
    assert effective(hydra, setup, echo).config == {
        "voice": "aria",
        "instructions": "x" * 300,
        "tools": ("open_door", "5"),
        "generate_initial_response": False,
        "output_audio_sample_rate": 24000,
    }
    assert effective(hydra, setup, {"tools": "junk"}).config == {"tools": ()}


def test_a_configuration_echo_is_bounded(hydra: Profile, setup: Setup) -> None:
    echo: dict[str, object] = {"tools": [{"name": f"t{number}"} for number in range(5000)]}
    echo |= {f"k{number}": number for number in range(5000)}
    shown = effective(hydra, setup, echo).config
    tools = shown["tools"]
    assert len(shown) == SHOWN_KEYS and isinstance(tools, tuple) and len(tools) == SHOWN_TOOLS


def test_tools_with_names_that_are_no_words_are_no_tools_of_ours(hydra: Profile, setup: Setup) -> None:
    asked = replace(setup, tools=({"type": "function", "name": "open_door"},))
    echo = {"tools": [{"name": {}}, {"name": []}, 5, {"name": None}]}
    really = effective(hydra, asked, echo)
    assert [warned.message for warned in really.warnings] == ["The service does not know these tools: open_door."]


def test_what_is_quoted_of_the_service_never_makes_a_sentence_too_long(hydra: Profile, setup: Setup) -> None:
    """Found by scripts/fuzz: a rate of three hundred digits filled the whole sentence, and more."""
    tools = tuple({"type": "function", "name": f"a_tool_of_the_owner_{number}"} for number in range(40))
    echo = {"output_audio_sample_rate": 10**290, "voice": "v" * 400, "instructions": "i" * 400, "tools": []}
    really = effective(hydra, replace(setup, tools=tools), echo)
    assert [warned.code for warned in really.warnings] == ["output_rate", "voice", "instructions", "tools"]
    assert all(len(warned.message) <= TEXT_LIMIT for warned in really.warnings)
    with pytest.raises(ProtocolError) as broken:
        effective(hydra, setup, {"output_audio_format": "f" * 400})
    assert len(broken.value.sentence) <= TEXT_LIMIT


def test_a_field_that_was_taken_no_notice_of_is_told(hydra: Profile, setup: Setup) -> None:
    asked = replace(setup, greet=True, tools=({"type": "function", "name": "ring"},))
    echo = {"voice": asked.voice, "instructions": asked.instructions, "generate_initial_response": False}
    assert [warned.message for warned in effective(hydra, asked, echo).warnings] == [
        "The service runs with generate_initial_response False, not with True.",
        "The service mentions no tools; it seems to take no notice of them.",
    ]
    assert effective(hydra, asked, {"voice": asked.voice}).warnings == (), "an echo of next to nothing says nothing"


def test_another_way_of_finding_turns_is_told() -> None:
    setup = Setup("", None, (), False, "", None)
    echo = {"audio": {"input": {"turn_detection": {"type": "none"}}}}
    (warned,) = effective(DIALECTS["openai"], setup, echo).warnings
    assert warned.message == "The service runs with audio.input.turn_detection.type none, not with server_vad."
