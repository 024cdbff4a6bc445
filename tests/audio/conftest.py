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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

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
