from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.wire.answers import ABANDONED, OPEN_RESPONSES, REMEMBERED_ENDS, UNNAMED, Answers
from kioskd.wire.counters import Counters
from kioskd.wire.facts import Audio, AudioDone, Began, Fact
from kioskd.wire.text import Malformed


class Hall:
    """Answers with what they wrote down."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.facts: list[Fact] = []
        self.answers = Answers(self.counters, self.facts)

    def hear(self, response: str | None, pcm: bytes, item: str | None = None) -> None:
        self.answers.audio(response, item, pcm, 24000)

    def pcm(self) -> bytes:
        return b"".join(fact.pcm for fact in self.facts if isinstance(fact, Audio))


@pytest.fixture()
def hall() -> Hall:
    return Hall()


def test_an_answer_from_beginning_to_end(hall: Hall) -> None:
    hall.answers.created("r1")
    hall.hear("r1", b"abcd")
    hall.answers.audio_done("r1")
    assert hall.answers.done("r1", "completed") == "r1"
    assert hall.facts == [Began("r1"), Audio("r1", b"abcd", 24000), AudioDone("r1")]
    assert hall.answers.current == "" and hall.answers.end_of("r1") == "completed"


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=120), st.lists(st.integers(0, 9), max_size=60), st.booleans())
def test_however_a_stream_is_cut_into_deltas_the_samples_are_the_same(pcm: bytes, cuts: list[int], named: bool) -> None:
    hall = Hall()
    rest = pcm
    for size in cuts + [len(pcm)]:
        piece, rest = rest[:size], rest[size:]
        hall.hear("r1" if named else None, piece, "i1" if named else None)
    assert hall.pcm() == pcm[: len(pcm) // 2 * 2]
    assert all(len(fact.pcm) % 2 == 0 and fact.pcm for fact in hall.facts if isinstance(fact, Audio))


def test_half_a_sample_waits_for_its_other_half(hall: Hall) -> None:
    for piece in (b"a", b"b", b"cde", b"f"):
        hall.hear("r1", piece, "i1")
    assert hall.pcm() == b"abcdef"
    assert hall.counters.odd_bytes == 2 and hall.counters.lost_bytes == 0


def test_half_a_sample_of_another_item_is_lost_not_mixed_in(hall: Hall) -> None:
    hall.hear("r1", b"abc", "i1")
    hall.hear("r1", b"de", "i2")
    assert hall.pcm() == b"abde" and hall.counters.lost_bytes == 1


def test_half_a_sample_at_the_end_is_lost(hall: Hall) -> None:
    hall.hear("r1", b"abc")
    hall.answers.audio_done("r1")
    hall.hear("r1", b"de")
    hall.hear("r1", b"f")
    hall.answers.done("r1", "completed")
    assert hall.pcm() == b"abde" and hall.counters.lost_bytes == 2


def test_two_responses_keep_their_halves_apart(hall: Hall) -> None:
    hall.hear("r1", b"a")
    hall.hear("r2", b"12")
    hall.hear("r1", b"b")
    assert [fact.pcm for fact in hall.facts if isinstance(fact, Audio)] == [b"12", b"ab"]


def test_an_empty_delta_opens_nothing(hall: Hall) -> None:
    hall.hear("r1", b"")
    assert hall.facts == [] and hall.counters.empty_audio == 1


def test_audio_without_a_beginning_begins_the_response(hall: Hall) -> None:
    hall.hear("r1", b"ab")
    hall.answers.created("r1")
    assert hall.facts == [Began("r1"), Audio("r1", b"ab", 24000)]
    assert hall.counters.implicit_responses == 1 and hall.counters.duplicate_created == 1


@pytest.mark.parametrize("status", ["completed", "cancelled", "incomplete", "failed"])
def test_stragglers_of_an_ended_response_are_dropped_by_its_id(hall: Hall, status: str) -> None:
    hall.answers.created("r1")
    hall.answers.done("r1", status)
    hall.answers.created("r2")
    hall.hear("r1", b"late")
    hall.hear("r2", b"good")
    hall.answers.audio_done("r1")
    assert hall.pcm() == b"good" and hall.counters.late_audio == 1
    assert AudioDone("r1") not in hall.facts


def test_a_response_ends_once(hall: Hall) -> None:
    hall.answers.created("r1")
    assert hall.answers.done("r1", "completed") == "r1"
    assert hall.answers.done("r1", "cancelled") is None
    assert hall.counters.duplicate_done == 1 and hall.answers.end_of("r1") == "completed"


def test_the_end_of_a_response_nobody_knows_is_ignored_and_its_audio_too(hall: Hall) -> None:
    assert hall.answers.done("rX", "cancelled") is None
    assert hall.answers.done(None, "completed") is None
    hall.hear("rX", b"ab")
    hall.answers.created("rX")
    assert hall.facts == [] and (hall.counters.unknown_done, hall.counters.late_audio) == (2, 1)


def test_responses_without_ids_get_one_each(hall: Hall) -> None:
    hall.answers.created(None)
    hall.hear(None, b"ab")
    assert hall.answers.done(None, "completed") == f"{UNNAMED}1"
    hall.hear(None, b"cd")
    hall.answers.audio_done(None)
    assert hall.answers.done("", "completed") == f"{UNNAMED}2"
    assert [fact.response for fact in hall.facts if isinstance(fact, Began)] == [f"{UNNAMED}1", f"{UNNAMED}2"]


def test_the_newest_open_response_is_the_current_one(hall: Hall) -> None:
    hall.answers.created("r1")
    hall.answers.created("r2")
    assert hall.answers.current == "r2"
    hall.answers.done("r2", "completed")
    assert hall.answers.current == "r1"


def test_responses_that_are_never_ended_make_room(hall: Hall) -> None:
    for number in range(OPEN_RESPONSES + 3):
        hall.answers.created(f"r{number}")
    assert hall.counters.abandoned == 3 and hall.answers.end_of("r0") == ABANDONED
    hall.hear("r0", b"ab")
    assert hall.answers.done("r0", "completed") is None
    assert hall.pcm() == b"" and hall.counters.late_audio == 1


def test_the_memory_of_ended_responses_is_bounded(hall: Hall) -> None:
    for number in range(REMEMBERED_ENDS + 50):
        hall.answers.created(f"r{number}")
        hall.answers.done(f"r{number}", "completed")
    assert len(hall.answers._ended) == REMEMBERED_ENDS
    assert hall.answers.end_of("r0") == "" and hall.answers.end_of(f"r{REMEMBERED_ENDS + 49}") == "completed"


def test_an_id_that_cannot_be_one_spoils_nothing(hall: Hall) -> None:
    hall.hear("r1", b"abc", "i1")
    with pytest.raises(Malformed):
        hall.hear("r1", b"zz", "i\n")
    with pytest.raises(Malformed):
        hall.hear("r\n", b"zz")
    with pytest.raises(Malformed):
        hall.answers.done("\0", "completed")
    hall.hear("r1", b"d", "i1")
    assert hall.pcm() == b"abcd"
