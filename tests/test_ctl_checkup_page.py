"""The doctor's table and its file for the installer, in a real browser where there is one."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import warnings
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from kioskd.core.finding import counts, fail, ok, unknown, warn
from kioskd.ctl_checkup_page import html, latency, page, verdict

WALKS = [
    {"dns": 3.0, "connect": 20.0, "tls": 30.0, "answer": 40.0 + at, "failed": "", "status": 401} for at in range(3)
]
FINDINGS = [
    ok("clock", "kept by a time server"),
    warn("wi-fi power save wlan0", "on", "iw dev wlan0 set power_save off"),
    fail("disk /var/lib/kioskd", "is <full>", "journalctl --vacuum-size=50M"),
    unknown("supply", "this board does not tell"),
    ok("way hydra-1", "53 ms", walks=[*WALKS, {"failed": "connect", "dns": 3.0, "status": 0}]),
]
AUDIO: dict[str, Any] = {
    "echo": "cancel",
    "verdict": {"mode": "cancel", "fit": True, "sentences": ["It fits."]},
    "figures": {"noise_floor_dbfs": -60.0, "delay_ms": 80.0, "decay_ms": 120.0},
    "curves": {
        "levels": [[i / 20, -60.0 + 20 * math.sin(i / 9), -80.0] for i in range(200)],
        "marks": [[1.0, "sweep"]],
        "spectrum": [[125.0, -70.0, -40.0, -80.0], [1000.0, -72.0, -50.0, -82.0], [6300.0, -75.0, -60.0, -85.0]],
        "decay": [[0.0, 0.0], [120.0, -40.0]],
        "response": [[0.0, -80.0], [80.0, 0.0], [500.0, -80.0]],
    },
}
FOUND: dict[str, Any] = {
    "kiosk": "Front <door>",
    "at": "2026-11-21T12:00:00+0000",
    "host": "kiosk1",
    "version": "1",
    "config": "/etc/kioskd/kioskd.yaml",
    "counts": counts(FINDINGS),
    "findings": [one.row() for one in FINDINGS],
    "audio": AUDIO,
}


def plain(code: str, text: str) -> str:
    return text


def test_the_table_has_a_line_for_each_look_and_what_to_do_below_it() -> None:
    text = list(page(FOUND, plain))
    assert text[0] == "Front <door>: 1 failed, 1 to mend, 1 unknown, 2 well"
    whole = "\n".join(text)
    assert re.search(r"FAIL +disk /var/lib/kioskd +is <full>", whole)
    assert "-> iw dev wlan0 set power_save off" in whole and whole.count("->") == 2
    assert verdict({}) == "kioskd: nothing was looked at"


@pytest.mark.parametrize("wreck", [{}, {"findings": 3, "counts": "x"}, {"findings": [1, {"grade": 7}], "audio": []}])
def test_what_is_not_as_expected_is_shown_as_far_as_it_goes(wreck: dict[str, Any]) -> None:
    assert list(page(wreck, plain)) and html(wreck).startswith("<!doctype html>")


def test_the_file_has_all_lines_and_all_pictures_and_needs_nothing_else(tags: Any) -> None:
    found = tags(html(FOUND))
    assert found.tags.count("svg") == 5 and not {"script", "link", "img", "iframe", "door", "full"} & set(found.tags)
    for words in ("Latency, way hydra-1", "Level over time", "Spectrum", "Impulse response", "It fits.", "is <full>"):
        assert words in found.words
    assert "no connection" in found.words and "first answer" in found.words
    assert "url(" not in html(FOUND) and "http" not in html(FOUND).replace("HTTP", "")


def test_without_an_examination_there_is_the_road_alone(tags: Any) -> None:
    assert tags(html({**FOUND, "audio": None})).tags.count("svg") == 1


def test_walks_that_are_none_draw_what_can_be_drawn() -> None:
    rows = [
        {"name": "x", "data": {"walks": walks}} for walks in ([], [3], [{"answer": "soon"}], [{"failed": "?"}], "no")
    ]
    drawn = list(latency({"findings": rows}))
    assert len(drawn) == 3 and all(chart.svg(title) for title, chart in drawn)


def test_text_is_escaped_whoever_wrote_it(tags: Any) -> None:
    evil = "</style><script>alert(1)</script>\033[2J"
    rows = [fail(evil, evil, evil).row()]
    found = {**FOUND, "kiosk": evil, "host": evil, "findings": rows, "audio": {"verdict": {"sentences": [evil]}}}
    assert "script" not in tags(html(found)).tags
    assert "\033" not in html(found) and "\033" not in "\n".join(page(found, plain))


# -- a real browser ------------------------------------------------------------------------------


def browser(*arguments: str) -> bytes:
    """What chromium says; the test has looked whether there is one."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or ""
    quiet = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")
    ran = subprocess.run([program, *quiet, *arguments], capture_output=True, timeout=60)
    assert ran.returncode == 0, ran.stderr.decode(errors="replace")[-2000:]
    return ran.stdout


@pytest.mark.browser
def test_a_real_browser_draws_it(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    # Measured in the page itself: each picture and each line of the table takes up room, and nothing was fetched.
    probe = """<script>addEventListener("load", () => {
        const sizes = [...document.querySelectorAll("svg")].map(one => Math.round(one.getBoundingClientRect().height));
        const lines = [...document.querySelectorAll("svg path.line")].map(one => Math.round(one.getTotalLength()));
        const rows = [...document.querySelectorAll("table.checks tr")].filter(one => one.offsetHeight > 10).length;
        const wide = document.documentElement.scrollWidth <= innerWidth;
        document.body.dataset.seen = JSON.stringify(
            {sizes, lines, rows, wide, fetched: performance.getEntriesByType("resource").length});
    });</script>"""
    file.write_text(html(FOUND).replace("</html>", f"{probe}</html>"))
    if shutil.which("chromium") is None and shutil.which("chromium-browser") is None:
        warnings.warn("no chromium here: the report was parsed, and not drawn")
        return
    home = f"--user-data-dir={tmp_path / 'profile'}"
    dom = browser(home, "--window-size=900,1200", "--virtual-time-budget=2000", "--dump-dom", file.as_uri()).decode()
    (said,) = re.findall(r'data-seen="([^"]*)"', dom)
    seen = json.loads(unescape(said))
    assert len(seen["sizes"]) == 5 and min(seen["sizes"]) > 100
    assert len(seen["lines"]) >= 9 and min(seen["lines"]) > 10, "every curve is really drawn"
    assert seen["rows"] == len(FINDINGS) and seen["wide"] is True and seen["fetched"] == 0
    shot = tmp_path / "report.png"
    browser(home, "--window-size=900,2400", f"--screenshot={shot}", file.as_uri())
    assert shot.read_bytes().startswith(b"\x89PNG") and os.path.getsize(shot) > 20_000
