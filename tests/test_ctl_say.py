"""kioskctl say: what is asked, how long it waits, and what it tells."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Iterator, Mapping

import pytest

from kioskd import ctl, ctl_say


class Kiosk:
    """A daemon that lets an announcement go through these states."""

    def __init__(self, *states: str, note: str = "", longest_s: float = 5.0) -> None:
        self.states: Iterator[str] = iter(states)
        self.asked: list[dict[str, object]] = []
        self.waited: list[float] = []
        self.note, self.longest_s, self.last = note, longest_s, ""

    def __call__(self, request: Mapping[str, object]) -> Mapping[str, object]:
        self.asked.append(dict(request))
        self.last = next(self.states, self.last)
        running = self.last in ctl_say.STEPS
        answer = {"run": 7, "running": running, "state": self.last, "note": self.note, "longest_s": self.longest_s}
        return {"ok": True, **answer}

    def say(self, text: str = "Hello.", voice: str = "") -> tuple[Mapping[str, object], list[str]]:
        steps: list[str] = []
        return ctl_say.announce(self, text, voice, steps.append, self.waited.append), steps


def test_it_waits_until_it_was_spoken_and_shows_each_step_once() -> None:
    kiosk = Kiosk("renders", "renders", "waits", "waits", "plays", "played")
    became, steps = kiosk.say(voice="sophia")
    assert ctl_say.spoken(became) and ctl_say.sentence(became) == ""
    assert steps == ["is being rendered", "waits until nobody uses the kiosk", "is being spoken"]
    assert kiosk.asked[0] == {"do": "say", "text": "Hello.", "voice": "sophia"}
    assert kiosk.asked[1:] == [{"do": "say", "run": 7}] * 5


def test_a_kiosk_that_stays_in_use_is_not_waited_for_for_ever() -> None:
    kiosk = Kiosk("waits", longest_s=120)
    became, _ = kiosk.say()
    assert 249 < sum(kiosk.waited) < 255 and len(kiosk.asked) < 140
    assert not ctl_say.spoken(became) and "will be spoken without you" in ctl_say.sentence(became)


@pytest.mark.parametrize(
    ("state", "note", "told"),
    [
        ("played", "the service failed: no way", "spoken by the local voice: the service failed: no way"),
        ("cut", "somebody spoke over it", "not spoken to its end (cut): somebody spoke over it"),
        ("failed", "apt-get install espeak-ng", "not spoken to its end (failed): apt-get install espeak-ng"),
        ("failed", "red \x1b[31m", "not spoken to its end (failed): red"),
        ("", "", "not spoken to its end ()"),
    ],
)
def test_what_became_of_it_is_a_sentence(state: str, note: str, told: str) -> None:
    assert ctl_say.sentence(Kiosk(state, note=note).say()[0]).startswith(told)


def test_the_text_is_the_words_or_standard_input() -> None:
    assert ctl_say.text_of(["The", "lift."], io.StringIO("no").read) == "The lift."
    assert ctl_say.text_of(["-"], io.StringIO("The\nlift.\n").read) == "The\nlift.\n"
    with pytest.raises(ValueError, match="more than 4000"):
        ctl_say.text_of(["-"], io.StringIO("x" * 5000).read)
    with pytest.raises(ValueError, match="cannot be read as text"):
        ctl_say.text_of(["-"], io.TextIOWrapper(io.BytesIO(b"\xff\xfe\xfa"), "utf-8").read)


@pytest.mark.parametrize(("state", "code"), [("played", 0), ("cut", 1)])
def test_the_exit_status_says_whether_it_was_heard(
    state: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kiosk = Kiosk(state, note="n")
    monkeypatch.setattr(ctl, "ask", lambda looked_in, name, request: kiosk(request) if name == ctl.CHANGE else {})
    assert ctl.main(["say", "Dinner", "is", "served."]) == code
    assert kiosk.asked[0]["text"] == "Dinner is served." and capsys.readouterr().err.startswith("kioskctl: ")
    assert ctl.main(["say", "--json", "Hello."]) == code
    shown: Any = json.loads(capsys.readouterr().out)
    assert shown["state"] == state


def test_without_a_daemon_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl.main(["--runtime-dir", str(tmp_path), "say", "Hello."]) == 69
    assert "no kioskd serves" in capsys.readouterr().err
