"""Files as microphone and speaker: real pace, honest headers, a sentence for every wrong file."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
import wave
from pathlib import Path

import pytest

from kioskd.audio.streams import DeviceError
from kioskd.audio.wavfile import WavInput, WavOutput


class Hand:
    """A clock that only moves when somebody waits, or when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def write(path: Path, samples: list[int], rate_hz: int = 16000, channels: int = 1) -> str:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return str(path)


def riff(form: bytes, data: bytes = bytes(64)) -> bytes:
    body = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def form(tag: int = 1, channels: int = 1, rate_hz: int = 16000, bits: int = 16) -> bytes:
    block = channels * bits // 8
    return struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * block, block, bits)


def read_all(stream: WavInput, periods: int) -> bytes:
    pieces = [stream.read(1.0) for _ in range(periods)]
    assert None not in pieces
    return b"".join(piece for piece in pieces if piece is not None)


def test_a_file_is_heard_sample_for_sample_and_then_silence_for_ever(tmp_path: Path) -> None:
    samples = [(7 * i) % 20000 - 10000 for i in range(410)]
    hand = Hand()
    stream = WavInput(write(tmp_path / "a.wav", samples), hand, hand.wait)
    pcm = read_all(stream, 50)
    assert struct.unpack("<410h", pcm[:820]) == tuple(samples)
    assert pcm[820:] == bytes(50 * 320 - 820)
    assert stream.rate_hz == 16000 and stream.xruns == 0
    stream.close()
    stream.close()


def test_a_file_comes_at_ten_ms_a_period_without_drift(tmp_path: Path) -> None:
    hand = Hand()
    stream = WavInput(write(tmp_path / "a.wav", [1] * 160), hand, hand.wait)
    for n in range(1, 1000):
        assert stream.read(1.0) is not None
        assert hand.now == pytest.approx(100 + n * 0.01, abs=1e-5)
        hand.now += 0.004  # the reader has other things to do
    stream.close()


def test_two_channels_become_one(tmp_path: Path) -> None:
    hand = Hand()
    stream = WavInput(write(tmp_path / "a.wav", [100, 300] * 441, 44100, 2), hand, hand.wait)
    assert read_all(stream, 1) == struct.pack("<h", 200) * 441
    assert stream.rate_hz == 44100
    stream.close()


def test_a_rate_without_whole_frames_in_ten_ms_is_exact_on_the_whole(tmp_path: Path) -> None:
    hand = Hand()
    stream = WavInput(write(tmp_path / "a.wav", list(range(22050)), 22050), hand, hand.wait)
    assert read_all(stream, 100) == struct.pack("<22050h", *range(22050))
    stream.close()


def test_an_extensible_header_is_understood(tmp_path: Path) -> None:
    extra = struct.pack("<HHI", 22, 16, 4) + struct.pack("<H", 1) + bytes(14)
    (tmp_path / "a.wav").write_bytes(riff(form(0xFFFE) + extra, struct.pack("<160h", *range(160))))
    hand = Hand()
    assert read_all(WavInput(str(tmp_path / "a.wav"), hand, hand.wait), 1) == struct.pack("<160h", *range(160))


def test_other_chunks_are_stepped_over(tmp_path: Path) -> None:
    whole = riff(form(), struct.pack("<160h", *range(160)))
    (tmp_path / "a.wav").write_bytes(whole[:12] + b"LIST" + struct.pack("<I", 5) + b"hello\0" + whole[12:])
    hand = Hand()
    assert read_all(WavInput(str(tmp_path / "a.wav"), hand, hand.wait), 1) == struct.pack("<160h", *range(160))


@pytest.mark.parametrize("claimed", [0, 0xFFFFFFFF, 1000000])
def test_a_size_that_is_wrong_does_not_matter(tmp_path: Path, claimed: int) -> None:
    data = struct.pack("<160h", *range(160))
    whole = riff(form(), data).replace(b"data" + struct.pack("<I", 320), b"data" + struct.pack("<I", claimed))
    (tmp_path / "a.wav").write_bytes(whole + b"\x01")  # and half a sample
    hand = Hand()
    assert read_all(WavInput(str(tmp_path / "a.wav"), hand, hand.wait), 2) == data + bytes(320)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"ID3 this is music, of a kind", "is not a WAV file"),
        (b"RIFF\x10\0\0\0WAVEfmt \x10\0\0\0\x01\0", "cut off"),
        (b"RIFF\x10\0\0\0WAVE", "cut off"),
        (riff(form())[:36], "cut off"),
        (riff(form(bits=8)), "8 bit"),
        (riff(form(bits=24)), "24 bit"),
        (riff(form(3, bits=32)), "floating point"),
        (riff(form(7, bits=8)), "mu-law"),
        (riff(form(0x1234)), "format 4660"),
        (riff(form(channels=6)), "6 channels"),
        (riff(form(channels=0)), "0 channels"),
        (riff(form(rate_hz=0)), "0 samples a second"),
        (riff(form(rate_hz=7)), "7 samples a second"),
        (riff(form(rate_hz=383999)), "383999 samples a second, a rate of no device"),
        (riff(form()).replace(b"fmt \x10\0\0\0", b"fmt \xff\xff\xff\xff"), "cut off"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(DeviceError, match=says) as refusal:
        WavInput(str(path))
    assert str(path) in str(refusal.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="No such file"):
        WavInput(str(tmp_path / "none.wav"))
    with pytest.raises(DeviceError, match="Is a directory"):
        WavInput(str(tmp_path))


def test_what_is_played_is_in_the_file(tmp_path: Path) -> None:
    hand = Hand()
    stream = WavOutput(str(tmp_path / "a.wav"), 24000, hand, hand.wait)
    for n in range(5):
        assert stream.write(struct.pack("<h", n) * 240, 0.1)
    stream.close()
    stream.close()
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24000, 1, 2)
        assert file.readframes(9999) == b"".join(struct.pack("<h", n) * 240 for n in range(5))


def test_a_second_opening_goes_on_in_the_same_file(tmp_path: Path) -> None:
    hand, path = Hand(), str(tmp_path / "a.wav")
    for rate_hz in (24000, 48000):
        stream = WavOutput(path, rate_hz, hand, hand.wait)
        assert stream.rate_hz == 24000  # the file's
        stream.write(b"\1\0" * 240, 0.1)
        stream.close()
    with wave.open(path) as file:
        assert file.readframes(9999) == b"\1\0" * 480


def test_a_new_process_starts_the_file_anew(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", [5] * 1000)
    stream = WavOutput(path, 24000)
    stream.close()
    with wave.open(path) as file:
        assert file.getnframes() == 0


def test_a_killed_process_leaves_a_file_that_plays(tmp_path: Path) -> None:
    path = str(tmp_path / "a.wav")
    code = (
        "import os, sys; from kioskd.audio.wavfile import WavOutput\n"
        "now = [0.0]\n"
        "out = WavOutput(sys.argv[1], 24000, lambda: now[0], lambda s: now.__setitem__(0, now[0] + s))\n"
        "for _ in range(250): out.write(b'\\1\\0' * 240, 1.0)\n"
        "os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, path], timeout=30).returncode == -9
    assert os.path.getsize(path) == 44 + 250 * 480
    with wave.open(path) as file:
        assert file.getnframes() == 48000  # whole up to the last full second
        assert file.readframes(240) == b"\1\0" * 240


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="cannot be written: No such file"):
        WavOutput(str(tmp_path / "no" / "a.wav"), 24000)


def test_a_full_disk_is_a_sentence() -> None:
    with pytest.raises(DeviceError, match="No space left"):
        WavOutput("/dev/full", 24000)


def test_real_time_is_kept_with_a_real_clock(tmp_path: Path) -> None:
    stream = WavInput(write(tmp_path / "a.wav", [1] * 160))
    began = time.monotonic()
    read_all(stream, 20)
    assert 0.19 < time.monotonic() - began < 0.35
    stream.close()


def test_a_pipe_in_place_of_the_file_is_a_sentence_and_no_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in.wav")
    with pytest.raises(DeviceError, match="is a pipe"):
        WavInput(str(tmp_path / "in.wav"))


def test_a_file_never_runs_dry(tmp_path: Path) -> None:
    hand = Hand()
    speaker = WavOutput(str(tmp_path / "o.wav"), 24000, hand, hand.wait)
    speaker.write(bytes(480), 0.0)
    hand.now += 5.0
    speaker.write(bytes(480), 0.0)
    assert speaker.xruns == 0, "it waits; nobody hears a gap"
    speaker.close()
