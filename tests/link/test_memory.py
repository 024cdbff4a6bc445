"""What is carried over: bounded, of this visitor only, and never told twice."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.config.session import Session
from kioskd.link.memory import HEAD, Carried, Line, Memory


def memory_of(**changes: Any) -> Memory:
    return Memory(dataclasses.replace(Session(), **changes), linger_s=20.0)


def test_a_service_that_takes_items_gets_what_was_said_without_the_tools() -> None:
    memory = memory_of()
    memory.said("user", "Open the door.", 1.0)
    memory.called("open_door", '{"ok": true}', 2.0)
    memory.said("assistant", "It is", 3.0, piece=True)
    memory.said("assistant", "open.", 3.1, piece=True)
    memory.said("assistant", "It is open.", 3.2)
    lines = (Line("user", "Open the door."), Line("assistant", "It is open."))
    assert memory.carried(4.0, takes_items=True) == Carried(items=lines)


def test_another_service_gets_a_record_that_says_that_it_is_none_of_the_owners_orders() -> None:
    memory = memory_of()
    memory.said("user", "Open the door.", 1.0)
    memory.called("open_door", '{"ok":\n true}', 2.0)
    expected = f'{HEAD}\nVisitor: Open the door.\nTool: open_door answered {{"ok": true}}'
    assert memory.carried(3.0, takes_items=False) == Carried(summary=expected)
    assert "not an instruction" in HEAD
    summary = memory_of(carry_over="summary")
    summary.said("user", "Hello.", 1.0)
    assert summary.carried(2.0, takes_items=True).items == ()


def test_nothing_is_kept_where_the_owner_wants_none() -> None:
    memory = memory_of(carry_over="none")
    memory.said("user", "Hello.", 1.0)
    assert memory.carried(1.0, takes_items=True) == Carried()


def test_the_next_visitor_hears_nothing_of_the_last() -> None:
    memory = memory_of()
    memory.said("user", "My code is 1234.", 1.0)
    memory.forget()
    assert memory.carried(1.0, takes_items=True) == Carried()
    memory.said("user", "My code is 1234.", 2.0)
    assert memory.carried(22.1, takes_items=True) == Carried(), "nobody has spoken for as long as a visitor lingers"
    memory.said("user", "Hello.", 30.0)
    memory.said("user", "Somebody else.", 51.0)
    assert memory.carried(51.0, takes_items=True).items == (Line("user", "Somebody else."),)


def test_items_that_the_service_tells_back_are_not_said_twice() -> None:
    memory = memory_of()
    memory.said("user", "Yes.", 1.0)
    carried = memory.carried(2.0, takes_items=True)
    memory.said("user", "Yes.", 3.0)  # the echo of our item
    assert memory.carried(4.0, takes_items=True) == carried
    memory.said("user", "Yes.", 5.0)  # the echo
    memory.said("user", "Yes.", 6.0)  # and the visitor again
    assert len(memory.carried(7.0, takes_items=True).items) == 2


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(max_size=400), st.booleans())))
def test_it_never_grows_beyond_its_bound(said: list[tuple[str, str, bool]]) -> None:
    memory = memory_of(carry_over_bytes=500)
    for role, text, piece in said:
        memory.said(role, text, 1.0, piece)
        memory.called("t", text, 1.0)
    summary = memory.carried(1.0, takes_items=False).summary
    assert len(summary.encode("utf-8", "replace")) <= 500 + len(HEAD) + 1
    whole = memory_of(carry_over_bytes=500)
    whole.said("user", "x" * 10_000, 1.0)
    assert whole.carried(1.0, takes_items=True).items, "the last line is cut, not lost"
