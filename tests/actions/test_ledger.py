"""At most once, across kills, full disks and damaged files."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from kioskd.actions import ledger as room
from kioskd.actions.chain import Verdict, verify
from kioskd.actions.ledger import Ledger
from kioskd.actions.store import Store
from kioskd.actions.trail import trail_files
from kioskd.core.events import IntentCommitted, IntentFailed, PartChanged, ThreadDied
from kioskd.core.house_events import LedgerRead
from kioskd.core.words import CallKey, PartState

KEY = CallKey("hydra", "sess_1", "call_1")
KILLS = 5
PATIENCE_S = 20.0


def rows(path: Path, columns: str = "call_id, outcome") -> list[Any]:
    with sqlite3.connect(path) as db:
        return db.execute(f"SELECT {columns} FROM calls ORDER BY call_id").fetchall()


def opened(path: Path, posts: Any, **more: Any) -> Ledger:
    ledger = Ledger(path, posts, **{"retry_s": 0.05, **more})
    ledger.start()
    return ledger


def test_an_intent_is_on_the_disk_when_it_is_answered(ledger: Ledger, posts: Any, tmp_path: Path) -> None:
    ledger.commit(KEY, "open_door", "{}")
    assert posts.wait(IntentCommitted) == IntentCommitted(KEY, True)
    assert rows(tmp_path / "ledger.db") == [("call_1", None)]
    assert posts.wait(PartChanged) == PartChanged("ledger", PartState.RUNNING, "")


def test_the_same_call_is_new_once_also_for_the_next_process(posts: Any, tmp_path: Path) -> None:
    for run in range(2):
        ledger = opened(tmp_path / "ledger.db", posts)
        ledger.commit(KEY, "open_door", "{}")
        ledger.commit(KEY, "open_door", "{}")
        ledger.record(KEY, "open_door", "done", "")
        assert ledger.stop(PATIENCE_S)
    assert [event.fresh for event in posts.of(IntentCommitted)] == [True, False, False, False]


def test_stop_writes_what_waits_and_later_intents_are_refused(posts: Any, tmp_path: Path) -> None:
    ledger = opened(tmp_path / "ledger.db", posts)
    for number in range(20):
        ledger.record(KEY._replace(call_id=f"call_{number:02}"), "open_door", "refused", "muted")
    assert ledger.stop(PATIENCE_S)
    assert len(rows(tmp_path / "ledger.db")) == 20
    ledger.commit(KEY, "open_door", "{}")
    assert posts.of(IntentFailed) == [IntentFailed(KEY, "kioskd is ending.")]


def test_before_the_start_nothing_is_promised(posts: Any, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db", posts)
    ledger.commit(KEY, "open_door", "{}")
    assert posts.of(IntentFailed)
    assert ledger.stop(1.0)


def test_what_was_open_at_the_end_is_unknown_and_never_new(posts: Any, tmp_path: Path) -> None:
    first = opened(tmp_path / "ledger.db", posts)
    first.commit(KEY, "open_door", "{}")
    assert first.stop(PATIENCE_S)
    second = opened(tmp_path / "ledger.db", posts)
    second.commit(KEY, "open_door", "{}")
    assert not posts.wait(IntentCommitted, 2).fresh
    assert [(unknown.key, unknown.tool) for unknown in second.unknowns()] == [(KEY, "open_door")]
    assert second.snapshot()["unknown"] == ["open_door (call_1)"]
    assert second.stop(PATIENCE_S)
    assert rows(tmp_path / "ledger.db") == [("call_1", "unknown")]


def test_a_damaged_ledger_is_kept_aside_and_a_new_one_begun_loudly(posts: Any, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"rubbish" * 1000)
    ledger = opened(path, posts)
    ledger.commit(KEY, "open_door", "{}")
    assert posts.wait(IntentCommitted).fresh
    failed, running = posts.of(PartChanged)
    assert failed.state is PartState.FAILED and "was damaged" in failed.reason
    assert running.state is PartState.RUNNING and "damaged" in running.reason
    assert [aside.read_bytes()[:7] for aside in tmp_path.glob("ledger.db.damaged-*")] == [b"rubbish"]
    assert ledger.stop(PATIENCE_S)


def test_a_ledger_that_is_deleted_under_our_feet_is_begun_anew(ledger: Ledger, posts: Any, tmp_path: Path) -> None:
    ledger.commit(KEY, "open_door", "{}")
    posts.wait(IntentCommitted)
    (tmp_path / "ledger.db").unlink()
    ledger.commit(KEY._replace(call_id="call_2"), "open_door", "{}")
    assert posts.wait(IntentCommitted, 2).fresh
    assert rows(tmp_path / "ledger.db") == [("call_2", None)]
    assert "moved or deleted" in posts.wait(PartChanged, 2).reason


def test_a_place_that_takes_no_file_refuses_and_heals_by_itself(posts: Any, tmp_path: Path) -> None:
    blocked = tmp_path / "state"
    blocked.write_text("a file where a directory should be")
    ledger = opened(blocked / "ledger.db", posts)
    ledger.commit(KEY, "open_door", "{}")
    refused = posts.wait(IntentFailed)
    assert "cannot be written" in refused.reason and "nothing moves" in refused.reason
    ledger.record(KEY, "open_door", "refused", refused.reason)
    blocked.unlink()
    posts.wait(PartChanged, when=lambda part: part.state is PartState.RUNNING)
    ledger.commit(KEY, "open_door", "{}")
    assert not posts.wait(IntentCommitted).fresh, "the refusal was kept in memory and came before it"
    assert ledger.stop(PATIENCE_S)
    assert rows(blocked / "ledger.db") == [("call_1", "refused")]


def test_outcomes_that_waited_are_written_before_anybody_asks_whether_a_call_is_new(posts: Any, tmp_path: Path) -> None:
    blocked = tmp_path / "state"
    blocked.write_text("a file where a directory should be")
    ledger = opened(blocked / "ledger.db", posts, retry_s=600.0)  # nothing heals before the next call comes
    ledger.record(KEY, "open_door", "refused", "muted")
    ledger.commit(KEY._replace(call_id="call_2"), "open_door", "{}")
    posts.wait(IntentFailed)
    blocked.unlink()
    ledger.commit(KEY, "open_door", "{}")
    assert not posts.wait(IntentCommitted).fresh
    assert ledger.stop(PATIENCE_S)


def test_another_holder_of_the_file_only_delays(ledger: Ledger, posts: Any, tmp_path: Path) -> None:
    posts.wait(PartChanged)
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ledger.commit(KEY, "open_door", "{}")
    assert "locked" in posts.wait(IntentFailed).reason
    other.execute("ROLLBACK")
    other.close()
    posts.wait(PartChanged, 3)
    ledger.commit(KEY, "open_door", "{}")
    assert posts.wait(IntentCommitted).fresh


def test_a_dead_thread_says_so_and_refuses(posts: Any, tmp_path: Path) -> None:
    ledger = opened(tmp_path / "ledger.db", posts, clock=lambda: 1 // 0)
    died = posts.wait(ThreadDied)
    assert died.thread == "kioskd-ledger" and "ZeroDivisionError" in died.error
    ledger.commit(KEY, "open_door", "{}")
    assert "has ended" in posts.wait(IntentFailed).reason
    assert ledger.snapshot()["state"] == "failed"
    assert ledger.stop(PATIENCE_S)


FULL_DISK = """
    import resource, sys, time
    from kioskd.actions.ledger import Ledger
    from kioskd.core.events import IntentCommitted, IntentFailed, PartChanged
    from kioskd.core.words import CallKey, PartState

    events = []
    def post(event):
        events.append(event)
        return True
    def wait(true):
        deadline = time.monotonic() + 20
        while not true():
            assert time.monotonic() < deadline, events
            time.sleep(0.005)
    def key(number):
        return CallKey("hydra", "sess_1", f"call_{number}")
    def limit(soft):
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))

    ledger = Ledger(sys.argv[1], post, retry_s=0.05)
    ledger.start()
    ledger.commit(key(0), "open_door", "{}")
    wait(lambda: IntentCommitted(key(0), True) in events)
    limit(1024)  # no file may grow beyond this: the disk is full
    ledger.commit(key(1), "open_door", "{}")
    wait(lambda: any(isinstance(event, IntentFailed) for event in events))
    ledger.record(key(0), "open_door", "done", "")
    ledger.record(key(1), "open_door", "refused", "the ledger cannot write")
    wait(lambda: ledger.snapshot()["unwritten"] == 2)
    part = [event for event in events if isinstance(event, PartChanged)][-1]
    assert part.state is PartState.FAILED and "cannot be written" in part.reason, part
    limit(resource.RLIM_INFINITY)
    wait(lambda: events[-1] == PartChanged("ledger", PartState.RUNNING, ""))  # by itself: nothing asked
    ledger.commit(key(2), "open_door", "{}")
    wait(lambda: IntentCommitted(key(2), True) in events)
    assert ledger.stop(20) and ledger.snapshot()["lost"] == 0
"""


def test_on_a_full_disk_nothing_moves_and_no_outcome_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL_DISK), str(path)], capture_output=True, text=True, timeout=60
    )
    assert child.returncode == 0, child.stderr
    assert rows(path) == [("call_0", "done"), ("call_1", "refused"), ("call_2", None)]


# Commits intents one after the other; after each answer the "relay" moves: a line in a file, forced to the disk.
MOVES = """
    import os, queue, sys
    from kioskd.actions.ledger import Ledger
    from kioskd.core.events import IntentCommitted
    from kioskd.core.words import CallKey

    answers = queue.Queue()
    ledger = Ledger(sys.argv[1], lambda event: answers.put(event) is None)
    ledger.start()
    relay = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for number in range(100_000):
        key = CallKey("hydra", "sess_1", f"call_{number}")
        ledger.commit(key, "open_door", "{}")
        answer = answers.get(timeout=20)
        while not isinstance(answer, IntentCommitted):
            answer = answers.get(timeout=20)
        if answer.fresh:
            os.write(relay, f"{answer.key.call_id}\\n".encode())
            os.fsync(relay)
            ledger.record(key, "open_door", "done", "")
        print(number, flush=True)
"""


@pytest.mark.parametrize("after", range(KILLS))
def test_a_kill_never_leaves_more_moves_than_intents(tmp_path: Path, posts: Any, after: int) -> None:
    path, relay = tmp_path / "ledger.db", tmp_path / "relay.log"
    moved: list[str] = []
    for life in range(2):  # the second process is asked for the same calls once more
        command = [sys.executable, "-c", textwrap.dedent(MOVES), str(path), str(relay)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(3 + 4 * after):
            assert child.stdout.readline(), "the child ended by itself"
        os.kill(child.pid, signal.SIGKILL)
        child.wait(PATIENCE_S)
        child.stdout.close()
        moved = relay.read_text().split()
        intents = {call for (call,) in rows(path, "call_id")}
        assert len(moved) == len(set(moved)), "nothing moved twice"
        assert set(moved) <= intents, "nothing moved without its intent"
    ledger = opened(path, posts)
    posts.wait(PartChanged)
    assert ledger.stop(PATIENCE_S)
    assert len(ledger.unknowns()) <= 1
    assert set(dict(rows(path)).values()) <= {"done", "unknown"}
    assert len(moved) >= 3


# -- the audit trail -------------------------------------------------------------------------------


def trail(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in trail_files(folder / "audit") for line in path.open()]


def look(folder: Path) -> Verdict:
    store = Store(folder / "ledger.db")
    files = [(path.name, path.read_bytes().splitlines(keepends=True)) for path in trail_files(folder / "audit")]
    try:
        return verify(files, store.head())
    finally:
        store.close()


def test_the_trail_tells_a_call_from_decision_to_outcome(posts: Any, tmp_path: Path) -> None:
    ledger = opened(tmp_path / "ledger.db", posts, start={"version": "1"})
    ledger.audit("decision", {"call": "call_1", "verdict": "allow"})
    ledger.commit(KEY, "open_door", "{}")
    posts.wait(IntentCommitted)
    assert [row["what"] for row in trail(tmp_path)] == ["start", "decision", "intent"], "before anything moves"
    ledger.record(KEY, "open_door", "done", "")
    assert ledger.stop(PATIENCE_S)
    assert [row["what"] for row in trail(tmp_path)] == ["start", "decision", "intent", "outcome"]
    assert trail(tmp_path)[0]["data"] == {"version": "1"} and look(tmp_path).findings == ()
    assert look(tmp_path).head.seq == 4


def test_what_was_open_at_the_end_is_in_the_trail_as_unknown(posts: Any, tmp_path: Path) -> None:
    ledger = opened(tmp_path / "ledger.db", posts)
    ledger.commit(KEY, "open_door", "{}")
    posts.wait(IntentCommitted)
    assert ledger.stop(PATIENCE_S)
    again = opened(tmp_path / "ledger.db", posts)
    posts.wait(LedgerRead, 2)
    assert again.stop(PATIENCE_S)
    assert [row["what"] for row in trail(tmp_path)][-2:] == ["start", "unknown"]
    assert posts.of(LedgerRead)[1].runs[0][0] == "open_door"


def test_a_trail_that_takes_nothing_lets_nothing_move_and_says_so(posts: Any, tmp_path: Path) -> None:
    ledger = opened(tmp_path / "ledger.db", posts)
    posts.wait(PartChanged)
    ledger.stop(PATIENCE_S)
    for path in trail_files(tmp_path / "audit"):
        path.unlink()
    (tmp_path / "audit").rmdir()
    (tmp_path / "audit").write_text("in the way")
    ledger = opened(tmp_path / "ledger.db", posts)
    ledger.commit(KEY, "open_door", "{}")
    assert "nothing moves unrecorded" in posts.wait(IntentFailed).reason
    assert posts.wait(PartChanged, when=lambda event: event.state is PartState.FAILED)
    (tmp_path / "audit").unlink()
    other = KEY._replace(call_id="call_2")
    posts.wait(PartChanged, 2, when=lambda event: event.state is PartState.RUNNING)  # by itself: nothing asked
    ledger.commit(other, "open_door", "{}")
    assert posts.wait(IntentCommitted) == IntentCommitted(other, True)
    assert ledger.stop(PATIENCE_S)
    assert "missing" in [row["what"] for row in trail(tmp_path)] or trail(tmp_path)[0]["seq"] == 1


def test_a_trail_that_was_cut_short_while_nobody_ran_is_told(posts: Any, tmp_path: Path) -> None:
    ledger = opened(tmp_path / "ledger.db", posts)
    for number in range(5):
        ledger.record(KEY._replace(call_id=f"c{number}"), "open_door", "refused", "")
    assert ledger.stop(PATIENCE_S)
    path = trail_files(tmp_path / "audit")[0]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    assert not look(tmp_path).ok
    again = opened(tmp_path / "ledger.db", posts)
    posts.wait(LedgerRead, 2)
    assert again.stop(PATIENCE_S)
    assert "lines 4 to 6 are missing before line 7" in look(tmp_path).findings[0].sentence


def test_values_of_another_kind_do_not_end_the_thread(posts: Any, tmp_path: Path) -> None:
    Store(tmp_path / "ledger.db").close()
    with sqlite3.connect(tmp_path / "ledger.db") as db:
        db.execute("INSERT INTO trail VALUES (1, 'x', 'h')")
    ledger = opened(tmp_path / "ledger.db", posts)
    ledger.commit(KEY, "open_door", "{}")
    assert posts.wait(IntentCommitted).fresh and posts.of(ThreadDied) == []
    assert ledger.stop(PATIENCE_S)


def test_a_ledger_that_always_has_something_to_do_forgets_the_old_too(
    posts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PRUNE_S", 0.5)
    monkeypatch.setattr(room, "SYNC_S", 0.01)
    ledger = opened(tmp_path / "ledger.db", posts)
    posts.wait(LedgerRead)
    with sqlite3.connect(tmp_path / "ledger.db") as db:
        db.execute("INSERT INTO calls VALUES ('e', 's', 'old', 'open_door', '', 1.0, 'done', '', 2.0, 0)")
    for _ in range(40):
        ledger.audit("decision", {})
        time.sleep(0.05)
    assert rows(tmp_path / "ledger.db") == []
    assert ledger.stop(PATIENCE_S)


def test_a_line_that_the_trail_takes_does_not_hide_that_the_ledger_takes_none(
    posts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bool:
        raise sqlite3.OperationalError("database or disk is full")

    ledger = opened(tmp_path / "ledger.db", posts, retry_s=60.0)
    posts.wait(LedgerRead)
    monkeypatch.setattr(Store, "intend", full)
    for number in range(2):
        ledger.commit(KEY._replace(call_id=f"call_{number}"), "open_door", "{}")
        ledger.audit("decision", {})
    posts.wait(IntentFailed, 2)
    assert [event.state for event in posts.of(PartChanged)] == [PartState.RUNNING, PartState.FAILED]
    assert ledger.stop(PATIENCE_S)


# -- a memory that is in doubt -----------------------------------------------------------------------


def test_text_that_is_none_refuses_access_and_nothing_else_until_it_is_mended(posts: Any, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    first = opened(path, posts)
    first.commit(KEY, "unlock_door", "{}")
    first.record(KEY, "unlock_door", "done", "")
    assert first.stop(PATIENCE_S)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE calls SET tool = CAST(x'756e6c6f636bff' AS TEXT)")
    ledger = opened(path, posts)
    doubt = posts.wait(PartChanged, when=lambda event: event.part == "ledger text")
    assert doubt.state is PartState.FAILED and "kioskctl audit repair" in doubt.reason
    ledger.commit(KEY._replace(call_id="c2"), "unlock_door", "{}", access=True)
    assert "nothing of class access runs" in posts.wait(IntentFailed).reason
    ledger.commit(KEY._replace(call_id="c3"), "call_staff", "{}")
    assert posts.wait(IntentCommitted, 2).fresh, "help can be called"
    assert ledger.repair() == ""
    posts.wait(PartChanged, when=lambda event: event.part == "ledger text" and event.state is PartState.RUNNING)
    assert ledger.trail()["doubt"] == "" and "1 rows" in str(ledger.trail()["mended"])
    ledger.commit(KEY._replace(call_id="c2"), "unlock_door", "{}", access=True)
    assert posts.wait(IntentCommitted, 3).fresh
    assert ledger.stop(PATIENCE_S)
    assert len(list(tmp_path.glob("ledger.db.damaged-*"))) == 1


def test_a_lock_out_waits_for_the_disk_and_who_asks_is_told(
    ledger: Ledger, posts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt at a code counts before it is compared: it must be on the disk, or nothing is compared."""
    told: SimpleQueue[str] = SimpleQueue()

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "lock", full)
        ledger.keep_lock("#code-0", 600.0)
        ledger.when_kept(told.put)
        assert "cannot be written" in told.get(timeout=PATIENCE_S)
    posts.wait(PartChanged, when=lambda event: event.state is PartState.FAILED)
    failed = len(posts.of(PartChanged))
    posts.wait(PartChanged, failed + 1)
    ledger.when_kept(told.put)
    assert told.get(timeout=PATIENCE_S) == ""
    with sqlite3.connect(tmp_path / "ledger.db") as db:
        assert db.execute("SELECT tool, for_s FROM locks").fetchall() == [("#code-0", 600.0)]


def test_a_ledger_that_ends_keeps_nothing_more(posts: Any, tmp_path: Path) -> None:
    ledger = opened(tmp_path / "ledger.db", posts)
    assert ledger.stop(PATIENCE_S)
    told: list[str] = []
    ledger.when_kept(told.append)
    assert told == ["kioskd is ending."]
