"""Microphone, speaker and echo, as far as they can be judged without a sound."""

from __future__ import annotations

from typing import Iterator, Mapping

from kioskd.core.finding import Finding, fail, ok, unknown, warn

NAMES = {"input": "microphone", "output": "speaker"}
PARTS = {"input": "capture", "output": "playback"}
BAD = ("absent", "failed")
MEASURE = "kioskctl doctor audio --keep (15 s, loud)"


def devices(
    specs: Mapping[str, str], doubts: Mapping[str, str], running: Mapping[str, Mapping[str, object]]
) -> Iterator[Finding]:
    """Microphone and speaker.

    Args:
        specs: what the configuration names, by "input" and "output".
        doubts: why they are probably not there, a sentence; empty: nothing speaks against them.
        running: what the daemon says of them ("capture", "playback"); empty without a daemon.
    """
    for way, spec in specs.items():
        now = running.get(PARTS[way], {})
        state, why = str(now.get("state", "")), str(now.get("reason") or "")
        if state in BAD:
            yield fail(NAMES[way], f"{spec}: {state}{f': {why}' if why else ''}", "kioskd devices lists what there is")
        elif state:
            level = now.get("level_dbfs")
            heard = f", {level:.0f} dBFS" if way == "input" and isinstance(level, (int, float)) else ""
            yield ok(NAMES[way], f"{spec}: {state}{heard}", **({"level_dbfs": level} if heard else {}))
        elif doubts.get(way):
            yield fail(NAMES[way], f"{spec}: {doubts[way]}", "kioskd devices lists what there is")
        else:
            yield ok(NAMES[way], f"{spec}: is there")


def echo(mode: str, kept: Mapping[str, object] | None) -> Iterator[Finding]:
    """What was measured here once, held to what is done.

    Args:
        mode: ``audio.echo``.
        kept: the doctor's kept result; None: nobody knows (no daemon); empty: never measured.
    """
    if kept is None:
        yield unknown("echo", f"{mode}; no daemon runs that knows what was measured", "systemctl start kioskd")
    elif not kept:
        yield unknown("echo", f"{mode}, and never measured for these devices", MEASURE)
    elif kept.get("mode") != mode:
        sentence = f"{mode}; measured {kept.get('at', '?')}: {kept.get('mode')} is recommended"
        yield warn("echo", sentence, f"audio.echo: {kept.get('mode')}, or measure again: {MEASURE}")
    else:
        yield ok("echo", f"{mode}, as measured {kept.get('at', '?')}")
