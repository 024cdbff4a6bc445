"""``kioskctl doctor audio``: asks the daemon's doctor, shows how it goes, prints the figures, draws the report.

Standard library only, as all of ``kioskctl``; what an older or newer daemon leaves out is shown as a dash.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from html import escape

from kioskd.ctl_chart import Chart, Point
from kioskd.ctl_page import items, number, part
from kioskd.ctl_watch import BAD, GOOD, Paint, clean

Ask = Callable[[Mapping[str, object]], Mapping[str, object]]

# Each question is a line in the daemon's journal; a person waits thirteen seconds in all.
POLL_S = 1.5
# What it takes nearly always (kioskd/doctor.py); a person is told how much of it is left.
USUAL_S = 13.0
# Behind the daemon's own limit there is nothing to wait for.
PATIENCE_S = 5.0

STYLE = """
:root{color-scheme:light dark}body{font:15px/1.45 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse}td{padding:.15rem .9rem .15rem 0}
td+td{text-align:right;font-variant-numeric:tabular-nums}td+td+td{text-align:left;opacity:.7}
svg{width:100%;height:auto;margin:.3rem 0 1.2rem}svg text{font-size:12px;fill:currentColor}
svg rect{fill:none;stroke:currentColor;stroke-opacity:.4}svg .grid{stroke:currentColor;stroke-opacity:.12}
svg .line{fill:none;stroke-width:1.6}svg .mark{stroke:currentColor;stroke-dasharray:4 3;stroke-opacity:.6}
.fit{color:#15803d}.unfit{color:#c2410c}small{opacity:.7}
"""


def consult(ask: Ask, keep: bool, show: Callable[[str], None], pause: Callable[[float], None] = time.sleep) -> object:
    """Have the room measured; the daemon's report, None when it never came.

    Args:
        ask: one question on the change socket.
        keep: keep the result for this unit.
        show: told each step, and about how long it all takes from then on.
        pause: waits so many seconds.
    """
    answer = ask({"do": "doctor", "what": "audio", "keep": keep})
    question = {"do": "doctor", "what": "audio", "run": answer.get("run")}
    left_s = number(answer, "longest_s") + PATIENCE_S
    gone_s = 0.0
    while gone_s < left_s:
        if answer.get("running") is not True:
            return answer.get("report")
        show(f"{clean(answer.get('step', ''))}, {remaining(gone_s)}")
        pause(POLL_S)
        gone_s += POLL_S
        answer = ask(question)
    return None


def remaining(gone_s: float) -> str:
    """How much longer, for a person."""
    left_s = round(USUAL_S - gone_s)
    return f"about {left_s} s to go" if left_s > 0 else "a moment longer than usual"


def to_terminal(step: str) -> None:
    """Progress, where a person watches; what is printed stays clean for a script."""
    if sys.stderr.isatty():
        print(f"\r\033[K  {step} ...", end="", file=sys.stderr, flush=True)


def end_progress() -> None:
    """Take the line of progress away."""
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


# -- the figures -------------------------------------------------------------------------------------


def rows(figures: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    """(name, value, what it is) of each figure."""

    def value(name: str, unit: str, digits: int = 0, factor: float = 1.0) -> str:
        known = isinstance(figures.get(name), (int, float))
        return f"{number(figures, name) * factor:.{digits}f} {unit}" if known else "-"

    yield "noise floor", value("noise_floor_dbfs", "dBFS"), "the room before the sweep"
    yield "echo delay", value("delay_ms", "ms"), "from writing a sample to hearing it"
    yield "echo level", value("echo_dbfs", "dBFS"), "of a voice as loud as an answer"
    yield "return loss", value("return_loss_db", "dB", 1), "what the way from speaker to microphone takes away"
    yield "after cancelling", value("erle_db", "dB", 1), "what the canceller takes away on top (ERLE)"
    yield "residual", value("residual_dbfs", "dBFS"), "the echo after cancelling"
    yield "tail", value("tail_ms", "ms"), "how long half duplex has to wait after an answer"
    yield "distortion", value("distortion", "%", 1, 100.0), "of the speaker: harmonics 2 to 5"
    yield "clipping", value("clipped", "%", 2, 100.0), "samples of the microphone at full scale"


def page(report: Mapping[str, object], paint: Paint) -> Iterator[str]:
    """The report as lines for a person."""
    verdict, figures = part(report, "verdict"), part(report, "figures")
    fit = verdict.get("fit") is True
    yield paint(GOOD if fit else BAD, heading(report))
    yield f"  {clean(report.get('input', '?'))} and {clean(report.get('output', '?'))}, {clean(report.get('at', '?'))}"
    yield ""
    if figures:
        for name, value, meaning in rows(figures):
            yield f"  {name:<17} {value:>10}   {meaning}"
        yield ""
    for sentence in items(verdict, "sentences"):
        yield f"  {clean(sentence)}"
    if report.get("kept_note"):
        yield f"  {clean(report['kept_note'])}"


def heading(report: Mapping[str, object]) -> str:
    """The verdict in one line."""
    verdict = part(report, "verdict")
    mode, now = clean(verdict.get("mode") or ""), clean(report.get("echo", "?"))
    if not mode:
        return f"no echo mode can be recommended (now echo: {now})"
    if mode == now:
        return f"echo: {now} is right for this place"
    can = "works here" if verdict.get("fit") is True else "does not work here"
    return f"echo: {mode} is recommended; the present echo: {now} {can}"


def fits(report: Mapping[str, object]) -> bool:
    """Whether the kiosk can be left as it is."""
    return part(report, "verdict").get("fit") is True


# -- the picture -------------------------------------------------------------------------------------


def html(report: Mapping[str, object]) -> str:
    """The report as one page without anything outside of it. Text is escaped, whoever wrote it."""
    verdict, figures, curves = part(report, "verdict"), part(report, "figures"), part(report, "curves")
    sentences = "".join(f"<li>{escape(clean(sentence))}</li>" for sentence in items(verdict, "sentences"))
    table = "".join(f"<tr><td>{name}<td>{escape(value)}<td>{meaning}</tr>" for name, value, meaning in rows(figures))
    context = ("at", "version", "input", "output", "volume")
    about = ", ".join(f"{name} {clean(report.get(name, '?'))}" for name in context)
    pictures = "".join(
        f"<h2>{title}</h2>{chart.svg(title)}" for title, chart in charts(figures, curves) if figures and curves
    )
    kind = "fit" if fits(report) else "unfit"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>kioskd: echo</title>'
        f'<style>{STYLE}</style><h1 class="{kind}">{escape(heading(report))}</h1><p><small>{escape(about)}</small>'
        f"<ul>{sentences}</ul><table>{table if figures else ''}</table>{pictures}</html>\n"
    )


def charts(figures: Mapping[str, object], curves: Mapping[str, object]) -> Iterator[tuple[str, Chart]]:
    """(title, picture) of everything that was measured."""
    levels = items(curves, "levels")
    end_s = max((x for x, _ in points(levels, 1)), default=1.0)
    over_time = Chart((0.0, end_s), (-100.0, 0.0), range(0, int(end_s) + 1), range(-100, 1, 20), ("s", "dBFS"))
    over_time.line("microphone", points(levels, 1))
    if any(points(levels, 2)):
        over_time.line("after cancelling", points(levels, 2))
    for at, name in ((row[0], row[1]) for row in items(curves, "marks") if isinstance(row, list) and len(row) == 2):
        if isinstance(at, (int, float)):
            over_time.mark(at, clean(name))
    over_time.level(number(figures, "noise_floor_dbfs"), "noise floor")
    yield "Level over time", over_time
    decay = items(curves, "decay")
    late_ms = max(200.0, number(figures, "decay_ms") * 1.5)
    fading = Chart((0.0, late_ms), (-60.0, 0.0), _even(late_ms), range(-60, 1, 10), ("ms after the arrival", "dB"))
    fading.line("echo of a voice that ends", points(decay, 1))
    fading.mark(number(figures, "decay_ms"), f"quiet after {number(figures, 'decay_ms'):.0f} ms")
    yield "How the room fades", fading
    response = items(curves, "response")
    last_ms = max((x for x, _ in points(response, 1)), default=500.0)
    impulse = Chart((0.0, last_ms), (-80.0, 0.0), _even(last_ms), range(-80, 1, 20), ("ms after writing", "dB"))
    impulse.line("impulse response", points(response, 1))
    impulse.mark(number(figures, "delay_ms"), f"arrives after {number(figures, 'delay_ms'):.0f} ms")
    yield "Impulse response", impulse
    spectrum = items(curves, "spectrum")
    bands = Chart(
        (125, 6300), (-100.0, -10.0), (125, 250, 500, 1000, 2000, 4000), range(-100, 0, 20), ("Hz", "dBFS"), True
    )
    for column, name in ((1, "noise"), (2, "echo"), (3, "after cancelling")):
        if any(points(spectrum, column)):
            bands.line(name, points(spectrum, column))
    yield "Spectrum in third octaves", bands


def points(rows_: list[object], column: int) -> list[Point]:
    """(first, ``column``) of each row that has both as numbers."""
    return [
        (float(row[0]), float(row[column]))
        for row in rows_
        if isinstance(row, list) and len(row) > column and all(isinstance(row[i], (int, float)) for i in (0, column))
    ]


def _even(last: float) -> list[float]:
    """Five round values up to ``last``."""
    step = max(10.0, round(last / 5 / 10) * 10.0)
    return [step * i for i in range(int(last / step) + 1)]
