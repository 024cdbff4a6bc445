"""``kioskctl status`` as a page for people: what is wrong first, and since when. Pure: status in, lines out.

What the page lacks (an older or a newer daemon) is left out or shown as a question mark; it is never an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kioskd.ctl_watch import BAD, GOOD, Paint, clean


def part(of: object, *names: str) -> dict[str, object]:
    """A mapping inside the page; empty when it is not there (an older or newer daemon)."""
    for name in names:
        of = of.get(name) if isinstance(of, dict) else None
    return of if isinstance(of, dict) else {}


def items(of: Mapping[str, object], name: str) -> list[object]:
    """A list inside the page; empty when it is not there."""
    found = of.get(name)
    return found if isinstance(found, list) else []


def number(of: Mapping[str, object], name: str) -> float:
    """A number inside the page; 0 when it is not there, or not one to reckon with (JSON of Python may hold NaN)."""
    found = of.get(name)
    return float(found) if isinstance(found, (int, float)) and abs(found) < 1e15 else 0.0


def duration(seconds: float) -> str:
    """As a person says it: 12 s, 4 min 10 s, 3 h 12 min, 2 d 3 h."""
    s = int(seconds)
    for unit, size, small, small_size in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if s >= size:
            return f"{s // size} {unit} {s % size // small_size} {small}"
    return f"{s} s"


def size(of_bytes: float) -> str:
    """12 kB, 1.2 MB."""
    return f"{of_bytes / 1e6:.1f} MB" if of_bytes >= 1e6 else f"{of_bytes / 1e3:.0f} kB"


def count(many: float, what: str) -> str:
    """1 turn, 2 turns."""
    return f"{many:g} {what}" + ("" if many == 1 else "s")


def page(status: Mapping[str, object], paint: Paint) -> Iterator[str]:
    """The status as lines for a person: what is wrong first, and since when."""
    health = part(status, "health")
    name = clean(status.get("kiosk", "kioskd"))
    if health.get("ok") is True:
        yield paint(GOOD, f"{name}: all is well")
    else:
        yield paint(BAD, f"{name} needs attention")
        for reason in items(health, "reasons") or ["it does not say why"]:
            yield paint(BAD, f"  ! {clean(reason)}")
    yield f"  kioskd {clean(status.get('version', '?'))}, up {duration(number(status, 'uptime_s'))}"
    yield ""
    for label, text in rows(status):
        yield f"  {label:<11} {clean(text)}".rstrip()


def rows(status: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """(label, text) of everything that the page has."""
    yield "phase", f"{status.get('phase', '?')}" + muted(status)
    yield "link", link(part(status, "link"))
    yield from services(part(status, "link"))
    yield "microphone", sound(part(status, "audio", "capture"))
    yield "speaker", sound(part(status, "audio", "playback"))
    yield from echo(part(status, "audio"))
    yield from hearing(part(status, "audio"))
    yield from devices(part(status, "audio", "devices"))
    yield from recording(part(status, "audio", "recording"))
    yield from announcements(part(status, "announce"))
    yield from panel(part(status, "panel"))
    yield from power(part(status, "power"))
    yield "session", session(part(status, "session"))
    for at, tool in enumerate(items(status, "tools")):
        about = part(tool)
        allowed = "" if about.get("allowed") else ", not allowed"
        yield "" if at else "tools", f"{about.get('name')} ({about.get('class')}{allowed})"
    for lock in map(part, items(status, "lockouts")):
        left = duration(number(lock, "for_s"))
        yield "", f"! {lock.get('what')} for another {left}, after too many refusals; to end it: kioskctl unlock"
    yield "usage", usage(part(status, "usage"))
    if part(status, "usage", "budget").get("state") == "warned":  # one that is spent stands among the reasons above
        yield "", f"! {part(status, 'usage', 'budget').get('sentence')}"
    yield from configuration(part(status, "config"))
    for unknown in items(part(status, "counters", "ledger"), "unknown"):
        yield "", f"! the outcome of {unknown} is unknown: look at what it moves"


def configuration(at: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Which one runs, what waits for a restart, what is on trial or was not kept."""
    said = {"trial": " (one on trial runs)", "last good": " (does not check: the last good one runs)"}
    yield "config", f"{at.get('path', '?')}{said.get(str(at.get('running')), '')}"
    waiting = [str(part(row).get("key", "?")) for row in items(at, "pending")]
    if waiting:
        yield "", f"! wait for a restart: {', '.join(waiting[:5])}" + (" ..." if len(waiting) > 5 else "")
    trial = part(at, "trial")
    if trial.get("state") == "rolled back":
        yield "", f"! the last one applied was rolled back: {trial.get('reason', '?')}"
    elif trial.get("phase") == "unconfirmed":
        left = duration(number(trial, "confirm_within_s"))
        yield "", f"! goes back in {left} unless somebody says: kioskctl apply --confirm"
    elif trial.get("phase"):
        yield "", f"on trial, watched for another {duration(number(trial, 'watched_for_s'))}"
    if at.get("unkept"):
        yield "", f"! {at['unkept']}"
    for key in ("problems", "warnings"):
        for sentence in items(at, key):
            yield "", f"! {sentence}"


def announcements(at: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Announcements on their way, spoken cues and in whose voice, and what is wrong with them; nothing while idle."""
    waiting, cues, reason = number(at, "waiting"), part(at, "cues"), at.get("reason")
    said = [f"{at.get('state')}, {waiting:.0f} on the way"] if waiting else []
    said += [f"cue {name}: {f'{by} voice' if by else 'not spoken yet'}" for name, by in cues.items()]
    if said or reason:
        yield "announce", ", ".join(said) or "idle"
    if reason:
        yield "", f"! {reason}"


def link(at: Mapping[str, object]) -> str:
    """State, endpoint, for how long, why, what next."""
    where = f" ({at['endpoint']})" if at.get("endpoint") else ""
    why = f": {at['reason']}" if at.get("reason") else ""
    then = ""
    if at.get("next_attempt_in_s") is not None:
        then = f"; next attempt in {duration(number(at, 'next_attempt_in_s'))}"
    return f"{at.get('state', '?')}{where} for {duration(number(at, 'for_s'))}{why}{then}"


def services(at: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Each service in one line, where there are several: what is wrong with one shows while another serves."""
    rows_of = [part(row) for row in items(at, "endpoints")]
    said = []
    for row in rows_of:
        why = f" for {duration(number(row, 'for_s'))}: {row['reason']}" if row.get("reason") else ""
        said.append(f"{row.get('name', '?')} {row.get('state', '?')}{why}")
    if len(said) > 1:
        yield "services", "; ".join(said)
    for sentence in items(at, "mismatches"):
        yield "", f"! {sentence}"


def sound(at: Mapping[str, object]) -> str:
    """Device, claim, level, trouble."""
    state = at.get("state", "?")
    since = f" for {duration(number(at, 'for_s'))}" if state in ("absent", "failed", "muted") and "for_s" in at else ""
    why = f": {at['reason']}" if at.get("reason") else ""
    said = [f"{state} on {at.get('device', '?')}{since}{why}"]
    if at.get("state") == "running" and "level_dbfs" in at:
        said.append(f"{number(at, 'level_dbfs'):.0f} dBFS")
        said.append(f"gate {at.get('gate', '?')}")
    for name in ("xruns", "reopened"):
        if number(at, name):
            said.append(f"{name} {number(at, name):g}")
    return ", ".join(said)


def muted(status: Mapping[str, object]) -> str:
    """Whether nobody is heard, and who wants it so."""
    if not status.get("muted"):
        return ""
    switch = part(status, "mute").get("switch")
    return {
        "soft": ", muted by kioskctl",
        "hard": ", muted by the switch",
        "both": ", muted by the switch and by kioskctl",
    }.get(str(switch), ", muted")


def hearing(at: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """What is wrong with those who decide what speech is."""
    for name in ("gate", "wake_word"):
        if part(at, name).get("reason"):
            yield "", f"! {part(at, name)['reason']}"


def recording(at: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """What is recorded for support, or why it is not any more."""
    files = ", ".join(
        f"{part(file).get('name', '?')} ({size(number(part(file), 'bytes'))})" for file in items(at, "files")
    )
    if at.get("running"):
        dropped = f", {count(number(at, 'dropped'), 'chunk')} dropped" if number(at, "dropped") else ""
        yield "recording", f"for {duration(number(at, 'seconds'))} into {at.get('dir')}: {files}{dropped}"
    elif files:
        yield "recorded", f"in {at.get('dir')}: {files}"
    if at.get("problem"):
        yield "", f"! the last recording ended early: {at['problem']}"


def echo(at: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The mode, what the doctor measured for it, and whether it measures now."""
    now, doctor, kept = part(at, "echo"), part(at, "doctor"), part(at, "doctor", "kept")
    if now:
        doing = [
            f"{number(now, name):.0f} dB {what}"
            for name, what in (("return_loss_db", "return loss"), ("erle_db", "cancelled"))
            if now.get(name) is not None
        ]
        cancelled = f" ({', '.join(doing)})" if doing else ""
        deaf = (
            f", deaf for {number(now, 'tail_ms'):.0f} ms after each answer" if now.get("mode") == "half_duplex" else ""
        )
        told = f"; measured {kept.get('at')}: {kept.get('mode')} recommended" if kept else ""
        yield "echo", f"{now.get('mode')}{cancelled}{deaf}{told}"
        if now.get("reason"):
            yield "", f"! {now['reason']}"
    if doctor.get("running"):
        yield "", f"the doctor is at work: {doctor.get('step')}"
    if doctor.get("kept_problem"):
        yield "", f"! {doctor['kept_problem']}"


def devices(at: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """What went wrong beside the two devices in use."""
    if number(at, "faults"):
        yield "", f"! {count(number(at, 'faults'), 'fault')} with sound devices; the last: {at.get('last_fault', '?')}"


def panel(at: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Lamp, pins, buttons that do not work."""
    pins = part(at, "lines").get("pins")
    parts = part(at, "panel")
    stuck = "".join(f", the {name} button is stuck" for name in parts if part(parts, name).get("stuck"))
    volume = f", volume {number(at, 'volume'):.0%}" if "volume" in at else ""
    yield "panel", f"lamp {at.get('lamp', '?')}" + (f", {pins} pins" if pins else "") + volume + stuck
    contacts = part(parts, "contacts")
    for name in contacts:
        one = part(contacts, name)
        rests = {True: "at rest", False: "away from rest"}.get(one.get("at_rest") is True)
        yield "", f"{name} ({one.get('pin', '?')}): {'cannot be read' if one.get('at_rest') is None else rests}"
    for sentence in [*items(at, "problems"), *items(part(at, "panel"), "troubles")]:
        yield "", f"! {sentence}"


def power(at: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The line that tells of the power's end, where there is one, and what the supply went through since the boot."""
    if at.get("line"):
        counted = [
            f"{number(at, name):.0f} {what}" for name, what in (("blips", "too short"), ("returned", "back in time"))
        ]
        lost = f" ({', '.join(counted)})" if number(at, "blips") or number(at, "returned") else ""
        yield "power", f"{at.get('state') or 'nobody knows'} on {at['line']}{lost}"
    for sentence in items(part(at, "supply"), "since_boot"):
        yield "", f"! since the boot: {sentence}"


def session(at: Mapping[str, object]) -> str:
    """Whether somebody talks."""
    if not at.get("id"):
        return "none"
    calls = ", ".join(f"{part(call).get('tool')} {part(call).get('state')}" for call in items(at, "calls"))
    return f"{at['id']} on {at.get('endpoint', '?')}, turn {at.get('turn', '?')}" + (f"; {calls}" if calls else "")


def usage(at: Mapping[str, object]) -> str:
    """What it has cost since start."""
    said = [count(number(at, name), what) for name, what in (("sessions", "session"), ("turns", "turn")) if name in at]
    if "session_s" in at:
        said.append(duration(number(at, "session_s")))
    for name, way in (("bytes_up", "up"), ("bytes_down", "down")):
        if name in at:
            said.append(f"{size(number(at, name))} {way}")
    return ", ".join(said)
