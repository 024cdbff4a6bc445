from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from kioskd.config.checks import check
from kioskd.config.findings import Finding, Lines
from kioskd.config.sections import (
    Action,
    Audio,
    Button,
    Config,
    Cues,
    Endpoint,
    Lamp,
    Ops,
    Panel,
    Persona,
    RelayAction,
    SecretRef,
    SensorAction,
    Talk,
    Tool,
)
from kioskd.config.service_checks import HYDRA_VOICES

KEY = SecretRef(env="HYDRA_API_KEY")
DOOR = Tool(
    name="door",
    description="Open it.",
    phrases=("open",),
    class_="actuate",
    action=Action(relay=RelayAction(pin="GPIO27", pulse_ms=1000)),
)
SOUND = Config(panel=Panel(talk=Button(pin="GPIO17")), tools=(DOOR,))


def found(config: Config = SOUND, lines: Lines | None = None, **sections: Any) -> list[Finding]:
    """What is said beyond the one warning that DOOR is not allowed to run."""
    judged = check(dataclasses.replace(config, **sections), lines or Lines())
    return [one for one in judged if one.key != "tools[0].policy.allow"]


def only(**sections: Any) -> Finding:
    all_found = found(**sections)
    assert len(all_found) == 1, all_found
    return all_found[0]


def error(**sections: Any) -> str:
    finding = only(**sections)
    assert not finding.warning
    return f"{finding.key}: {finding.sentence}"


def warning(**sections: Any) -> str:
    finding = only(**sections)
    assert finding.warning
    return f"{finding.key}: {finding.sentence}"


def test_a_sound_kiosk_has_no_findings() -> None:
    assert found() == []


def test_no_service_is_an_error() -> None:
    assert error(service=()).startswith("service: is empty")


def test_hydra_without_a_key_names_the_three_ways() -> None:
    sentence = error(service=(Endpoint(dialect="hydra"),))
    assert sentence.startswith("service[0].key: hydra needs an API key")
    for way in ("{credential: NAME}", "{env: NAME}", "{file: /PATH}"):
        assert way in sentence


def test_the_local_service_needs_no_key() -> None:
    assert found(service=(Endpoint(dialect="local"),)) == []


@pytest.mark.parametrize("url", ["ws://127.0.0.1:8765/x", "ws://localhost/x", "ws://[::1]:1/x", "wss://h.example/x"])
def test_encrypted_or_loopback_addresses_pass(url: str) -> None:
    assert found(service=(Endpoint(dialect="local", url=url),)) == []


@pytest.mark.parametrize("url", ["ws://10.0.0.5/", "ws://example.org/", "ws://localhost.example.org/", "ws://0.0.0.0/"])
def test_unencrypted_addresses_elsewhere_are_refused(url: str) -> None:
    assert "ws:// is not encrypted" in error(service=(Endpoint(dialect="local", url=url),))


@pytest.mark.parametrize("url", ["https://example.org/", "http://localhost/", "file://x/y"])
def test_other_schemes_are_refused(url: str) -> None:
    assert "must begin with wss://" in error(service=(Endpoint(dialect="local", url=url),))


def test_a_key_in_the_address_is_refused() -> None:
    sentence = error(service=(Endpoint(dialect="hydra", key=KEY, url="wss://h/?api_key=hunter2"),))
    assert "holds a secret" in sentence and "hunter2" not in sentence


def test_a_voice_of_another_model_is_a_warning_that_lists_the_roster() -> None:
    sentence = warning(service=(Endpoint(dialect="hydra", key=KEY, voice="sterling"),))
    assert sentence.startswith("service[0].voice: this voice is not known for hydra-v1.1")
    assert "zoe" in sentence and "kai" in sentence


def test_every_voice_passes_with_its_own_model() -> None:
    for model in ("hydra-v1.1", "hydra-v1.0"):
        for voice in HYDRA_VOICES[model]:
            assert found(service=(Endpoint(dialect="hydra", key=KEY, model=model, voice=voice),)) == []


def test_the_rosters_have_as_many_voices_as_the_service_lists() -> None:
    assert {model: len(voices) for model, voices in HYDRA_VOICES.items()} == {
        "hydra-v1.1": 10,
        "hydra-v1.0": 14,
        "hydra": 6,
    }


def test_an_unknown_model_is_a_warning() -> None:
    assert "is it spelt right?" in warning(service=(Endpoint(dialect="hydra", key=KEY, model="hydra-v9"),))


def test_the_deprecated_model_is_a_warning() -> None:
    assert "deprecated" in warning(service=(Endpoint(dialect="hydra", key=KEY, model="hydra"),))


def test_empty_instructions_are_a_warning() -> None:
    assert warning(persona=Persona(instructions=" \n")).startswith("persona.instructions: is empty")


@pytest.mark.parametrize("mode", ["push_to_talk", "tap_to_talk"])
def test_a_button_mode_needs_the_button(mode: str) -> None:
    assert error(talk=Talk(mode=mode), panel=Panel()).startswith(f"talk.mode: {mode} needs a button")


def test_voice_needs_no_button() -> None:
    assert found(talk=Talk(mode="voice"), panel=Panel()) == []


def test_open_says_what_it_costs() -> None:
    sentence = warning(talk=Talk(mode="open"))
    assert "billed" in sentence and "leaves the house" in sentence


def test_a_keepalive_at_the_idle_limit_is_refused() -> None:
    assert "below 30 s" in error(talk=Talk(keepalive_s=30.0))


def test_speech_must_fit_into_its_window() -> None:
    assert "do not fit" in error(talk=Talk(start_ms=200, start_window_ms=100))


@pytest.mark.parametrize(
    "device",
    [
        "default",
        "null",
        "pulse",
        "pulse:unix:/x",
        "alsa:Device",
        "alsa:USB PnP Sound",
        "usb:1-1.3",
        "file:/tmp/a b.wav",
    ],
)
def test_devices_that_exist(device: str) -> None:
    assert found(audio=Audio(input=device, output=device)) == []


@pytest.mark.parametrize("device", ["", "hw:0", "alsa:", "alsa:1", "usb:1", "pulse:", "file:/x.mp3", "Speaker"])
def test_devices_that_do_not(device: str) -> None:
    assert error(audio=Audio(output=device)).startswith(f"audio.output: '{device}' ")


def test_two_sound_servers_in_one_process_are_refused() -> None:
    assert "two sound servers" in error(audio=Audio(input="pulse:unix:/a", output="pulse:unix:/b"))
    assert found(audio=Audio(input="pulse:unix:/a", output="pulse:unix:/a")) == []


@pytest.mark.parametrize(
    ("lamp", "said"),
    [
        (Lamp(), "has no line; give single, or red, green and blue"),
        (Lamp(single="GPIO5", red="GPIO6"), "has single and red; it is either one lamp or three"),
        (Lamp(red="GPIO5", blue="GPIO6"), "has red and blue but not green; a colour lamp needs three"),
    ],
)
def test_a_lamp_is_one_or_three(lamp: Lamp, said: str) -> None:
    assert error(panel=Panel(talk=Button(pin="GPIO17"), lamp=lamp)) == f"panel.lamp: {said}"


@pytest.mark.parametrize("lamp", [Lamp(single="GPIO5"), Lamp(red="GPIO5", green="GPIO6", blue="GPIO7")])
def test_both_lamps_pass(lamp: Lamp) -> None:
    assert found(panel=Panel(talk=Button(pin="GPIO17"), lamp=lamp)) == []


def test_a_pin_that_is_used_twice_is_named_with_both_places() -> None:
    lines = Lines({"panel.talk.pin": 9, "panel.mute.pin": 11})
    panel = Panel(talk=Button(pin="GPIO17"), mute=Button(pin="GPIO17"))
    (finding,) = found(lines=lines, panel=panel)
    assert finding.key == "panel.mute.pin"
    assert finding.sentence == "GPIO17 is used here and by panel.talk.pin (line 9); each line serves one thing"


def test_two_spellings_of_one_line_are_one_line() -> None:
    panel = Panel(talk=Button(pin="GPIO17"), mute=Button(pin="pinctrl-rp1:17"))
    assert error(panel=panel).startswith("panel.mute.pin: GPIO17 is used here and by panel.talk.pin")


def test_two_tools_cannot_share_a_relay() -> None:
    other = dataclasses.replace(DOOR, name="gate", phrases=("gate",))
    findings = [one for one in found(tools=(DOOR, other)) if not one.warning]
    assert [one.key for one in findings] == ["tools[1].action.relay.pin"]
    assert "by tools[0].action.relay.pin" in findings[0].sentence


def test_a_bad_pin_is_told_the_grammar() -> None:
    assert "CHIP_LABEL:OFFSET" in error(panel=Panel(talk=Button(pin="17")))


def test_a_chip_number_is_a_warning() -> None:
    assert "may change from one boot" in warning(panel=Panel(talk=Button(pin="gpiochip0:17")))


@pytest.mark.parametrize(
    ("ref", "has"),
    [
        (SecretRef(), "has no source"),
        (SecretRef(env="A", file="/b"), "has env and file"),
        (SecretRef(credential="a", env="A", file="/b"), "has credential, env and file"),
    ],
)
def test_a_secret_has_exactly_one_source(ref: SecretRef, has: str) -> None:
    sentence = error(service=(Endpoint(dialect="hydra", key=ref),))
    assert sentence == f"service[0].key: {has}; give exactly one of credential, env or file"


@pytest.mark.parametrize(
    "ref",
    [SecretRef(env="sk_live_abcdefgh12"), SecretRef(credential="sk-abcdefgh1234"), SecretRef(file="hyb_abcdefgh1234")]
    + [SecretRef(env="aB3" * 11), SecretRef(credential="aB3" * 11)],
)
def test_a_secret_in_place_of_its_name_is_recognised_and_not_repeated(ref: SecretRef) -> None:
    errors = [one for one in found(service=(Endpoint(dialect="hydra", key=ref),)) if not one.warning]
    assert len(errors) == 1
    assert "looks like the secret itself" in errors[0].sentence
    assert "abcdefgh" not in errors[0].sentence and "aB3" not in errors[0].sentence


@pytest.mark.parametrize("ref", [SecretRef(env="MY KEY"), SecretRef(credential="../x"), SecretRef(credential=".x")])
def test_names_of_secrets_have_a_grammar(ref: SecretRef) -> None:
    assert "is not the name of" in error(service=(Endpoint(dialect="hydra", key=ref),))


def test_a_long_path_is_no_secret() -> None:
    ref = SecretRef(file="/etc/kioskd/Secrets/the-key-of-the-front-door-kiosk-2026")
    assert found(service=(Endpoint(dialect="hydra", key=ref),)) == []


def test_an_empty_path_of_a_secret_is_refused() -> None:
    findings = found(service=(Endpoint(dialect="hydra", key=SecretRef(file="")),))
    assert [one.sentence for one in findings if not one.warning] == [
        "is empty; write the path of the file that holds the secret"
    ]


def test_relative_paths_are_a_warning() -> None:
    assert "write the whole path" in warning(ops=Ops(timeline="timeline.jsonl"))
    sensor = dataclasses.replace(DOOR, action=Action(sensor=SensorAction(file="temp")))
    assert warning(tools=(sensor,)).startswith("tools[0].action.sensor.file: is relative")


def test_a_cue_is_a_tone_nothing_or_a_file() -> None:
    assert found(audio=Audio(cues=Cues(woken="tone", busy="silent"))) == []
    said = error(audio=Audio(cues=Cues(done="tnoe")))
    assert said == "audio.cues.done: must be tone, silent, say:TEXT or the path of a WAV file"


def test_a_cue_that_cannot_be_played_is_told_before_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "done.wav"
    path.write_bytes(b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\1\0\0\0\x80\x3e\0\0\0\0\0\0\0\0\x10\0")
    said = warning(audio=Audio(cues=Cues(done=str(path))))
    assert said == (
        f"audio.cues.done: {path} has zero channels: its header is broken; "
        "until it is put right the built-in tone is played"
    )
    path.unlink()
    assert "cannot be read: no such file" in warning(audio=Audio(cues=Cues(done=str(path))))


def test_a_cue_named_from_nowhere_is_told() -> None:
    sentences = [one.sentence for one in found(audio=Audio(cues=Cues(done="sounds/done.wav")))]
    assert any("relative" in sentence for sentence in sentences) and len(sentences) == 2
