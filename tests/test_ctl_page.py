"""The status page: what is wrong comes first, and a page with holes is still a page."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.ctl_page import duration, page, rows

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
    "lockouts": [{"what": "unlock_door is locked", "for_s": 80.0}],
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
              ! unlock_door is locked for another 1 min 20 s, after too many refusals; to end it: kioskctl unlock
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


def test_buttons_contacts_and_the_volume_of_a_panel_are_shown() -> None:
    lid = {"pin": "GPIO25", "at_rest": False, "stands": "active", "for_s": 3.0}
    unread = {"pin": "GPIO24", "at_rest": None, "stands": "unread"}
    parts = {"talk": {"stuck": False}, "help": {"stuck": True}, "contacts": {"lid": lid, "door": unread}}
    panel = {"lamp": "fault", "volume": 0.708, "panel": parts}
    text = "\n".join(page({**WELL, "panel": panel}, plain))
    assert "lamp fault, volume 71%, the help button is stuck" in text
    assert "lid (GPIO25): away from rest" in text and "door (GPIO24): cannot be read" in text


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


def line(label: str, **changes: Any) -> str:
    """One row of the page, with the lines that follow it under no label of their own."""
    lines = list(page({**WELL, **changes}, plain))
    at = next(index for index, text in enumerate(lines) if text.startswith(f"  {label} "))
    end = next((n for n in range(at + 1, len(lines)) if not lines[n].startswith(" " * 14)), len(lines))
    return "\n".join(text.strip() for text in lines[at:end])


def test_a_missing_microphone_is_told_with_since_when_and_why() -> None:
    capture = {"device": "alsa:Mic", "state": "absent", "reason": "no card named Mic", "for_s": 72.0}
    assert line("microphone", audio={"capture": capture}) == (
        "microphone  absent on alsa:Mic for 1 min 12 s: no card named Mic"
    )


@pytest.mark.parametrize(
    ("switch", "words"),
    [("soft", "by kioskctl"), ("hard", "by the switch"), ("both", "by the switch and by kioskctl"), (None, "muted")],
)
def test_who_muted_it_is_told(switch: str | None, words: str) -> None:
    assert line("phase", muted=True, mute={"switch": switch}).endswith(words)
    assert line("phase", muted=False, mute={"switch": switch}) == "phase       idle"


def test_a_recording_is_told_while_it_runs_and_where_it_lies_afterwards() -> None:
    files = [{"name": "a-raw.wav", "bytes": 64_000}, {"name": "a-sent.wav", "bytes": 1_200_000}]
    recording = {"running": True, "seconds": 61.0, "dir": "/r", "files": files, "dropped": 2, "problem": ""}
    assert line("recording", audio={"recording": recording}) == (
        "recording   for 1 min 1 s into /r: a-raw.wav (64 kB), a-sent.wav (1.2 MB), 2 chunks dropped"
    )
    ended = {**recording, "running": False, "problem": "/r takes no recording: No space left on device"}
    assert line("recorded", audio={"recording": ended}) == (
        "recorded    in /r: a-raw.wav (64 kB), a-sent.wav (1.2 MB)\n"
        "! the last recording ended early: /r takes no recording: No space left on device"
    )


def test_a_canceller_that_does_not_cancel_is_told_and_a_good_one_how_well() -> None:
    echo = {"mode": "cancel", "tail_ms": 250, "return_loss_db": 12.4, "erle_db": 41.0, "reason": ""}
    assert line("echo", audio={"echo": echo}) == "echo        cancel (12 dB return loss, 41 dB cancelled)"
    failed = {**echo, "mode": "half_duplex", "return_loss_db": None, "erle_db": None, "reason": "it is not installed"}
    assert line("echo", audio={"echo": failed}) == (
        "echo        half_duplex, deaf for 250 ms after each answer\n! it is not installed"
    )


def test_what_is_wrong_with_the_gate_or_the_wake_word_is_told() -> None:
    audio = {"echo": {"mode": "hardware"}, "gate": {"reason": "no neural"}, "wake_word": {"reason": "no model"}}
    assert line("echo", audio=audio) == "echo        hardware\n! no neural\n! no model"


def echo_rows(**audio: Any) -> list[str]:
    lines = list(page({**WELL, "audio": {**WELL["audio"], **audio}}, lambda code, text: text))
    first = next(i for i, line in enumerate(lines) if line.startswith("  echo "))
    return [line[14:] for line in lines[first : first + 3]]


def test_the_echo_is_shown_with_what_was_measured_for_it() -> None:
    kept = {"at": "2026-11-21T12:00:00+00:00", "mode": "cancel", "tail_ms": 210}
    now = {"mode": "half_duplex", "tail_ms": 210}
    assert echo_rows(echo=now, doctor={"kept": kept})[0] == (
        "half_duplex, deaf for 210 ms after each answer; measured 2026-11-21T12:00:00+00:00: cancel recommended"
    )
    assert echo_rows(echo={"mode": "cancel", "tail_ms": 250}, doctor={"kept": None})[0] == "cancel"


def test_a_doctor_at_work_and_a_result_that_does_not_hold_are_shown() -> None:
    doctor = {"running": True, "step": "playing the sweep", "kept": None, "kept_problem": "It was measured elsewhere."}
    assert echo_rows(echo={"mode": "system"}, doctor=doctor) == [
        "system",
        "the doctor is at work: playing the sweep",
        "! It was measured elsewhere.",
    ]


def test_devices_that_went_wrong_unseen_are_told() -> None:
    told = {"audio": {"devices": {"faults": 2, "last_fault": "a device could not be closed"}}}
    assert ("", "! 2 faults with sound devices; the last: a device could not be closed") in list(rows(told))
    assert not any("sound devices" in text for _, text in rows({"audio": {"devices": {"faults": 0}}}))


def test_a_service_that_cannot_serve_is_shown_in_one_line_while_another_does() -> None:
    cloud = {"name": "hydra-1", "state": "refused", "reason": "the key file is not there", "for_s": 4000}
    endpoints = [cloud, {"name": "local-2", "state": "serving", "reason": "", "for_s": 3}]
    link = {"state": "ready", "endpoint": "local-2", "for_s": 3, "endpoints": endpoints, "mismatches": ["It lisps."]}
    text = "\n".join(page({**WELL, "link": link}, plain))
    assert "services    hydra-1 refused for 1 h 6 min: the key file is not there; local-2 serving" in text
    assert "! It lisps." in text
    assert "services" not in "\n".join(page({**WELL, "link": {**link, "endpoints": endpoints[1:]}}, plain))


def test_announcements_are_shown_when_there_is_something_to_tell() -> None:
    def shown(**announce: object) -> list[tuple[str, str]]:
        found = list(rows({**WELL, "announce": {"state": "idle", "waiting": 0, "cues": {}, "reason": "", **announce}}))
        at = next((index for index, (label, _) in enumerate(found) if label == "announce"), len(found))
        return [row for row in found[at : at + 2] if row[0] in ("announce", "")]

    assert shown() == []
    assert shown(state="waits", waiting=2) == [("announce", "waits, 2 on the way")]
    assert shown(cues={"offline": "house", "busy": ""}) == [
        ("announce", "cue offline: house voice, cue busy: not spoken yet")
    ]
    assert shown(reason="nobody listens there") == [("announce", "idle"), ("", "! nobody listens there")]


def test_the_power_line_and_a_supply_that_was_weak_are_shown() -> None:
    at = {"line": "GPIO23", "state": "on", "blips": 2, "returned": 1, "supply": {"since_boot": ["it was low"]}}
    shown = [text for label, text in rows({**WELL, "power": at}) if label == "power" or "since the boot" in text]
    assert shown == ["on on GPIO23 (2 too short, 1 back in time)", "! since the boot: it was low"]
    lost = [text for label, text in rows({**WELL, "power": {"line": "GPIO23", "state": None}}) if label == "power"]
    assert lost == ["nobody knows on GPIO23"]
    assert not [label for label, _ in rows(WELL) if label == "power"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"running": "file"}, "config      /k.yaml"),
        ({"running": "last good"}, "/k.yaml (does not check: the last good one runs)"),
        ({"running": "trial", "trial": {"phase": "watched", "watched_for_s": 9}}, "on trial, watched for another 9 s"),
        ({"trial": {"phase": "unconfirmed", "confirm_within_s": 70}}, "! goes back in 1 min 10 s unless somebody says"),
        (
            {"trial": {"state": "rolled back", "reason": "it was ill"}},
            "! the last one applied was rolled back: it was ill",
        ),
        ({"pending": [{"key": f"k{n}"} for n in range(9)]}, "! wait for a restart: k0, k1, k2, k3, k4 ..."),
        ({"unkept": "the disk is full"}, "! the disk is full"),
    ],
)
def test_which_configuration_runs_and_what_becomes_of_the_next_is_shown(more: dict[str, Any], said: str) -> None:
    shown = "\n".join(page({**WELL, "config": {"path": "/k.yaml", **more}}, lambda code, text: text))
    assert said in shown
