"""A sound server without a sound card: PulseAudio on sinks that keep time by the clock, reached through PortAudio and
ALSA as the daemon reaches a card.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Mapping

from benchmarks.figure import ProbeFailed

NEEDED = ("pulseaudio", "pactl", "pacat")
PLUGIN = "libasound_module_pcm_pulse.so"
# norewinds: without it a null sink ticks every two seconds, and the first write waits for it.
SINKS = (
    "module-null-sink sink_name=speaker norewinds=1 rate=48000 channels=1 format=s16le",
    "module-null-sink sink_name=visitor norewinds=1 rate=16000 channels=1 format=s16le",
)
# The names by which PortAudio lists the devices.
MICROPHONE, SPEAKER, ECHO = "alsa:bmic", "alsa:bspk", "alsa:bloop"
ALSA = """</usr/share/alsa/alsa.conf>
pcm.bmic {{ type pulse server "{server}" device "visitor.monitor" }}
pcm.bspk {{ type pulse server "{server}" device "speaker" }}
pcm.bloop {{ type pulse server "{server}" device "speaker.monitor" }}
"""
START_S = 10.0
# From the speaker back to the microphone.
WALL_MS = 40


@dataclass(frozen=True, slots=True)
class Sound:
    """The devices of a daemon on the bench.

    Attributes:
        real: PortAudio streams; False: the paced ports of audio/paced.py.
        why: for the detail of a figure.
        env: for the daemon's process.
    """

    real: bool
    why: str
    microphone: str
    speaker: str
    env: Mapping[str, str]
    server: str = ""

    @contextmanager
    def saying(self, pcm: Path) -> Iterator[None]:
        """Play S16_LE mono 16 kHz of a file into the microphone while the ``with`` lasts."""
        command = ["pacat", "--playback", "-s", self.server, "-d", "visitor", "--raw", "--format=s16le"]
        command += ["--channels=1", "--rate=16000", "--latency-msec=20"]
        with open(pcm, "rb") as source:
            player = subprocess.Popen(command, stdin=source)
        try:
            yield
        finally:
            player.kill()
            player.wait(10)

    @contextmanager
    def echoing(self, share_pct: int = 30) -> Iterator[None]:
        """Let the microphone hear the speaker while the ``with`` lasts: a wall, some metres away."""
        command = ["pactl", "-s", self.server]
        wall = ["module-loopback", "source=speaker.monitor", "sink=visitor", f"latency_msec={WALL_MS}"]
        number = subprocess.run([*command, "load-module", *wall], capture_output=True, text=True).stdout.strip()
        rows = subprocess.run([*command, "list", "short", "sink-inputs"], capture_output=True, text=True).stdout
        stream = next((row.split()[0] for row in reversed(rows.splitlines())), "")
        if not number or not stream:
            raise ProbeFailed("the sound server has no module-loopback to bring the speaker to the microphone")
        subprocess.run([*command, "set-sink-input-volume", stream, f"{share_pct}%"])
        try:
            yield
        finally:
            subprocess.run([*command, "unload-module", number])


@contextmanager
def sound(paced: str = "null") -> Iterator[Sound]:
    """Real PyAudio streams where this machine can have them; else the paced ports, with ``paced`` as microphone."""
    missing = what_is_missing()
    if missing:
        why = f"paced ports instead of PyAudio streams: {missing}"
        yield Sound(False, why, paced, "null", {})
        return
    with tempfile.TemporaryDirectory(prefix="kioskd-bench-") as folder:
        root = Path(folder)
        server = f"unix:{root / 'pulse.sock'}"
        (root / "asound.conf").write_text(ALSA.format(server=server))
        process = start(root)
        try:
            env = {"ALSA_CONFIG_PATH": str(root / "asound.conf")}
            why = "PyAudio streams through ALSA's pulse plugin to a PulseAudio without hardware"
            yield Sound(True, why, MICROPHONE, SPEAKER, env, server)
        finally:
            stop(process)


def what_is_missing() -> str:
    """What must be installed for real streams; empty when all is there."""
    programs = [name for name in NEEDED if shutil.which(name) is None]
    if programs:
        return f"{', '.join(programs)} not installed (apt-get install pulseaudio pulseaudio-utils)"
    if not any(Path("/usr/lib").glob(f"**/alsa-lib/{PLUGIN}")):
        return "ALSA's pulse plugin is not installed (apt-get install libasound2-plugins)"
    return ""


def start(root: Path) -> subprocess.Popen[bytes]:
    """Start a PulseAudio under ``root`` and wait until it answers.

    Raises:
        ProbeFailed: it does not.
    """
    for name in ("pulse", "state"):
        (root / name).mkdir(mode=0o700)
    places = {"XDG_RUNTIME_DIR": root, "HOME": root, "PULSE_RUNTIME_PATH": root / "pulse"}
    places["PULSE_STATE_PATH"] = root / "state"
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
    command += ["--realtime=no", "--high-priority=no", "--disable-shm=yes"]
    for module in (f"module-native-protocol-unix socket={root / 'pulse.sock'} auth-anonymous=1", *SINKS):
        command += ["-L", module]
    env = {**os.environ, **{name: str(place) for name, place in places.items()}}
    with open(root / "log", "wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    ask = ["pactl", "-s", f"unix:{root / 'pulse.sock'}", "list", "short", "sinks"]
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        if b"visitor" in subprocess.run(ask, capture_output=True, timeout=START_S).stdout:
            return process
        time.sleep(0.05)
    stop(process)
    said = (root / "log").read_text(errors="replace").strip().splitlines()
    raise ProbeFailed(f"PulseAudio did not start: {said[-1] if said else 'it said nothing'}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)
