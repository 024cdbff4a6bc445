"""Hours of it: conversations, drops, freezes and reloads at random from a printed seed; a table and plots at the end.

The daemon lives through all of it: what ends it is the business of tests/appliance. Nothing here may make a relay move
beyond its intents, lose a turn without a word about it in the journal, or make the daemon grow.
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any, Callable, NamedTuple

from appliance.host import ApplianceError, say
from appliance.slope import picture, slope
from appliance.vm import Machine
from appliance.world import DOOR, World

# Guest time between two doings: the door has a rate limit (policy.rate, six a minute) and the relay a gap.
REST_S = (5.0, 30.0)
PROCESS = """
pid=$(systemctl show kioskd -p MainPID --value)
awk '/^Pss:/ {print $2}' /proc/$pid/smaps_rollup
ls /proc/$pid/fd | wc -l
ls /proc/$pid/task | wc -l
awk '{print $14 + $15}' /proc/$pid/stat
cut -d' ' -f1 /proc/uptime
echo $pid
"""


class Sample(NamedTuple):
    """One look at the daemon: seconds since the first one, PSS, descriptors, threads, CPU; and its own counters."""

    at_s: float
    pss_kb: int
    fds: int
    threads: int
    cpu_s: float
    pid: int
    xruns: int
    connects: int
    turns: int
    answered: int
    lost: int
    rejected: int
    pulses: int
    committed: int


def sample(world: World, since_s: float) -> Sample:
    """Look now."""
    pss, fds, threads, ticks, up, pid = world.channel.shell(PROCESS, 30).split()
    said = world.status()
    counters: dict[str, Any] = said["counters"]
    audio = said["audio"]
    return Sample(
        at_s=round(float(up) - since_s, 1),
        pss_kb=int(pss),
        fds=int(fds),
        threads=int(threads),
        cpu_s=int(ticks) / 100,
        pid=int(pid),
        xruns=audio["capture"]["xruns"] + audio["playback"]["xruns"],
        connects=said["link"]["connects"],
        turns=counters["turns"],
        answered=counters["turns_answered"],
        lost=counters["turns_lost"],
        rejected=counters["turns_rejected"],
        pulses=counters["relay_pulses"],
        committed=counters["actions"]["ledger"]["committed"],
    )


class Doings:
    """What can happen to a kiosk on a long day. Each returns when it has happened."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self._world, self._chance = world, chance
        self.count: dict[str, int] = {}
        self._path = world.speech("open the front door")

    def one(self) -> str:
        """Something, by chance; its name."""
        sorts: list[tuple[Callable[[], None], int]] = [
            (self.visitor, 8),
            (self.nobody_confirms, 2),
            (self.press, 2),
            (self.drop, 2),
            (self.freeze, 1),
            (self.reload, 1),
            (self.network, 1),
        ]
        doing = self._chance.choices([each for each, _ in sorts], [weight for _, weight in sorts])[0]
        self.count[doing.__name__] = self.count.get(doing.__name__, 0) + 1
        try:
            doing()
        except ApplianceError as error:
            # A turn that was lost in the middle of a fault asks for no hand: the table counts it.
            self.count["cut short"] = self.count.get("cut short", 0) + 1
            say(f"  {doing.__name__}: {error}")
        return doing.__name__

    def visitor(self) -> None:
        """Asks for the door and confirms."""
        self._world.say(self._path)
        self._asked()
        self._world.hold(1.2)

    def nobody_confirms(self) -> None:
        """Asks for the door and goes away."""
        self._world.say(self._path)
        self._asked()

    def _asked(self) -> None:
        self._world.asked(10)

    def press(self) -> None:
        """A child at the button."""
        self._world.hold(round(self._chance.uniform(0.05, 0.5), 2))

    def drop(self) -> None:
        """The voice service dies, perhaps in the middle of an answer."""
        if self._chance.random() < 0.5:
            self._world.say(self._path)
        self._world.channel.run("systemctl", "kill", "-s", "KILL", "kioskd-voice.service")

    def freeze(self) -> None:
        """The daemon gets no processor for a moment, as under a backup or a slow card."""
        seconds = round(self._chance.uniform(0.2, 3.0), 1)
        kill = "systemctl kill --kill-whom=main -s"
        self._world.channel.shell(f"{kill} STOP kioskd; sleep {seconds}; {kill} CONT kioskd")

    def reload(self) -> None:
        """Somebody reloads the file."""
        self._world.channel.run("kioskctl", "reload")

    def network(self) -> None:
        """The cable is pulled and put back."""
        self._world.machine.command("set_link", name="nic", up=False)
        self._world.channel.shell("sleep 2")
        self._world.machine.command("set_link", name="nic", up=True)


def soak(image: Path, arch: str, hours: float, seed: int, out: Path) -> int:
    """Run it; exit status 0 when every promise held, 1 when one did not.

    Raises:
        ApplianceError: the machine did not come up, or fell over.
    """
    out.mkdir(parents=True, exist_ok=True)
    machine = Machine(image, arch)
    say(f"{hours} h with seed {seed} ({'KVM' if machine.kvm else 'emulated'}); samples in {out}")
    try:
        machine.boot()
        world = World(machine, out)
        world.ready(60)
        machine.network()
        world.watch(DOOR)
        try:
            samples, doings = _live(world, hours, seed, out)
            pulses = len(world.pulses())
            lines = [str(row.get("MESSAGE")) for row in world.journal()]
        finally:
            machine.collect(out, (world.changes_file(),))
    finally:
        machine.close()
    table, ok = report(samples, doings.count, pulses, lines, f"scripts/appliance soak --hours {hours:g} --seed {seed}")
    (out / "soak.md").write_text(table)
    series = (("memory", "kB PSS", 1), ("file descriptors", "open", 2), ("threads", "alive", 3))
    for title, unit, column in series:
        points = [(each.at_s, float(each[column])) for each in samples]
        (out / f"{title.replace(' ', '_')}.svg").write_text(picture(title, unit, points))
    print(table)
    return 0 if ok else 1


def _live(world: World, hours: float, seed: int, out: Path) -> tuple[list[Sample], Doings]:
    chance = random.Random(seed)
    doings = Doings(world, chance)
    since_s = float(world.channel.shell("cut -d' ' -f1 /proc/uptime"))
    samples = [sample(world, since_s)]
    told = time.monotonic()
    with (out / "samples.jsonl").open("w") as file:
        while samples[-1].at_s < hours * 3600:
            name = doings.one()
            world.channel.shell(f"sleep {chance.uniform(*REST_S):.1f}", 60)
            world.until("somebody answers", bool, 30)
            samples.append(sample(world, since_s))
            file.write(json.dumps({"doing": name, **samples[-1]._asdict()}) + "\n")
            file.flush()
            if time.monotonic() - told > 300:
                told = time.monotonic()
                say(f"  {samples[-1].at_s / 3600:.2f} h, {samples[-1].turns} turns, {samples[-1].pss_kb} kB")
    return samples, doings


def report(
    samples: list[Sample], count: dict[str, int], seen_pulses: int, journal: list[str], command: str
) -> tuple[str, bool]:
    """The table, and whether every promise held.

    Args:
        seen_pulses: of the door's line, as the kernel had it.
        journal: every message of kioskd's units.
    """
    last = samples[-1]
    # The first tenth is warming up: caches, the first session.
    settled = [(each.at_s, float(each.pss_kb)) for each in samples if each.at_s > last.at_s / 10]
    told = sum("turn: given up" in line for line in journal)
    promises = {
        "one process from beginning to end": len({each.pid for each in samples}) == 1,
        "the relay moved once for each intent": seen_pulses == last.pulses == last.committed,
        "no turn was lost without a word in the journal": told >= last.lost,
        "nothing raised": not any("Traceback" in line for line in journal),
    }
    grows = "too few samples"
    if len(settled) > 10:
        found = slope(settled)
        grows = f"{found.per_hour:+.0f} kB an hour, give or take {found.give:.0f}"
        promises["memory does not grow, or not so that it can be told"] = found.is_none or found.per_hour < 0
    rows = {
        "time in the guest": f"{last.at_s / 3600:.2f} h, {len(samples)} samples",
        "what happened": ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in sorted(count.items())),
        "memory (PSS), first and last": f"{samples[0].pss_kb} kB, {last.pss_kb} kB",
        "memory, slope": grows,
        "file descriptors, most and last": f"{max(each.fds for each in samples)}, {last.fds}",
        "threads, most and last": f"{max(each.threads for each in samples)}, {last.threads}",
        "CPU": f"{last.cpu_s - samples[0].cpu_s:.0f} s",
        "xruns": str(last.xruns),
        "connections": str(last.connects),
        "turns: all, answered, lost, rejected": f"{last.turns}, {last.answered}, {last.lost}, {last.rejected}",
        "door: intents, pulses, as the kernel saw it": f"{last.committed}, {last.pulses}, {seen_pulses}",
        **{f"promise: {name}": "held" if ok else "BROKEN" for name, ok in promises.items()},
    }
    text = "".join(f"| {name} | {value} |\n" for name, value in rows.items())
    return f"`{command}`\n\n| what | seen |\n| --- | --- |\n{text}", all(promises.values())
