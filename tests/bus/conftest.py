"""A real broker, on a free port of this machine, that can be stopped and started."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest

# Longer than anything here takes, on a machine that is busy with other things.
PATIENCE_S = 20.0


class Mosquitto:
    """``kill`` and ``begin`` as often as wanted; the port stays the same.

    Args:
        folder: for its settings.
        lines: of its settings, behind the listener.
    """

    def __init__(self, folder: Path, *lines: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._settings = folder / f"mosquitto-{self.port}.conf"
        root = ("user root",) if Path("/proc/self").owner() == "root" else ()
        first = (f"listener {self.port} 127.0.0.1", "log_dest stdout", *root)
        self._settings.write_text("\n".join((*first, *(lines or ("allow_anonymous true",)))) + "\n")
        self._process: subprocess.Popen[bytes] | None = None
        self.begin()

    def begin(self) -> None:
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        assert program is not None, "these tests need the package mosquitto (scripts/test installs it)"
        self._process = subprocess.Popen([program, "-c", str(self._settings)], stdout=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._process.poll() is None, "mosquitto ended"
            time.sleep(0.02)
        raise AssertionError("mosquitto does not listen")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def make_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    made: list[Mosquitto] = []

    def make(*lines: str) -> Mosquitto:
        made.append(Mosquitto(tmp_path, *lines))
        return made[-1]

    yield make
    for broker in made:
        broker.kill()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Key and self-signed certificate for localhost."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key), "-out", str(cert)]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    subprocess.run(["openssl", "req", "-x509", *made, *name], check=True, capture_output=True)
    return key, cert
