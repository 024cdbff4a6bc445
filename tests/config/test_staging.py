"""A new configuration on its way to its place: what is not taken, and that the place is whole at any moment."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pytest

from kioskd.config.goods import fingerprint
from kioskd.config.loader import MOST_BYTES
from kioskd.config.staging import Place, Refused, doubted, from_file, from_stream

MINE = {0, os.geteuid()}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "new.yaml"
    path.write_bytes(b"talk: {mode: voice}\n")
    return path


def test_a_file_of_mine_is_read(source: Path) -> None:
    assert from_file(str(source), MINE) == b"talk: {mode: voice}\n"


def test_a_symbolic_link_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(source)
    with pytest.raises(Refused, match="is a symbolic link; name the file"):
        from_file(str(tmp_path / "link"), MINE)


def test_somebody_elses_file_is_refused(source: Path) -> None:
    with pytest.raises(Refused, match="belongs to another user"):
        from_file(str(source), {12345})
    source.chmod(0o666)
    with pytest.raises(Refused, match="may be written by everybody"):
        from_file(str(source), MINE)


@pytest.mark.parametrize("what", ["directory", "fifo", "missing"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x"
    if what == "directory":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    with pytest.raises(Refused, match="cannot be (read|applied)"):
        from_file(str(path), MINE)


def test_a_hundred_megabytes_are_refused_and_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with open(path, "wb") as file:
        file.truncate(100 << 20)
    data = from_file(str(path), MINE)
    assert len(data) == MOST_BYTES + 1
    with pytest.raises(Refused, match="larger than 1 MiB"):
        doubted(data, "large")
    assert len(from_stream(io.BytesIO(bytes(MOST_BYTES * 2)))) == MOST_BYTES + 1


@pytest.mark.parametrize(
    ("data", "sha256", "said"),
    [
        (b"", "", "is empty"),
        (b" \n\n", "", "is empty"),
        (b"talk: {mode: voice}\nau", "", "half written"),
        (b"talk: {mode: voice}\n", "00" * 32, "did not arrive as it was sent"),
    ],
)
def test_half_of_a_configuration_is_refused(data: bytes, sha256: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        doubted(data, "standard input", sha256)


def test_a_whole_one_with_its_fingerprint_is_taken() -> None:
    data = b"talk: {mode: voice}\n"
    assert doubted(data, "x", fingerprint(data).upper()) == data


@pytest.mark.parametrize("what", ["link", "directory", "no folder"])
def test_a_place_that_is_no_file_is_refused(tmp_path: Path, source: Path, what: str) -> None:
    path = tmp_path / "kioskd.yaml"
    if what == "link":
        path.symlink_to(source)
    elif what == "directory":
        path.mkdir()
    else:
        path = tmp_path / "none" / "kioskd.yaml"
    with pytest.raises(Refused, match="symbolic link|not a regular file|no folder"):
        Place(str(path)).judge()


def test_a_place_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kioskd.yaml"
    path.write_text("x\n")
    if os.geteuid() == 0:
        os.chown(path, 12345, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(Refused, match="belongs to neither root nor you"):
        Place(str(path)).judge()


def test_the_file_is_the_old_one_until_it_is_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "kioskd.yaml"
    path.write_text("old\n")
    group = 1234 if os.geteuid() == 0 else os.getegid()
    os.chown(path, -1, group)
    path.chmod(0o640)
    place = Place(str(path))
    place.judge()
    place.lock()
    place.put(b"new\n")
    assert path.read_text() == "old\n"
    place.keep()
    found = path.stat()
    assert path.read_text() == "new\n" and (found.st_gid, stat.S_IMODE(found.st_mode)) == (group, 0o640)
    place.discard()
    place.unlock()
    assert sorted(os.listdir(tmp_path)) == ["kioskd.yaml", "kioskd.yaml.lock"]


def test_a_trial_that_is_taken_back_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "kioskd.yaml"
    place = Place(str(path))
    place.judge()
    place.put(b"new\n")
    place.discard()
    assert os.listdir(tmp_path) == []
    with pytest.raises(Refused, match="cannot be replaced"):
        place.keep()
    place.back(b"old\n")
    assert path.read_text() == "old\n"


def test_two_at_once_are_one_too_many(tmp_path: Path) -> None:
    one, two = Place(str(tmp_path / "k")), Place(str(tmp_path / "k"))
    one.lock()
    with pytest.raises(Refused, match="another apply is under way"):
        two.lock()
    one.unlock()
    two.lock()
    two.unlock()


def test_a_folder_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "none" / "k"))
    with pytest.raises(Refused, match="nothing can be written beside"):
        place.lock()
    with pytest.raises(Refused, match="cannot be written: No such file or directory; nothing was changed"):
        place.put(b"x\n")
