"""The stage of scripts/run: the real daemon and the real voice service as processes, a visitor in a WAV, a finger."""

from __future__ import annotations

import json
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import wave
from pathlib import Path
from typing import Iterator, Mapping

import yaml
from story import Story

from kioskd.core.phrases import describe
from kioskd.core.resample import make_resampler

DOOR = "unlock_door"
ANSWERS = {"door": "The front door is open now. Please come in."}
PHRASES = ("unlock the front door", "unlock the door", "open the front door", "open the door")
HOLD_MS = 600
REACTION_S = 0.3  # nobody's finger is faster
# --serve: the visitor comes again and again, so that there is time to type.
SERVE_TIMES, SERVE_EVERY_S, SERVE_CONFIRM_S = 20, 30.0, 20
# The visitor begins to speak this long after the daemon was started: a box on a wall is up long before anyone comes.
LEAD_S = 2.5
TOOLS = [
    {
        "type": "function",
        "name": DOOR,
        "description": describe("Unlock the front door for the visitor.", PHRASES),
        "parameters": {"type": "object", "properties": {}},
    }
]


class StageError(Exception):
    """The play cannot go on; the text says why and what would help."""


def configuration(out: Path, runtime: Path, port: int, live: bool, confirm_s: int) -> str:
    """The kiosk.yaml of this run: simulated pins, sound from and to files."""
    tree = {
        "kiosk": {"name": "demonstration"},
        "service": [{"dialect": "local", "url": f"ws://127.0.0.1:{port}/waves/v1/s2s"}],
        "talk": {"mode": "voice", "linger_s": 5},
        "audio": {
            "input": "default" if live else f"file:{out / 'request.wav'}",
            "output": "default" if live else f"file:{out / 'answer.wav'}",
        },
        "panel": {
            "pins": "simulated",
            "talk": {"pin": "GPIO17"},
            "lamp": {"red": "GPIO22", "green": "GPIO23", "blue": "GPIO24"},
        },
        "tools": [
            {
                "name": DOOR,
                "description": "Unlock the front door for the visitor.",
                "phrases": list(PHRASES),
                "class": "access",
                "action": {"relay": {"pin": "GPIO27", "pulse_ms": 1000}},
                "policy": {"allow": True, "confirm": "button", "hold_ms": HOLD_MS, "confirm_s": confirm_s},
                "say_done": ANSWERS["door"],
            }
        ],
        "ops": {
            "state_dir": str(out),
            "runtime_dir": str(runtime),
            "timeline": str(out / "timeline.jsonl"),
            "wire_log": str(out / "wire.jsonl"),
        },
    }
    return yaml.safe_dump(tree, sort_keys=False)


def speak(text: str, path: Path, times: int = 1, every_s: float = 0.0) -> None:
    """Write what the visitor says as a 16 kHz WAV, with silence before and after."""
    if not any(letter.isalnum() for letter in text):
        raise StageError("--say needs some words")
    try:
        command = ["espeak-ng", "-v", "en-us", "-s", "145", "--stdin", "--stdout"]
        made = subprocess.run(command, input=text.encode(), capture_output=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        raise StageError(f"espeak-ng cannot speak ({error}); apt-get install espeak-ng") from error
    rate_hz = int.from_bytes(made.stdout[24:28], "little")
    pcm = make_resampler(rate_hz, 16_000).process(made.stdout[44:] + bytes(rate_hz // 2 * 2))
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(bytes(int(LEAD_S * 16_000) * 2))
        for _ in range(times):
            sound.writeframes(pcm + bytes(max(32_000, int(every_s * 16_000) * 2 - len(pcm))))


def control_folder() -> Path:
    """Where the control sockets go: never where an installed kioskd has its own, which may start at any moment.

    Not --out: the path of a unix socket has 107 bytes at most (unix(7)).
    """
    return Path(tempfile.mkdtemp(prefix="kioskd-"))


class Stage:
    """Processes, files and the finger of one run."""

    def __init__(self, out: Path, story: Story, *, confirm: bool, live: bool, serve: bool) -> None:
        self.out, self.story, self.confirm, self.live, self.serve = out.resolve(), story, confirm, live, serve
        try:
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StageError(f"--out {out} cannot be used: {error.strerror}") from error
        for name in ("request.wav", "answer.wav", "timeline.jsonl", "wire.jsonl", "ledger.db", "ledger.db-wal"):
            (self.out / name).unlink(missing_ok=True)
        self.runtime = control_folder()
        self._processes: list[subprocess.Popen[bytes]] = []
        self.relay_on = self.relay_off = 0
        self.asked_hand = self.sounded = False
        self.say = ""
        self.lost = ""  # why the daemon gave the turn up, in its own words

    def open(self, say: str) -> None:
        """Write the files, start the voice service and the daemon."""
        self.say = say
        if not self.live:
            again = (SERVE_TIMES, SERVE_EVERY_S) if self.serve else (1, 0.0)
            speak(say, self.out / "request.wav", *again)
        port = self._start_voice()
        config = self.out / "kiosk.yaml"
        config.write_text(configuration(self.out, self.runtime, port, self.live, SERVE_CONFIRM_S if self.serve else 8))
        self._start("kioskd.log", "run", "-c", str(config))

    def _start(self, log: str, *args: str, stdout: int | None = None) -> subprocess.Popen[bytes]:
        with open(self.out / log, "wb") as errors:
            process = subprocess.Popen([sys.executable, "-m", "kioskd", *args], stderr=errors, stdout=stdout)
        self._processes.append(process)
        return process

    def _start_voice(self) -> int:
        process = self._start("voice.log", "voice", "--listen", "127.0.0.1:0", stdout=subprocess.PIPE)
        assert process.stdout is not None
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ)
            line = process.stdout.readline().decode() if ready.select(30) else ""
        found = re.search(r":(\d+)/", line)
        if not found:
            raise StageError(f"the local voice service did not start; see {self.out / 'voice.log'}")
        return int(found[1])

    def _ask(self, name: str, request: Mapping[str, object]) -> socket.socket:
        deadline = time.monotonic() + 20
        while True:
            asking = socket.socket(socket.AF_UNIX)
            try:
                asking.connect(str(self.runtime / name))
                asking.sendall(json.dumps(request).encode() + b"\n")
                return asking
            except OSError as error:
                asking.close()
                if self._processes[-1].poll() is not None or time.monotonic() > deadline:
                    raise StageError(f"the daemon does not answer ({error}); see {self.out / 'kioskd.log'}") from error
                time.sleep(0.02)

    def notes(self, longest_s: float) -> Iterator[dict[str, object]]:
        """The daemon's notes as they happen; ends quietly after ``longest_s``."""
        deadline = time.monotonic() + longest_s
        asking = self._ask("look.sock", {"do": "watch"})
        with asking, asking.makefile("rb") as lines:
            while (left := deadline - time.monotonic()) > 0:
                asking.settimeout(left)
                try:
                    line = lines.readline()
                except TimeoutError:
                    return
                if not line:
                    return
                note = json.loads(line)
                if "kind" in note:
                    yield note

    def finger(self, hold_ms: int) -> None:
        """Hold the talk button down."""
        for verb, pause_s in (("press", hold_ms / 1000), ("release", 0.0)):
            with self._ask("change.sock", {"do": "panel", "verb": verb, "name": "talk"}) as asking:
                asking.settimeout(5)
                reply = json.loads(asking.makefile("rb").readline())
            if not reply.get("ok"):
                raise StageError(f"the button cannot be pressed: {reply.get('error')}")
            time.sleep(pause_s)

    def conversation(self, longest_s: float) -> None:
        """Follow the timeline, play the finger, until the conversation rests."""
        for note in self.notes(longest_s):
            self.story.note(note)
            kind, text = note["kind"], str(note["text"])
            if kind == "part" and text.startswith("capture absent"):
                raise StageError(f"{text}; without a microphone nobody is heard")
            if kind == "decision" and note.get("verdict") == "confirm":
                self.asked_hand = True
                threading.Thread(target=self._hold, daemon=True).start()
            elif kind == "relay":
                self.relay_on += bool(note.get("on"))
                self.relay_off += not note.get("on")
            elif kind == "speech" and note.get("answer"):
                self.sounded = True
            elif kind == "link" and text.startswith("asleep") and self.sounded:
                return
            elif kind == "turn" and note.get("lost"):
                self.lost = text
                return
        self.story.line("(the conversation did not come to rest in time)")

    def _hold(self) -> None:
        time.sleep(REACTION_S)
        if self.live:
            self.story.line("           >>> press Enter to hold the button")
            sys.stdin.readline()
        if not self.confirm:
            self.story.line("           (nobody holds the button)")
            return
        self.story.line(f"           (a finger holds the button for {HOLD_MS + 200} ms)")
        self.finger(HOLD_MS + 200)

    def stay(self) -> int:
        """Wait for the daemon, or for Ctrl-C or SIGTERM, which end it in order."""
        signal.signal(signal.SIGTERM, lambda *_: self._processes[-1].send_signal(signal.SIGTERM))
        try:
            return self._processes[-1].wait()
        except KeyboardInterrupt:
            return self.stop()

    def stop(self) -> int:
        """End the daemon in order; its exit status."""
        daemon = self._processes[-1]
        daemon.send_signal(signal.SIGTERM)
        try:
            return daemon.wait(10)
        except subprocess.TimeoutExpired as error:
            raise StageError("the daemon did not end within 10 s of SIGTERM") from error

    def close(self) -> None:
        """End what still runs."""
        for process in reversed(self._processes):
            if process.poll() is None:
                process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
            if process.stdout is not None:
                process.stdout.close()
        shutil.rmtree(self.runtime, ignore_errors=True)  # sockets of a daemon that has ended
