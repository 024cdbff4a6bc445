"""The meter: what is new is booked once, kept within a minute, and survives what disks and clocks do."""

from __future__ import annotations

import errno
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Iterator

import pytest

from kioskd.core.books import Now
from kioskd.core.tally import Tally, total
from kioskd.ops.meter import ASIDE, NAME, Meter, Session, Snapshot, load, save

NOON = datetime.fromisoformat("2026-11-21T12:30:00+00:00").timestamp()
LIVE = Session("hydra-1", "sess_1")


benches: list[Bench] = []


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    """No thread outlives its test."""
    yield
    while benches:
        benches.pop().meter.stop(5)


class Bench:
    """A meter on clocks of ours."""

    def __init__(self, folder: Path, wall: float = NOON, **more: Any) -> None:
        self.wall, self.boot, self.awake = wall, 50.0, 40.0
        self.folder = folder
        self.meter = Meter(str(folder), lambda: Now(self.wall, 0, self.boot), lambda: self.awake, **more)
        benches.append(self)

    def wait(self, seconds: float) -> None:
        self.wall += seconds
        self.boot += seconds
        self.awake += seconds

    def suspend(self, seconds: float) -> None:
        self.wall += seconds
        self.boot += seconds

    def today(self) -> Tally:
        return total(self.meter.books.today)

    def kept(self) -> Tally:
        """What a daemon that starts now would find of today."""
        assert self.meter.stop(5)
        return Bench(self.folder, self.wall).today()


def readings(**used: Tally) -> dict[str, Tally]:
    return {name.replace("_", "-"): tally for name, tally in used.items()}


def test_readings_that_never_fall_are_booked_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for bytes_up in (5, 5, 12):
        bench.meter.tick(readings(hydra_1=Tally(bytes_up=bytes_up)))
        bench.wait(1)
    assert bench.today() == Tally(bytes_up=12)


def test_each_service_has_its_own_account(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.meter.tick(readings(hydra_1=Tally(sessions=1), local_2=Tally(sessions=2)))
    bench.meter.add("local-2", Tally(turns=1))
    assert bench.meter.books.today["local-2"] == Tally(sessions=2, turns=1)


def test_it_is_written_at_most_once_a_minute(tmp_path: Path) -> None:
    put: list[Snapshot] = []
    bench = Bench(tmp_path)
    bench.meter._scribe.put = put.append  # what is given to the thread, which may skip what is old when it looks
    for second in range(180):
        bench.meter.tick(readings(hydra_1=Tally(session_s=second + 1)))
        bench.wait(1)
    assert len(put) == 2


def test_what_the_thread_writes_does_not_change_under_it(tmp_path: Path) -> None:
    put: list[Snapshot] = []
    bench = Bench(tmp_path)
    bench.meter._scribe.put = put.append
    bench.meter.add("hydra-1", Tally(turns=1))
    bench.meter.save()
    bench.wait(7200)
    bench.meter.add("hydra-1", Tally(turns=1))
    assert len(put[0].hours) == 1 and total(put[0].days["2026-11-21"]).turns == 1


def test_nothing_new_is_not_written(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for _ in range(200):
        bench.meter.tick({})
        bench.wait(60)
    assert bench.meter.stop(5) and list(tmp_path.iterdir()) == []


def test_the_end_of_a_session_is_written_at_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.meter.tick(readings(hydra_1=Tally(session_s=9, sessions=1)))
    bench.meter.save()
    assert bench.kept() == Tally(session_s=9, sessions=1)


def test_after_a_power_cut_at_most_a_minute_is_missing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for second in range(600):
        bench.meter.tick(readings(hydra_1=Tally(session_s=second)))
        bench.wait(1)
        if second % 60 == 0:
            time.sleep(0.01)  # the disk needs no more
    # Nothing is stopped and nothing is saved: the plug was pulled. Only what the thread had in hand is awaited.
    while bench.meter.snapshot()["written"] == 0:
        time.sleep(0.001)
    time.sleep(0.1)
    assert Bench(tmp_path, bench.wall).today().session_s >= 599 - 61


def test_a_restart_goes_on_where_it_was_and_begins_its_own_readings_at_nothing(tmp_path: Path) -> None:
    for _ in range(3):
        bench = Bench(tmp_path)
        bench.meter.tick(readings(hydra_1=Tally(session_s=10, usage={"total_tokens": 4})))
        bench.meter.save()
        bench.meter.stop(5)
    assert Bench(tmp_path).today() == Tally(session_s=30, usage={"total_tokens": 12})


def test_a_clock_that_is_set_takes_what_was_used_along(tmp_path: Path) -> None:
    bench = Bench(tmp_path, wall=1_000_000.0)
    bench.meter.tick(readings(hydra_1=Tally(session_s=10)))
    bench.wait(30)
    bench.wall = NOON
    bench.meter.tick(readings(hydra_1=Tally(session_s=15)))
    assert bench.today().session_s == 15 and bench.meter.snapshot()["clock_jumps"] == 1


# -- suspend -----------------------------------------------------------------------------------------


def test_a_suspend_counts_when_the_session_lived_through_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.meter.tick(readings(hydra_1=Tally(session_s=10, bytes_down=100)), LIVE)
    bench.suspend(20)
    bench.wait(1)
    bench.meter.tick(readings(hydra_1=Tally(session_s=11, bytes_down=100)), LIVE)
    assert bench.today().session_s == 11, "not before the service has said a word"
    bench.wait(1)
    bench.meter.tick(readings(hydra_1=Tally(session_s=12, bytes_down=100)), LIVE)
    assert bench.today().session_s == 12, "and it has not"
    bench.meter.tick(readings(hydra_1=Tally(session_s=12, bytes_down=140)), LIVE)
    assert bench.today().session_s == pytest.approx(32) and bench.meter.suspended_s == pytest.approx(20)


def test_a_suspend_that_the_session_did_not_survive_counts_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.meter.tick(readings(hydra_1=Tally(session_s=10, bytes_down=100)), LIVE)
    bench.suspend(8 * 3600)
    bench.meter.tick(readings(hydra_1=Tally(session_s=10, bytes_down=100)), LIVE)
    bench.wait(20)
    bench.meter.tick(readings(hydra_1=Tally(session_s=30, bytes_down=100)), None)
    bench.wait(5)
    bench.meter.tick(readings(hydra_1=Tally(session_s=31, bytes_down=900)), Session("hydra-1", "sess_2"))
    assert total(bench.meter.books.days["2026-11-21"]).session_s == 31 and bench.meter.suspended_s == 0


def test_a_suspend_without_a_session_is_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.meter.tick({})
    bench.suspend(9999)
    bench.meter.tick(readings(hydra_1=Tally(bytes_down=1)), LIVE)
    bench.wait(1)
    bench.meter.tick(readings(hydra_1=Tally(bytes_down=2)), LIVE)
    assert bench.meter.suspended_s == 0


# -- the file ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [b"", b"{", b"\xff" * 100, b"[" * 9999, b'{"format": "kioskd usage", "version": 9}\n'])
def test_a_file_that_is_broken_is_set_aside_and_told_and_counted(
    tmp_path: Path, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / NAME).write_bytes(text)
    bench = Bench(tmp_path)
    assert (tmp_path / (NAME + ASIDE)).read_bytes() == text
    shown = bench.meter.snapshot()
    assert shown["damaged"] == 1 and "set aside" in str(shown["note"]) and "set aside" in caplog.text
    bench.meter.tick({})
    bench.meter.stop(5)
    assert load(str(tmp_path / NAME))[1] == "", "it is whole again within a second"


def test_of_a_torn_file_the_rest_still_counts(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.meter.add("hydra-1", Tally(turns=5))
    bench.meter.save()
    bench.meter.stop(5)
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes()[:-10])
    again = Bench(tmp_path)
    assert again.today().turns == 5 and again.meter.snapshot()["broken_lines"] == 1
    assert "what could be read of it still counts" in again.meter.note


def test_a_folder_in_the_files_place_is_set_aside_too(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    bench = Bench(tmp_path)
    bench.meter.add("hydra-1", Tally(turns=5))
    bench.meter.save()
    assert bench.meter.note and bench.kept().turns == 5


def test_a_state_folder_that_is_not_there_yet_is_a_state(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "none")
    bench.meter.add("hydra-1", Tally(turns=5))
    bench.meter.save()
    assert bench.meter.stop(5) and "ops.state_dir" in bench.meter.problem and bench.today().turns == 5


def test_a_full_disk_is_a_state_and_nothing_is_lost_when_there_is_room_again(tmp_path: Path) -> None:
    room: list[bool] = []

    def write(path: str, snapshot: Snapshot) -> None:
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(path, snapshot)

    bench = Bench(tmp_path, write=write, retry_s=0.02)
    bench.meter.add("hydra-1", Tally(turns=5))
    bench.meter.save()
    while not bench.meter.problem:
        time.sleep(0.001)
    assert "No space left" in bench.meter.problem and "make room" in bench.meter.problem
    room.append(True)
    while bench.meter.problem:
        time.sleep(0.001)
    assert bench.kept().turns == 5


def test_the_group_may_read_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.meter.add("hydra-1", Tally(turns=1))
    bench.meter.save()
    bench.meter.stop(5)
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o640
