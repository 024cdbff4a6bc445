"""The doctor's page of everything: as a table for a terminal, and as one self-contained file for the installer.

Pure, standard library only. Text is cleaned for terminals and escaped for browsers, whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from kioskd.ctl_chart import Chart
from kioskd.ctl_doctor import STYLE, charts, heading, rows
from kioskd.ctl_page import items, number, part
from kioskd.ctl_watch import BAD, DIM, GOOD, Paint, clean

COLOURS = {"ok": GOOD, "warn": "1;33", "fail": BAD, "unknown": DIM}
WORDS = {"ok": "ok", "warn": "WARN", "fail": "FAIL", "unknown": "?"}
HOPS = {"dns": "name", "connect": "connection", "proxy": "proxy", "tls": "TLS", "answer": "answer"}
MORE = """
body{max-width:60rem}.ok{color:#15803d}.warn{color:#b45309}.fail{color:#c2410c;font-weight:600}.unknown{opacity:.6}
table.checks td{vertical-align:top;text-align:left;opacity:1;border-top:1px solid #8884}
table.checks td:nth-child(2){white-space:nowrap}table.checks small{display:block}
"""


def verdict(found: Mapping[str, object]) -> str:
    """All of it in one line."""
    counted = part(found, "counts")
    words = [f"{number(counted, grade):.0f} {word}" for grade, word in _NOUNS.items() if number(counted, grade)]
    return f"{clean(found.get('kiosk', 'kioskd'))}: {', '.join(words) or 'nothing was looked at'}"


_NOUNS = {"fail": "failed", "warn": "to mend", "unknown": "unknown", "ok": "well"}


def page(found: Mapping[str, object], paint: Paint) -> Iterator[str]:
    """The table, worst first only in the heading: the order of the lines is the order of the looks."""
    counted = part(found, "counts")
    colour = BAD if number(counted, "fail") else COLOURS["warn"] if number(counted, "warn") else GOOD
    yield paint(colour, verdict(found))
    yield ""
    findings = [part(row) for row in items(found, "findings")]
    width = min(34, max((len(clean(row.get("name", "?"))) for row in findings), default=0))
    for row in findings:
        grade = str(row.get("grade"))
        word = paint(COLOURS.get(grade, "0"), f"{WORDS.get(grade, '?'):<4}")
        yield f"  {word}  {clean(row.get('name', '?')):<{width}}  {clean(row.get('sentence', ''))}".rstrip()
        if row.get("advice") and grade != "ok":
            yield f"  {'':<4}  {'':<{width}}  -> {clean(row['advice'])}"


def html(found: Mapping[str, object]) -> str:
    """One file without anything outside of it."""
    audio = part(found, "audio")
    checks = "".join(map(_row, (part(row) for row in items(found, "findings"))))
    pictures = "".join(f"<h2>{escape(title)}</h2>{chart.svg(title)}" for title, chart in latency(found))
    about = ", ".join(f"{name} {clean(found.get(name, '?'))}" for name in ("at", "host", "version", "config"))
    grade = "fail" if number(part(found, "counts"), "fail") else "ok"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>kioskd: doctor</title>'
        f'<style>{STYLE}{MORE}</style><h1 class="{grade}">{escape(verdict(found))}</h1>'
        f"<p><small>{escape(about)}</small>"
        f'<table class="checks">{checks}</table>{pictures}{_audio(audio) if audio else ""}</html>\n'
    )


def _row(row: Mapping[str, object]) -> str:
    grade = str(row.get("grade"))
    grade = grade if grade in WORDS else "unknown"
    advice = clean(row.get("advice") or "")
    do = f"<small>→ {escape(advice)}</small>" if advice and grade != "ok" else ""
    name, sentence = (escape(clean(row.get(key, ""))) for key in ("name", "sentence"))
    return f'<tr><td class="{grade}">{WORDS[grade]}<td>{name}<td>{sentence}{do}</tr>'


def latency(found: Mapping[str, object]) -> Iterator[tuple[str, Chart]]:
    """(title, picture) of the walks to each service: the time to a connection and to the first answer."""
    for row in (part(one) for one in items(found, "findings")):
        walks = [part(one) for one in items(part(row, "data"), "walks")]
        if not walks:
            continue
        stood = [sum(number(one, hop) for hop in HOPS if hop != "answer") for one in walks]
        whole = [ms + number(one, "answer") for ms, one in zip(stood, walks)]
        top = max(50.0, *whole) * 1.15
        step = next(size for size in (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10**6) if top / size <= 6)
        ticks = range(1, len(walks) + 1)
        chart = Chart((0.5, len(walks) + 0.5), (0.0, top), ticks, range(0, int(top), step), ("handshake", "ms"))
        going = [(float(at), ms) for at, ms, one in zip(ticks, stood, walks) if not one.get("failed")]
        chart.line("connection stands", going)
        answered = [(float(at), ms) for at, ms, one in zip(ticks, whole, walks) if number(one, "answer")]
        chart.line("first answer", answered)
        for at, one in zip(ticks, walks):
            if one.get("failed"):
                chart.mark(float(at), f"no {HOPS.get(str(one['failed']), 'way')}")
        yield f"Latency, {clean(row.get('name', '?'))}", chart


def _audio(report: Mapping[str, object]) -> str:
    """What a loud examination found, with its pictures."""
    figures, curves = part(report, "figures"), part(report, "curves")
    table = "".join(f"<tr><td>{name}<td>{escape(value)}<td>{meaning}</tr>" for name, value, meaning in rows(figures))
    said = "".join(f"<li>{escape(clean(one))}</li>" for one in items(part(report, "verdict"), "sentences"))
    drawn = charts(figures, curves) if figures and curves else ()
    pictures = "".join(f"<h2>{title}</h2>{chart.svg(title)}" for title, chart in drawn)
    return f"<h2>{escape(heading(report))}</h2><ul>{said}</ul><table>{table if figures else ''}</table>{pictures}"
