"""The status page: what is wrong comes first, and a page with holes is still a page."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.ctl_page import duration, page

WELL: dict[str, Any] = {
    "version": "1.2",
    "kiosk": "Front door",
    "uptime_s": 11520.4,
    "phase": "idle",
    "muted": False,
    "health": {"ok": True, "reasons": []},
    "link": {"state": "asleep", "endpoint": "hydra", "reason": "nobody speaks", "for_s": 75.0},
    "audio": {
        "capture": {"device": "alsa:Mic", "state": "running", "reason": "", "level_dbfs": -61.2, "gate": "quiet"},
        "playback": {"device": "pulse", "state": "asleep", "reason": "", "xruns": 2},
    },
    "panel": {"lamp": "idle", "problems": [], "lines": {"pins": "simulated"}, "panel": {"talk": {"stuck": False}}},
    "session": {"id": "", "calls": []},
    "tools": [
        {"name": "unlock_door", "class": "access", "allowed": True, "runs": 1},
        {"name": "boil", "class": "actuate", "allowed": False, "runs": 0},
    ],
    "usage": {"sessions": 1, "turns": 12, "bytes_up": 1_234_567, "bytes_down": 0},
    "config": {"path": "/etc/kioskd/kioskd.yaml", "warnings": ["kioskd.yaml:3: talk.mode: it costs"]},
    "counters": {"ledger": {"unknown": ["unlock_door (call_7)"]}},
}

EXPECTED = """\
Front door: all is well
  kioskd 1.2, up 3 h 12 min

  phase       idle
  link        asleep (hydra) for 1 min 15 s: nobody speaks
  microphone  running on alsa:Mic, -61 dBFS, gate quiet
  speaker     asleep on pulse, xruns 2
  panel       lamp idle, simulated pins
  session     none
  tools       unlock_door (access)
              boil (actuate, not allowed)
  usage       1 session, 12 turns, 1.2 MB up, 0 kB down
  config      /etc/kioskd/kioskd.yaml
              ! kioskd.yaml:3: talk.mode: it costs
              ! the outcome of unlock_door (call_7) is unknown: look at what it moves"""


def plain(_: str, text: str) -> str:
    return text


def marked(code: str, text: str) -> str:
    return f"<{code}>{text}"


def test_a_healthy_kiosk_on_one_page() -> None:
    assert "\n".join(page(WELL, plain)) == EXPECTED


def test_what_is_wrong_comes_first_and_since_when() -> None:
    reasons = ["the microphone is absent: no card named Mic (for 12 s)", "the service has failed: bad key (for 3 s)"]
    lines = list(page({**WELL, "health": {"ok": False, "reasons": reasons}}, marked))
    assert lines[:3] == ["<1;31>Front door needs attention", *(f"<1;31>  ! {reason}" for reason in reasons)]


def test_an_outage_says_why_and_what_happens_next() -> None:
    link = {"state": "offline", "endpoint": "hydra", "reason": "no route", "for_s": 4000, "next_attempt_in_s": 7.6}
    text = "\n".join(page({**WELL, "link": link}, plain))
    assert "offline (hydra) for 1 h 6 min: no route; next attempt in 7 s" in text


def test_a_conversation_is_shown() -> None:
    session = {"id": "s1", "endpoint": "hydra", "turn": "waiting", "calls": [{"tool": "door", "state": "confirming"}]}
    text = "\n".join(page({**WELL, "muted": True, "session": session}, plain))
    assert "s1 on hydra, turn waiting; door confirming" in text and "idle, muted" in text


def test_a_panel_that_does_not_work_says_so() -> None:
    panel = {
        "lamp": "fault",
        "problems": ["no chip"],
        "panel": {"talk": {"stuck": True}, "troubles": ["The lamp: gone"]},
    }
    text = "\n".join(page({**WELL, "panel": panel}, plain))
    assert "lamp fault, the talk button is stuck" in text and "! no chip" in text and "! The lamp: gone" in text


def test_what_others_wrote_cannot_steer_the_terminal() -> None:
    evil = "\x1b]0;x\x07\n\x9b31m"
    wicked = {"kiosk": evil, "health": {"ok": False, "reasons": [evil]}, "link": {"reason": evil}, "version": evil}
    assert all(line.isprintable() for line in page(wicked, plain))


def test_an_empty_page_is_no_healthy_kiosk() -> None:
    assert list(page({}, plain))[0] == "kioskd needs attention"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(sorted({*WELL, *WELL["link"], *WELL["panel"], "unknown", "talk"})), inner),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(WELL)), ANYTHING))
def test_no_page_is_too_strange_to_print(status: dict[str, object]) -> None:
    assert all(line.isprintable() for line in page(status, plain))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "0 s"),
        (59.9, "59 s"),
        (60, "1 min 0 s"),
        (250, "4 min 10 s"),
        (11520, "3 h 12 min"),
        (183600, "2 d 3 h"),
    ],
)
def test_times_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said
