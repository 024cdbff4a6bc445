"""Room, speed and wear."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable

import pytest

from kioskd.checkup.disk import Room, device_of, room, room_of, speed, sync_ms, wear
from kioskd.core.finding import Grade

Put = Callable[[str, str], Path]
MB = 1 << 20


@pytest.mark.parametrize(
    ("found", "grade", "words"),
    [
        (Room(5000 * MB, 8000 * MB, False, 10_000), Grade.OK, "free"),
        (Room(100 * MB, 8000 * MB, False, 10_000), Grade.WARN, "nearly full"),
        (Room(10 * MB, 8000 * MB, False, 10_000), Grade.FAIL, "full"),
        (Room(5000 * MB, 8000 * MB, False, 3), Grade.FAIL, "full"),
        (Room(5000 * MB, 8000 * MB, True, 10_000), Grade.FAIL, "read-only"),
    ],
)
def test_a_disk_without_room_is_told(found: Room, grade: Grade, words: str) -> None:
    (told,) = room("/x", lambda path: found)
    assert told.grade is grade and words in told.sentence


def test_this_disk_can_be_asked_and_one_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    assert 0 < room_of(str(tmp_path)).free_bytes <= room_of(str(tmp_path)).total_bytes
    (told,) = room(str(tmp_path / "no"))
    assert told.grade is Grade.FAIL and "No such file" in told.sentence


def test_a_write_is_timed_and_nothing_stays_behind(tmp_path: Path) -> None:
    ticks = iter(range(100))
    took = sync_ms(str(tmp_path), lambda: next(ticks) / 1000)
    assert took == pytest.approx([1.0] * 5) and os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("took", "grade"),
    [([5.0, 9.0, 7.0], Grade.OK), ([200.0, 300.0, 250.0], Grade.WARN), ([2000.0] * 3, Grade.FAIL)],
)
def test_a_slow_disk_is_told(took: list[float], grade: Grade) -> None:
    (told,) = speed("/x", lambda folder: took)
    assert told.grade is grade and told.data["median_ms"] == sorted(took)[1]


def test_a_disk_that_takes_no_write_is_told_apart_from_one_that_is_not_ours() -> None:
    def refuse(error: OSError) -> Callable[[str], list[float]]:
        def measure(folder: str) -> list[float]:
            raise error

        return measure

    (told,) = speed("/x", refuse(PermissionError(13, "Permission denied")))
    assert told.grade is Grade.UNKNOWN and "sudo" in told.advice
    (told,) = speed("/x", refuse(OSError(30, "Read-only file system")))
    assert told.grade is Grade.FAIL


def test_the_disk_of_a_path_is_found_through_its_partition(put: Put, tmp_path: Path) -> None:
    put("devices/mmcblk0/mmcblk0p2/partition", "2\n")
    (tmp_path / "dev/block").mkdir(parents=True)
    (tmp_path / "dev/block/179:2").symlink_to(tmp_path / "devices/mmcblk0/mmcblk0p2")
    number = os.makedev(179, 2)
    assert device_of("/var", tmp_path, lambda path: number) == tmp_path / "devices/mmcblk0"
    assert device_of("/var", tmp_path, lambda path: os.makedev(0, 40)) is None
    assert device_of("/nonexistent/x", tmp_path) is None


@pytest.mark.parametrize(
    ("life", "eol", "grade", "words"),
    [
        ("0x01 0x02", "0x01", Grade.OK, "20 %"),
        ("0x09 0x01", "0x01", Grade.WARN, "90 %"),
        ("0x01 0x01", "0x02", Grade.WARN, "four fifths"),
        ("0x0b 0x01", "0x03", Grade.FAIL, "worn out"),
        ("0x01 0x01", "0x03", Grade.FAIL, "nearly all"),
        ("0x01", "what", Grade.OK, "10 %"),
    ],
)
def test_what_an_emmc_tells_of_its_wear(
    put: Put, tmp_path: Path, life: str, eol: str, grade: Grade, words: str
) -> None:
    put("mmcblk0/device/life_time", f"{life}\n")
    put("mmcblk0/device/pre_eol_info", f"{eol}\n")
    put("mmcblk0/device/name", "BJTD4R\n")
    (told,) = wear(tmp_path / "mmcblk0")
    assert told.grade is grade and words in told.sentence and "BJTD4R" in told.sentence


def test_an_sd_card_does_not_tell(put: Put, tmp_path: Path) -> None:
    put("mmcblk0/device/type", "SD\n")
    put("mmcblk0/device/name", "SC32G\n")
    put("mmcblk0/device/date", "08/2021\n")
    (told,) = wear(tmp_path / "mmcblk0")
    assert told.grade is Grade.UNKNOWN and "SC32G, made 08/2021: SD cards do not tell" in told.sentence
    (told,) = wear(None)
    assert told.grade is Grade.UNKNOWN


@pytest.mark.parametrize("life", ["0x00 0x00", "0xzz", "12 monkeys", ""])
def test_a_card_that_does_not_define_its_wear_is_not_called_new(put: Put, tmp_path: Path, life: str) -> None:
    put("mmcblk0/device/life_time", f"{life}\n")
    (told,) = wear(tmp_path / "mmcblk0")
    assert told.grade is Grade.UNKNOWN and "does not tell" in told.sentence
    put("mmcblk0/device/pre_eol_info", "0x03\n")
    (told,) = wear(tmp_path / "mmcblk0")
    assert told.grade is Grade.FAIL and "nearly all" in told.sentence, "its spare blocks are another matter"


def test_a_folder_that_only_root_may_look_at_is_not_called_broken() -> None:
    def hidden(path: str) -> Room:
        raise PermissionError(13, "Permission denied")

    (told,) = room("/var/lib/private/kioskd", hidden)
    assert told.grade is Grade.UNKNOWN and "sudo" in told.advice
