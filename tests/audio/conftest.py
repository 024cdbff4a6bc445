"""A sound server without hardware for the tests marked ``sound``: PulseAudio on null sinks, reached the way a kiosk
reaches a card (PortAudio, ALSA, ALSA's pulse plugin).

The session's own server lives as long as the tests. ``frail_server`` is a second one that a test may kill. A machine
without PulseAudio fails these tests; it does not skip them.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kioskd.audio.doctor.take import Take
from kioskd.audio.doctor.stimulus import RATE_HZ, programme
from kioskd.audio.doctor.sweep import power, to_pcm

from kioskd.audio.card_input import CardInput
from kioskd.audio.card_output import CardOutput
from kioskd.audio.cards import Kernel
from kioskd.audio.streams import DeviceError

PROGRAMS = ("pulseaudio", "pacat", "parec", "pactl")

# norewinds: without it a null sink ticks every 2 s and the first write stalls for 1.5 s.
MODULES = (
    "module-null-sink sink_name=spk norewinds=1 rate=48000 channels=1 format=s16le",
    "module-null-sink sink_name=micfeed norewinds=1 rate=16000 channels=1 format=s16le",
    "module-null-source source_name=silence rate=16000 channels=1",
)

# What PortAudio lists, by name.
ASOUND = """
</usr/share/alsa/alsa.conf>
pcm.kmic {{ type pulse server "{main}" device "micfeed.monitor" }}
pcm.kspk {{ type pulse server "{main}" device "spk" }}
pcm.kloop {{ type pulse server "{main}" device "spk.monitor" }}
pcm.ksil {{ type pulse server "{main}" device "silence" }}
pcm.kfrailmic {{ type pulse server "{frail}" device "micfeed.monitor" }}
pcm.kfrailspk {{ type pulse server "{frail}" device "spk" }}
"""


def _require(programs: tuple[str, ...]) -> None:
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.fail(f"{', '.join(missing)} not installed; scripts/test installs the sound server these tests need")


def start_pulse(root: Path) -> subprocess.Popen[bytes]:
    """Start one PulseAudio under ``root`` and wait until it answers. End it with ``stop_pulse``."""
    for name in ("pulse", "state"):
        (root / name).mkdir(mode=0o700, exist_ok=True)
    places = {
        "XDG_RUNTIME_DIR": str(root),
        "HOME": str(root),
        "PULSE_RUNTIME_PATH": str(root / "pulse"),
        "PULSE_STATE_PATH": str(root / "state"),
    }
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--realtime=no"]
    command += ["--high-priority=no", "--disable-shm=yes"]
    for module in (f"module-native-protocol-unix socket={root / 'pulse.sock'} auth-anonymous=1", *MODULES):
        command += ["-L", module]
    with open(root / "log", "wb") as log:
        server = subprocess.Popen(command, env={**os.environ, **places}, stdout=log, stderr=log)
    ask = ["pactl", "-s", f"unix:{root / 'pulse.sock'}", "list", "short", "sources"]
    until = time.monotonic() + 10
    while time.monotonic() < until and server.poll() is None:
        answer = subprocess.run(ask, capture_output=True, timeout=10)
        if answer.returncode == 0 and b"silence" in answer.stdout:
            return server
        time.sleep(0.05)
    stop_pulse(server)
    pytest.fail(f"PulseAudio did not start: {(root / 'log').read_text()[-500:]}")


def stop_pulse(server: subprocess.Popen[bytes]) -> None:
    """End a server that ``start_pulse`` gave; twice is harmless."""
    if server.poll() is None:
        server.send_signal(signal.SIGKILL)
    server.wait(10)


@dataclass
class Recording:
    """What the speaker played, S16_LE mono; complete when the ``with`` of ``SoundServer.hear`` has ended."""

    rate_hz: int
    pcm: bytearray = field(default_factory=bytearray)
    running: threading.Event = field(default_factory=threading.Event)

    def wait(self, length_bytes: int, timeout_s: float = 5.0) -> bool:
        """Until so much has been recorded."""
        until = time.monotonic() + timeout_s
        while len(self.pcm) < length_bytes and time.monotonic() < until:
            time.sleep(0.005)
        return len(self.pcm) >= length_bytes


@dataclass(frozen=True)
class SoundServer:
    """A running sound server, and the device specs by which a kiosk reaches it."""

    root: Path
    mic_spec: str = "alsa:kmic"  # hears what ``speak`` says
    spk_spec: str = "alsa:kspk"  # ``hear`` records it
    silent_mic_spec: str = "alsa:ksil"
    loop_mic_spec: str = "alsa:kloop"  # hears the speaker
    frail_mic_spec: str = "alsa:kfrailmic"  # there while ``frail_server`` runs
    frail_spk_spec: str = "alsa:kfrailspk"

    @property
    def address(self) -> str:
        """For PULSE_SERVER and ``pulse:SERVER``."""
        return f"unix:{self.root / 'pulse.sock'}"

    @contextmanager
    def speak(self, pcm: bytes, rate_hz: int = 16000) -> Iterator[subprocess.Popen[bytes]]:
        """Say S16_LE mono into the microphone while the ``with`` lasts; it goes on by itself in real time."""
        command = ["pacat", "--playback", "-s", self.address, "-d", "micfeed", "--raw", "--format=s16le"]
        command += ["--channels=1", f"--rate={rate_hz}", "--latency-msec=20"]
        speaker = subprocess.Popen(command, stdin=subprocess.PIPE)
        assert speaker.stdin is not None
        feeder = threading.Thread(target=_feed, args=(speaker, pcm), daemon=True)
        feeder.start()
        try:
            yield speaker
        finally:
            speaker.kill()
            speaker.wait(10)
            feeder.join(10)

    @contextmanager
    def hear(self, rate_hz: int = 48000) -> Iterator[Recording]:
        """Record the speaker while the ``with`` lasts; the recorder runs when the body begins."""
        command = ["parec", "-s", self.address, "-d", "spk.monitor", "--raw", "--format=s16le"]
        command += ["--channels=1", f"--rate={rate_hz}", "--latency-msec=10"]
        recorder = subprocess.Popen(command, stdout=subprocess.PIPE)
        recording = Recording(rate_hz)
        reader = threading.Thread(target=_collect, args=(recorder, recording), daemon=True)
        reader.start()
        try:
            assert recording.running.wait(10), "the recorder did not start"
            yield recording
        finally:
            recorder.terminate()
            recorder.wait(10)
            reader.join(10)


def _feed(speaker: subprocess.Popen[bytes], pcm: bytes) -> None:
    assert speaker.stdin is not None
    try:
        with speaker.stdin as pipe:
            pipe.write(pcm)
    except OSError:
        pass  # the test ended before the speech did


def _collect(recorder: subprocess.Popen[bytes], recording: Recording) -> None:
    assert recorder.stdout is not None
    with recorder.stdout as pipe:
        while piece := os.read(pipe.fileno(), 4096):
            recording.pcm += piece
            recording.running.set()


@pytest.fixture(scope="session")
def sound_server() -> Iterator[SoundServer]:
    """The session's sound server. Sets ALSA_CONFIG_PATH for this process: PortAudio reads it when it starts."""
    _require(PROGRAMS)
    with tempfile.TemporaryDirectory(prefix="kioskd-sound-") as folder:
        root = Path(folder)
        config = root / "asound.conf"
        main, frail = f"unix:{root / 'pulse.sock'}", f"unix:{root / 'frail' / 'pulse.sock'}"
        config.write_text(ASOUND.format(main=main, frail=frail))
        before = os.environ.get("ALSA_CONFIG_PATH")
        os.environ["ALSA_CONFIG_PATH"] = str(config)
        server = start_pulse(root)
        try:
            yield SoundServer(root)
        finally:
            stop_pulse(server)
            if before is None:
                del os.environ["ALSA_CONFIG_PATH"]
            else:
                os.environ["ALSA_CONFIG_PATH"] = before


@pytest.fixture(autouse=True)
def patient(request: pytest.FixtureRequest) -> Iterator[None]:
    """Opening a device that is there may take as long as this machine likes. What is about a ``fault`` keeps the
    daemon's own patience: behind it the device is given up, and tried again."""
    if "sound_server" not in request.fixturenames or "fault" in request.fixturenames:
        yield
        return
    from kioskd.audio import port  # not where a test needs no PortAudio

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(port, "OPEN_S", 15.0)
        yield


@pytest.fixture
def frail_server(sound_server: SoundServer) -> Iterator[subprocess.Popen[bytes]]:
    """A second server behind the ``frail`` specs, for a test to kill (``stop_pulse`` or ``.kill()``)."""
    root = sound_server.root / "frail"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(mode=0o700)
    server = start_pulse(root)
    try:
        yield server
    finally:
        stop_pulse(server)


class Tree:
    """A machine's /proc and /sys/class/sound, made of files: cards that can be plugged in, pulled and held."""

    def __init__(self, root: Path) -> None:
        self.proc, self.sysfs = root / "proc", root / "sys" / "class" / "sound"
        (self.proc / "asound").mkdir(parents=True)
        self.sysfs.mkdir(parents=True)
        self._cards: dict[int, str] = {}
        self._write()

    @property
    def kernel(self) -> Kernel:
        return Kernel(self.proc, self.sysfs)

    def plug(self, number: int, card_id: str, name: str, usb: str = "", has: str = "cp") -> None:
        """Plug a card in: ``usb`` is its port, ``has`` the letters of its directions."""
        at = f"at usb-{usb}, full speed" if usb else "soc"
        self._cards[number] = f"{number:2d} [{card_id:<15}]: Driver - {name}\n{'':22}{name} {at}\n"
        for letter in has:
            sub = self.proc / "asound" / f"card{number}" / f"pcm0{letter}" / "sub0"
            sub.mkdir(parents=True)
            (sub / "status").write_text("closed\n")
        device = self.sysfs.parent.parent / "devices" / "platform" / f"soc{number}"
        if usb:
            bus, ports = usb.split("-")
            hops = ports.split(".")
            way = [f"{bus}-{'.'.join(hops[: n + 1])}" for n in range(len(hops))]
            device = self.sysfs.parent.parent.joinpath("devices", "pci0000:00", f"usb{bus}", *way, f"{usb}:1.0")
        device.mkdir(parents=True, exist_ok=True)
        (self.sysfs / f"card{number}").mkdir()
        (self.sysfs / f"card{number}" / "device").symlink_to(device)
        self._write()

    def pull(self, number: int) -> None:
        """Pull it out."""
        del self._cards[number]
        shutil.rmtree(self.proc / "asound" / f"card{number}")
        shutil.rmtree(self.sysfs / f"card{number}")
        self._write()

    def hold(self, number: int, letter: str, pid: int, name: str = "", fd: bool = True, owner: bool = False) -> None:
        """Let a process have it open: seen by its files, as ALSA's owner, or both; without a name it is hidden."""
        process = self.proc / str(pid)
        (process / "fd").mkdir(parents=True, exist_ok=True)
        (process / "comm").write_text(f"{name}\n")
        if fd:
            (process / "fd" / "7").symlink_to(f"/dev/snd/pcmC{number}D0{letter}")
        if owner:
            status = self.proc / "asound" / f"card{number}" / f"pcm0{letter}" / "sub0" / "status"
            status.write_text(f"state: RUNNING\nowner_pid   : {pid}\ntrigger_time: 1.2\n")
        if not name:
            shutil.rmtree(process)

    def _write(self) -> None:
        text = "".join(self._cards.values()) or "--- no soundcards ---\n"
        (self.proc / "asound" / "cards").write_text(text)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A machine without sound cards, for a test to plug them in."""
    return Tree(tmp_path)


# -- a synthetic room for the doctor -----------------------------------------------------------------


def room_take(
    *,
    delay_ms: float = 80.0,
    loss_db: float = 12.0,
    rt60_s: float = 0.3,
    reverb: float = 0.03,
    noise_dbfs: float = -60.0,
    limit: float = 9.0,
    volume: float = 1.0,
    cut_s: float = 0.0,
    offset: float = 0.0,
) -> Take:
    """What the doctor of a kiosk in such a room would record.

    The echo comes ``delay_ms`` after it was written, ``loss_db`` softer, followed by ``reverb`` (against the direct
    sound) that falls by 60 dB in ``rt60_s``; the speaker clips at ``limit``.
    """
    said = programme(volume)
    at = np.arange(round(max(rt60_s, 0.001) * 1.2 * RATE_HZ)) / RATE_HZ
    tail = reverb * np.random.default_rng(4).standard_normal(len(at)) * 10 ** (-3 * at / max(rt60_s, 0.001))
    taps, size = np.concatenate((np.ones(1), tail)), 1 << 19
    bent = np.clip(said.samples, -limit, limit)
    echo = np.fft.irfft(np.fft.rfft(bent, size) * np.fft.rfft(taps, size), size)
    echo *= np.sqrt(power(said.samples[said.judged]) * 10 ** (-loss_db / 10) / power(echo[said.judged]))
    quiet_s, after_s = 1.0, 1.5
    lead = round((quiet_s + delay_ms / 1000) * RATE_HZ)
    length = round((quiet_s + said.seconds + after_s - cut_s) * RATE_HZ)
    raw = np.zeros(length)
    raw[lead:] = echo[: length - lead]
    raw += offset + 10 ** (noise_dbfs / 20) * np.random.default_rng(5).standard_normal(length)
    lead_in = np.zeros(480)
    return Take(
        raw=to_pcm(raw),
        clean=None,
        raw_at=100.0,
        played=to_pcm(np.concatenate((lead_in, said.samples, lead_in))),
        played_hz=RATE_HZ,
        played_at=100.0 + quiet_s - len(lead_in) / RATE_HZ,
        latency_s=0.03,
        volume=volume,
    )


@pytest.fixture(name="room_take")
def room_take_fixture() -> Callable[..., Take]:
    """Makes what the doctor would record in a room of given delay, loss, decay, noise and speaker."""
    return room_take


# A direction alone is not taken away but held still: the server would move the stream to another device by itself, be
# it the speaker's monitor, and nothing would be missing.
STILL = {"deaf": "micfeed", "dumb": "spk"}


class Fault:
    """What befalls the frail server, and its end; each gives the time at which it was done."""

    def __init__(self, kind: str, root: Path, process: subprocess.Popen[bytes]) -> None:
        self.kind, self.root, self.process = kind, root, process
        self.second: subprocess.Popen[bytes] | None = None
        self.names = root.parent / "asound.conf"  # what PortAudio lists, in this order
        self.before = self.names.read_text()

    def strike(self) -> float:
        """Let it happen; when it began, for a part may notice it before this returns."""
        began = time.monotonic()
        if self.kind in ("killed", "moved"):
            self.process.kill()
            self.process.wait(10)
        elif self.kind == "hangs":
            self.process.send_signal(signal.SIGSTOP)
        elif self.kind in STILL:
            self._pactl("suspend-sink", STILL[self.kind], "1")
        else:
            for line in self._pactl("list", "short", "modules").splitlines():
                if "null-s" in line:
                    self._pactl("unload-module", line.split()[0])
        return began

    def end(self) -> float:
        """Let it be over; when it was."""
        if self.kind == "moved":
            first, rest = self.before.split("\n", 2)[1:]
            others = (rest.splitlines()[0].replace("kmic", f"kother{n}") for n in range(3))
            self.names.write_text("\n".join(["", first, *others, rest]))
        if self.kind in ("killed", "moved"):
            self.second = start_pulse(self.root)
        elif self.kind == "hangs":
            self.process.send_signal(signal.SIGCONT)
        elif self.kind in STILL:
            self._pactl("suspend-sink", STILL[self.kind], "0")
        else:
            for module in MODULES:
                self._pactl("load-module", *module.split())
        return time.monotonic()

    def _pactl(self, *words: str) -> str:
        command = ["pactl", "-s", f"unix:{self.root / 'pulse.sock'}", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout

    def clear(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
        if self.second is not None:
            stop_pulse(self.second)
        if self.kind == "moved":
            self.names.write_text(self.before)


@pytest.fixture
def fault(
    sound_server: SoundServer, frail_server: subprocess.Popen[bytes], request: pytest.FixtureRequest
) -> Iterator[Fault]:
    """What befalls the frail server: ``killed``, ``moved`` (killed, and its devices come back under other indices),
    ``unloaded`` (it loses its devices), ``deaf`` and ``dumb`` (microphone or speaker stands still) or ``hangs``.
    """
    one = Fault(request.param, sound_server.root / "frail", frail_server)
    yield one
    one.clear()


# -- a stream whose answers the test writes ---------------------------------------------------------


class Script:
    """PyAudio's stream: what is available is read off a list, the last answer stays."""

    def __init__(self, available: list[Any]) -> None:
        self.answers = available
        self.entered = 0
        self.closed = 0
        self.gives: int | None = None  # at most so many bytes a read
        self.latency_s = 0.01
        self.given = b""  # counted bytes, so that none can be missing or come twice

    def _available(self) -> int:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return int(answer)

    get_read_available = get_write_available = _available

    def get_input_latency(self) -> float:
        return self.latency_s

    get_output_latency = get_input_latency

    def read(self, frames: int, exception_on_overflow: bool) -> bytes:
        assert not exception_on_overflow
        self.entered += 1
        first = len(self.given)
        pcm = bytes(n % 251 for n in range(first, first + 2 * frames))[: self.gives]
        self.given += pcm
        return pcm

    def write(self, pcm: bytes, frames: int, exception_on_underflow: bool) -> None:
        assert not exception_on_underflow and len(pcm) == 2 * frames
        self.entered += 1


class Shelf:
    """A library that gives one scripted stream; what was stale is fresh once it has been closed."""

    def __init__(self, script: Script, is_card: bool = False) -> None:
        self.script, self.is_card, self.stale = script, is_card, False
        self.rate_hz: int | None = None
        self.gone = ""

    def open(self, spec: str, direction: str, want_rate_hz: int) -> tuple[Any, int, int, bool]:
        if self.gone:
            raise DeviceError(self.gone)
        return self.script, self.rate_hz or want_rate_hz, 1, self.is_card

    def close(self, stream: Any) -> None:
        stream.closed += 1
        self.stale = False


@pytest.fixture
def scripted() -> Any:
    """Makers of ``Script`` and ``Shelf``."""
    return SimpleNamespace(Script=Script, Shelf=Shelf)


@pytest.fixture
def microphone() -> Callable[..., tuple[CardInput, Script, Shelf]]:
    """Open one that answers so."""

    def make(*available: Any, is_card: bool = False, latency_s: float = 0.01) -> tuple[CardInput, Script, Shelf]:
        script = Script(list(available))
        script.latency_s = latency_s
        shelf = Shelf(script, is_card)
        return CardInput("alsa:x", 16000, shelf), script, shelf

    return make


@pytest.fixture
def speaker() -> Callable[..., tuple[CardOutput, Script, Shelf]]:
    """Open one that answers so."""

    def make(*available: Any) -> tuple[CardOutput, Script, Shelf]:
        script = Script(list(available))
        shelf = Shelf(script)
        return CardOutput("alsa:x", 24000, shelf), script, shelf

    return make
