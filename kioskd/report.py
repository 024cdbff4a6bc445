"""What ``kioskctl`` sees and may change: the status page and the commands of the control sockets."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Awaitable, Callable, Mapping, NamedTuple

from kioskd import __version__
from kioskd.config.action import kind_of
from kioskd.core import lockout, recording
from kioskd.core.events import MuteAsked, RecordAsked
from kioskd.core.house_events import UnlockAsked
from kioskd.core.muting import HARD
from kioskd.audio import capture
from kioskd.audio.bounded import TROUBLE
from kioskd.audio.detector import Detector
from kioskd.lines.naming import LineError
from kioskd.panel.panel import PanelError

if TYPE_CHECKING:
    from kioskd.app import House

Answer = Mapping[str, object]
Change = Callable[[Mapping[str, object]], Answer | Awaitable[Answer]]


def status(house: House) -> dict[str, object]:
    """The whole status page. Loop only; reads what the rooms keep anyway."""
    s = house.machine.state
    verdict = house.pulse.verdict()
    return {
        "version": __version__,
        "kiosk": house.config.kiosk.name,
        "uptime_s": round(time.monotonic() - house.started_at, 1),
        "phase": s.shown[0].value if s.shown else "idle",
        "muted": s.muted,
        "mute": {"switch": s.mute.value, **house.keep.snapshot()},
        "health": {"ok": verdict.ok, "reasons": list(verdict.reasons)},
        "link": house.link.snapshot(),
        "network": house.surroundings.snapshot(),
        "audio": audio(house),
        "announce": house.announcing.snapshot(),
        "panel": panel(house),
        "session": {
            "id": s.session,
            "endpoint": s.endpoint,
            "turn": s.turn.value,
            "response": s.response.value,
            "playing": s.playing.value,
            "calls": [
                {"tool": call.tool.name, "state": call.state.value, "id": call.key.call_id} for call in s.calls.values()
            ],
        },
        "confirm": house.confirming.snapshot(),
        "tools": tools(house),
        "lockouts": lockout.standing(s, time.monotonic()),
        "mqtt": house.bus.snapshot() if house.bus is not None else {},
        "config": {**house.reloading.snapshot(), "trial": house.trying.snapshot()},
        "usage": usage(house),
        "metrics": house.metrics.snapshot(),
        "power": house.powering.snapshot(),
        "fleet": house.stating.snapshot(),
        "counters": counters(house),
    }


def audio(house: House) -> dict[str, object]:
    """Both directions, each with its claim and its counters."""
    spotter = house.capture.spotter
    return {
        "capture": {"device": house.config.audio.input, **plain(house.capture.progress())},
        "playback": {"device": house.config.audio.output, **plain(house.playback.progress())},
        "gate": plain(house.capture.detector.progress()) if isinstance(house.capture.detector, Detector) else {},
        "wake_word": plain(spotter.progress()) if spotter is not None else {},
        "recording": house.recorder.snapshot(),
        "uplink_waiting_ms": house.uplink.waiting_ms,
        "playback_waiting_s": round(house.playback_lane.waiting_s, 3),
        "echo": echo(house),
        "doctor": house.doctor.snapshot(),
        "devices": TROUBLE.snapshot(),
        "realtime": house.pulse.realtime.snapshot(),
    }


def echo(house: House) -> dict[str, object]:
    """What keeps the kiosk from hearing itself. ``mode`` is what is done now, not what was asked for."""
    shown: dict[str, object] = {"mode": house.config.audio.echo, "tail_ms": house.machine.state.echo_tail_ms}
    return shown if house.canceller is None else {**shown, **house.canceller.progress()._asdict()}


def plain(progress: capture.Progress | NamedTuple) -> dict[str, object]:
    """Numbers, sentences and states as JSON takes them; how long a claim has stood instead of since when."""
    rows = asdict(progress) if isinstance(progress, capture.Progress) else progress._asdict()
    since = rows.pop("since", None)
    if since is not None:
        rows["for_s"] = round(time.monotonic() - since, 1)
    return {name: getattr(value, "value", value) for name, value in rows.items()}


def panel(house: House) -> dict[str, object]:
    """Lamp, buttons and lines."""
    lit = house.pulse.light
    shown: dict[str, object] = {"lamp": lit.name if lit else "off", "problems": list(house.line_problems)}
    shown["volume"] = house.machine.state.volume
    if house.panel is not None:
        shown["panel"] = house.panel.snapshot()
    if house.lines is not None:
        shown["lines"] = house.glance.look()
    return shown


def tools(house: House) -> list[dict[str, object]]:
    """What the model may ask for, and whether it could be done now."""
    return [
        {
            "name": tool.name,
            "class": tool.class_,
            "kind": kind_of(tool.action),
            "allowed": tool.policy.allow,
            "runs": len(runs),
            "locked_s": round(lockout.locked_s(house.machine.state, tool, time.monotonic()), 1),
            "dry_run": tool.dry_run,
        }
        for tool in house.config.tools
        for runs in [house.machine.state.runs.get(tool.name, ())]
    ]


def usage(house: House) -> dict[str, object]:
    """What this box has used since start, and how the budget stands (hours and days: ``kioskctl usage``)."""
    link = house.link.snapshot()
    names = ("sessions", "session_s", "frames_up", "frames_down", "bytes_up", "bytes_down")
    used = {"turns": house.machine.state.counts.turns, **{name: link[name] for name in names if name in link}}
    return {**used, "budget": house.metering.budget(), "kept": house.metering.meter.snapshot()}


def counters(house: House) -> dict[str, object]:
    """Everything that is counted."""
    lane = house.playback_lane
    return {
        **asdict(house.machine.state.counts),
        "events": house.inbox.posted,
        "effects_failed": house.performer.failed,
        "uplink_chunks": house.uplink.pushed,
        "uplink_dropped": house.uplink.dropped,
        "playback_refused": lane.refused,
        "playback_late": lane.late,
        "notify_unheard": house.notifier.unheard,
        "timeline_dropped": house.timeline.dropped,
        "control": house.control.snapshot(),
        "actions": house.actions.snapshot(),
        "ledger": house.ledger.snapshot(),
    }


def ended(house: House) -> str:
    """Why the last recording is over, where it was not the owner who ended it; to stand behind a sentence."""
    problem = house.recorder.problem
    return f" The last one ended early: {problem}" if problem else ""


def looks(house: House) -> dict[str, Change]:
    """What may be asked over the look socket, beside the status page."""
    return {"usage": house.metering.usage}


def changes(house: House) -> dict[str, Change]:
    """What may be asked over the change socket."""

    def mute(on: bool) -> Change:
        def ask(request: Mapping[str, object]) -> Mapping[str, object]:
            house.inbox.post(MuteAsked(on))
            # A switch at the kiosk is not opened from afar; whoever asks should know that it is closed.
            return {"muted": on or house.machine.state.mute in HARD}

        return ask

    def press(request: Mapping[str, object]) -> Mapping[str, object]:
        verb, name = request.get("verb"), request.get("name")
        if house.panel is None:
            raise ValueError("there is no panel: " + "; ".join(house.line_problems))
        if house.config.panel.pins == "simulated" and verb == "press" and house.confirming.press(str(name)):
            return {"panel": name, "verb": verb}
        if verb not in ("press", "release") or not isinstance(name, str):
            raise ValueError("say: panel press NAME, or panel release NAME")
        if house.config.panel.pins != "simulated":
            raise ValueError("this panel has real pins: press the button itself (panel.pins: simulated is for trials)")
        try:
            (house.panel.press if verb == "press" else house.panel.release)(name)
        except (LineError, PanelError) as error:
            raise ValueError(str(error)) from error
        return {"panel": name, "verb": verb}

    def unlock(request: Mapping[str, object]) -> Mapping[str, object]:
        standing, uid = lockout.standing(house.machine.state, time.monotonic()), request.get("uid")
        by = str(request.get("by", ""))[:64]
        house.inbox.post(UnlockAsked(uid if isinstance(uid, (int, str)) else -1, by))
        return {"ended": standing}

    def record(request: Mapping[str, object]) -> Mapping[str, object]:
        verb = request.get("verb")
        if verb not in ("start", "stop"):
            raise ValueError("say: record start, or record stop")
        if verb == "start" and (refusal := recording.hindrance(house.machine.state)):
            raise ValueError(refusal)
        if verb == "stop" and not house.machine.state.recording:
            raise ValueError(f"No recording runs.{ended(house)}")
        house.inbox.post(RecordAsked(verb == "start"))
        return {"record": verb}

    def audit(request: Mapping[str, object]) -> Mapping[str, object]:
        if request.get("verb") == "repair" and (refusal := house.ledger.repair()):
            raise ValueError(refusal)
        return house.ledger.trail()

    def say(request: Mapping[str, object]) -> Mapping[str, object]:
        return house.announcing.change(request)

    def doctor(request: Mapping[str, object]) -> Mapping[str, object]:
        return house.doctor.change(request)

    changing = {"mute": mute(True), "unmute": mute(False), "unlock": unlock, "panel": press, "record": record}
    changing |= {"config": house.reloading.current, "reload": house.reloading.reload, "apply": house.trying.apply}
    return {**changing, "doctor": doctor, "say": say, "audit": audit}
