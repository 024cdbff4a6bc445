"""Numbers as the kernel writes them, right and wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kioskd.actions import sources
from kioskd.actions.sources import Reading, crc8, from_file, from_iio, from_one_wire, number


def slave(pad: bytes, millidegrees: int, said: str = "YES", crc: int | None = None) -> str:
    """What w1_therm writes, with the sum that the thermometer would send."""
    sums = crc8(pad) if crc is None else crc
    shown = " ".join(f"{byte:02x}" for byte in [*pad, sums])
    return f"{shown} : crc={sums:02x} {said}\n{shown} t={millidegrees}\n"


# 21.5 degrees: 0x0158, resolution of 12 bits, byte 6 as after a measurement.
GOOD = bytes((0x58, 0x01, 0x4B, 0x46, 0x7F, 0xFF, 0x08, 0x10))
FRESH = bytes((0x50, 0x05, 0x4B, 0x46, 0x7F, 0xFF, 0x0C, 0x10))
HOT = bytes((0x50, 0x05, 0x4B, 0x46, 0x7F, 0xFF, 0x10, 0x10))


@pytest.fixture
def wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sources, "ONE_WIRE", tmp_path)
    folder = tmp_path / "28-0316a2797a12"
    folder.mkdir()
    return folder


def test_the_sum_is_that_of_the_bus() -> None:
    # A reading that stands in the documentation of the kernel's driver and all over the web.
    assert crc8(bytes.fromhex("50 05 4b 46 7f ff 0c 10")) == 0x1C
    assert crc8(bytes(8)) == 0


def test_a_thermometer_is_read_by_its_id_and_by_its_folder(wire: Path) -> None:
    (wire / "w1_slave").write_text(slave(GOOD, 21500))
    assert from_one_wire(wire.name) == Reading(21.5) == from_one_wire(str(wire))
    (wire / "w1_slave").write_text(slave(GOOD, -1250))
    assert from_one_wire(wire.name).number == -1.25


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no measurement"),
        ("rubbish\nmore t=1\n", "no measurement"),
        (slave(GOOD, 21500, said="NO"), "sum of what it sent is wrong"),
        (slave(GOOD, 21500, crc=0x00), "sum of what it sent is wrong"),
        (slave(bytes((255,)) * 8, 127937, crc=0xFF), "sum of what it sent is wrong"),
        (slave(bytes(8), 0), "nothing but zeros"),
        (slave(FRESH, 85000), "85 °C, as one does that has lost its supply"),
    ],
)
def test_what_is_no_measurement_is_tried_again_and_then_told(wire: Path, text: str, why: str) -> None:
    (wire / "w1_slave").write_text(text)
    asked: list[int] = []
    with pytest.raises(ValueError, match=why):
        from_one_wire(wire.name, lambda: asked.append(1))
    assert len(asked) == sources.TRIES - 1


def test_a_second_try_may_help(wire: Path) -> None:
    (wire / "w1_slave").write_text(slave(FRESH, 85000))
    assert from_one_wire(wire.name, lambda: (wire / "w1_slave").write_text(slave(GOOD, 21500))) == Reading(21.5)


def test_real_heat_of_85_degrees_is_believed(wire: Path) -> None:
    (wire / "w1_slave").write_text(slave(HOT, 85000))
    assert from_one_wire(wire.name) == Reading(85.0)


def test_the_newer_file_of_the_kernel_serves_too(wire: Path) -> None:
    (wire / "temperature").write_text("21562\n")
    assert from_one_wire(wire.name) == Reading(21.562)
    for text, why in (("85000\n", "lost its supply"), ("", "no measurement"), ("warm", "not a number")):
        (wire / "temperature").write_text(text)
        with pytest.raises(ValueError, match=why):
            from_one_wire(wire.name)


def test_a_thermometer_that_is_not_there_is_a_sentence(wire: Path) -> None:
    with pytest.raises(ValueError, match="no such thermometer"):
        from_one_wire("28-000000000000")


@pytest.fixture
def iio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sources, "IIO", tmp_path)
    for index, name in enumerate(("bme280", "ads1115", "ads1115")):
        folder = tmp_path / f"iio:device{index}"
        folder.mkdir()
        (folder / "name").write_text(f"{name}\n")
    return tmp_path


def test_a_processed_channel_is_taken_as_it_is(iio: Path) -> None:
    (iio / "iio:device0" / "in_temp_input").write_text("21340\n")
    for device in ("bme280", "iio:device0", str(iio / "iio:device0")):
        assert from_iio(device, "in_temp") == Reading(21340.0)


def test_a_raw_channel_is_offset_and_scaled(iio: Path) -> None:
    folder = iio / "iio:device1"
    (folder / "in_voltage0_raw").write_text("1000\n")
    assert from_iio("iio:device1", "in_voltage0").number == 1000.0
    (folder / "in_voltage_scale").write_text("0.125000000\n")
    assert from_iio("iio:device1", "in_voltage0").number == 125.0
    (folder / "in_voltage0_scale").write_text("0.5\n")
    (folder / "in_voltage0_offset").write_text("-10\n")
    assert from_iio("iio:device1", "in_voltage0").number == 495.0


def test_what_the_bus_does_not_have_is_named(iio: Path) -> None:
    (iio / "iio:device0" / "in_temp_input").write_text("21340\n")
    (iio / "iio:device0" / "in_pressure_raw").write_text("1\n")
    with pytest.raises(ValueError, match="no channel in_humidity; there are in_pressure, in_temp"):
        from_iio("bme280", "in_humidity")
    with pytest.raises(ValueError, match="2 devices have that name"):
        from_iio("ads1115", "in_voltage0")
    with pytest.raises(ValueError, match="no device has that name"):
        from_iio("mpu6050", "in_temp")
    with pytest.raises(ValueError, match="no such device"):
        from_iio("/sys/bus/iio/devices/iio:device77", "in_temp")


def test_a_file_is_as_old_as_when_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "number"
    path.write_text("7")
    os.utime(path, (1000.0, 1000.0))
    assert from_file(str(path), lambda: 1060.0) == Reading(7.0, 60.0)


@pytest.mark.parametrize("text", ["", "nan", "0x10", "1_0", "1 2"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        number(text)
