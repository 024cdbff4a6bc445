"""The world outside the box, played by the tester: fingers, wires, a visitor's voice, an ear at the speaker."""

from __future__ import annotations

import json
import subprocess
import time
import wave
from pathlib import Path
from typing import Any, Callable, NamedTuple

from appliance.host import ApplianceError, need
from appliance.vm import BOOT_S, Machine

TALK, RED, GREEN, BLUE, DOOR = 17, 22, 23, 24, 27  # guest/kioskd.yaml
LIGHT, FAN, HEATING = 26, 25, 16
MUTE = 18
# Where the tester plugs in: the other end of snd-aloop's cable. What is played here is what the microphone hears, and
# what is recorded here is what the speaker says.
PLUG = "plughw:Loopback,1"
HEARD = "/tmp/speaker.wav"
RATE_HZ = 16_000
OWNERS_FILE = "/etc/kioskd/kioskd.yaml"
# No finger lets go and presses again in less; an opening of some milliseconds is a bounce, and the press goes on.
BETWEEN_S = 0.3
GAP_S = 5.2  # a relay that names no min_gap_s rests for 5 s
LOOK_EVERY_S = 0.4  # a look is some ms of the guest's work


class Change(NamedTuple):
    """A line changed: seconds of the guest's CLOCK_MONOTONIC, its new level."""

    at: float
    level: int


class World:
    """Everything around one appliance.

    Args:
        machine: it was booted.
        folder: for sounds on this side.
    """

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self.channel = machine.channel
        self._folder = folder
        self._pull = ""
        self._watch = 0

    def again(self) -> None:
        """Wait until the machine has come up once more after a reset; what was found out about the old boot is void."""
        # The port outlives the guest; what is asked while nobody reads it may be lost with the old boot.
        self.channel.reborn(BOOT_S)
        self._pull, self._watch = "", 0

    # -- lines -----------------------------------------------------------------------------------

    def finger(self, down: bool, offset: int = TALK) -> None:
        """Press or release a button, which connects its line to ground."""
        level = "pull-down" if down else "pull-up"
        self.channel.shell(f"echo {level} >{self.pull(offset)}")

    def pull(self, offset: int) -> str:
        """The file in the guest that is a line's world outside: written with pull-up and pull-down."""
        if not self._pull:
            found = self.channel.shell("ls -d /sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio0")
            self._pull = found.strip().removesuffix("0")
        return f"{self._pull}{offset}/pull"

    def hold(self, seconds: float, offset: int = TALK) -> None:
        """A press of that length, in the guest's own time. The finger comes, as fingers do, a moment after the last."""
        path = self.pull(offset)
        press = f"echo pull-down >{path}; sleep {seconds}; echo pull-up >{path}"
        self.channel.shell(f"sleep {BETWEEN_S}; {press}", seconds + 20)

    def watch(self, *offsets: int) -> None:
        """Begin to write down how lines change; ends what was written before."""
        # Whoever was here before us, on a machine that stands, may have left one.
        self.channel.run("systemctl", "stop", "appliance-lines-*.service")
        self._watch += 1
        unit, out = f"appliance-lines-{self._watch}", self.changes_file()
        self.channel.run("rm", "-f", out)
        program = ["/usr/bin/python3", "/usr/local/lib/appliance/lines.py", out, *map(str, offsets)]
        self.channel.must("systemd-run", "--quiet", "--collect", f"--unit={unit}", "--nice=-10", *program)
        self.channel.until("the wires are watched", f"test $(wc -l <{out}) -ge {len(offsets)}", 20)

    def changes_file(self) -> str:
        """Where in the guest it is written down."""
        return f"/tmp/lines-{self._watch}.jsonl"

    def changes(self, offset: int) -> list[Change]:
        """How a watched line stood at first, and each change since."""
        text = self.channel.read(self.changes_file()).decode()
        rows: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
        return [Change(row["at"], row["level"]) for row in rows if row["line"] == offset]

    def pulses(self, offset: int = DOOR) -> list[tuple[float, float | None]]:
        """Each time that the line was on: since when, and for how many seconds; None: it still is."""
        found: list[tuple[float, float | None]] = []
        for change in self.changes(offset):
            if change.level:
                found.append((change.at, None))
            elif found and found[-1][1] is None:
                found[-1] = (found[-1][0], change.at - found[-1][0])
        return found

    def wait_for_level(self, level: int, seconds: float, offset: int = DOOR) -> None:
        """Until the line stands so; raises as ``Channel.until``."""
        path = self.changes_file()
        script = f"grep '\"line\": {offset},' {path} | tail -n 1 | grep -q '\"level\": {level}'"
        self.channel.until(f"line {offset} at {level}", script, seconds, 0.1)

    # -- sound -----------------------------------------------------------------------------------

    def speech(self, text: str) -> str:
        """A WAV of that sentence, in the guest; its path there."""
        need("espeak-ng")
        path = self._folder / "visitor.wav"
        command = ["espeak-ng", "-v", "en-us", "-s", "145", "-w", str(path), text]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        there = "/tmp/visitor.wav"
        self.channel.write(there, path.read_bytes())
        return there

    def say(self, path: str, before_s: float = 0.3, after_s: float = 0.6) -> None:
        """Hold the talk button and speak: down, a moment, the WAV to its end, a moment, up. All in the guest's time."""
        pull = self.pull(TALK)
        play = f"aplay -q -D {PLUG} {path}"
        self.channel.shell(
            f"echo pull-down >{pull}; sleep {before_s}; {play}; said=$?; sleep {after_s}; echo pull-up >{pull}; "
            "exit $said",
            60,
        )

    def speak(self, path: str) -> None:
        """Speak, and press nothing."""
        self.channel.must("aplay", "-q", "-D", PLUG, path, seconds=60)

    def listen(self, seconds: float) -> None:
        """Begin to record what the speaker says, for at most so long of the guest's time."""
        self.stop_listening()
        command = ["arecord", "-q", "-D", PLUG, "-f", "S16_LE", "-c", "1", "-r", str(RATE_HZ), "-d", str(int(seconds))]
        self.channel.must("systemd-run", "--quiet", "--collect", "--unit=appliance-ear", *command, HEARD)

    def stop_listening(self) -> None:
        """The recording ends, and its WAV is whole."""
        self.channel.run("systemctl", "stop", "appliance-ear.service")

    def heard(self) -> Path:
        """What the speaker has said since ``listen``, on this side."""
        self.stop_listening()
        path = self._folder / "speaker.wav"
        path.write_bytes(self.channel.read(HEARD))
        return path

    # -- its owner -------------------------------------------------------------------------------

    def configure(self, edits: str, seconds: float = 60.0) -> None:
        """Edit the file as its owner would, and start the kiosk with it.

        Args:
            edits: of sed.
        """
        self.channel.shell(f"sed -i '{edits}' {OWNERS_FILE} && sync")
        self.channel.must("systemctl", "restart", "kioskd.service", seconds=seconds)
        self.ready(seconds)

    def set_clock(self) -> None:
        """As time servers would: the clock of a machine that counts its work falls behind while ours is busy."""
        self.channel.must("date", "-s", f"@{int(time.time())}")

    # -- what the kiosk says of itself -----------------------------------------------------------

    def look(self) -> tuple[float, dict[str, Any]]:
        """The status page as look.sock tells it, and when (the guest's CLOCK_MONOTONIC); {}: no kiosk answers."""
        at, said = self.channel.look("status")
        return at, (said or {}).get("status", {})

    def status(self) -> dict[str, Any]:
        """The status page.

        Raises:
            ApplianceError: no daemon answers.
        """
        _, page = self.look()
        if not page:
            raise ApplianceError("no kiosk answers at look.sock")
        return page

    def until(
        self, what: str, holds: Callable[[dict[str, Any]], object], seconds: float
    ) -> tuple[float, dict[str, Any]]:
        """Look until the status page is so; when it was (the guest's CLOCK_MONOTONIC), and the page.

        Raises:
            ApplianceError: it never was; ``what`` says what was awaited.
        """
        began = None
        while True:
            at, page = self.look()
            began = began or at
            if page and holds(page):
                return at, page
            # By its own clock: ours goes on while the machine has no time for it.
            if at - began > seconds * self.channel.scale:
                why = page.get("health") or "no kiosk answers"
                raise ApplianceError(f"not within {seconds * self.channel.scale:.0f} s: {what} ({why})")
            time.sleep(LOOK_EVERY_S)

    def well(self, seconds: float = 40.0) -> float:
        """Until the kiosk says that all is well; since when."""
        return self.until("it is well", lambda page: page["health"]["ok"], seconds)[0]

    def asked(self, seconds: float = 40.0) -> None:
        """Until a hand is asked for."""
        waits = "confirming"
        self.until(
            "a hand is asked for", lambda page: waits in [each["state"] for each in page["session"]["calls"]], seconds
        )

    def opened(self) -> None:
        """A visitor asks for the door, confirms, it opens once, closes and may be asked for again; ``watch`` before."""
        self.say(self.speech("open the front door"))
        self.asked()
        self.hold(1.2)
        self.wait_for_level(1, 20)
        self.wait_for_level(0, 20)
        self.channel.shell(f"sleep {GAP_S}")

    def now(self) -> float:
        """The guest's CLOCK_MONOTONIC."""
        return self.look()[0]

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """Properties of a unit."""
        wanted = [f"--property={name}" for name in names]
        text = self.channel.must("systemctl", "show", unit, *wanted)
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def ready(self, seconds: float = 40.0) -> None:
        """Until kioskd.service has said READY=1; raises as ``Channel.until``."""
        script = "systemctl is-active --quiet kioskd.service"
        self.channel.until("kioskd.service is active", script, seconds, 1.0)

    def journal(self, since: str = "") -> list[dict[str, Any]]:
        """The journal of kioskd's units, each line with its CLOCK_MONOTONIC microseconds."""
        units = ["-u", "kioskd.service", "-u", "kioskd-voice.service"]
        after = [f"--after-cursor={since}"] if since else []
        text = self.channel.must("journalctl", "-b", "-o", "json", "--no-pager", *units, *after, seconds=30)
        return [json.loads(line) for line in text.splitlines()]

    def journal_line(self, pattern: str) -> str:
        """The last message of kioskd.service, or of systemd about it, that has this (grep -E); empty: none has."""
        script = f"journalctl -b -u kioskd.service -o cat --no-pager | grep -E '{pattern}' | tail -n 1"
        return self.channel.shell(script, 30).strip()


def loudest(path: Path) -> int:
    """The highest sample of a 16 bit WAV, 0 to 32767."""
    with wave.open(str(path), "rb") as sound:
        pcm = sound.readframes(sound.getnframes())
    return max(map(abs, memoryview(pcm[: len(pcm) // 2 * 2]).cast("h")), default=0)
