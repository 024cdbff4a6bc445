from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from kioskd.link.deadlines import deadlines
from kioskd.link.writer import NEVER


def told(kit: Any, opened: bool = True, since: float | None = None, **writer: float) -> list[tuple[float, str]]:
    setup = kit.setup_for("ws://127.0.0.1:1/")
    state: Any = SimpleNamespace(**{"stuck_since": NEVER, "owed_since": NEVER, **writer})
    return list(deadlines(setup, opened, since, state, 50.0, kit.fast))


def test_a_session_in_which_nothing_is_owed_has_no_deadline(kit: Any) -> None:
    assert told(kit) == []


def test_each_word_of_the_handshake_has_one(kit: Any) -> None:
    assert told(kit, False, 7.0) == [(7.3, "hydra did not open a session within 0.3 s")]
    assert told(kit, True, 7.0) == [(7.3, "hydra did not confirm the session within 0.3 s")]


def test_a_socket_that_takes_nothing_and_an_answer_that_is_owed_have_one(kit: Any) -> None:
    assert told(kit, stuck_since=1.0) == [(1.4, "hydra has taken nothing for 0.4 s")]
    assert told(kit, owed_since=9.0) == [(50.4, "hydra owed an answer and was silent for 0.4 s")]
    assert told(kit, owed_since=60.0)[0][0] == 60.4
