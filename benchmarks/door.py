"""The command line: chooses figures, takes them one after the other, prints them."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
import traceback
from dataclasses import asdict, dataclass, replace
from typing import Callable, Mapping, Sequence

from benchmarks import (
    aec,
    barge,
    confirm,
    fleet,
    lag,
    latency,
    life,
    mouth,
    package,
    press,
    pure,
    resample,
    rooms,
    speech,
    tending,
    wake,
    waking,
)
from benchmarks.figure import Figure, Measured, ProbeFailed, Target
from benchmarks.host import QUICK, calm, machine, often
from benchmarks.weather import ATTEMPTS, NEARLY, PATIENCE_S, Watch, Weather

TARGETS: tuple[Target, ...] = (
    Target("uplink_ms", "ms", 3.0, "last sample of a chunk to its bytes on the socket, p99", latency.uplink_ms),
    Target("downlink_ms", "ms", 13.0, "delta received to its first sample at the device, p99", latency.downlink_ms),
    Target("cut_ms", "ms", 10.0, "cut to the first silent sample at the device, p99", latency.cut_ms),
    Target("mouth_to_ear_ms", "ms", 15.0, "microphone to service to speaker over the bare loop", mouth.half_duplex),
    Target("mouth_to_ear_p99_ms", "ms", 30.0, "the same, p99", mouth.half_duplex),
    Target("mouth_to_ear_underruns", "", 0.0, "underruns and holes in those answers", mouth.half_duplex),
    Target("mouth_to_ear_cancel_ms", "ms", 25.0, "with the echo canceller: median over the bare loop", mouth.cancel),
    Target("mouth_to_ear_cancel_p99_ms", "ms", 40.0, "the same, p99", mouth.cancel),
    Target("mouth_to_ear_cancel_underruns", "", 0.0, "underruns and holes in those answers", mouth.cancel),
    Target("barge_in_ms", "ms", 15.0, "stirring chunk to duck at the speaker over the bare loop, p99", barge.system),
    Target("barge_in_cancel_ms", "ms", 25.0, "the same with the echo canceller", barge.cancel),
    Target("loop_lag_ms", "ms", 5.0, "lateness of the loop while 30 s of answer arrive at once, p99", lag.loop_lag_ms),
    Target("press_ms", "ms", 10.0, "edge of the talk button to listening, p99", press.press_ms),
    Target(
        "confirm_to_relay_ms", "ms", 15.0, "hand at the button to the relay's line, p99", confirm.confirm_to_relay_ms
    ),
    Target("idle_cpu_pct", "%", 1.5, "of one core while nobody speaks", life.idle, share=True),
    Target("talk_cpu_pct", "%", 5.0, "of one core in a half-duplex conversation", life.talk, share=True),
    Target("pss_mb", "MB", 55.0, "memory after a conversation", life.talk),
    Target("ready_s", "s", 0.8, "process start to READY, median", life.ready),
    Target("reload_ms", "ms", 50.0, "live keys reloaded under a running microphone, median", tending.reload_ms),
    Target("ctl_status_ms", "ms", 120.0, "kioskctl status as a whole process, median", tending.ctl_status_ms),
    Target("package_mb", "MB", 120.0, "installed package without the voice service's models", package.package_mb),
    Target("silent_bytes", "bytes", 0.0, "sent to the service in a silent minute", life.idle),
    Target("machine_us", "us", 100.0, "one step of the machine, median", pure.machine_us),
    Target("policy_us", "us", 50.0, "one tool call judged, median", pure.policy_us),
    Target("decode_us", "us", 10.0, "20 ms of 48 kHz from frame to samples, median", pure.decode_us),
    Target("encode_us", "us", 5.0, "20 ms of speech to its frame, median", pure.encode_us),
    Target(
        "wake_to_wire_ms", "ms", 15.0, "gate to speech on the wire, over a bare client, p99", waking.wake_to_wire_ms
    ),
    Target("fleet_s", "s", 60.0, "100,000 kiosks through an outage, simulated", fleet.fleet_s),
    Target("wake_loss", "", 0.0, "of 500 first syllables lost while the link woke", wake.wake_loss),
    Target("vad_missed_onsets", "", 2.0, "of 240 utterances, quiet and 10 dB above noise", speech.onsets),
    Target("vad_clipped_syllables", "", 2.0, "of 240 utterances, quiet and 10 dB above noise", speech.onsets),
    Target("vad_false_opens_h", "/h", 20.0, "music, traffic, knocks 5 dB below a voice", speech.false_opens),
    Target("vad_us", "us", 10_000.0, "of CPU for a second of sound, half of it speech", speech.cost),
    Target("erle_db", "dB", 40.0, "of the kiosk's own voice taken away, standard room", rooms.erle_db, floor=True),
    Target("erle_clipped_db", "dB", 28.0, "the same with a clipping speaker", rooms.erle_db, floor=True),
    Target("near_end_db", "dB", 0.5, "change of a visitor who speaks alone", rooms.near_end_db),
    Target("false_barge_in", "", 0.0, "by the kiosk's own voice in an hour", rooms.false_barge_in),
    Target("aec_cpu_pct", "%", 6.0, "of one core: listening with cancelling, all talk at once", aec.cpu, share=True),
    Target("aec_idle_cpu_pct", "%", 3.0, "of one core: the same while nobody speaks", aec.cpu, share=True),
    Target("aec_growth_kb", "kB", 256.0, "memory after an hour of cancelling", aec.growth),
    Target("resample_db", "dB", 80.0, "worst noise, alias or image of the resampler", resample.resample_db, floor=True),
    Target("resample_us", "us", 30.0, "10 ms of 48 kHz to 16 kHz, median", resample.resample_us),
)
VERDICTS = {True: "ok", False: "OVER", None: "not measured"}


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure what kioskd costs and how quick it is. All of it takes about a quarter of an hour.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="figures to take; default: all")
    parser.add_argument("--json", action="store_true", help="for scripts")
    parser.add_argument("--quick", action="store_true", help="a few samples only: to see that it runs, not how fast")
    parser.add_argument("--list", action="store_true", help="only say what there is")
    return parser.parse_args(given)


def take(targets: Sequence[Target], told: Callable[[Target], None]) -> list[Figure]:
    """Take these figures; a run that serves several is done once, or again where the machine had no time for it.

    Args:
        told: called before each run.
    """
    figures: list[Figure] = []
    runs: dict[Callable[[], object], Run] = {}
    for target in targets:
        if target.run not in runs:
            told(target)
            runs[target.run] = calmest(target)
        figures.append(figure(target, runs[target.run]))
    return figures


@dataclass(frozen=True, slots=True)
class Run:
    """One run, or of several the one that counts.

    Attributes:
        result: what it brought, or why it brought nothing.
        before: how calm the machine was before it.
        weather: how calm it was meanwhile.
        others: the attempts before and after it, each with its weather and its values.
    """

    result: Mapping[str, Measured] | str
    before: Mapping[str, float]
    weather: Weather
    others: tuple[Mapping[str, object], ...] = ()


def calmest(target: Target) -> Run:
    """The run during which the machine was calmest: up to ATTEMPTS, and no more once one of them was calm enough.

    What a run measured has no say in which one counts.
    """
    runs: list[Run] = []
    began = time.monotonic()
    for _ in range(often(ATTEMPTS, 1)):
        before = calm()
        with Watch() as watch:
            result = attempt(target)
        runs.append(Run(result, before, watch.weather))
        calm_enough = watch.weather.sum_ns <= NEARLY * min(run.weather.least_ns for run in runs)
        if calm_enough or time.monotonic() - began > PATIENCE_S:
            break
    chosen = min(runs, key=lambda run: run.weather.sum_ns)
    return replace(chosen, others=tuple(shown(run) for run in runs if run is not chosen))


def shown(run: Run) -> dict[str, object]:
    """A run that does not count, for the detail of the one that does."""
    if isinstance(run.result, str):
        return {"probe": run.result, "sum_ns": run.weather.sum_ns}
    return {**{name: measured.value for name, measured in run.result.items()}, "sum_ns": run.weather.sum_ns}


def attempt(target: Target) -> Mapping[str, Measured] | str:
    """What a run brought, or why it brought nothing."""
    try:
        return target.run()
    except ProbeFailed as failure:
        return str(failure)
    except Exception as error:
        # The boundary of one benchmark: those behind it are taken all the same.
        traceback.print_exc()
        return f"{type(error).__name__}: {error}"


def figure(target: Target, run: Run) -> Figure:
    """The row of one target."""
    host = {**machine(), "before": run.before, "during": asdict(run.weather), "other_attempts": run.others}
    if isinstance(run.result, str):
        why: dict[str, object] = {"probe": run.result, "machine": host}
        return Figure(target.name, None, target.unit, target.bound, why, target.floor)
    measured = run.result[target.name]
    value, detail = measured.value, {"story": measured.story, **measured.detail, "machine": host}
    if target.share:
        value, dearer = round(measured.value / run.weather.dearer, 3), run.weather.dearer
        detail["charged"] = measured.value
        detail["story"] = f"{measured.story}; charged were {measured.value:g} %, all work {dearer:.2f} times as dear"
    return Figure(target.name, value, target.unit, target.bound, detail, target.floor)


def table(figures: Sequence[Figure]) -> str:
    """For people."""
    lines = [f"{'figure':<21} {'value':>10} {'bound':>9}        {'verdict':<13} what was measured"]
    for row in figures:
        value = "-" if row.value is None else f"{row.value:,.3g}" if row.value < 1000 else f"{row.value:,.0f}"
        story = row.detail.get("story") or row.detail.get("probe")
        bound = f"{'>=' if row.floor else '<='} {row.bound:g}"
        lines.append(f"{row.name:<21} {value:>10} {bound:>9} {row.unit:<6} {VERDICTS[row.ok]:<13} {story}")
    host = machine()
    cores, load = host["cores"], host["load"]
    late_ms = max(row.detail["machine"]["before"]["sleep_1ms_max_ms"] for row in figures)
    sum_ns = sorted(row.detail["machine"]["before"]["sum_ns"] for row in figures)
    lines.append(f"\n{host['cpu']}, {cores} cores, Python {host['python']}, Linux {host['kernel']}, load {load}")
    lines.append(
        f"Before the runs: a sleep of 1 ms took up to {late_ms:.1f} ms, a sum {sum_ns[0]:g} to {sum_ns[-1]:g} ns"
    )
    again = sum(len(row.detail["machine"]["other_attempts"]) for row in figures)
    if again:
        lines.append(f"{again} runs were done again because the machine was busy; the calmest counts (--json has all)")
    return "\n".join(lines)


def main(given: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status."""
    options = arguments(given)
    known = {target.name: target for target in TARGETS}
    unknown = [name for name in options.names if name not in known]
    if unknown:
        print(f"no such figure: {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    targets = [known[name] for name in dict.fromkeys(options.names)] or list(TARGETS)
    if options.list:
        rows = [{"name": t.name, "unit": t.unit, "bound": t.bound, "about": t.about} for t in targets]
        lines = [f"{t.name:<21} {'>=' if t.floor else '<='} {t.bound:<7g} {t.unit:<6} {t.about}" for t in targets]
        print(json.dumps(rows, indent=2) if options.json else "\n".join(lines))
        return 0
    if options.quick:
        os.environ[QUICK] = "1"
    # What the rooms say is beside the point here; what goes wrong is a failed probe.
    logging.disable(logging.WARNING)
    figures = take(targets, lambda target: print(f"measuring {target.name} ...", file=sys.stderr, flush=True))
    print(json.dumps([row.row() for row in figures], indent=2) if options.json else table(figures))
    return 0 if all(row.ok for row in figures) else 1
