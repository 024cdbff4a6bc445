"""The fuzzing command: a seeded part of it for every dialect, and that it would see what it looks for."""

from __future__ import annotations

import dataclasses
import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from fuzz import cli, hand, kiosk, run
from fuzz.corpus import scenes, welcome
from fuzz.finding import Slow, attempt, finding_of, shortest, what_of
from fuzz.hand import Broken, Hand, Moved
from fuzz.lines import Lines
from fuzz.mutate import Mutator
from fuzz.play import ACT, AGAIN, BINARY, TEXT, WAIT, Play, Step, frames_in, note_in, read, text, written
from fuzz.run import ENGINES, Run, Tally
from kioskd.config.sections import Policy
from kioskd.core.words import CallKey
from kioskd.wire.dialects import DIALECTS
from kioskd.wire.errors import ProtocolError
from kioskd.wire.session import Session

SEED = 4
# Of each dialect; a million are the command's affair.
FRAMES = 2000
HYDRA = DIALECTS["hydra"]


def quiet(engine: str, tally: Tally) -> None:
    """Nobody listens."""


def opening(dialect: str = "hydra") -> Play:
    return tuple(text(frame) for frame in welcome(DIALECTS[dialect]))


def call(call_id: str, name: str, arguments: str = "{}") -> Step:
    kind = "response.function_call_arguments.done"
    return text(json.dumps({"type": kind, "call_id": call_id, "name": name, "arguments": arguments}))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_seeded_part_raises_nothing_and_moves_no_relay(dialect: str) -> None:
    one = Run(dialect, SEED, FRAMES, float("inf"), quiet)
    run.structure(one, 0.8)
    run.by_lines(one, 0.15)
    run.by_hypothesis(one, 0.05)
    assert [(finding.what, finding.said) for finding in one.tally.findings] == []
    assert one.tally.total >= FRAMES and set(one.tally.frames) == {"structure", "lines", "hypothesis"}
    assert one.tally.kept > 0 and one.tally.lines > 200


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_the_service_really_sends_is_a_play_that_ends_well(dialect: str) -> None:
    """The recorded frames are of today's service: nothing in them is unknown to the wire."""
    for scene in scenes(dialect):
        victim = kiosk.Kiosk(DIALECTS[dialect], welcome(DIALECTS[dialect]))
        victim.play(tuple(text(frame) for frame in scene))
        counted = victim._session.counters
        # Some say conversation.created between the two words of the handshake.
        assert (counted.not_json, counted.malformed) == (0, 0) and counted.out_of_order <= 1
        assert set(counted.unknown) <= {"service.weather_report"}  # the switch unknown-event


def test_the_same_seed_gives_the_same_plays() -> None:
    def some(seed: int) -> list[Play]:
        mutator = Mutator(HYDRA, scenes("hydra"), random.Random(seed))
        return [mutator.play() for _ in range(50)]

    assert some(1) == some(1) != some(2)


# -- it would see what it looks for --------------------------------------------------------------


def test_a_door_that_needs_no_finger_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the policy of one relay opened, the plays move it within some thousand frames, and the shortest is told."""
    policy = Policy(allow=True, confirm="none", access_without_confirmation=True, fresh_s=600)
    tools = tuple(dataclasses.replace(tool, policy=policy) for tool in kiosk.CONFIG.tools)
    monkeypatch.setattr(kiosk, "CONFIG", dataclasses.replace(kiosk.CONFIG, tools=tools))
    one = Run("hydra", SEED, 5000, float("inf"), quiet)
    run.structure(one, 1.0)
    moved = [finding for finding in one.tally.findings if finding.what.startswith("Moved")]
    assert len(moved) == 1 and frames_in(moved[0].play) <= 3
    assert isinstance(attempt(HYDRA, welcome(HYDRA), moved[0].play), Moved)


def test_anything_but_a_protocol_error_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    really = Session.receive

    def receive(self: Session, frame: str | bytes, *, binary: bool = False) -> None:
        really(self, frame, binary=binary)
        if self.counters.empty_audio:
            raise KeyError("a bug")

    monkeypatch.setattr(Session, "receive", receive)
    one = Run("hydra", SEED, 20_000, float("inf"), quiet)
    run.structure(one, 1.0)
    assert [finding.what.split()[0] for finding in one.tally.findings] == ["KeyError"]
    assert len(one.tally.findings[0].play) <= 3


def test_a_protocol_error_is_none() -> None:
    flood = tuple(text(json.dumps({"type": "session.created"})) for _ in range(2))
    huge = call("c", "unlock_door", "x" * 70_000)
    assert attempt(HYDRA, welcome(HYDRA), (*flood, *opening(), huge, huge)) is None
    victim = Session(HYDRA, dataclasses.replace(_setup()))
    for step in opening():
        victim.receive(step.data)
    with pytest.raises(ProtocolError):
        victim.receive(huge.data)


def _setup() -> Any:
    from kioskd.wire.frames import Setup

    return Setup("", None, (), False, "", None)


def test_a_call_that_runs_twice_or_unwritten_is_a_finding() -> None:
    from kioskd.core import effects as ef

    mine, key = Hand(), CallKey("e", "s", "c")
    with pytest.raises(Broken):
        mine.run(ef.RunAction(key, "read_temperature", {}))
    assert mine.commit(ef.CommitIntent(key, "read_temperature", "{}")).fresh  # type: ignore[attr-defined]
    assert not mine.commit(ef.CommitIntent(key, "read_temperature", "{}")).fresh  # type: ignore[attr-defined]
    mine.run(ef.RunAction(key, "read_temperature", {}))
    with pytest.raises(Broken):
        mine.run(ef.RunAction(key, "read_temperature", {}))
    with pytest.raises(Moved):
        mine.run(ef.RunAction(key, "unlock_door", {}))
    assert mine.pulses == 1


def test_a_door_is_asked_about_and_nobody_presses() -> None:
    """The plays do reach the confirmation, over sessions and with ids that come again."""
    victim = kiosk.Kiosk(HYDRA, welcome(HYDRA))
    asks = (*opening(), call("c1", "unlock_door"), call("c1", "unlock_door"))
    victim.play((*asks, Step(WAIT, seconds=1.0), Step(AGAIN), *asks))
    counts = victim._machine.state.counts
    assert (counts.calls, counts.calls_done, victim.hand.pulses) == (2, 0, 0)
    victim = kiosk.Kiosk(HYDRA, welcome(HYDRA))
    victim.play((*opening(), call("c1", "read_temperature"), *opening()))
    assert victim.hand.runs == 1


def test_a_frame_that_takes_too_long_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.finding.SLOW_S", 1e-9)
    assert isinstance(attempt(HYDRA, welcome(HYDRA), opening()), Slow)


# -- files, lines, the shortest play -------------------------------------------------------------


def test_a_play_is_a_file_and_any_file_is_a_play() -> None:
    steps = (text('{"type":"é"}'), text(b"\xff\n"), Step(BINARY, b"\0"), Step(WAIT, seconds=1.5), Step(AGAIN))
    play = (*steps, Step(ACT, name="speaks"))
    assert read(written(play)) == play
    assert read(b"# dialect: hydra\n{}\nx zz\n~ 1e9\n@ presses") == tuple(
        Step(TEXT, line) for line in (b"{}", b"x zz", b"~ 1e9", b"@ presses")
    )
    assert note_in(b"# dialect: hydra\n< {}", "dialect") == "hydra" and note_in(b"", "dialect") == ""


def test_the_shortest_play_has_nothing_left_to_take_away() -> None:
    play = tuple(text(bytes([65 + number]) * 9) for number in range(20))
    short = shortest(play, lambda kept: any(b"CC" in step.data for step in kept) and len(kept) > 1)
    assert len(short) == 2 and b"CC" in [step.data for step in short] and b"" in [step.data for step in short]


def test_lines_are_seen_once_and_only_where_it_was_wanted() -> None:
    def reached(wanted: str, seen: set[tuple[str, int]]) -> set[tuple[str, int]]:
        with Lines(lambda file: wanted in file) as lines:
            lines.seen |= seen
            written((Step(AGAIN),))
            read(b"!")
        return lines.seen

    before = sys.gettrace()
    found = reached("/fuzz/play.py", set())
    assert len(found) > 5 and all(file.endswith("/fuzz/play.py") for file, _ in found)
    assert reached("/fuzz/play.py", found) >= found and reached("/nowhere/", set()) == set()
    assert sys.gettrace() is before


# -- the command ---------------------------------------------------------------------------------


def test_the_command_tells_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--dialect", "grok", "--frames", "400", "--seed", "7", "--engine", "structure", "--out", str(tmp_path)]
    assert cli.main([*given, "--json"]) == 0
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert said["ok"] and said["seed"] == 7 and said["dialects"][0]["frames"] >= 400
    assert "seed 7" in err and ("atheris" in err or "our own" in err)
    assert cli.main(given) == 0 and "grok: " in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_finding_is_written_down_and_can_be_played_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play = (*opening(), call("c1", "read_temperature"))
    monkeypatch.setattr(hand, "MOVES", {"read_temperature"})
    error = attempt(HYDRA, welcome(HYDRA), play)
    assert isinstance(error, Moved) and what_of(error) == "Moved in fuzz/hand.py:run"
    path = finding_of(HYDRA, welcome(HYDRA), play, error).save(tmp_path)
    assert "# what: Moved in fuzz/hand.py:run" in path.read_text() and "scripts/fuzz --replay" in path.read_text()
    assert cli.main(["--replay", str(path)]) == 1
    monkeypatch.undo()
    assert cli.main(["--replay", str(path)]) == 0
    path.write_bytes(b"< {}")
    assert cli.main(["--replay", str(path)]) == 2
    assert cli.main(["--replay", str(path), "--dialect", "grok"]) == 0


@pytest.mark.parametrize("given", [["--dialect", "nova"], ["--frames", "0"], ["--jobs", "0"], ["--seconds", "-1"]])
def test_a_command_that_makes_no_sense_is_refused(given: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(given)
    assert ended.value.code == 2


def test_the_shares_of_the_engines_are_a_whole() -> None:
    assert set(run.SHARES) == set(ENGINES) and sum(run.SHARES.values()) == pytest.approx(1.0)
