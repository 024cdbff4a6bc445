"""What systemd is told, and what the log may never hold."""

from __future__ import annotations

import io
import logging
import os
import re
import socket
import time
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

from kioskd.core.catalogue import BY_NAME, mark
from kioskd.ops.systemd import SAME_LINE_A_MINUTE, Bounded, Journal, Lines, Notifier, setup_logging


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A real notify socket, as the manager's."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path)
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        yield listening


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def test_the_manager_hears_ready_status_watchdog_and_the_end(manager: socket.socket) -> None:
    notifier = Notifier({**os.environ, "WATCHDOG_USEC": "10000000"})
    notifier.ready("all is\nwell")
    notifier.watchdog()
    notifier.status("no microphone")
    notifier.stopping()
    said = [manager.recv(4096).decode() for _ in range(4)]
    assert said == ["READY=1\nSTATUS=all is well", "WATCHDOG=1", "STATUS=no microphone", "STOPPING=1"]


def test_an_end_that_needs_longer_than_the_unit_gives_says_so(manager: socket.socket) -> None:
    Notifier(os.environ).stopping(20.5)
    assert manager.recv(4096).decode() == "STOPPING=1\nEXTEND_TIMEOUT_USEC=20500000"


def test_a_reload_is_told_with_its_time(manager: socket.socket) -> None:
    before = time.monotonic_ns() // 1000
    Notifier(os.environ).reloading()
    head, _, usec = manager.recv(4096).decode().partition("\nMONOTONIC_USEC=")
    assert head == "RELOADING=1" and before <= int(usec) <= time.monotonic_ns() // 1000


def test_a_manager_that_is_gone_is_counted_and_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notifier = Notifier({**os.environ, "WATCHDOG_USEC": "10000000"})
    notifier.ready("x")
    notifier.watchdog()
    assert notifier.unheard == 2


def test_nobody_listens_and_nothing_is_said() -> None:
    notifier = Notifier({})
    notifier.ready("x")
    notifier.watchdog()
    assert notifier.watchdog_period_s is None and notifier.fed == 1


@pytest.mark.parametrize(
    ("usec", "pid", "period_s"),
    [
        ("10000000", "", 5.0),
        ("500000", str(os.getpid()), 0.25),
        ("10000000", str(os.getpid() + 1), None),
        ("x", "", None),
        ("0", "", None),
    ],
)
def test_the_watchdog_is_fed_at_half_its_time(usec: str, pid: str, period_s: float | None) -> None:
    assert Notifier({"WATCHDOG_USEC": usec, "WATCHDOG_PID": pid}).watchdog_period_s == period_s


def test_a_pipe_gets_priorities_on_every_line_and_no_secret() -> None:
    stream = io.StringIO()
    setup_logging("info", {}, stream, redact=lambda text: text.replace("sk_canary", "***"))
    try:
        raise ValueError("bad key sk_canary")
    except ValueError:
        logging.getLogger("kioskd.link").exception("dialling with %s", "sk_canary")
    lines = stream.getvalue().splitlines()
    assert "sk_canary" not in stream.getvalue() and "***" in stream.getvalue()
    assert len(lines) > 3 and all(line.startswith("<3>") for line in lines)


def test_frames_are_not_logged_even_at_debug() -> None:
    setup_logging("debug", {}, io.StringIO())
    assert not logging.getLogger("websockets.client").isEnabledFor(logging.DEBUG)


def test_a_sentence_that_repeats_is_bounded_and_counted() -> None:
    now = [0.0]
    bounded = Bounded(lambda: now[0])

    def record() -> logging.LogRecord:
        return logging.LogRecord("kioskd", logging.WARNING, "", 0, "the microphone is gone", None, None)

    let = sum(bool(bounded.filter(record())) for _ in range(100))
    assert let == SAME_LINE_A_MINUTE and bounded.kept_back == 80
    now[0] = 61.0
    told = record()
    assert bounded.filter(told) and "80 more like this" in told.getMessage()


def test_a_terminal_is_not_taken_for_the_journal(tmp_path: Path) -> None:
    with open(tmp_path / "log", "w") as stream:
        setup_logging("info", {"JOURNAL_STREAM": "1:2"}, stream)
        assert type(logging.getLogger().handlers[0]) is Lines


def test_the_journals_own_stream_gets_the_journals_handler(tmp_path: Path) -> None:
    with open(tmp_path / "log", "w") as stream:
        facts = os.fstat(stream.fileno())
        setup_logging("info", {"JOURNAL_STREAM": f"{facts.st_dev}:{facts.st_ino}"}, stream)
        assert type(logging.getLogger().handlers[0]).__name__ == "Journal"


# -- the units ---------------------------------------------------------------------------------------

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("kioskd.service", "kioskd-voice.service", "kioskd-tool@.service")
UNITS = (*SERVICES, "kioskd-voice.socket", "kioskd-tool.socket")
# Not in kioskd.service.d: there it would be in force.
REALTIME = "kioskd-realtime.conf"
INSTALLED = "/usr/lib/kioskd/venv/bin"
# systemd's own scale from 0 to 10, where a service without any sandbox has 9.6. Measured with 252 and 257 alike: 1.3,
# 0.2 and 1.2; with the drop-in for real-time priority the first has 1.5.
WORST_EXPOSURE = 1.5


def directives(unit: str) -> dict[str, list[str]]:
    """Every value of every directive, in order."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "systemd" / unit).read_text().splitlines():
        if "=" in line and line[0] not in "#;":
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


@pytest.fixture
def unit_files(tmp_path: Path) -> Path:
    """The units with the installed programs replaced by this interpreter, which exists on every machine."""
    for unit in UNITS:
        text = (ROOT / "systemd" / unit).read_text()
        (tmp_path / unit).write_text(re.sub(rf"{INSTALLED}/\w+", sys.executable, text))
    return tmp_path


@pytest.fixture
def realtime_files(unit_files: Path) -> Path:
    """The same, with real-time priority allowed."""
    unit = unit_files / "kioskd.service"
    unit.write_text(f"{unit.read_text()}\n{(ROOT / 'systemd' / REALTIME).read_text()}")
    return unit_files


def exposure(folder: Path, unit: str) -> float:
    """As systemd scores it, without running it."""
    done = analyze(folder, "security", "--offline=true", f"./{unit}")
    found = re.search(r"Overall exposure level for .*: ([0-9.]+)", done.stdout)
    assert found, done.stderr
    print(found[0])
    return float(found[1])


def analyze(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *words], cwd=folder, capture_output=True, text=True, timeout=60
    )


def test_systemd_understands_every_line_of_the_units(unit_files: Path) -> None:
    done = analyze(unit_files, "verify", *(f"./{unit}" for unit in UNITS))
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "kioskd" in line]
    assert (done.returncode, ours) == (0, [])


def test_systemd_would_tell_of_a_line_that_it_does_not_understand(unit_files: Path) -> None:
    with open(unit_files / "kioskd.service", "a") as unit:
        unit.write("\n[Service]\nProtectEverything=yes\n")
    done = analyze(unit_files, "verify", "./kioskd.service")
    assert "Unknown key" in done.stdout + done.stderr


@pytest.mark.parametrize("unit", SERVICES)
def test_the_services_are_exposed_to_little(unit_files: Path, unit: str) -> None:
    assert exposure(unit_files, unit) <= WORST_EXPOSURE


def test_real_time_priority_is_scored_apart(realtime_files: Path) -> None:
    done = analyze(realtime_files, "verify", "./kioskd.service")
    assert [line for line in (done.stdout + done.stderr).splitlines() if "kioskd" in line] == []
    assert exposure(realtime_files, "kioskd.service") <= WORST_EXPOSURE


def test_real_time_priority_is_bounded_and_shipped_without_being_in_force() -> None:
    from kioskd.ops.realtime import WANTED

    drop_in, unit = directives(REALTIME), directives("kioskd.service")
    assert int(drop_in["LimitRTPRIO"][0]) == max(WANTED.values()) and drop_in["LimitRTTIME"]
    assert drop_in["RestrictRealtime"] == ["no"] and drop_in["SystemCallFilter"] == ["sched_setscheduler"]
    assert unit["RestrictRealtime"] == ["yes"] and not {name for name in unit if name.startswith("LimitRT")}


@pytest.mark.parametrize("unit", UNITS)
def test_every_line_of_the_sandbox_says_why(unit: str) -> None:
    """Each group of directives begins with its reason."""
    lines = (ROOT / "systemd" / unit).read_text().splitlines()
    body = lines[next(at for at, line in enumerate(lines) if line in ("[Service]", "[Socket]")) :]
    silent = [
        line for before, line in zip(body, body[1:]) if re.match(r"[A-Z]\w+=", line) and before in ("", "[Socket]")
    ]
    assert silent == []


def test_the_unit_starts_what_this_package_has() -> None:
    from kioskd import cli

    (start,) = directives("kioskd.service")["ExecStart"]
    program, *words = start.split()
    assert program == f"{INSTALLED}/kioskd"
    options = cli.parser().parse_args(words)
    assert (options.door, cli.file_of(options)) == ("run", cli.DEFAULT_CONFIG)
    (voice,) = directives("kioskd-voice.service")["ExecStart"]
    program, door, *words = voice.split()
    assert (program, door) == (f"{INSTALLED}/kioskd", "voice")
    # --list-faults: it reads its command line, and ends.
    ended = subprocess.run(
        [sys.executable, "-m", "kioskd.cli", door, *words, "--list-faults"], stdout=subprocess.DEVNULL
    )
    assert ended.returncode == 0


def test_after_the_end_the_safe_state_is_asked_for_where_the_daemon_wrote_it() -> None:
    from importlib.util import find_spec

    from kioskd.config.sections import Ops

    unit = directives("kioskd.service")
    (after,) = unit["ExecStopPost"]
    program, *words = after.removeprefix("-").split()
    assert program == f"{INSTALLED}/python" and words == ["-m", "kioskd.lines.safe", f"{Ops().runtime_dir}/lines.json"]
    assert find_spec("kioskd.lines.safe") is not None
    # The folder must still be there by then.
    assert unit["RuntimeDirectoryPreserve"] == ["yes"]


def test_the_directories_are_those_of_the_configurations_defaults() -> None:
    from kioskd.config.sections import Ops

    unit = directives("kioskd.service")
    assert [f"/run/{name}" for name in unit["RuntimeDirectory"]] == [Ops().runtime_dir]
    assert [f"/var/lib/{name}" for name in unit["StateDirectory"]] == [Ops().state_dir]


def test_nothing_of_what_the_kiosk_can_do_without_is_needed_by_the_unit() -> None:
    """Network, sound, time and the runner are ordered before it, where they are started at all; nothing is required."""
    unit = directives("kioskd.service")
    after = " ".join(unit["After"]).split()
    assert {"network.target", "sound.target", "time-set.target", "kioskd-voice.socket", "kioskd-tool.socket"} == {
        *after
    }
    # It may never come: a box without a network would wait for it for ever.
    assert "time-sync.target" not in after and "network-online.target" not in after
    assert not {"Requires", "BindsTo", "Requisite", "PartOf"} & set(unit) and unit["Wants"] == ["kioskd-tool.socket"]


def test_the_kiosk_is_started_again_whatever_ended_it() -> None:
    unit = directives("kioskd.service")
    assert (
        unit["Restart"] == ["always"] and unit["StartLimitIntervalSec"] == ["0"] and unit["OOMPolicy"] == ["continue"]
    )
    # Nothing that ends the trying: no status that it is not restarted after, no number of starts.
    assert not {"RestartPreventExitStatus", "StartLimitBurst", "StartLimitAction", "RestartMaxDelaySec"} & set(unit)
    assert unit["ExecStopPost"][0].startswith("-"), "also when the relays' helper fails"


def test_the_daemon_gives_nothing_to_anybody_and_its_socket_has_its_group_from_birth() -> None:
    from kioskd.ops.control import CHANGE, GROUPS

    unit = directives("kioskd.service")
    assert unit["PrivateUsers"] == ["yes"] and unit["SystemCallFilter"] == [
        "@system-service",
        "~@privileged @resources",
    ]
    lines = (ROOT / "systemd" / "tmpfiles.d-kioskd.conf").read_text().splitlines()
    rows = {row.split()[1]: row.split() for row in lines if row and row[0] != "#"}
    runtime = f"/run/{unit['RuntimeDirectory'][0]}"
    assert rows[runtime][2:5] == [unit["RuntimeDirectoryMode"][0], *unit["User"], *unit["Group"]]
    assert rows[f"{runtime}/group-{GROUPS[CHANGE]}"][2:5] == ["2700", unit["User"][0], GROUPS[CHANGE]]


def test_systemd_would_make_the_folders(tmp_path: Path) -> None:
    """Really, below a folder of ours, with this machine's own users in place of those that it lacks."""
    (tmp_path / "run").mkdir()
    text = (ROOT / "systemd" / "tmpfiles.d-kioskd.conf").read_text()
    text = re.sub(r" kioskd kioskd(-admin)? -", f" {os.getuid()} {os.getgid()} -", text)
    (tmp_path / "kioskd.conf").write_text(text)
    command = ["systemd-tmpfiles", f"--root={tmp_path}", "--create", str(tmp_path / "kioskd.conf")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    born = tmp_path / "run" / "kioskd" / "group-kioskd-admin"
    assert oct(born.stat().st_mode) == "0o42700" and oct(born.parent.stat().st_mode) == "0o40755"


def test_the_programs_of_tools_have_a_sandbox_of_their_own() -> None:
    from kioskd.actions.runner import USER

    unit, listening = directives("kioskd-tool@.service"), directives("kioskd-tool.socket")
    program, *words = unit["ExecStart"][0].split()
    assert program == f"{INSTALLED}/python" and words == ["-m", "kioskd.actions.runner", "/etc/kioskd/kioskd.yaml"]
    assert listening["Accept"] == ["yes"] and unit["StandardInput"] == ["socket"]
    assert (listening["SocketUser"], listening["SocketMode"]) == (["kioskd"], ["0600"])
    assert unit["CapabilityBoundingSet"] == ["CAP_SETUID CAP_SETGID CAP_KILL"] and "AmbientCapabilities" not in unit
    assert f"u {USER} " in (ROOT / "systemd" / "sysusers.d-kioskd.conf").read_text()
    assert unit["PrivateDevices"] == unit["PrivateNetwork"] == unit["PrivateTmp"] == ["yes"]


def test_a_program_may_take_as_long_as_the_configuration_allows() -> None:
    import dataclasses

    from kioskd.actions.delegate import START_S
    from kioskd.config.action import ProgramAction

    longest = next(field for field in dataclasses.fields(ProgramAction) if field.name == "timeout_s").metadata
    (most,) = directives("kioskd-tool@.service")["RuntimeMaxSec"]
    assert longest["high"] + START_S <= float(most)


def test_a_frozen_daemon_is_gone_one_second_after_the_watchdog() -> None:
    unit = directives("kioskd.service")
    assert (unit["Type"], unit["NotifyAccess"], unit["WatchdogSec"]) == (["notify"], ["main"], ["10"])
    assert (unit["TimeoutAbortSec"], unit["Restart"], unit["StartLimitIntervalSec"]) == (["500ms"], ["always"], ["0"])


def test_the_voice_service_listens_where_the_dialect_dials() -> None:
    from kioskd.wire.dialects import LOCAL

    (address,) = directives("kioskd-voice.socket")["ListenStream"]
    assert f"ws://{address}/" in str(LOCAL.url) and address.startswith("127.0.0.1:")


def test_the_voice_service_has_no_device_and_no_network() -> None:
    unit = directives("kioskd-voice.service")
    assert unit["PrivateDevices"] == unit["PrivateNetwork"] == ["yes"] and "DeviceAllow" not in unit
    assert unit["IPAddressDeny"] == ["any"] and unit["IPAddressAllow"] == ["localhost"]


def test_every_group_that_the_unit_names_is_made_and_the_sockets_groups_are_among_them() -> None:
    from kioskd.ops.control import GROUPS

    rows = [
        line.split()
        for line in (ROOT / "systemd" / "sysusers.d-kioskd.conf").read_text().splitlines()
        if line and line[0] != "#"
    ]
    made = {row[1] for row in rows if row[0] in "ug"} | {"audio"}  # base-passwd brings audio
    unit = directives("kioskd.service")
    wanted = unit["SupplementaryGroups"][0].split()
    assert {*wanted, *unit["User"], *unit["Group"]} <= made and set(GROUPS.values()) <= made
    assert {row[2] for row in rows if row[0] == "m" and row[1] == "kioskd"} == set(wanted)


def test_systemd_would_make_the_users(tmp_path: Path) -> None:
    place = tmp_path / "usr/lib/sysusers.d"
    place.mkdir(parents=True)
    (place / "kioskd.conf").write_bytes((ROOT / "systemd" / "sysusers.d-kioskd.conf").read_bytes())
    done = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", "--dry-run"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    for made in ("user 'kioskd'", "group 'kioskd-admin'", "group 'gpio'"):
        assert f"Creating {made}" in done.stdout + done.stderr


def journalled() -> tuple[Journal, list[dict[str, object]]]:
    """A handler whose journal remembers."""
    sent: list[dict[str, object]] = []
    handler = Journal(
        lambda text, **fields: sent.append({"MESSAGE": text, **fields}), lambda text: text.replace("k3y", "***")
    )
    return handler, sent


def test_the_journal_gets_number_and_fields_and_no_secret() -> None:
    handler, sent = journalled()
    log = logging.getLogger("kioskd.test_journal")
    log.addHandler(handler)
    log.propagate = False
    try:
        extra = {"MESSAGE_ID": "ab" * 16, "journal": {"KIOSKD_TOOL": "k3y"}}
        log.error("dialling with %s", "k3y", extra=extra)
        try:
            raise ValueError("k3y \ud800")
        except ValueError:
            log.exception("it failed")
    finally:
        log.removeHandler(handler)
        log.propagate = True
    assert sent[0]["MESSAGE"] == "dialling with ***" and sent[0]["MESSAGE_ID"] == "ab" * 16
    assert sent[0]["KIOSKD_TOOL"] == "***" and sent[0]["PRIORITY"] == "3" and sent[0]["LOGGER"] == log.name
    # An error that has no entry of its own has the one for such.
    assert sent[1]["MESSAGE_ID"] == BY_NAME["trouble"].id and "ValueError" in str(sent[1]["MESSAGE"])
    assert "k3y" not in repr(sent)
    for value in sent[1].values():
        str(value).encode()


@pytest.mark.parametrize(
    ("level", "numbered"), [(logging.CRITICAL, True), (logging.ERROR, True), (logging.WARNING, False)]
)
def test_no_error_is_without_an_entry(level: int, numbered: bool) -> None:
    handler, sent = journalled()
    handler.emit(logging.LogRecord("kioskd", level, "x.py", 7, "x", None, None))
    assert ("MESSAGE_ID" in sent[0]) == numbered


def test_the_library_takes_what_the_handler_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    from systemd import journal

    lines: list[str] = []
    monkeypatch.setattr(journal, "sendv", lambda *given: lines.extend(map(str, given)))
    handler = Journal(journal.send, lambda text: text)
    record = logging.LogRecord("kioskd", logging.INFO, "x.py", 7, "hello", None, None)
    record.__dict__.update(mark("started", [("part", "x")]))
    handler.emit(record)
    assert "MESSAGE=hello" in lines and f"MESSAGE_ID={BY_NAME['started'].id}" in lines and "CODE_LINE=7" in lines
    assert all(re.match("[A-Z][A-Z0-9_]*=", line) for line in lines)


def test_a_line_that_cannot_be_told_takes_no_secret_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    """What logging does by itself prints the record's arguments and the error's text."""

    def full(text: str, **fields: object) -> None:
        raise OSError("no room for k3y")

    stream = io.StringIO()
    setup_logging("info", {}, stream, redact=lambda text: text.replace("k3y", "***"))
    journal = Journal(full, lambda text: text.replace("k3y", "***"))
    for handler in (journal, logging.getLogger().handlers[0]):
        handler.handle(logging.LogRecord("kioskd", logging.INFO, "x.py", 7, "%d is no number", ("k3y",), None))
    journal.handle(logging.LogRecord("kioskd", logging.INFO, "x.py", 7, "%s", ("k3y",), None))
    told = capsys.readouterr().err
    assert "k3y" not in told + stream.getvalue() and told.count("x.py:7") == 3 and "OSError" in told
