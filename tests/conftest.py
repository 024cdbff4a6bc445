"""What every room's tests share: a watch on the machine itself, and an end to what a test has left open.

The house has no timed tests: a virtual machine holds a process up for tens of ms at any time, and hundreds at worst. A
test of something that takes time does one of two things. It bounds a duration by what it may be *and* what this machine
was seen to take away meanwhile (``watch.held_s``). Or, where sound itself is torn by a machine that stands still, it
tries until it was left in peace (``in_peace``).
"""

from __future__ import annotations

import asyncio
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Callable, Coroutine, Mapping, TypeVar

import pytest

from kioskd.audio.bounded import THREAD

T = TypeVar("T")

# How often the watch looks. Shorter would keep the others from working.
TICK_S = 0.002
# Waking is never exact; what is later by less than this holds nobody up.
WAKE_S = 0.001
# A speaker's ring is kept 20 ms full: a process that was held up for less has torn nothing.
CALM_S = 0.015
# A fact may fail once in a calm attempt: the machine may hold up a sound server on a processor where this process has
# no thread waiting just then. Twice is the product.
STRIKES = 2
ATTEMPTS, ATTEMPTS_S = 8, 40.0


class Watch:
    """How long this machine held the process up: a thread on each processor that sleeps and sees how late it wakes."""

    def __init__(self) -> None:
        self._late: list[tuple[float, float]] = []  # when it woke, and by how much too late
        self._stopping = threading.Event()
        cpus = sorted(os.sched_getaffinity(0))
        self._threads = [threading.Thread(target=self._run, args=(cpu,), daemon=True) for cpu in cpus]
        for thread in self._threads:
            thread.start()

    def _run(self, cpu: int) -> None:
        os.sched_setaffinity(0, {cpu})  # of this thread
        while not self._stopping.is_set():
            before = time.monotonic()
            time.sleep(TICK_S)
            late_s = (now := time.monotonic()) - before - TICK_S
            if late_s > WAKE_S:
                self._late.append((now, late_s))

    def _within(self, since: float) -> list[float]:
        time.sleep(2 * TICK_S)  # a hold-up that is over just now is known when the watch has woken too
        return [min(late_s, at - since) for at, late_s in list(self._late) if at > since]

    def held_s(self, since: float) -> float:
        """All that was taken away since then (monotonic seconds), of all processors: one waits for the other."""
        return sum(self._within(since))

    def worst_s(self, since: float) -> float:
        """The longest single hold-up since then."""
        return max(self._within(since), default=0.0)

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(5)

    def in_peace(
        self,
        attempt: Callable[[], T],
        judge: Callable[[T], None],
        always: Callable[[T], None],
        attempts: int = ATTEMPTS,
    ) -> None:
        """Try until ``judge`` finds nothing wrong.

        What it finds in a calm attempt counts against the product, what it finds in one that was held up does not.
        ``always`` judges each attempt by what holds on any machine. Where no attempt was calm that is all that was
        shown, and pytest's summary says so.
        """
        began, strikes, worst_s = time.monotonic(), 0, 0.0
        for count in range(1, attempts + 1):
            since = time.monotonic()
            result = attempt()
            worst_s = self.worst_s(since)
            always(result)
            try:
                judge(result)
                return
            except AssertionError as error:
                strikes += worst_s < CALM_S
                if strikes == STRIKES:
                    raise
                wrong = error
            if time.monotonic() - began > ATTEMPTS_S:
                break
        warnings.warn(
            f"This machine was not calm for the length of one attempt in {count} (held up for {worst_s * 1000:.0f} ms "
            f"in the last): shown is only what holds on any machine, not that {str(wrong).splitlines()[0]!r} is wrong."
        )


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    """How long this machine holds the tests of a module up."""
    one = Watch()
    yield one
    one.stop()


@pytest.fixture(autouse=True)
def closed_streams() -> Iterator[None]:
    """PortAudio is one for the whole process: what a test has closed is gone before the next one asks for devices.

    A daemon asks for all of it in one thread; tests have several libraries, each with a thread of its own, and a stream
    that closes late (nobody waits for it longer than CLOSE_S) would take the list from under the next one's hands.
    """
    yield
    until = time.monotonic() + 10
    for thread in threading.enumerate():
        if thread.name == THREAD:
            thread.join(max(0.0, until - time.monotonic()))
            assert not thread.is_alive(), "a sound device does not close"


# -- time that flies -----------------------------------------------------------------------------


class Flight(selectors.DefaultSelector):
    """Waits only as long as anything can be on its way, and flies over the rest."""

    GRACE_S = 0.002  # loopback needs less between a send and its arrival: both happen in this process

    def __init__(self) -> None:
        super().__init__()
        self.now_s = time.monotonic()
        self.jobs = 0  # in threads: nobody knows when they end, so nothing is flown over meanwhile

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout is None or timeout <= 0:
            return events or super().select(timeout)
        if self.jobs:
            return super().select(min(timeout, 0.05))
        events = super().select(min(timeout, self.GRACE_S))
        if not events:
            self.now_s += timeout
        return events


class SwiftLoop(asyncio.SelectorEventLoop):
    """A loop in which an hour of waiting takes no time: its clock jumps to the next timer when nothing else happens.

    It stands still meanwhile, so a machine that is held up measures the same as one that is not. Sockets are real. So a
    test keeps the product's own numbers, and may wait for them.
    """

    def __init__(self) -> None:
        self._flight = Flight()
        super().__init__(self._flight)

    def time(self) -> float:
        return self._flight.now_s

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        self._flight.jobs += 1
        job = super().run_in_executor(executor, func, *args)
        job.add_done_callback(lambda _: setattr(self._flight, "jobs", self._flight.jobs - 1))
        return job


@pytest.fixture
def swift() -> Callable[[Coroutine[Any, Any, T]], T]:
    """``swift(main())``: as ``asyncio.run``, with time that flies."""

    def run(main: Coroutine[Any, Any, T]) -> T:
        with asyncio.Runner(loop_factory=SwiftLoop) as runner:
            return runner.run(main)

    return run


# -- faults and their numbers --------------------------------------------------------------------


class Stated:
    """The numbers of a test's ``fault`` marker. What is stated is looked at, or the test fails (docs/faults.md)."""

    def __init__(self, numbers: Mapping[str, Any]) -> None:
        self._numbers, self._looked = numbers, set[str]()

    def __getattr__(self, name: str) -> Any:
        self._looked.add(name)
        return self._numbers[name]

    def unseen(self) -> set[str]:
        return set(self._numbers) - self._looked - {"lost"}


@pytest.fixture
def stated(request: pytest.FixtureRequest) -> Iterator[Stated]:
    """What the test's ``fault`` marker says; scripts/faults makes the table of docs/faults.md of it."""
    marker = request.node.get_closest_marker("fault")
    assert marker is not None, "a test that asks for its stated numbers has a fault marker"
    one = Stated(marker.kwargs)
    yield one
    assert one.unseen() == set(), "stated, and never looked at"


# -- a kiosk that lives from a file --------------------------------------------------------------


FRONT_DOOR = """\
kiosk: {{name: Front door}}
service:
  - {{dialect: local, url: "ws://127.0.0.1:9/waves/v1/s2s"}}
persona: {{instructions: Be kind.}}
talk: {{mode: voice}}
audio: {{input: "null", output: "null", volume: 0.8}}
panel: {{pins: simulated, talk: {{pin: GPIO17}}}}
tools:
  - name: unlock_door
    description: Unlock the front door.
    phrases: [unlock the door]
    class: access
    action: {{relay: {{pin: GPIO27, pulse_ms: 300}}}}
    policy: {{allow: true}}
ops: {{state_dir: {folder}/state, runtime_dir: {folder}/run}}
"""


class KioskFile:
    """A configuration of its own, in a folder as short as /run/kioskd; houses and daemons that live from it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "kioskd.yaml"
        self.text = FRONT_DOOR.format(folder=folder)
        for name in ("state", "run"):
            (folder / name).mkdir()
        self.path.write_text(self.text)

    def but(self, *edits: str) -> str:
        """The configuration with these replacements, each of which hits."""
        text = self.text
        for old, new in zip(edits[::2], edits[1::2]):
            assert old in text, f"{old!r} is not in the kiosk"
            text = text.replace(old, new)
        return text

    def live(self, play: Callable[[Any], Coroutine[Any, Any, T]], before: Callable[[Any], object] = id) -> T:
        """A house from this file as ``kioskd run`` makes it, while ``play`` plays in it. ``before``: it is opened."""
        from kioskd.app import House
        from kioskd.boot import choose

        async def main() -> T:
            house = House(*choose(str(self.path), {}), asyncio.get_running_loop().time(), set())
            before(house)
            try:
                await house.open()
                return await asyncio.wait_for(play(house), 30)
            finally:
                await house.close()

        return asyncio.run(main())

    def status(self) -> dict[str, Any]:
        """What the daemon tells of itself."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(10)
            asking.connect(str(self.folder / "run" / "look.sock"))
            asking.sendall(b'{"do": "status"}\n')
            page: dict[str, Any] = json.loads(asking.makefile("rb").readline())["status"]
            return page

    def ctl(self, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """``kioskctl``, as a process."""
        command = [sys.executable, "-m", "kioskd.ctl", "--runtime-dir", str(self.folder / "run"), *words]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=90)


class Unit:
    """systemd's part for one daemon: READY, and started again however it ended."""

    def __init__(self, kiosk: KioskFile, restart_s: float = 0.05) -> None:
        self._kiosk, self._restart_s = kiosk, restart_s
        self.told: list[str] = []  # by sd_notify
        self.starts = 0
        self._news = threading.Condition()
        self._stopping = False
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(kiosk.folder / "notify"))
        self.process = self._start()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._listen, self._tend)]
        for thread in self._threads:
            thread.start()

    def _start(self) -> subprocess.Popen[bytes]:
        env = {**os.environ, "NOTIFY_SOCKET": str(self._kiosk.folder / "notify"), "INVOCATION_ID": "0" * 32}
        command = [sys.executable, "-m", "kioskd.cli", "run", "-c", str(self._kiosk.path)]
        with open(self._kiosk.folder / "log", "ab") as log:
            process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        self.starts += 1
        return process

    def _listen(self) -> None:
        while told := self._notify.recv(8192).decode():
            with self._news:
                self.told.append(told)
                self._news.notify_all()

    def _tend(self) -> None:
        while True:
            self.process.wait()
            if self._stopping:
                return
            time.sleep(self._restart_s)
            self.process = self._start()

    def ready(self, times: int = 1) -> "Unit":
        """Wait until it has said READY so often."""
        with self._news:
            enough = self._news.wait_for(lambda: sum("READY=1" in one for one in self.told) >= times, 30)
        assert enough, (self._kiosk.folder / "log").read_text()
        return self

    def close(self) -> None:
        """End it for good."""
        self._stopping = True
        self.process.terminate()
        self.process.wait(15)
        self._threads[1].join(15)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", str(self._kiosk.folder / "notify"))
        self._threads[0].join(5)
        self._notify.close()


@pytest.fixture
def kiosk_file() -> Iterator[KioskFile]:
    """A kiosk's file; nothing runs yet."""
    folder = Path(tempfile.mkdtemp(prefix="kioskd-"))
    yield KioskFile(folder)
    shutil.rmtree(folder)


@pytest.fixture
def make_unit() -> type[Unit]:
    """Runs a kiosk's file; to be closed."""
    return Unit


@pytest.fixture
def kiosk_unit(kiosk_file: KioskFile) -> Iterator[Unit]:
    """The same, running under a manager that starts it again."""
    unit = Unit(kiosk_file).ready()
    yield unit
    unit.close()


# -- a box that is reached by ssh ------------------------------------------------------------------


class Sshd:
    """A real sshd on loopback, of this user, with keys of its own; ``box`` leads there, where ``kioskctl`` is ours."""

    def __init__(self, kiosk: KioskFile) -> None:
        self.folder = kiosk.folder / "ssh"
        self.folder.mkdir(mode=0o700)
        for name in ("host", "user"):
            keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)]
            subprocess.run(keygen, check=True)
        (self.folder / "authorized").write_text((self.folder / "user.pub").read_text())
        (self.folder / "authorized").chmod(0o600)
        bin_folder = self.folder / "bin"
        bin_folder.mkdir()
        run = f'exec {sys.executable} -m kioskd.ctl --runtime-dir {kiosk.folder}/run "$@"\n'
        (bin_folder / "kioskctl").write_text(f"#!/bin/sh\ncd {Path(__file__).resolve().parent.parent}\n{run}")
        (bin_folder / "kioskctl").chmod(0o755)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (self.folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.folder}/host\nUsePAM no\nStrictModes no\n"
            f"AuthorizedKeysFile {self.folder}/authorized\nPasswordAuthentication no\nPermitRootLogin yes\n"
            f"PidFile none\nSetEnv PATH={bin_folder}:/usr/bin:/bin\n"
        )
        host_key = " ".join((self.folder / "host.pub").read_text().split()[:2])
        (self.folder / "known").write_text(f"[127.0.0.1]:{self.port} {host_key}\n")
        self.config = self.folder / "ssh_config"
        self.config.write_text(
            f"Host *\n  Hostname 127.0.0.1\n  Port {self.port}\n  IdentityFile {self.folder}/user\n"
            f"  IdentitiesOnly yes\n  UserKnownHostsFile {self.folder}/known\n  BatchMode yes\n  LogLevel ERROR\n"
        )
        self.env = {**os.environ, "KIOSKCTL_SSH": f"ssh -F {self.config}"}
        os.makedirs("/run/sshd", exist_ok=True)  # what its unit makes; sshd wants it when it is root's
        command = ["/usr/sbin/sshd", "-D", "-e", "-f", str(self.folder / "sshd_config")]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
        assert self._process.stderr is not None
        said = b""
        while b"Server listening" not in (line := self._process.stderr.readline()):
            said += line
            assert line, said.decode()
        # It would stand still when nobody reads what it says.
        threading.Thread(target=self._process.stderr.read, daemon=True).start()

    def run(self, command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """``ssh box COMMAND``."""
        words = ["ssh", "-F", str(self.config), "box", command]
        return subprocess.run(words, input=text, capture_output=True, text=True, timeout=90)

    def kioskctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``kioskctl --host box ...``."""
        command = [sys.executable, "-m", "kioskd.ctl", "--host", "box", *words]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=90)

    def cut(self) -> None:
        """Every connection breaks: the processes that serve them are killed, what they began is not."""
        for pid in Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split():
            os.kill(int(pid), signal.SIGKILL)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)


class Tags(HTMLParser):
    """What a browser would fetch, run or show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "onload", "onclick"}

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture
def tags() -> type[Tags]:
    """Takes a page apart, and fails on one that would fetch or run something."""
    return Tags


@contextmanager
def voice_process(*faults: str) -> Iterator[str]:
    command = [sys.executable, "-m", "kioskd", "voice", "--listen", "127.0.0.1:0"]
    for fault in faults:
        command += ["--fault", fault]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.communicate(timeout=10)


@pytest.fixture
def voice() -> Callable[..., AbstractContextManager[str]]:
    """The local voice service as a process of its own, with these faults; the ``with`` gives its address."""
    return voice_process


@pytest.fixture
def sshd(kiosk_file: KioskFile) -> Iterator[Sshd]:
    """Another box, on loopback; the kiosk of ``kiosk_file`` is its kiosk."""
    one = Sshd(kiosk_file)
    yield one
    one.close()
