"""Whose socket it is, who may use it, and what is left behind."""

from __future__ import annotations

import grp
import logging
import os
import socket
import stat
from pathlib import Path

import pytest

from kioskd.ops import sockets
from kioskd.ops.sockets import Place, asker

NO_GROUP = "no-such-group-here"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def own_group() -> str:
    return grp.getgrgid(os.getegid()).gr_name


def dead_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


def test_the_socket_is_found_only_when_it_is_ready(folder: Path) -> None:
    place = Place(str(folder / "look.sock"))
    with place.prepare(NO_GROUP, 0o600) as listening:
        assert not (folder / "look.sock").exists()
        listening.listen()
        place.take()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(folder / "look.sock"))
    place.leave()
    assert list(folder.iterdir()) == []


def test_a_group_that_exists_is_let_in(folder: Path) -> None:
    # root may give a file to any group; others to their own
    group = "daemon" if os.geteuid() == 0 else own_group()
    place = Place(str(folder / "change.sock"))
    with place.prepare(group, 0o600):
        place.take()
    found = (folder / "change.sock").stat()
    assert grp.getgrgid(found.st_gid).gr_name == group
    assert mode(folder / "change.sock") == 0o660


@pytest.mark.parametrize("alone", [0o600, 0o660])
def test_without_the_group_the_mode_is_the_one_for_being_alone(folder: Path, alone: int) -> None:
    place = Place(str(folder / "change.sock"))
    with place.prepare(NO_GROUP, alone):
        place.take()
    assert mode(folder / "change.sock") == alone


def birthplace(folder: Path, group: str, setgid: bool = True) -> Path:
    """As systemd/tmpfiles.d-kioskd.conf makes it."""
    place = folder / f"group-{group}"
    place.mkdir()
    os.chown(place, -1, grp.getgrnam(group).gr_gid)
    place.chmod(0o2700 if setgid else 0o700)
    return place


def no_chown(*given: object, **keys: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_a_socket_has_its_group_from_birth_where_chown_is_forbidden(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    group = "daemon" if os.geteuid() == 0 else own_group()
    born = birthplace(folder, group)
    monkeypatch.setattr(os, "chown", no_chown)
    place = Place(str(folder / "change.sock"))
    with place.prepare(group, 0o600):
        assert not (folder / "change.sock").exists()
        place.take()
    found = (folder / "change.sock").stat()
    assert grp.getgrgid(found.st_gid).gr_name == group and mode(folder / "change.sock") == 0o660
    assert list(born.iterdir()) == [] and caplog.text == ""
    place.leave()
    assert list(folder.iterdir()) == [born]


def test_a_birthplace_that_gives_no_group_opens_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    group = "daemon" if os.geteuid() == 0 else own_group()
    birthplace(folder, group, setgid=False)
    wanted = grp.getgrnam(group).gr_gid
    monkeypatch.setattr(os, "chown", no_chown)
    place = Place(str(folder / "change.sock"))
    with place.prepare(group, 0o600):
        place.take()
    # Not given to the group by birth, and not by chown: it stays with us alone (or is ours by our own group).
    found = (folder / "change.sock").stat()
    assert mode(folder / "change.sock") == (0o660 if found.st_gid == wanted else 0o600)
    assert "does not give its group" in caplog.text


def test_who_asks_is_named_unless_the_kernel_hides_them(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert asker(ours) == os.getuid()
        monkeypatch.setattr(sockets, "user_of", lambda asking: sockets.UNMAPPED)
        assert asker(ours) == "other"


def test_a_group_that_we_are_not_in_is_named_and_not_let_in(
    unprivileged: Path, caplog: pytest.LogCaptureFixture
) -> None:
    foreign = next(group.gr_name for group in grp.getgrall() if group.gr_gid not in {os.getegid(), *os.getgroups()})
    place = Place(str(unprivileged / "change.sock"))
    with place.prepare(foreign, 0o600):
        place.take()
    assert mode(unprivileged / "change.sock") == 0o600
    assert f"the group {foreign}" in caplog.text


def test_a_dead_daemons_socket_is_replaced(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    dead_socket(folder / "look.sock")
    caplog.set_level(logging.INFO)
    place = Place(str(folder / "look.sock"))
    with place.prepare(NO_GROUP, 0o600) as listening:
        listening.listen()
        place.take()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(folder / "look.sock"))
    assert "left behind" in caplog.text


def test_what_a_start_that_was_cut_short_left_is_no_obstacle(folder: Path) -> None:
    dead_socket(folder / f"look.sock.{os.getpid()}")
    place = Place(str(folder / "look.sock"))
    with place.prepare(NO_GROUP, 0o600):
        place.take()
    assert [path.name for path in folder.iterdir()] == ["look.sock"]


def test_a_living_daemon_is_left_alone_even_when_its_queue_is_full(folder: Path) -> None:
    path = folder / "look.sock"
    with socket.socket(socket.AF_UNIX) as living, socket.socket(socket.AF_UNIX) as first:
        living.bind(str(path))
        living.listen(0)
        first.connect(str(path))
        with socket.socket(socket.AF_UNIX) as second:
            second.setblocking(False)
            with pytest.raises(BlockingIOError):  # so the queue is full indeed
                second.connect(str(path))
        with pytest.raises(OSError, match=f"another kioskd serves {folder}"):
            Place(str(path)).prepare(NO_GROUP, 0o600)
        assert path.is_socket()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_socket_is_not_removed(folder: Path, kind: str) -> None:
    path = folder / "look.sock"
    {
        "file": lambda: path.write_text("mine"),
        "folder": path.mkdir,
        "link": lambda: path.symlink_to("elsewhere"),
    }[kind]()
    with pytest.raises(OSError, match="in the way"):
        Place(str(path)).prepare(NO_GROUP, 0o600)
    assert [path.name for path in folder.iterdir()] == ["look.sock"]


def test_another_daemons_socket_stays_when_we_go(folder: Path) -> None:
    path = folder / "look.sock"
    place = Place(str(path))
    with place.prepare(NO_GROUP, 0o600):
        place.take()
        path.unlink()
        dead_socket(path)
        place.leave()
    assert path.is_socket()


def test_a_path_that_is_too_long_leaves_nothing_behind(folder: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        Place(str(folder / ("x" * 107))).prepare(NO_GROUP, 0o600)
    assert list(folder.iterdir()) == []
