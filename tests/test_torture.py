"""A seeded part of what scripts/torture does at length; and that its judges can tell a broken door from a sound one."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest

from kioskd.config.means import Means, means
from kioskd.config.goods import Goods
from kioskd.core import calls, codes, confirmation, lockout, machine, policy
from kioskd.core import confirm_events as ce
from kioskd.core.events import ToolAsked
from kioskd.core.house_events import Suspended
from kioskd.core.policy import Decision, Verdict
from kioskd.core.words import CallKey
from torture import apply
from torture.door import play
from torture.lives import World, look, wrongs, wrongs_after

ROOT = Path(__file__).resolve().parent.parent
SEQUENCES = 1500


def torture(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torture", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)


def test_kills_at_writes_and_moves_leave_at_most_one_move_a_call() -> None:
    done = torture("ledger", "--most", "16", "--seed", "20261121")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 lives end by SIGKILL" in done.stdout and "0 faults" in done.stdout
    moves = int(done.stdout.splitlines()[-1].split()[0])
    assert moves > 20, "the relay did move in most of them"


def test_kills_and_power_cuts_at_the_writes_of_an_apply_leave_one_of_two_configurations_whole() -> None:
    done = torture("apply", "--most", "8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "32 lives end by SIGKILL, 0 faults" in done.stdout


def test_a_file_that_is_written_in_place_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "run").mkdir()
    whole = apply.KIOSK.format(name=apply.OLD, folder=tmp_path)
    Goods(str(tmp_path / "state")).keep(whole.encode())
    (tmp_path / "kioskd.yaml").write_text(whole)
    assert apply.wrongs(tmp_path, {apply.OLD}) == []
    (tmp_path / "kioskd.yaml").write_text(whole[:-20])
    assert any("broken" in wrong for wrong in apply.wrongs(tmp_path, {apply.OLD}))
    (tmp_path / "kioskd.yaml").write_text(whole.replace(apply.OLD, "another"))
    assert any("another runs" in wrong for wrong in apply.wrongs(tmp_path, {apply.OLD}))


def test_no_access_line_moves_without_its_confirmation() -> None:
    done = torture("door", "--sequences", str(SEQUENCES), "--seed", "20261121")
    assert done.returncode == 0, done.stdout + done.stderr
    confirmations = int(done.stdout.split("confirmations")[0].split()[-1])
    assert confirmations > SEQUENCES / 10, "most of them would show nothing otherwise"


def finds(sentence: str, seeds: int = 3000) -> bool:
    """Whether one of the sequences ends with such a fault."""
    return any(sentence in fault for seed in range(seeds) for fault in play(seed, 25).oracle.faults)


def any_press(s: Any, call: Any, at: float, now: float) -> None:
    s.pending_press = at
    confirmation.wait_for_hold(s, now + call.tool.policy.hold_ms / 1000)


def short_hold(s: Any, at: float, now: float) -> None:
    began, s.pending_press = s.pending_press, None
    if began is not None and s.confirming is not None:
        confirmation.give(s, s.confirming, "button", "", now)


def held_to_talk(s: Any, now: float) -> None:
    if s.confirming is not None and s.down:
        confirmation.give(s, s.confirming, "button", "", now)


def any_code(s: Any, e: Any, now: float) -> None:
    if s.confirming is not None and s.checking:
        s.checking = 0
        confirmation.give(s, s.confirming, "code", "whoever", now)


def codes_for_ever(s: Any, e: Any, now: float) -> None:
    """As codes.checked, and wrong ones are not counted."""
    codes.checked(s, e, now)
    for name in [name for name in s.locks if name.startswith("#")]:
        del s.locks[name]


def early_keys(s: Any, e: Any, now: float) -> None:
    if s.confirming is not None:
        codes.typed(s, dataclasses.replace(e, at=now + 1.0), now)
    else:
        s.typed += e.key


def any_staff(s: Any, e: Any, now: float) -> None:
    if s.staff_for is not None and s.confirming is not None:
        confirmation.give(s, s.confirming, "staff", "whoever", now)


def one_is_enough(tool: Any) -> Means:
    kinds, needed = means(tool)
    return Means(kinds, min(1, needed))


def yes(*_: object, **__: object) -> Decision:
    return Decision(Verdict.ALLOW, "allowed", "", "always")


@pytest.mark.parametrize(
    ("module", "name", "broken", "sentence"),
    [
        (confirmation, "release", short_hold, "no new press was held"),
        (calls, "judge", yes, "no new press was held"),
        (calls, "cancel_calls", lambda *_: None, "after a cancel"),
        (calls, "facts", None, "interlocks were not read"),
    ],
    ids=["a short press confirms", "policy allows everything", "mute cancels nothing", "contacts are not read again"],
)
def test_a_broken_door_is_told_from_a_sound_one(
    module: Any, name: str, broken: Callable[..., Any] | None, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if broken is None:
        monkeypatch.setattr(confirmation, "judge", yes)
    else:
        monkeypatch.setattr(module, name, broken)
    assert finds(sentence), name


@pytest.mark.parametrize(
    ("event", "broken", "sentence"),
    [
        (ce.CodeChecked, any_code, "not 1 of code confirmed it"),
        (ce.CodeChecked, codes_for_ever, "one more code was compared than may be"),
        (ce.KeyTyped, early_keys, "confirmed it"),
        (ce.StaffAnswered, any_staff, "not 1 of staff confirmed it"),
    ],
    ids=["any code fits", "wrong codes are not counted", "keys from before the question", "any yes is for any call"],
)
def test_a_broken_witness_is_told_from_a_sound_one(
    event: type, broken: Callable[..., Any], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(dict_of(machine.HANDLERS), event, broken)
    assert finds(sentence), sentence


def dict_of(rows: Any) -> dict[Any, Any]:
    assert isinstance(rows, dict)
    return rows


def test_one_of_two_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (confirmation, policy):
        monkeypatch.setattr(module, "means", one_is_enough)
    assert finds("not 2 of")


def test_a_press_from_before_the_question_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The button that was held to talk never confirms: a machine that let it would be found."""
    monkeypatch.setattr(confirmation, "hold_expired", held_to_talk)
    from kioskd.core import deadlines

    monkeypatch.setattr(deadlines, "TIMERS", {**deadlines.TIMERS, "hold": held_to_talk, "refused": held_to_talk})
    monkeypatch.setattr(machine, "TIMERS", {**machine.TIMERS, "hold": held_to_talk, "refused": held_to_talk})
    assert finds("no new press was held")
    assert lockout.ALL == ""


@pytest.mark.parametrize("broken", [False, True])
def test_a_relay_that_waits_and_is_not_called_back_would_be_noticed(
    broken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if broken:
        monkeypatch.setattr(calls, "recall", lambda s, call, decision: None)
    for seed in range(100):
        kiosk = play(seed, 0)
        key = CallKey("e", "s1", "c1")
        kiosk.step(ToolAsked(key, "call_lift", "{}"))
        kiosk.write()
        if kiosk.running:
            break
    assert [tool for _, tool in kiosk.running] == ["call_lift"]
    kiosk.step(Suspended(60.0))
    assert bool(kiosk.last_word(key)) is not broken
    assert ["a relay that waited was let go" in fault for fault in kiosk.oracle.faults] == [True] * broken


def test_the_judge_of_the_ledger_can_tell_what_must_not_be(tmp_path: Path) -> None:
    sound = World(["c0"], {"c0", "c1"}, {"c1"}, {"c0": "done"}, [])
    assert wrongs(tmp_path, sound) == []
    assert "moved the line twice" in wrongs(tmp_path, sound._replace(moved=["c0", "c0"]))[0]
    assert "without an intent" in wrongs(tmp_path, sound._replace(moved=["c9"]))[0]
    after = World(["c0", "c1"], {"c0", "c1"}, set(), {"c0": "done", "c1": "done"}, [])
    story = " ".join(wrongs_after(sound, after, 2))
    assert "tried again" in story and "reported as unknown" in story and "something else than unknown" in story
    assert "not all calls have ended" in " ".join(wrongs_after(sound, sound, 2))
    assert look(tmp_path) == World([], set(), set(), {}, [])
