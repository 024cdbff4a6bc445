"""WAV headers, sound and broken."""

from __future__ import annotations

import io
import struct
import wave

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.wavhead import UNKNOWN_BYTES, NotPlayable, read_layout


def wav(rate_hz: int = 16000, channels: int = 1, frames: int = 160, width: int = 2) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(width)
        sound.setframerate(rate_hz)
        sound.writeframes(bytes(range(1, 3)) * (channels * frames * width // 2))
    return file.getvalue()


def form(tag: int = 1, channels: int = 1, rate_hz: int = 16000, bits: int = 16, block: int | None = None) -> bytes:
    block = channels * bits // 8 if block is None else block
    return struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, channels, rate_hz, rate_hz * block, block, bits)


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def data(pcm: bytes, claimed: int | None = None) -> bytes:
    return b"data" + struct.pack("<I", len(pcm) if claimed is None else claimed) + pcm


@settings(max_examples=30, deadline=None)
@given(st.integers(320, 1920).map(lambda n: 25 * n), st.sampled_from([1, 2]), st.integers(1, 500))
def test_what_the_wave_module_writes_is_found(rate_hz: int, channels: int, frames: int) -> None:
    file = wav(rate_hz, channels, frames)
    layout = read_layout(file)
    assert (layout.rate_hz, layout.channels, layout.length) == (rate_hz, channels, 2 * channels * frames)
    assert file[layout.start : layout.start + layout.length] == b"\1\2" * (channels * frames)
    assert layout.seconds == pytest.approx(frames / rate_hz)


def test_other_chunks_are_passed_over() -> None:
    notes = b"LIST" + struct.pack("<I", 5) + b"notes\0"
    layout = read_layout(riff(notes, form(), notes, data(b"\1\0" * 8), notes))
    assert layout.length == 16


def test_a_length_that_was_not_known_when_the_header_was_written_means_all() -> None:
    for claimed in (0, UNKNOWN_BYTES, 0x7FFFF000, 0xFFFFFFFF):
        assert read_layout(riff(form(), data(b"\1\0" * 8, claimed))).length == 16


def test_an_extensible_header_is_read() -> None:
    long = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 16000, 32000, 2, 16, 22, 16, 4) + struct.pack("<H", 1) + bytes(14)
    file = riff(b"fmt " + struct.pack("<I", len(long)) + long, data(b"\1\0" * 8))
    assert read_layout(file).rate_hz == 16000


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (b"", "is empty"),
        (b"ID3\3" + bytes(200), "is not a WAV file"),
        (b"RIFF\0\0\0\0AVI " + bytes(200), "is not a WAV file"),
        (riff(form()), "ends before its sound begins: it is cut off"),
        (riff(b"fmt \x10\0\0\0\1\0"), "ends before its sound begins: it is cut off"),
        (riff(data(b"\1\0")), "sound without a format"),
        (riff(form(channels=0, block=2), data(b"\1\0")), "has zero channels"),
        (riff(form(channels=6), data(bytes(24))), "has 6 channels"),
        (riff(form(rate_hz=0), data(b"\1\0")), "claims 0 samples a second"),
        (riff(form(rate_hz=4_000_000_000, block=0), data(b"\1\0")), "claims 4000000000 samples a second"),
        (riff(form(rate_hz=96000), data(b"\1\0")), "claims 96000 samples a second; 8000 to 48000"),
        (riff(form(rate_hz=47999), data(b"\1\0")), "claims 47999 samples a second, a rate of no device"),
        (riff(form(bits=24), data(bytes(6))), "holds 24 bit samples"),
        (riff(form(tag=3, bits=32), data(bytes(8))), "holds floating point sound"),
        (riff(form(tag=99), data(bytes(8))), "holds format 99 sound"),
        (riff(form(block=7), data(bytes(14))), "claims 7 bytes a frame where 2 are needed"),
        (riff(form(), data(b"\1\0" * 8, 999)), "is cut off: 16 of its 999 bytes"),
        (riff(form(), data(b"")), "holds no sound"),
        (riff(form(), data(b"\1")), "holds no sound"),
    ],
)
def test_what_cannot_be_played_is_told(file: bytes, why: str) -> None:
    with pytest.raises(NotPlayable, match=why):
        read_layout(file)


def test_half_a_frame_at_the_end_is_left_out() -> None:
    assert read_layout(riff(form(channels=2), data(bytes(11)))).length == 8


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_bytes_do_harm(chance: st.DataObject) -> None:
    file = bytearray(wav(channels=2))
    for _ in range(chance.draw(st.integers(1, 4))):
        file[chance.draw(st.integers(0, 50))] = chance.draw(st.integers(0, 255))
    broken = bytes(file[: chance.draw(st.integers(0, len(file)))])
    try:
        layout = read_layout(broken)
    except NotPlayable:
        return
    assert 0 < layout.length <= len(broken) - layout.start
    assert layout.length % (2 * layout.channels) == 0
