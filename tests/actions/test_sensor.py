"""A reading is a number with a unit, or a sentence."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from kioskd.actions.sensor import MOST_BYTES, Sensor, plain
from kioskd.config.sections import SensorAction


class Line:
    def __init__(self, active: bool, error: OSError | None = None) -> None:
        self.name = "GPIO6"
        self._active = active
        self._error = error

    @property
    def active(self) -> bool:
        if self._error:
            raise self._error
        return self._active


def sensor(path: Path | None, line: Line | None = None, **action: Any) -> Sensor:
    where = {"file": str(path)} if path else {"pin": "GPIO6"}
    return Sensor("temperature", SensorAction(**where, **action), line)


def test_a_reading_in_millidegrees_is_said_in_degrees(tmp_path: Path) -> None:
    path = tmp_path / "temp"
    path.write_text("21532\n")
    outcome = sensor(path, scale=0.001, unit="°C").read()
    assert outcome.ok and outcome.say == "21.53 °C"
    assert json.loads(outcome.result) == {"value": 21.532, "unit": "°C", "say": "21.53 °C"}


def test_the_offset_is_added_after_the_scale(tmp_path: Path) -> None:
    path = tmp_path / "temp"
    path.write_text("-1.5e1")
    assert sensor(path, scale=2, offset=5).read().say == "-25"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ("\n", "it is empty"),
        ("warm", "it holds 'warm', which is not a number"),
        ("nan", "not a number"),
        ("inf", "not a number"),
        ("1_000", "not a number"),
        ("12 34", "not a number"),
        ("0x10", "not a number"),
        ("١٢", "not a number"),
        ("1e999", "outside"),
        ("\x1b[2J", "it holds '?[2J'"),
        ("1" * (MOST_BYTES + 1), "more than 256 bytes"),
        ("86", "reads 86, which is outside -40 to 85"),
    ],
)
def test_what_is_no_reading_is_a_sentence(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "temp"
    path.write_text(text)
    outcome = sensor(path, low=-40, high=85).read()
    assert not outcome.ok and why in outcome.reason and str(path) in outcome.reason
    assert json.loads(outcome.result)["error"] == outcome.reason


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    assert "No such file" in sensor(tmp_path / "gone").read().reason


def test_what_is_not_a_file_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "not a file that holds a number" in sensor(tmp_path / "fifo").read().reason
    assert not sensor(tmp_path).read().ok


def test_a_line_reads_one_or_zero() -> None:
    assert sensor(None, Line(True)).read().say == "1"
    assert json.loads(sensor(None, Line(False), unit="open").read().result)["value"] == 0


def test_a_line_that_cannot_be_read_is_a_sentence() -> None:
    assert "GPIO6: gone (GPIO6)" in sensor(None, Line(True, OSError("GPIO6: gone"))).read().reason
    assert "no such line" in sensor(None).read().reason


@pytest.mark.parametrize(
    ("value", "said"), [(21.0, "21"), (0.004, "0"), (-0.004, "0"), (1234567.8, "1234567.8"), (100, "100")]
)
def test_numbers_are_said_plainly(value: float, said: str) -> None:
    assert plain(value) == said


def test_a_reading_that_is_too_old_is_no_reading(tmp_path: Path) -> None:
    path = tmp_path / "temp"
    path.write_text("21")
    assert json.loads(sensor(path, stale_s=60).read().result)["age_s"] == 0
    now = time.time()
    os.utime(path, (now - 90, now - 90))
    assert "was measured 90 s ago; more than 60 s is too old" in sensor(path, stale_s=60).read().reason
    assert sensor(path).read().ok, "the owner gave no age"
    os.utime(path, (now + 3600, now + 3600))
    assert "lies ahead" in sensor(path, stale_s=60).read().reason


def test_every_source_is_asked(tmp_path: Path, peer: Any) -> None:
    (tmp_path / "temperature").write_text("21500\n")
    (tmp_path / "in_voltage0_raw").write_text("100")
    peer.always = peer.answer(200, b'{"t": 7}')
    for keys, value in (
        ({"one_wire": str(tmp_path)}, 21.5),
        ({"iio": str(tmp_path), "channel": "in_voltage0", "scale": 0.01}, 1.0),
        ({"url": peer.url, "pointer": "/t"}, 7.0),
    ):
        outcome = Sensor("sensor", SensorAction(**keys), None).read()
        assert json.loads(outcome.result)["value"] == value, outcome


def test_a_source_that_fails_is_named(tmp_path: Path, peer: Any) -> None:
    peer.always = peer.answer(500)
    for keys in ({"one_wire": str(tmp_path / "28-0")}, {"iio": "bme280", "channel": "in_temp"}, {"url": peer.url}):
        outcome = Sensor("sensor", SensorAction(**keys), None).read()
        assert not outcome.ok and next(iter(keys.values())) in outcome.reason
