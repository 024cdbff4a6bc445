"""Names of devices, judged by their form alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kioskd.config.device_spec import apart, problem


@pytest.mark.parametrize(
    "spec",
    [
        "default",
        "null",
        "pulse",
        "pulse:unix:/run/pulse/native",
        "pulse:tcp:box:4713",
        "alsa:Device",
        "alsa:USB PnP Sound Device",
        "alsa:C-Media Electronics Inc. USB PnP Sound Device at usb-1.2, full speed",
        "alsa:hwdsp",
        "usb:1-1",
        "usb:1-1.3",
        "usb:12-3.4.1.2",
        "file:a.wav",
        "file:/tmp/a b.wav",
    ],
)
def test_what_could_name_a_device_is_let_through(spec: str) -> None:
    assert problem(spec) is None


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("", "is no device"),
        ("null:1", "is no device"),
        ("default:", "is no device"),
        ("PULSE", "is no device"),
        ("alsa", "is no device"),
        ("usb", "is no device"),
        ("alsa:", "needs a card id"),
        ("alsa: x", "needs a card id"),
        ("alsa:x ", "needs a card id"),
        ("alsa:a\nb", "needs a card id"),
        ("hw:0,0", "by number, which changes: run kioskd devices"),
        ("plughw:1", "by number, which changes: run kioskd devices"),
        ("Speaker", "kioskd devices lists them"),
        ("alsa:hw:1,0", "by number, which changes"),
        ("alsa:plughw:1", "by number, which changes"),
        ("alsa:1", "by number, which changes"),
        ("alsa:2,0", "by number, which changes"),
        ("usb:", "needs a USB port"),
        ("usb:3", "needs a USB port"),
        ("usb:1-1:1.0", "needs a USB port"),
        ("usb:1-1.", "needs a USB port"),
        ("usb:../..", "needs a USB port"),
        ("usb:0-1", "needs a USB port"),
        ("pulse:", "needs a server"),
        ("pulse:a b", "needs a server"),
        ("file:", "needs the path of a WAV file"),
        ("file:.wav", "needs the path of a WAV file"),
        ("file:x.mp3", "needs the path of a WAV file"),
        ("file:a\0b.wav", "needs the path of a WAV file"),
    ],
)
def test_what_cannot_gets_a_sentence_that_helps(spec: str, says: str) -> None:
    assert says in (problem(spec) or "")


@given(
    st.text(max_size=30)
    | st.sampled_from(["alsa:", "usb:", "file:", "pulse:"]).flatmap(
        lambda k: st.builds(k.__add__, st.text(max_size=20))
    )
)
def test_any_text_is_judged_without_a_crash(text: str) -> None:
    found = problem(text)
    assert found is None or text in found


def test_one_process_reaches_one_sound_server() -> None:
    assert apart("pulse:unix:/a", "pulse:unix:/a") is None
    assert apart("pulse", "pulse") is None
    assert apart("pulse:unix:/a", "alsa:Device") is None
    assert apart("null", "default") is None
    for one, other in (("pulse:unix:/a", "pulse:tcp:b"), ("pulse:unix:/a", "pulse"), ("pulse", "pulse:unix:/a")):
        sentence = apart(one, other)
        assert sentence is not None and "write pulse:unix:/a for both" in sentence
