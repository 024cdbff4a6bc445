"""kioskctl's side of the doctor: asking, waiting, page and picture, also of reports that are not as expected."""

from __future__ import annotations

import re
from typing import Any, Mapping

import pytest

from kioskd import ctl_doctor
from kioskd.ctl_doctor import consult, fits, heading, html, page, remaining

GOOD: dict[str, Any] = {
    "at": "2026-11-21T12:00:00+00:00",
    "version": "1.0",
    "input": "alsa:mic",
    "output": "alsa:<spk>",
    "echo": "half_duplex",
    "volume": 0.8,
    "figures": {
        "noise_floor_dbfs": -60.2,
        "heard": True,
        "delay_ms": 83.6,
        "echo_dbfs": -32.1,
        "return_loss_db": 12.1,
        "erle_db": 38.4,
        "residual_dbfs": -70.5,
        "decay_ms": 120.0,
        "tail_ms": 210,
        "distortion": 0.021,
        "clipped": 0.0003,
    },
    "curves": {
        "levels": [[i / 20, -60.0 + i / 10, -80.0] for i in range(200)],
        "marks": [[1.0, "sweep"], [5.6, "speech"]],
        "spectrum": [[125.0, -70.0, -40.0, -80.0], [6300.0, -75.0, -60.0, -85.0]],
        "decay": [[0.0, 0.0], [100.0, -30.0], [120.0, -40.0]],
        "response": [[0.0, -80.0], [80.0, 0.0], [500.0, -80.0]],
    },
    "verdict": {"mode": "cancel", "fit": True, "sentences": ["echo: cancel fits & <works>."]},
    "kept": "/var/lib/kioskd/echo.json",
    "kept_note": "Kept in /var/lib/kioskd/echo.json; in force from the next start on.",
}
REFUSED: dict[str, Any] = {
    **GOOD,
    "figures": None,
    "curves": None,
    "verdict": {"mode": "", "fit": False, "sentences": ["No echo was heard."]},
    "kept": "",
    "kept_note": "",
}


def plain(code: str, text: str) -> str:
    return text


class Daemon:
    """Answers as the doctor does: some steps, then the report."""

    def __init__(self, steps: list[str], report: object) -> None:
        self.steps, self.report = steps, report
        self.asked: list[Mapping[str, object]] = []

    def __call__(self, request: Mapping[str, object]) -> Mapping[str, object]:
        self.asked.append(request)
        if self.steps:
            return {"run": 7, "running": True, "step": self.steps.pop(0), "longest_s": 20.0}
        return {"run": 7, "running": False, "step": "", "report": self.report}


def test_it_asks_once_and_then_how_it_goes() -> None:
    daemon, steps, waited = Daemon(["preparing", "playing", "playing"], GOOD), [], []
    assert consult(daemon, True, steps.append, waited.append) == GOOD
    assert daemon.asked[0] == {"do": "doctor", "what": "audio", "keep": True}
    assert daemon.asked[1:] == [{"do": "doctor", "what": "audio", "run": 7}] * 3
    assert steps == [
        "preparing, about 13 s to go",
        "playing, about 12 s to go",
        "playing, about 10 s to go",
    ]
    assert len(waited) == 3 and remaining(60.0) == "a moment longer than usual"


def test_a_doctor_that_never_comes_back_is_not_awaited_for_ever() -> None:
    waited: list[float] = []
    assert consult(Daemon(["plays"] * 1000, GOOD), False, lambda step: None, waited.append) is None
    assert 20 < sum(waited) < 30


def test_what_it_says_cannot_steer_a_terminal() -> None:
    shown: list[str] = []
    consult(Daemon(["\033[2Jplays"], GOOD), False, shown.append, lambda s: None)
    assert shown == ["·[2Jplays, about 13 s to go"]


def test_the_page_has_the_figures_with_their_units_and_the_sentences() -> None:
    text = "\n".join(page(GOOD, plain))
    for piece in ("-60 dBFS", "84 ms", "12.1 dB", "38.4 dB", "210 ms", "2.1 %", "0.03 %", "fits & <works>", "Kept in"):
        assert piece in text
    assert text.splitlines()[0] == "echo: cancel is recommended; the present echo: half_duplex works here"


def test_a_refusal_is_a_page_without_figures() -> None:
    text = "\n".join(page(REFUSED, plain))
    assert "No echo was heard." in text and "dBFS" not in text
    assert not fits(REFUSED) and fits(GOOD)


@pytest.mark.parametrize(
    ("mode", "now", "fit", "says"),
    [
        ("cancel", "cancel", True, "is right for this place"),
        ("half_duplex", "cancel", False, "does not work here"),
        ("", "cancel", False, "no echo mode can be recommended"),
    ],
)
def test_the_heading_says_it_in_one_line(mode: str, now: str, fit: bool, says: str) -> None:
    assert says in heading({"echo": now, "verdict": {"mode": mode, "fit": fit}})


@pytest.mark.parametrize(
    "wreck", [{}, {"verdict": 3, "figures": [1], "curves": "x"}, {"figures": {"delay_ms": "soon"}}]
)
def test_a_report_of_another_version_is_shown_as_far_as_it_goes(wreck: dict[str, Any]) -> None:
    assert list(page(wreck, plain)) and html(wreck).startswith("<!doctype html>")
    assert not fits(wreck)


def test_the_picture_is_one_file_with_four_charts(tags: Any) -> None:
    found = tags(html(GOOD))
    assert found.tags.count("svg") == 4 and not {"script", "link", "img", "iframe"} & set(found.tags)
    for words in ("Level over time", "How the room fades", "Impulse response", "Spectrum", "sweep", "noise floor"):
        assert words in found.words
    assert "arrives after 84 ms" in found.words and "quiet after 120 ms" in found.words
    assert len(html(GOOD)) < 60_000


def test_text_is_escaped_whoever_wrote_it(tags: Any) -> None:
    evil = {
        **GOOD,
        "input": "</style><script>alert(1)</script>",
        "verdict": {"mode": "<img>", "fit": True, "sentences": ["<script>"]},
        "curves": {**GOOD["curves"], "marks": [[1.0, "<script>"], ["x", "y"], 3]},
    }
    found = tags(html(evil))
    assert not {"script", "img"} & set(found.tags) and found.tags.count("style") == 1
    assert re.search("<(script|img)", html(evil)) is None


def test_a_refusal_has_no_charts(tags: Any) -> None:
    found = tags(html(REFUSED))
    assert "svg" not in found.tags and "No echo was heard." in found.words


def test_broken_curves_draw_what_can_be_drawn() -> None:
    for curves in ({"levels": None}, {"levels": [[1], "x", [0.0, None]], "decay": 5}, {"spectrum": [[1000.0, -60.0]]}):
        assert html({**GOOD, "curves": curves}).count("<svg") == 4


def test_progress_is_for_terminals_only(capsys: pytest.CaptureFixture[str]) -> None:
    ctl_doctor.to_terminal("plays")
    ctl_doctor.end_progress()
    assert capsys.readouterr() == ("", "")
