"""What the units promise, tried on a booted systemd: what is forbidden is tried, from inside each sandbox.

The tests stand in their order, as a story on one machine, and leave the kiosk as they found it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from appliance.world import World

WHERE = {"qemu", "box"}
ROOT = Path(__file__).resolve().parents[2]
WORST_EXPOSURE = 1.5  # the bound for 257
YAML = "/etc/kioskd/kioskd.yaml"
PYTHON = "/usr/lib/kioskd/venv/bin/python"
PROBE = "/usr/local/lib/appliance-probe.py"
PROGRAM = "/usr/local/bin/appliance-program"

# Each line is tried in a sandbox; what it prints is what could be done.
TRIES = {
    "write /etc": "open('/etc/probe', 'w')",
    "write /usr": "open('/usr/probe', 'w')",
    "read /etc/shadow": "open('/etc/shadow').read(1)",
    "see a home": "os.listdir('/root')",
    "see another process": "open('/proc/1/environ').read(1)",
    "read the kernel's log": "os.open('/dev/kmsg', os.O_RDONLY)",
    "read memory": "os.open('/dev/mem', os.O_RDONLY)",
    "read the disk": "os.open(disk(), os.O_RDONLY)",
    "make a device": "os.mknod(os.path.join(here(), 'null'), 0o20666, os.makedev(1, 3))",
    "set the clock": "time.clock_settime(time.CLOCK_REALTIME, time.time())",
    "name the host": "socket.sethostname('probe')",
    "mount": "check(libc.mount(b'x', b'/mnt', b'tmpfs', 0, None))",
    "make a namespace": "check(libc.unshare(0x10000000))",
    "trace a process": "check(libc.ptrace(16, 1, None, None))",
    "execute what it wrote": "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
    "leave a set-user-id file": "suid()",
    "take real-time priority": "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))",
    "become another user": "os.setuid(1)",
    "give a file away": "os.chown(written(), -1, other_group())",
    "open a raw socket": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "ask the bus": "socket.socket(socket.AF_UNIX).connect('/run/dbus/system_bus_socket')",
    "ask for a program": "socket.socket(socket.AF_UNIX).connect('/run/kioskd-tool.sock')",
    "change the kiosk": "socket.socket(socket.AF_UNIX).connect('/run/kioskd/change.sock')",
    "open a way out": "socket.socket(socket.AF_INET).connect(('10.255.255.1', 9))",
    "read the configuration": "open('/etc/kioskd/kioskd.yaml').read(1)",
    "read the ledger": "os.listdir('/var/lib/kioskd')",
    "write the state": "open('/var/lib/kioskd/probe', 'w').close() or os.unlink('/var/lib/kioskd/probe')",
    "see the sound cards": "open('/proc/asound/cards').read()",
    "keep a database": "database()",
}
FORBIDDEN = set(TRIES) - {"keep a database"}
# What the daemon is there for. (The bus: it may ask logind to switch the machine off. A program: by its own socket.)
DAEMON_MAY = {"ask the bus", "ask for a program", "change the kiosk", "read the configuration", "read the ledger"}
DAEMON_MAY |= {"write the state", "see the sound cards", "open a way out", "keep a database"}
SCRIPT = """
import ctypes, errno, grp, glob, json, mmap, os, socket, sqlite3, sys, tempfile, time
libc = ctypes.CDLL(None, use_errno=True)
socket.setdefaulttimeout(0.2)
def check(code):
    if code == -1: raise OSError(ctypes.get_errno(), 'refused')
def here(): return os.environ.get('STATE_DIRECTORY', tempfile.gettempdir()).split(':')[0]
def written():
    path = os.path.join(here(), 'probe-file'); open(path, 'w').close(); return path
def suid():
    path = written(); os.chmod(path, 0o4755)
    if not os.stat(path).st_mode & 0o4000: raise OSError(1, 'refused')
def disk(): return next(iter(glob.glob('/dev/[vs]d[a-z]')), '/dev/no-disk')
def other_group():
    return next(one.gr_gid for one in grp.getgrall() if one.gr_gid not in (os.getgid(), *os.getgroups()))
def database():
    with sqlite3.connect(os.path.join(here(), 'probe.db')) as base:
        base.execute('create table if not exists probe (a)'); base.execute('insert into probe values (1)')
    os.unlink(os.path.join(here(), 'probe.db'))
could = []
for name, code in json.loads(TRIES).items():
    try:
        exec(code); could.append(name)
    except TimeoutError: could.append(name)
    except OSError as error:
        if MAY_DIAL and name == 'open a way out' and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            could.append(name)  # the machine has no way, and the sandbox did not say no
print('COULD ' + json.dumps(could))
"""


def could(text: str) -> set[str]:
    """What the probe says that it could do."""
    found = re.findall(r"COULD (\[.*\])", text)
    assert found, text
    return set(json.loads(found[-1]))


def in_the_sandbox_of(world: World, unit: str, may_dial: bool) -> set[str]:
    """Run the probe by a copy of the unit that differs in what it starts, and in nothing else."""
    script = f"TRIES = {json.dumps(json.dumps(TRIES))}\nMAY_DIAL = {may_dial}\n{SCRIPT}"
    world.channel.write(PROBE, script.encode(), 0o755)
    text = world.channel.must("systemctl", "cat", unit)
    keep = [
        line
        for line in text.splitlines()
        if not re.match(r"(ExecStart|ExecReload|ExecStopPost|Restart|Type|NotifyAccess|Watchdog|Requires|Wants)", line)
    ]
    at = keep.index("[Service]") + 1
    keep[at:at] = [f"ExecStart={PYTHON} {PROBE}", "Type=oneshot"]
    world.channel.write("/run/systemd/system/appliance-probe.service", "\n".join(keep).encode())
    world.channel.must("systemctl", "daemon-reload")
    world.channel.must("systemctl", "start", "appliance-probe.service", seconds=60)
    return could(world.channel.shell("journalctl -b -u appliance-probe.service --no-pager -o cat | tail -n 5"))


def test_the_running_units_are_exposed_to_little(world: World) -> None:
    world.ready(60)
    print(world.channel.shell("systemctl --version | head -n 1").strip())
    for unit in ("kioskd.service", "kioskd-voice.service", "kioskd-tool@1.service"):
        said = world.channel.shell(f"systemd-analyze --no-pager security {unit} | tail -n 2", 30)
        found = re.search(r"Overall exposure level for .*: ([0-9.]+)", said)
        assert found is not None, said
        print(found[0])
        assert float(found[1]) <= WORST_EXPOSURE


def test_systemd_finds_nothing_wrong_with_the_units(world: World) -> None:
    units = "kioskd.service kioskd-voice.service kioskd-voice.socket kioskd-tool.socket kioskd-tool@1.service"
    assert world.channel.shell(f"systemd-analyze --no-pager verify {units} 2>&1", 60) == ""


def test_both_sockets_have_their_groups_though_the_daemon_knows_no_chown(world: World) -> None:
    assert world.channel.shell("stat -c '%U:%G %a' /run/kioskd/look.sock /run/kioskd/change.sock").splitlines() == [
        "kioskd:kioskd 660",
        "kioskd:kioskd-admin 660",
    ]
    as_games = ["runuser", "-u", "games", "--"]
    assert world.channel.run(*as_games, "kioskctl", "mute").code == 77
    assert world.channel.run(*as_games, "kioskctl", "status").code == 77
    looks = ["setpriv", "--reuid=games", "--regid=games", "--groups=kioskd", "--"]
    assert world.channel.run(*looks, "kioskctl", "status", "--json").code in (0, 1)
    assert world.channel.run(*looks, "kioskctl", "mute").code == 77
    changes = ["setpriv", "--reuid=games", "--regid=games", "--groups=kioskd,kioskd-admin", "--"]
    assert world.channel.run(*changes, "kioskctl", "mute").code == 0
    assert world.channel.run(*changes, "kioskctl", "unmute").code == 0


def test_in_the_daemon_s_sandbox_what_is_forbidden_fails_and_what_it_needs_works(world: World) -> None:
    done = in_the_sandbox_of(world, "kioskd.service", True)
    print(sorted(done))
    cards = set() if world.channel.run("test", "-e", "/proc/asound/cards").code == 0 else {"see the sound cards"}
    assert done == DAEMON_MAY - cards


def test_in_the_voice_service_s_sandbox_nothing_but_its_own_memory_can_be_had(world: World) -> None:
    done = in_the_sandbox_of(world, "kioskd-voice.service", False)
    print(sorted(done))
    # The bus is a unix socket, and the journal wants those; the bus lets a stranger ask for nothing of weight.
    assert done <= {"keep a database", "ask the bus"}


def declare(world: World, name: str, command: list[str], timeout_s: int) -> None:
    """One more tool, in the root-owned configuration."""
    action = {"program": {"command": command, "timeout_s": timeout_s}}
    tool: dict[str, object] = {"name": name, "description": "A program.", "phrases": [name], "class": "notify"}
    tool.update(action=action, policy={"allow": True})
    text = world.channel.read(YAML).decode()
    world.channel.write(YAML, f"{text.rstrip()}\n  - {json.dumps(tool)}\n".encode(), 0o640)
    world.channel.shell(f"chgrp kioskd {YAML}")


def asked(world: World, name: str, command: list[str], user: str = "kioskd") -> dict[str, object]:
    """What the runner answers to that user."""
    code = (
        "import json, sys; from kioskd.actions.delegate import Delegate;"
        "from kioskd.config.action import ProgramAction;"
        "d = Delegate(sys.argv[1], ProgramAction(command=tuple(sys.argv[2:]), timeout_s=5), lambda: False,"
        " '/run/kioskd-tool.sock'); print(json.dumps(d.run(None, {})._asdict()))"
    )
    said = world.channel.must("runuser", "-u", user, "--", PYTHON, "-c", code, name, *command, seconds=60)
    answer: dict[str, object] = json.loads(said)
    return answer


def test_a_tool_s_program_runs_as_nobody_special_in_a_sandbox_of_its_own(world: World) -> None:
    before = world.channel.read(YAML)
    head = f"#!{PYTHON}\nTRIES = {json.dumps(json.dumps(TRIES))}\nMAY_DIAL = False\n"
    tail = "print('USER ' + os.popen('id -u -n').read())\n"
    world.channel.write(PROGRAM, (head + SCRIPT + tail).encode(), 0o755)
    declare(world, "probe", [PROGRAM], 60)
    declare(world, "sleeper", ["/bin/sleep", "600"], 2)
    try:
        done = asked(world, "probe", [PROGRAM])
        output = json.loads(str(done["result"]))["output"]
        print(output)
        assert done["ok"] and "USER kioskd-tool" in output and could(output) == {"keep a database"}
        late = asked(world, "sleeper", ["/bin/sleep", "600"])
        assert "killed after 2 s" in str(late["reason"])
        assert world.channel.run("pgrep", "-f", "/bin/sleep 600").code == 1
        assert "declares no tool" in str(asked(world, "sleeper", ["/bin/sleep", "601"])["reason"])
        assert "Permission denied" in str(asked(world, "probe", [PROGRAM], user="games")["reason"])
        world.channel.shell(f"chmod g+w {PROGRAM}")
        assert "may be written by others" in str(asked(world, "probe", [PROGRAM])["reason"])
    finally:
        world.channel.write(YAML, before, 0o640)
        world.channel.shell(f"chgrp kioskd {YAML}")


def test_reload_returns_when_it_is_done_and_fails_when_the_configuration_is_bad(world: World) -> None:
    assert world.channel.run("systemctl", "reload", "kioskd", seconds=60).code == 0
    before = world.channel.read(YAML)
    pid = world.show("kioskd.service", "MainPID", "NRestarts")
    world.channel.shell(f"echo 'nonsense: 1' >>{YAML}")
    refused = world.channel.run("systemctl", "reload", "kioskd", seconds=60)
    world.channel.write(YAML, before, 0o640)
    world.channel.shell(f"chgrp kioskd {YAML}")
    print(refused.err.strip())
    assert refused.code != 0
    said = world.channel.shell("journalctl -b -u kioskd --no-pager -o cat | grep 'nothing has changed' | tail -n 1")
    print(said.strip())
    assert "nonsense: is not a key" in said
    assert world.show("kioskd.service", "MainPID", "NRestarts") == pid
    assert world.channel.run("systemctl", "reload", "kioskd", seconds=60).code == 0
    unit = world.show("kioskd.service", "ActiveState", "StatusText")
    print(unit["StatusText"])
    assert unit["ActiveState"] == "active" and unit["StatusText"]


def test_with_a_bad_configuration_at_boot_the_last_good_one_runs_and_says_so(world: World) -> None:
    world.channel.until("it was kept", 'kioskctl status --json | grep -Eq \'"good": *"[0-9a-f]{8}\'', 60)
    before = world.channel.read(YAML)
    world.channel.shell(f"echo 'nonsense: 1' >>{YAML}")
    try:
        world.channel.must("systemctl", "restart", "kioskd.service", seconds=60)
        status = world.status()
        # Health is told once a second.
        script = "systemctl show kioskd -p StatusText | grep 'last good configuration runs'"
        text = world.channel.until("systemd is told", script, 5, 0.2)
    finally:
        world.channel.write(YAML, before, 0o640)
        world.channel.shell(f"chgrp kioskd {YAML}")
    print(text)
    assert status["config"]["running"] == "last good" and not status["health"]["ok"]
    assert "nonsense" in text
    assert world.channel.run("systemctl", "reload", "kioskd", seconds=60).code == 0
    assert world.status()["config"]["running"] == "file"


def test_it_is_started_again_however_often_it_ends(world: World) -> None:
    first = int(world.show("kioskd.service", "NRestarts")["NRestarts"])
    for more in range(1, 7):  # one more than systemd's own limit of five starts in ten seconds
        world.channel.shell("systemctl kill -s KILL kioskd.service")
        script = f"test $(systemctl show kioskd -p NRestarts --value) -ge {first + more}"
        world.channel.until("it is started again", script, 30, 0.2)
        world.ready(60)
    print(world.show("kioskd.service", "NRestarts", "ActiveState"))


def test_one_that_stands_still_is_killed_by_the_watchdog_and_started_again(world: World) -> None:
    world.well()  # before READY=1 there is no watchdog
    first = int(world.show("kioskd.service", "NRestarts")["NRestarts"])
    began = world.now()
    world.channel.shell("systemctl kill -s STOP kioskd.service")
    again = f"test $(systemctl show kioskd -p NRestarts --value) -gt {first}"
    world.channel.until("it is started again", again, 30, 0.2)
    world.ready(60)
    took_s = world.now() - began
    print(f"frozen, and well again {took_s:.1f} s later")
    assert "Watchdog timeout" in world.journal_line("Watchdog timeout")
    assert took_s < 10 + 1 + 2 + 10  # WatchdogSec, TimeoutAbortSec, RestartSec, a start


def test_a_child_that_eats_all_memory_does_not_end_the_kiosk(world: World) -> None:
    assert world.show("kioskd.service", "OOMPolicy", "Restart") == {"OOMPolicy": "continue", "Restart": "always"}


def test_real_time_priority_comes_with_the_drop_in_and_goes_with_it(world: World) -> None:
    place = "/run/systemd/system/kioskd.service.d"
    assert world.status()["audio"]["realtime"] == {"allowed": 0, "given": {}, "problem": ""}
    world.channel.shell(f"mkdir -p {place} && cp /usr/share/kioskd/kioskd-realtime.conf {place}/realtime.conf")
    world.channel.shell("systemctl daemon-reload && systemctl restart kioskd", 60)
    world.ready(60)
    said = world.channel.shell("systemd-analyze --no-pager security kioskd.service | tail -n 2", 30)
    print(said.strip())
    assert float(re.findall("level for .*: ([0-9.]+)", said)[0]) <= WORST_EXPOSURE
    if world.channel.run("prlimit", "--rtprio=20:20", "true").code:
        print("root may not raise RLIMIT_RTPRIO here: the kiosk runs with the drop-in, and without the priority")
        world.well()
        assert world.status()["audio"]["realtime"]["given"] == {}
    else:
        world.channel.until("it has it", "kioskctl status --json | grep -q kioskd-play", 20)
        print(world.status()["audio"]["realtime"])
        classes = world.channel.shell("ps -L -o comm=,cls=,rtprio= -p $(systemctl show kioskd -p MainPID --value)")
        print(classes)
        assert world.status()["audio"]["realtime"]["given"] == {"kioskd-play": 20, "kioskd-capture": 19}
        assert len(re.findall(r"\bFF\b", classes)) == 2
    world.channel.shell(f"rm -r {place} && systemctl daemon-reload && systemctl restart kioskd", 60)
    world.ready(60)
    assert world.status()["audio"]["realtime"]["given"] == {}


def test_nobody_but_kioskd_may_switch_the_machine_off(world: World) -> None:
    ask = ["busctl", "call", "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"]
    if world.channel.run("test", "-e", "/usr/lib/polkit-1/polkitd").code:
        print("polkit is not installed: logind lets nobody but root, and doctor says so")
        assert "yes" not in world.channel.run("runuser", "-u", "kioskd", "--", *ask, "CanPowerOff").out
        return
    assert "yes" in world.channel.must("runuser", "-u", "kioskd", "--", *ask, "CanPowerOff")
    assert "yes" not in world.channel.run("runuser", "-u", "games", "--", *ask, "CanPowerOff").out
    assert "yes" not in world.channel.run("runuser", "-u", "kioskd", "--", *ask, "CanHibernate").out


def test_an_end_that_asks_for_more_time_is_given_it(world: World) -> None:
    """The daemon's own notifier; with the unit's time alone the process would be killed after one second."""
    code = (
        "import os, signal, time; from kioskd.ops.systemd import Notifier; told = Notifier(os.environ);"
        "end = lambda *_: (told.stopping(8.0), time.sleep(3), print('ended by itself'), exit(0));"
        "signal.signal(signal.SIGTERM, end);"
        "told.ready('waiting'); signal.pause()"
    )
    unit = "appliance-ending"
    options = [f"--unit={unit}", "--property=Type=notify", "--property=TimeoutStopSec=1"]
    world.channel.must("systemd-run", "--quiet", *options, PYTHON, "-u", "-c", code, seconds=60)
    assert world.show(f"{unit}.service", "StatusText") == {"StatusText": "waiting"}
    world.channel.must("systemctl", "stop", f"{unit}.service", seconds=60)
    said = world.channel.shell(f"journalctl -b -u {unit} --no-pager -o cat")
    print(said)
    assert "ended by itself" in said and "SIGKILL" not in said


def test_the_catalogue_explains_what_the_journal_holds(world: World) -> None:
    if world.channel.run("sh", "-c", "journalctl --list-catalog | grep -q 'kioskd runs'").code:
        world.channel.must("journalctl", "--update-catalog")
    said = world.channel.shell("journalctl -b -u kioskd -x --no-pager | grep -A 8 'Subject: kioskd runs' | head -n 8")
    print(said)
    assert "Every room is open" in said
