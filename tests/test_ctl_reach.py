"""Daemons that are not there, or in trouble: a sentence and an exit status for each."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from pathlib import Path
from typing import Iterator

import pytest

from kioskd import ctl, ctl_reach
from kioskd.ctl_reach import SYSTEM_FOLDER, folders, whoever


@pytest.fixture
def folder() -> Iterator[Path]:
    """A runtime directory, short enough for a socket."""
    path = Path(tempfile.mkdtemp(prefix="kioskd-"))
    yield path
    shutil.rmtree(path)


def test_what_is_named_is_looked_at_alone() -> None:
    env = {"KIOSKD_RUNTIME_DIR": "/a", "XDG_RUNTIME_DIR": "/b"}
    assert folders("/c", env) == ["/c"] and folders(None, env) == ["/a"]
    assert folders(None, {"XDG_RUNTIME_DIR": "/b"}) == [SYSTEM_FOLDER, "/b/kioskd"]
    assert folders(None, {}) == [SYSTEM_FOLDER]


def test_a_socket_that_nobody_serves_is_no_daemon(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(folder / "look.sock"))
    assert ctl.main(["--runtime-dir", str(folder), "status"]) == 69
    assert f"no kioskd serves {folder};" in capsys.readouterr().err


def test_a_daemon_that_stands_still_is_said_to(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ctl_reach, "ANSWER_S", 0.05)
    with socket.socket(socket.AF_UNIX) as wedged:
        wedged.bind(str(folder / "look.sock"))
        wedged.listen(0)
        assert ctl.main(["--runtime-dir", str(folder), "status"]) == 69
        assert "did not answer within 0.05 s" in capsys.readouterr().err
        # That one client is still in the queue, so the next cannot even connect.
        assert ctl.main(["--runtime-dir", str(folder), "status"]) == 69
        assert "does not answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "code", "sentence"),
    [
        (b"", 69, "went away without an answer"),
        (b"\xff\n", 69, "went away without an answer"),
        (b"[]\n", 1, "did not say why"),
        (b'{"ok": false, "error": "no \\u001b[31m"}\n', 1, "kioskctl: no \u00b7[31m"),
    ],
)
def test_strange_answers_are_sentences(
    folder: Path, capsys: pytest.CaptureFixture[str], answer: bytes, code: int, sentence: str
) -> None:
    with socket.socket(socket.AF_UNIX) as strange:
        strange.bind(str(folder / "look.sock"))
        strange.listen()

        def serve() -> None:
            client, _ = strange.accept()
            with client:
                client.recv(4096)
                client.sendall(answer)

        serving = threading.Thread(target=serve)
        serving.start()
        assert ctl.main(["--runtime-dir", str(folder), "status"]) == code
        serving.join()
    assert sentence in capsys.readouterr().err


def test_who_changes_is_named_by_their_own_word() -> None:
    assert whoever({}) == "somebody"
    far = {"USER": "root", "SUDO_USER": "anna", "SSH_CONNECTION": "192.0.2.7 50000 192.0.2.9 22"}
    assert whoever(far) == "anna from 192.0.2.7"
