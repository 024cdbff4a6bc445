"""The status page as figures, in Prometheus' text format (exposition format 0.0.4). Pure.

Names end as its conventions want: ``_total`` counts and never falls but at a restart, other units stand in the name. A
state is one row for each state that exists, 1 for the one that holds, so that an alert needs no list of its own.
"""

from __future__ import annotations

from typing import Iterator, Mapping, NamedTuple, Sequence

from kioskd.core.words import Link, PartState

Page = Mapping[str, object]
Labels = Mapping[str, str]


class Row(NamedTuple):
    """One figure that stands in the page.

    Attributes:
        name: without ``kioskd_``; the kind follows from its end.
        text: what it says.
        path: of the page, by dots.
        labels: of this row.
        scale: the page's unit times this is the unit of the name.
    """

    name: str
    text: str
    path: str
    labels: Labels = {}
    scale: float = 1.0


UP, DOWN = {"direction": "up"}, {"direction": "down"}
IN, OUT = {"device": "microphone"}, {"device": "speaker"}
ROWS: Sequence[Row] = (
    Row("uptime_seconds", "Since the daemon was started.", "uptime_s"),
    Row("healthy", "Whether every part proves that it moves.", "health.ok"),
    Row("muted", "Whether the microphone is closed on purpose.", "muted"),
    Row("link_state_seconds", "How long the link has been in its state.", "link.for_s"),
    Row("link_attempts_total", "Attempts to reach a service.", "link.attempts"),
    Row("link_sessions_total", "Sessions that became ready.", "link.sessions"),
    Row("link_failures_total", "Attempts and sessions that ended badly.", "link.failures"),
    Row("link_failovers_total", "Changes to another service.", "link.failovers"),
    Row("link_faults_total", "Errors in the link itself.", "link.faults"),
    Row("link_session_seconds_total", "Time in session.", "link.session_s"),
    Row("link_bytes_total", "Bytes of frames.", "link.bytes_up", UP),
    Row("link_bytes_total", "Bytes of frames.", "link.bytes_down", DOWN),
    Row(
        "uplink_dropped_chunks_total",
        "20 ms chunks of speech that were lost on their way up.",
        "counters.uplink_dropped",
    ),
    Row("audio_periods_total", "10 ms periods read or written.", "audio.capture.periods", IN),
    Row("audio_periods_total", "10 ms periods read or written.", "audio.playback.periods", OUT),
    Row("audio_xruns_total", "Overruns of the microphone, underruns of the speaker.", "audio.capture.xruns", IN),
    Row("audio_xruns_total", "Overruns of the microphone, underruns of the speaker.", "audio.playback.xruns", OUT),
    Row("audio_reopened_total", "How often a device was opened again.", "audio.capture.reopened", IN),
    Row("audio_reopened_total", "How often a device was opened again.", "audio.playback.reopened", OUT),
    Row("audio_dropped_seconds_total", "Sound thrown away for its age.", "audio.capture.dropped_ms", IN, 0.001),
    Row("audio_dropped_seconds_total", "Sound thrown away for its age.", "audio.playback.lost_ms", OUT, 0.001),
    Row("microphone_level_dbfs", "Level of the last 20 ms.", "audio.capture.level_dbfs"),
    Row("answer_underruns_total", "Holes in answers, because the service was late.", "audio.playback.underruns"),
    Row("turns_total", "What visitors said.", "counters.turns"),
    Row("turns_answered_total", "Turns that were answered.", "counters.turns_answered"),
    Row("turns_lost_total", "Turns that nobody answered; the journal has the reason of each.", "counters.turns_lost"),
    Row("calls_total", "Tool calls that the service asked for.", "counters.calls"),
    Row("calls_refused_total", "Tool calls that policy refused.", "counters.calls_refused"),
    Row("calls_done_total", "Tool calls that were carried out.", "counters.calls_done"),
    Row("ledger_intents_total", "Intents on the disk.", "counters.ledger.committed"),
    Row("ledger_failures_total", "Writes to the ledger that failed.", "counters.ledger.failed"),
    Row("control_garbage_total", "Requests on the control sockets that were none.", "counters.control.garbage"),
    Row("supply_weak", "Whether the board's supply is too weak now, or the board is throttled.", "power.supply.weak"),
    Row("power_going", "Whether the power line says that the power is gone.", "power.going"),
    Row("power_blips_total", "How often the power line was off for too short to count.", "power.blips"),
    Row("timeline_dropped_total", "Notes that the timeline did not keep.", "counters.timeline_dropped"),
)
PARTS = {"capture": "audio.capture.state", "playback": "audio.playback.state", "ledger": "counters.ledger.state"}


class Sample(NamedTuple):
    """One line to be."""

    name: str
    text: str
    labels: Labels
    value: float


def exposition(page: Page) -> str:
    """All figures of this page; what it does not have is left out."""
    out: list[str] = []
    told: set[str] = set()
    # Rows of one name must stand together.
    for sample in sorted(_samples(page), key=lambda sample: sample.name):
        if sample.name not in told:
            told.add(sample.name)
            kind = "counter" if sample.name.endswith("_total") else "gauge"
            out += [f"# HELP kioskd_{sample.name} {sample.text}", f"# TYPE kioskd_{sample.name} {kind}"]
        out.append(f"kioskd_{sample.name}{_labels(sample.labels)} {_number(sample.value)}")
    return "\n".join(out) + "\n"


def _samples(page: Page) -> Iterator[Sample]:
    known = {"version": str(page.get("version", "")), "kiosk": str(page.get("kiosk", ""))}
    yield Sample("info", "Which kioskd this is.", known, 1)
    for row in ROWS:
        value = _at(page, row.path)
        if isinstance(value, (int, float)):
            yield Sample(row.name, row.text, row.labels, float(value) * row.scale)
    yield from _states("link_state", "What the link does.", {}, [one.value for one in Link], _at(page, "link.state"))
    for part, path in PARTS.items():
        names = [one.value for one in PartState]
        yield from _states("part_state", "What a part of the house does.", {"part": part}, names, _at(page, path))
    yield from _relays(page)
    yield from _buttons(page)


def _states(name: str, text: str, labels: Labels, known: Sequence[str], now: object) -> Iterator[Sample]:
    if now is None:
        return
    for state in known:
        yield Sample(name, text, {**labels, "state": state}, state == now)


def _relays(page: Page) -> Iterator[Sample]:
    for tool, relay in _group(page, "counters.actions.relays"):
        labels = {"tool": tool}
        yield Sample("relay_pulses_total", "Pulses of a relay.", labels, _float(relay.get("pulses")))
        yield Sample("relay_on", "Whether a relay is energised now.", labels, bool(relay.get("on")))
        yield Sample("relay_stuck", "Whether a relay did not do as it was told.", labels, bool(relay.get("stuck")))


def _buttons(page: Page) -> Iterator[Sample]:
    for name, button in _group(page, "panel.panel"):
        if "stuck" in button:
            labels = {"button": name}
            yield Sample("button_presses_total", "Presses of a button.", labels, _float(button.get("presses")))
            yield Sample("button_stuck", "Whether a button has been down for too long.", labels, bool(button["stuck"]))


def _group(page: Page, path: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    group = _at(page, path)
    if isinstance(group, Mapping):
        for name, rows in group.items():
            if isinstance(rows, Mapping):
                yield name, rows


def _at(page: Page, path: str) -> object:
    here: object = page
    for name in path.split("."):
        here = here.get(name) if isinstance(here, Mapping) else None
    return here


def _float(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _number(value: float) -> str:
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(round(number, 6))


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return "{" + pairs + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
