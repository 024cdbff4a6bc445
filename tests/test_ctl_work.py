"""The work of an apply, step by step, against a daemon that is played."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, Callable

import pytest

from kioskd import ctl_work
from kioskd.config import durable
from kioskd.config.goods import fingerprint
from kioskd.config.staging import Place, Refused
from kioskd.ctl_reach import EXIT_UNAVAILABLE, CtlError
from kioskd.ctl_work import Work, outliving, worked

NEW, OLD = b"new: 1\n", b"old: 1\n"


class Played:
    """A daemon: what it answers to each ``look``, in order; the last one again and again."""

    def __init__(self, *looks: dict[str, Any] | None) -> None:
        self.looks = list(looks)
        self.asked: list[str] = []
        self.refuses: dict[str, str] = {}
        self.changes: list[dict[str, str]] = []

    def __call__(
        self, looked_in: Any, name: str, request: dict[str, Any], within_s: float | None = None
    ) -> dict[str, Any]:
        step = str(request["step"])
        if step != "look":
            self.asked.append(step)
        if step in self.refuses:
            raise CtlError(self.refuses[step], 1)
        if step != "look":
            return {"trial": {"restart": False}, "changes": self.changes}
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if look is None:
            raise CtlError("no kioskd serves here", EXIT_UNAVAILABLE)
        if look is CROWDED:
            raise CtlError("32 others are connected; end a kioskctl watch and try again", 1)
        return {"trial": {"sha256": fingerprint(NEW), "reason": "", "phase": "", "confirm_within_s": 0.0, **look}}


Play = Callable[[Played], tuple[dict[str, Any], Path]]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Do the work against this daemon; its result, and the file."""
    monkeypatch.setattr(ctl_work, "POLL_S", 0.001)

    def run(daemon: Played) -> tuple[dict[str, Any], Path]:
        monkeypatch.setattr(ctl_work, "ask", daemon)
        path = tmp_path / "kioskd.yaml"
        path.write_bytes(OLD)
        return worked(Work(Place(str(path)), NEW, OLD, [], 0.1, 0.0, "anna"), lambda row: None), path

    return run


CROWDED: dict[str, Any] = {"state": "the places are taken"}
WATCHED, PROVEN = {"state": "running", "phase": "watched"}, {"state": "running", "phase": "proven"}


def test_what_has_proven_good_is_moved_and_then_kept(play: Play) -> None:
    daemon = Played(WATCHED, WATCHED, PROVEN, {"state": "kept"})
    result, path = play(daemon)
    assert result["outcome"] == "kept" and path.read_bytes() == NEW and daemon.asked == ["begin", "keep"]


def test_what_nobody_restarts_is_named(play: Play) -> None:
    daemon = Played(PROVEN, {"state": "kept"})
    daemon.changes = [{"key": f"k{n}", "applies": "restart"} for n in range(4)] + [{"key": "v", "applies": "live"}]
    assert play(daemon)[0]["reason"].endswith("no service manager gives it: k0, k1, k2 ...")


def test_a_daemon_that_is_started_again_is_waited_for(play: Play) -> None:
    result, path = play(Played(WATCHED, None, None, PROVEN, {"state": "kept"}))
    assert result["ok"] and path.read_bytes() == NEW


@pytest.mark.parametrize(
    ("look", "said"),
    [
        ({"state": "rolled back", "reason": "the speaker is absent"}, "the speaker is absent"),
        ({"state": "running", "sha256": "of another"}, "started again without it"),
    ],
)
def test_what_was_rolled_back_never_becomes_the_file(play: Play, look: dict[str, Any], said: str) -> None:
    result, path = play(Played(WATCHED, look))
    assert result["outcome"] == "rolled back" and said in result["reason"] and path.read_bytes() == OLD


def test_a_hand_that_was_held_up_takes_its_move_back(play: Play) -> None:
    daemon = Played(PROVEN, {"state": "rolled back"})
    daemon.refuses["keep"] = "it is not on trial any more"
    result, path = play(daemon)
    assert not result["ok"] and result["reason"] == "it is not on trial any more" and path.read_bytes() == OLD


def test_a_move_that_fails_is_told_to_the_daemon(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(place: Place) -> None:
        raise Refused("the card is read-only")

    monkeypatch.setattr(Place, "keep", keep)
    daemon = Played(PROVEN, {"state": "rolled back"})
    result, path = play(daemon)
    assert not result["ok"] and daemon.asked == ["begin", "drop"] and path.read_bytes() == OLD


def test_a_daemon_that_never_comes_back_leaves_the_old_file(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctl_work, "MARGIN_S", 0.05)
    result, path = play(Played(None))
    assert "does not answer" in result["reason"] and path.read_bytes() == OLD


def test_a_refusal_is_the_last_thing_told_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = Played(WATCHED)
    daemon.refuses["begin"] = "a configuration is on trial"
    monkeypatch.setattr(ctl_work, "ask", daemon)
    path = tmp_path / "kioskd.yaml"
    path.write_bytes(OLD)
    rows = list(outliving(Work(Place(str(path)), NEW, OLD, [], 0.1, 0.0, "anna")))
    assert rows == [{"ok": False, "outcome": "refused", "reason": "a configuration is on trial"}]
    assert os.listdir(tmp_path) == ["kioskd.yaml"]
    os.wait()


def test_a_poll_that_is_turned_away_is_not_the_end_of_a_trial(play: Play) -> None:
    """Others have taken all the places of the socket for a moment; what is on trial goes on meanwhile."""
    result, path = play(Played(WATCHED, CROWDED, CROWDED, PROVEN, CROWDED))
    assert result["ok"] and result["outcome"] == "kept" and path.read_bytes() == NEW


def test_a_move_that_was_done_and_could_not_be_made_sure_is_taken_back(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new name is there, and the folder's fsync fails: a card that dies. The daemon goes back, so does the file."""

    def sync_folder(folder: str) -> None:
        if (Path(folder) / "kioskd.yaml").read_bytes() == NEW:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(durable, "sync_folder", sync_folder)
    daemon = Played(PROVEN, {"state": "rolled back"})
    result, path = play(daemon)
    assert not result["ok"] and "Input/output error" in result["reason"]
    assert daemon.asked == ["begin", "drop"] and path.read_bytes() == OLD
