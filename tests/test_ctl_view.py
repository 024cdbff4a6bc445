"""What stands below the notes: levels, phase, link and turns, in lines that never wrap and never steer the terminal."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.ctl_view import LOOK_S, METER, Turn, View, meter, rows


def plain(_: str, text: str) -> str:
    return text


def page(level_dbfs: float = -30.0, **more: Any) -> dict[str, Any]:
    mic = {"state": "running", "reason": "", "level_dbfs": level_dbfs, "gate": "speaking"}
    return {
        "audio": {"capture": mic},
        "link": {"state": "ready", "endpoint": "hydra", "reason": ""},
        "session": {"turn": "listening"},
        "panel": {"lamp": "listening"},
        "phase": "listening",
        "muted": False,
        **more,
    }


@pytest.mark.parametrize(("level_dbfs", "full"), [(-96.0, 0), (-70.0, 0), (-38.0, 12), (-6.0, METER), (0.0, METER)])
def test_the_meter_goes_from_silence_to_too_loud(level_dbfs: float, full: int) -> None:
    assert meter(level_dbfs).count("█") == full and len(meter(level_dbfs)) == METER
    assert set(meter(level_dbfs, plain=True)) <= {"#", "."}


def test_level_gate_phase_link_and_turns_stand_there() -> None:
    shown = rows(page(), [Turn("10:00:01", "825 ms", "unlock_door: allow"), Turn("10:00:09")], plain, 120)
    assert "-30 dBFS  speaking" in shown[0]
    assert shown[1].split() == ["phase", "listening", "turn", "listening"]
    assert shown[2].split() == ["link", "ready", "hydra"]
    assert shown[3].endswith("10:00:01  825 ms  unlock_door: allow") and shown[4].endswith("10:00:09  no sound yet")


def test_a_microphone_that_is_not_there_says_why_and_mute_is_loud() -> None:
    gone = {"capture": {"state": "absent", "reason": "pulled"}}
    shown = rows(page(audio=gone, muted=True), [], plain, 120)
    assert shown[0].split() == ["mic", "absent", "pulled"] and shown[1].endswith("MUTED")
    assert rows(None, [], plain, 120) == ["mic    kioskd does not answer now"]


@settings(max_examples=50, deadline=None)
@given(st.text(), st.integers(1, 200))
def test_no_line_wraps_or_steers_the_terminal(text: str, columns: int) -> None:
    link = {"state": "ready", "endpoint": text, "reason": text}
    for line in rows(page(link=link), [Turn(text, text, text)], plain, columns):
        assert line.isprintable() and len(line) <= max(7, columns - 1)


def test_a_turn_is_told_from_the_notes() -> None:
    view = View(plain, lambda: 0.0, page)
    wall = "2025-01-02T10:00:00+00:00"
    view.heard({"kind": "latency", "text": "of a turn before this watch", "wall": wall})
    for kind, text in (
        ("gate", "speech heard"),
        ("decision", "unlock_door: confirm"),
        ("latency", "825 ms from the end of speech to the first sound"),
        ("latency", "10 ms from the confirmation to the relay"),
        ("tool", "unlock_door: done (as asked)"),
    ):
        view.heard({"kind": kind, "text": text, "wall": wall})
    lines = view.lines(0.0)
    assert lines[-1].split()[2:] == ["825", "ms", "unlock_door:", "done", "(as", "asked)"]
    assert not any("before this watch" in line for line in lines)


def test_a_daemon_of_another_version_is_shown_as_far_as_it_is_understood() -> None:
    assert [row.split() for row in rows({}, [], plain, 120)] == [["mic"], ["phase", "turn"], ["link"]]
    assert "0 dBFS" in rows({"audio": {"capture": {"state": "running", "level_dbfs": "loud"}}}, [], plain, 120)[0]


def test_once_the_terminal_has_gone_nobody_is_asked_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    asked: list[float] = []
    now = [0.0]

    def look() -> dict[str, Any]:
        asked.append(now[0])
        return page()

    view = View(plain, lambda: now[0], look)
    monkeypatch.setattr(sys, "stdout", Gone())
    view.draw()
    now[0] = 10.0
    assert view.draw() is None and asked == [0.0]


def test_it_looks_again_after_a_moment_and_clears_as_many_lines_as_it_drew(capsys: pytest.CaptureFixture[str]) -> None:
    now, looks = [0.0], []
    answers: list[dict[str, Any] | None] = [page(), page(level_dbfs=-50.0), None]

    def look() -> dict[str, Any] | None:
        looks.append(now[0])
        return answers[len(looks) - 1]

    view = View(plain, lambda: now[0], look)
    assert view.draw() == pytest.approx(LOOK_S)
    assert capsys.readouterr().out.count("\n") == 3
    view.draw()
    assert capsys.readouterr().out.startswith("\r\033[3A") and looks == [0.0]
    now[0] = LOOK_S
    view.draw()
    assert "-50 dBFS" in capsys.readouterr().out
    now[0] = 2 * LOOK_S
    view.draw()
    out = capsys.readouterr().out
    assert "does not answer" in out and "listening" in out, "the lamp that was shown last stays"
    view.clear()
    assert capsys.readouterr().out == "\r\033[1A\033[J"
