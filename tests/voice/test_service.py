"""The door: command line, start, signals, socket activation."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from kioskd.voice import service
from kioskd.voice.faults import SWITCHES
from kioskd.voice.service import BadSetting, inherited_socket, main, parse_address, read_token

RUN = "import sys; from kioskd.voice.service import main; sys.exit(main(sys.argv[1:]))"


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    words = process.stdout.readline().split()
    assert words[:2] == ["listening", "on"]
    return words[2]


async def first_frame(url: str) -> str:
    async with connect(url, proxy=None, close_timeout=1) as client:
        return str(await asyncio.wait_for(client.recv(), 10))


def test_it_says_where_it_listens_serves_and_ends_on_sigterm() -> None:
    process = start("--listen", "127.0.0.1:0", "--fault", "omit-audio-keys")
    url = read_url(process)
    assert url.startswith("ws://127.0.0.1:") and url.endswith("/waves/v1/s2s")
    assert "session.created" in asyncio.run(first_frame(f"{url}?model=hydra-v1.1"))
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 0 and out == "" and "Traceback" not in err


def test_it_ends_when_nobody_comes() -> None:
    process = start("--listen", "127.0.0.1:0", "--idle-exit", "0.2")
    read_url(process)
    process.communicate(timeout=10)
    assert process.returncode == 0


def test_it_takes_the_socket_that_systemd_opened() -> None:
    # As systemd does it: the socket is descriptor 3, and LISTEN_PID is the process itself.
    script = "import os; os.dup2(int(os.environ['FD']), 3); os.environ['LISTEN_PID'] = str(os.getpid()); " + RUN
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port, fd = listening.getsockname()[1], listening.fileno()
        process = subprocess.Popen(
            [sys.executable, "-c", script, "--listen", "127.0.0.1:1"],
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=(fd,),
            env={**os.environ, "LISTEN_FDS": "1", "FD": str(fd)},
        )
    url = read_url(process)
    assert f":{port}/" in url and "session.created" in asyncio.run(first_frame(url))
    process.terminate()
    process.communicate(timeout=10)
    assert process.returncode == 0


def test_a_socket_for_another_process_is_not_taken() -> None:
    assert inherited_socket({}, 7) is None
    assert inherited_socket({"LISTEN_PID": "8", "LISTEN_FDS": "1"}, 7) is None
    assert inherited_socket({"LISTEN_PID": "7", "LISTEN_FDS": "0"}, 7) is None
    assert inherited_socket({"LISTEN_PID": "7"}, 7) is None


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--listen", "0.0.0.0:0"], 78, "set a token (--token-file) or listen on 127.0.0.1"),
        (["--listen", "8790"], 78, "--listen takes HOST:PORT"),
        (["--fault", "sing"], 78, "there is no fault 'sing'; see --list-faults"),
        (["--token-file", "/no/such/file"], 78, "cannot read the token file"),
    ],
)
def test_a_wrong_setting_is_said_in_one_sentence(
    arguments: list[str], code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    assert sentence in capsys.readouterr().err


def test_a_port_that_is_taken_is_unavailable(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--listen", f"127.0.0.1:{taken.getsockname()[1]}"]) == service.EX_UNAVAILABLE
    assert "choose another port" in capsys.readouterr().err


def test_without_espeak_it_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["--listen", "127.0.0.1:0"]) == service.EX_UNAVAILABLE
    assert "apt-get install espeak-ng" in capsys.readouterr().err


def test_faults_are_listed_for_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-faults"]) == 0
    text = capsys.readouterr().out
    assert "bad-voice=reject|fallback|close (default reject)\n    a voice that is not known" in text
    assert main(["--list-faults", "--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == list(SWITCHES)


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0 and "kioskd voice --listen 127.0.0.1:8715" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "localhost", ":80", "host:", "host:x", "host:70000", "host:-1", "h:²"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(BadSetting):
        parse_address(text)


def test_addresses() -> None:
    assert parse_address("127.0.0.1:0") == ("127.0.0.1", 0)
    assert parse_address("[::1]:8790") == ("::1", 8790)


def test_a_token_file_is_private_and_not_empty(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(" secret-word \n")
    path.chmod(0o644)
    with pytest.raises(BadSetting, match="chmod 600") as refused:
        read_token(str(path))
    assert "secret-word" not in str(refused.value)
    path.chmod(0o600)
    assert read_token(str(path)) == "secret-word"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadSetting, match="not text"):
        read_token(str(path))
    path.write_text("\n")
    with pytest.raises(BadSetting, match="empty"):
        read_token(str(path))
