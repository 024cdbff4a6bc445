"""PortAudio, real, over a sound server without hardware; and card lists that this machine does not have."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
from typing import Any, Callable

import pyaudio
import pytest

from kioskd.audio.card import CardInput, CardOutput
from kioskd.audio.port import PortAudio, list_cards, open_card_input, open_card_output, quiet
from kioskd.audio.streams import DeviceError


class Choosy:
    """A real PyAudio, of whose devices one is a card that takes only what the test says.

    The device ``kmic`` or ``kspk`` shows as ``Thing (hw:3,0)``.
    """

    def __init__(self, takes: Callable[[int, int], bool], real: str) -> None:
        self.real = pyaudio.PyAudio()
        self.takes, self.name = takes, real
        self.frames = 0

    def get_device_count(self) -> int:
        return int(self.real.get_device_count())

    def get_device_info_by_index(self, index: int) -> dict[str, Any]:
        row = dict(self.real.get_device_info_by_index(index))
        if row["name"] == self.name:
            row.update(name="Thing: Audio (hw:3,0)", maxInputChannels=2, maxOutputChannels=2)
        return row

    def open(self, rate: int, channels: int, sample_format: int, frames_per_buffer: int, **where: Any) -> Any:
        if not self.takes(rate, channels):
            raise OSError(-9997, "Invalid sample rate")
        self.frames = frames_per_buffer
        return self.real.open(rate, channels, sample_format, frames_per_buffer=frames_per_buffer, **where)

    def is_format_supported(self, rate: int, **wanted: Any) -> bool:
        channels = wanted.get("input_channels") or wanted["output_channels"]
        if not self.takes(rate, channels):
            raise ValueError("Invalid sample rate", -9997)
        return True

    def terminate(self) -> None:
        self.real.terminate()


def library(takes: Callable[[int, int], bool], real: str, made: list[Choosy]) -> PortAudio:
    def make() -> Choosy:
        made.append(Choosy(takes, real))
        return made[-1]

    return PortAudio(make, lambda: {"Thing": 3})


@pytest.mark.sound
def test_a_microphone_opens_at_the_wanted_rate_and_a_period_is_ten_ms(sound_server: Any) -> None:
    mic = open_card_input(sound_server.mic_spec, 16000)
    try:
        assert mic.rate_hz == 16000
        periods = [mic.read_period(1.0) for _ in range(5)]
        assert [len(period or b"") for period in periods] == [320] * 5
    finally:
        mic.close()


@pytest.mark.sound
def test_a_speaker_holds_three_short_periods_at_most(sound_server: Any) -> None:
    spk = open_card_output(sound_server.spk_spec, 24000)
    try:
        assert spk.rate_hz == 24000 and 0.01 <= spk.latency_s <= 0.0301
    finally:
        spk.close()


@pytest.mark.sound
def test_a_card_that_takes_only_stereo_at_48_khz_is_heard_in_mono(sound_server: Any) -> None:
    made: list[Choosy] = []
    mic = CardInput("alsa:Thing", 16000, library(lambda rate, channels: (rate, channels) == (48000, 2), "kmic", made))
    try:
        assert mic.rate_hz == 48000
        assert len(mic.read_period(1.0) or b"") == 960
        assert made[0].frames == 960  # two periods: a card's ring is not a sound server's
    finally:
        mic.close()


@pytest.mark.sound
def test_a_stereo_speaker_is_given_both_sides(sound_server: Any) -> None:
    made: list[Choosy] = []
    spk = CardOutput("alsa:Thing", 24000, library(lambda rate, channels: (rate, channels) == (44100, 2), "kspk", made))
    try:
        assert spk.rate_hz == 44100 and made[0].frames == 441
        with sound_server.hear(44100) as recording:
            for _ in range(20):
                assert spk.write_period(b"\x10\x27" * 441, 1.0)
            recording.wait(len(recording.pcm) + 8820)
        heard = struct.unpack(f"<{len(recording.pcm) // 2}h", recording.pcm)
        assert 7000 < sum(9900 < value < 10100 for value in heard) < 10000  # of 8820; the server converts
    finally:
        spk.close()


@pytest.mark.sound
def test_a_card_that_takes_nothing_says_what_it_said(sound_server: Any) -> None:
    made: list[Choosy] = []
    with pytest.raises(DeviceError, match=r"alsa:Thing does not open \(Invalid sample rate\)"):
        CardInput("alsa:Thing", 16000, library(lambda rate, channels: False, "kmic", made))


@pytest.mark.sound
def test_a_card_is_listed_with_the_rates_it_really_takes(sound_server: Any) -> None:
    made: list[Choosy] = []
    cards = library(lambda rate, channels: rate in (44100, 48000) and channels == 2, "kmic", made).list_cards()
    (thing,) = [card for card in cards if card.card_id]
    assert (thing.spec, thing.card_id, thing.inputs) == ("alsa:Thing", "Thing", 2)
    assert thing.input_rates_hz == thing.output_rates_hz == (44100, 48000)


@pytest.mark.sound
def test_one_instance_serves_all_streams_and_ends_with_the_last(sound_server: Any) -> None:
    made: list[Choosy] = []
    shared = library(lambda rate, channels: True, "", made)
    mic, spk = CardInput("alsa:ksil", 16000, shared), CardOutput("alsa:kspk", 24000, shared)
    mic.close()
    mic.close()
    assert len(made) == 1
    assert spk.write_period(bytes(480), 1.0)
    spk.close()
    CardInput("alsa:ksil", 16000, shared).close()
    assert len(made) == 2


@pytest.mark.sound
def test_a_failed_opening_leaves_no_instance_with_an_old_list(sound_server: Any) -> None:
    made: list[Choosy] = []
    shared = library(lambda rate, channels: True, "", made)
    for _ in range(2):
        with pytest.raises(DeviceError, match="no card 'nothing'"):
            shared.open("alsa:nothing", "input", 16000)
    assert len(made) == 2


@pytest.mark.sound
def test_a_card_plugged_in_later_makes_all_streams_let_go_and_then_opens(sound_server: Any) -> None:
    cards: dict[str, int] = {}
    made: list[Choosy] = []

    def make() -> Choosy:
        made.append(Choosy(lambda rate, channels: True, "kspk" if cards else ""))
        return made[-1]

    shared = PortAudio(make, lambda: dict(cards))
    mic = CardInput("alsa:ksil", 16000, shared)
    with pytest.raises(DeviceError, match="no card 'Thing'"):
        CardOutput("alsa:Thing", 24000, shared)
    assert mic.read_period(1.0) is not None  # nothing has changed: the microphone stays
    cards["Thing"] = 3
    with pytest.raises(DeviceError, match="cards have changed"):
        CardOutput("alsa:Thing", 24000, shared)
    with pytest.raises(DeviceError, match="cards have changed"):
        mic.read_period(1.0)
    mic.close()
    spk = CardOutput("alsa:Thing", 24000, shared)
    assert spk.write_period(bytes(480), 1.0)
    spk.close()
    assert len(made) == 2


@pytest.mark.sound
def test_a_card_that_came_back_under_a_number_of_another_is_listed_anew(sound_server: Any) -> None:
    cards = {"Other": 3}
    shared = PortAudio(lambda: Choosy(lambda rate, channels: True, "kspk"), lambda: dict(cards))
    mic = CardInput("alsa:ksil", 16000, shared)
    cards.clear()
    cards["Thing"] = 3
    with pytest.raises(DeviceError, match="cards have changed"):
        CardOutput("alsa:Thing", 24000, shared)
    mic.close()
    CardOutput("alsa:Thing", 24000, shared).close()


@pytest.mark.sound
def test_another_card_plugged_in_disturbs_nobody(sound_server: Any) -> None:
    cards: dict[str, int] = {}
    shared = PortAudio(cards=lambda: dict(cards))
    mic = CardInput("alsa:ksil", 16000, shared)
    cards["Webcam"] = 1
    CardOutput("alsa:kspk", 24000, shared).close()
    assert mic.read_period(1.0) is not None
    mic.close()


@pytest.mark.sound
def test_two_threads_open_and_close_at_once(sound_server: Any) -> None:
    failures: list[BaseException] = []

    def work(spec: str) -> None:
        try:
            for _ in range(4):
                mic = open_card_input(spec, 16000)
                mic.read_period(0.5)
                mic.close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(spec,)) for spec in (sound_server.mic_spec, "alsa:kloop")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures


def test_a_missing_card_is_told_and_nothing_else_is_printed() -> None:
    code = (
        "from kioskd.audio.devices import open_input\n"
        "from kioskd.audio.streams import DeviceError\n"
        "try: open_input('alsa:nosuchcard')\n"
        "except DeviceError as error: print(error)"
    )
    env = {key: value for key, value in os.environ.items() if key not in ("ALSA_CONFIG_PATH", "PULSE_SERVER")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=30)
    assert "no card 'nosuchcard'; this machine has" in done.stdout
    assert done.stderr == ""


@pytest.mark.sound
@pytest.mark.parametrize("spec", ["pulse:{address}", "pulse", "default"])
def test_a_sound_server_is_reached_by_its_address(sound_server: Any, spec: str) -> None:
    # In a process of its own: PULSE_SERVER is set for the whole process.
    code = (
        "import sys; from kioskd.audio.devices import open_input, open_output\n"
        "spk = open_output(sys.argv[1]); assert spk.write_period(bytes(480), 1.0); spk.close()\n"
        "mic = open_input(sys.argv[1]); assert len(mic.read_period(1.0)) == 320; mic.close()"
    )
    env = {key: value for key, value in os.environ.items() if key not in ("ALSA_CONFIG_PATH", "PULSE_SERVER")}
    if spec != "pulse:{address}":
        env["PULSE_SERVER"] = sound_server.address
    command = [sys.executable, "-c", code, spec.format(address=sound_server.address)]
    done = subprocess.run(command, env=env, timeout=30, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_server_that_is_not_there_is_a_sentence() -> None:
    code = (
        "from kioskd.audio.devices import open_output\n"
        "from kioskd.audio.streams import DeviceError\n"
        "try: open_output('pulse:unix:/nowhere')\n"
        "except DeviceError as error: print(error)"
    )
    env = {key: value for key, value in os.environ.items() if key != "ALSA_CONFIG_PATH"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=30)
    assert "no sound server answers at unix:/nowhere" in done.stdout


@pytest.mark.sound
def test_the_list_names_what_is_there(sound_server: Any) -> None:
    assert {"kmic", "kspk"} <= {card.name for card in list_cards()}


def test_noise_on_stderr_is_turned_away_and_stderr_comes_back(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet():
        os.write(2, b"ALSA lib confmisc.c: noise\n")
    os.write(2, b"news\n")
    assert capfd.readouterr().err == "news\n"
