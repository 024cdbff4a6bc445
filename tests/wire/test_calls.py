from __future__ import annotations

import pytest

from kioskd.wire.calls import ARGUMENTS_BYTES, CALLS_PER_SESSION, OPEN_CALLS, Calls
from kioskd.wire.counters import Counters
from kioskd.wire.errors import ProtocolError
from kioskd.wire.facts import ToolCalled
from kioskd.wire.text import Malformed


@pytest.fixture()
def calls() -> Calls:
    return Calls(Counters())


def counters_of(calls: Calls) -> Counters:
    return calls._counters


def test_the_whole_string_wins_over_its_pieces(calls: Calls) -> None:
    calls.started("c", "r", "get_weather", '{"cit')
    calls.started("c", "r", None, 'y":"Rome"}')
    assert calls.finished("c", "r", None, '{"city":"Paris"}') == ToolCalled("r", "c", "get_weather", '{"city":"Paris"}')


def test_without_the_whole_string_the_pieces_are_joined(calls: Calls) -> None:
    calls.started("c", "r", "get_weather", '{"cit')
    calls.started("c", "r", None, 'y":"Rome"}')
    assert calls.finished("c", "", None, None) == ToolCalled("r", "c", "get_weather", '{"city":"Rome"}')


def test_the_last_frame_alone_is_enough(calls: Calls) -> None:
    assert calls.finished("c", "r", "n", "{}") == ToolCalled("r", "c", "n", "{}")


def test_a_call_nobody_named_is_handed_on_without_a_name(calls: Calls) -> None:
    assert calls.finished("c", "r", None, "not json") == ToolCalled("r", "c", "", "not json")


def test_two_calls_may_interleave(calls: Calls) -> None:
    for call_id, piece in (("a", "1"), ("b", "2"), ("a", "3"), ("b", "4")):
        calls.started(call_id, "r", call_id.upper(), piece)
    assert calls.finished("b", "r", None, None) == ToolCalled("r", "b", "B", "24")
    assert calls.finished("a", "r", None, None) == ToolCalled("r", "a", "A", "13")


def test_a_call_is_handed_on_once_whatever_comes_again(calls: Calls) -> None:
    assert calls.finished("c", "r", "n", "{}") is not None
    assert calls.finished("c", "r", "n", "{}") is None
    assert calls.finished("c", "r2", "other", '{"x":1}') is None
    calls.started("c", "r", "n", "{")
    assert counters_of(calls).duplicate_calls == 3 and calls.handed_on("c")


def test_what_a_cancelled_response_had_not_finished_asking_is_never_asked(calls: Calls) -> None:
    calls.started("cut", "r1", "n", "{")
    calls.started("other", "r2", "n", "{}")
    calls.dropped("r1")
    assert calls.finished("cut", "r1", "n", "{}") is None
    assert calls.finished("other", "r2", None, None) is not None
    assert counters_of(calls).late_calls == 1


def test_too_many_open_calls_end_the_session(calls: Calls) -> None:
    for number in range(OPEN_CALLS):
        calls.started(f"c{number}", "r", "n", "")
    with pytest.raises(ProtocolError) as caught:
        calls.started("one more", "r", "n", "")
    assert caught.value.code == 1008


def test_too_many_calls_in_one_session_end_it(calls: Calls) -> None:
    for number in range(CALLS_PER_SESSION):
        calls.finished(f"c{number}", "r", "n", "")
    with pytest.raises(ProtocolError) as caught:
        calls.finished("one more", "r", "n", "")
    assert caught.value.code == 1008


@pytest.mark.parametrize("letter", ["x", "é"])
def test_arguments_are_bounded_in_bytes_in_pieces_and_whole(calls: Calls, letter: str) -> None:
    full = letter * (ARGUMENTS_BYTES // len(letter.encode()))
    calls.started("c", "r", "n", full)
    with pytest.raises(ProtocolError) as caught:
        calls.started("c", "r", None, letter)
    assert caught.value.code == 1009
    assert calls.finished("d", "r", "n", full) is not None
    with pytest.raises(ProtocolError):
        calls.finished("e", "r", "n", full + letter)


def test_an_id_that_cannot_be_one_is_malformed_and_leaves_nothing_behind(calls: Calls) -> None:
    with pytest.raises(Malformed):
        calls.started("a\n", "r", "n", "{")
    with pytest.raises(Malformed):
        calls.finished("a\n", "r", "n", "{}")
    assert not calls.handed_on("a\n")


def test_calls_that_are_begun_and_never_asked_are_bounded_too(calls: Calls) -> None:
    with pytest.raises(ProtocolError) as broken:
        for number in range(2 * CALLS_PER_SESSION):
            calls.started(f"c{number}", "r", "open_door", "{")
            calls.dropped("r")
    assert broken.value.code == 1008 and len(calls._seen) == CALLS_PER_SESSION
