"""The gate drawn as text: `.` a chunk without speech, `#` one with, `?` one in doubt; Q S P T are the four states."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.gate import OPEN, TRANSITIONS, Gate, GateStep, Heard
from kioskd.core.words import Vad
from kioskd.lanes import CHUNK_BYTES, CHUNK_MS, Chunk

LETTERS = {Vad.QUIET: "Q", Vad.STARTING: "S", Vad.SPEAKING: "P", Vad.STOPPING: "T"}

GRID = """
          VOICE     ENOUGH    SILENCE   PASSED
QUIET     STARTING  SPEAKING  QUIET     QUIET
STARTING  STARTING  SPEAKING  STARTING  QUIET
SPEAKING  SPEAKING  SPEAKING  STOPPING  QUIET
STOPPING  SPEAKING  SPEAKING  STOPPING  QUIET
"""


def gate(preroll: int = 3, start: int = 4, window: int = 5, hangover: int = 6, doubt: int = 0) -> Gate:
    """A gate whose sizes are given in chunks."""
    return Gate(preroll * CHUNK_MS, start * CHUNK_MS, window * CHUNK_MS, hangover * CHUNK_MS, doubt * CHUNK_MS)


def chunk(number: int) -> Chunk:
    """The chunk with this number: it says so in its samples and in its time."""
    return Chunk(number.to_bytes(4, "little") * (CHUNK_BYTES // 4), float(number))


def numbers(out: tuple[Chunk, ...] | list[Chunk]) -> list[int | str]:
    """Which chunks these are; ``"end"`` for an end mark."""
    return ["end" if each.ends else int(each.at) for each in out]


def steps(listener: Gate, drawing: str, first: int = 0) -> list[GateStep]:
    return [listener.step(chunk(first + number), mark == "#", mark == "?") for number, mark in enumerate(drawing)]


def run(listener: Gate, drawing: str) -> str:
    return "".join(LETTERS[step.state] for step in steps(listener, drawing))


def test_the_grid_is_the_table() -> None:
    head, *rows = GRID.strip("\n").splitlines()
    drawn = {}
    for row in rows:
        state, *cells = row.split()
        for heard, cell in zip(head.split(), cells, strict=True):
            drawn[Vad[state], Heard[heard]] = Vad[cell]
    assert drawn == TRANSITIONS


def test_the_grid_in_the_docstring_is_the_same() -> None:
    import kioskd.core.gate

    told = [line.split() for line in (kioskd.core.gate.__doc__ or "").splitlines()]
    for row in GRID.strip("\n").splitlines()[1:]:
        assert row.split() in told


@pytest.mark.parametrize(
    ("heard", "states"),
    [
        (".....", "QQQQQ"),
        (".....##", "QQQQQSS"),
        (".####", "QSSSP"),
        (".##.##", "QSSSSP"),
        (".#.#.#.#.#......", "QSSSSSSSSSSSSSQQ"),
        ("#.....", "SSSSSQ"),
        ("####......", "SSSPTTTTTQ"),
        ("####.....#......", "SSSPTTTTTPTTTTTQ"),
        ("####......####", "SSSPTTTTTQSSSP"),
    ],
)
def test_the_states_follow_what_is_heard(heard: str, states: str) -> None:
    assert run(gate(), heard) == states


def test_a_click_does_not_open_the_gate() -> None:
    taken = steps(gate(), "...#.......")
    assert not any(step.opened or step.out for step in taken)
    assert [step.stirred for step in taken].index(True) == 3
    assert [step.calmed for step in taken].index(True) == 8


def test_stirring_and_calming_are_told_once() -> None:
    taken = steps(gate(), "..##......####..")
    assert sum(step.stirred for step in taken) == 2
    assert sum(step.calmed for step in taken) == 1, "the second one became speech"


def test_speech_takes_its_preroll_along() -> None:
    taken = steps(gate(), "......##.##")
    assert taken[-1].opened
    assert numbers(taken[-1].out) == [3, 4, 5, 6, 7, 8, 9, 10]


def test_the_preroll_is_counted_from_the_first_voiced_chunk_of_the_window_that_opened() -> None:
    taken = steps(gate(window=6), "....#.....####")
    assert numbers(taken[-1].out) == [7, 8, 9, 10, 11, 12, 13]


def test_without_preroll_the_utterance_begins_with_the_voice() -> None:
    assert numbers(steps(gate(preroll=0), "....####")[-1].out) == [4, 5, 6, 7]


def test_a_young_gate_gives_what_it_has() -> None:
    assert numbers(steps(gate(), ".####")[-1].out) == [0, 1, 2, 3, 4]


def test_the_hangover_belongs_to_the_utterance_and_the_end_mark_follows_at_once() -> None:
    taken = steps(gate(), "####......")
    assert [step.closed for step in taken] == [False] * 9 + [True]
    assert numbers(taken[-1].out) == [9, "end"]
    assert taken[-1].out[-1].at == 9.0


def test_the_next_utterance_repeats_nothing_of_the_last() -> None:
    taken = steps(gate(), "####......####")
    assert numbers(taken[-1].out) == [10, 11, 12, 13]


def test_sizes_are_rounded_so_that_nothing_opens_early_or_closes_early() -> None:
    assert run(Gate(300, 50, 100, 700), "##.#") == "SSSP", "50 ms are three chunks"
    assert run(Gate(300, 20, 20, 30), "#..") == "PTQ", "30 ms are two chunks"


def test_a_window_shorter_than_the_start_is_as_long_as_the_start() -> None:
    assert run(Gate(300, 80, 20, 700), "####") == "SSSP"


def test_one_voiced_chunk_is_enough_if_the_owner_says_so() -> None:
    taken = steps(Gate(0, 20, 20, 20), ".#.")
    assert [LETTERS[step.state] for step in taken] == ["Q", "P", "Q"]
    assert numbers(taken[1].out + taken[2].out) == [1, 2, "end"]


def test_force_close_ends_an_open_utterance_once() -> None:
    listener = gate()
    steps(listener, "####")
    step = listener.force_close()
    assert step.closed and numbers(step.out) == ["end"] and step.out[0].at == 3.0
    assert listener.force_close() == GateStep(Vad.QUIET)


def test_force_close_calms_what_stirred() -> None:
    listener = gate()
    steps(listener, "##")
    assert listener.force_close() == GateStep(Vad.QUIET, calmed=True)
    assert run(listener, "###.") == "SSSS", "the voices before are forgotten"


def test_reset_forgets_the_preroll_too() -> None:
    listener = gate()
    steps(listener, "....##")
    listener.reset()
    assert listener.state is Vad.QUIET
    assert numbers(steps(listener, "####", first=6)[-1].out) == [6, 7, 8, 9]


def test_the_preroll_can_be_taken_without_opening() -> None:
    listener = gate()
    steps(listener, "." * 20)
    assert numbers(listener.take_preroll()) == [17, 18, 19]
    assert listener.take_preroll() == ()


def test_a_preroll_taken_while_stirring_reaches_back_from_the_first_voice() -> None:
    listener = gate()
    steps(listener, "......##.")
    assert numbers(listener.take_preroll()) == [3, 4, 5, 6, 7, 8]
    assert numbers(steps(listener, "##", first=9)[-1].out) == [9, 10], "what was taken is not given again"


# -- doubt ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heard", "states"),
    [
        ("..????????....", "QQSSSSSSSSSSSS"),
        ("..????.....", "QQSSSSSSSSQ"),
        ("..???#", "QQSSSP"),
        ("..?#..#", "QQSSSSS"),
        ("..??.?#", "QQSSSSP"),
        ("####??????", "SSSPTTTTTQ"),
        ("####?????#", "SSSPTTTTTP"),
    ],
)
def test_doubt_stirs_and_counts_but_never_opens_nor_keeps_open(heard: str, states: str) -> None:
    assert run(gate(), heard) == states


def test_the_first_certain_chunk_opens_with_all_that_was_in_doubt() -> None:
    taken = steps(gate(doubt=10), "." * 10 + "?" * 8 + "#")
    assert [step.opened for step in taken].index(True) == 18
    assert numbers(taken[-1].out) == list(range(7, 19)), "the preroll is counted from where the doubt began"


def test_doubt_that_has_lasted_too_long_spends_no_memory() -> None:
    taken = steps(gate(doubt=10), "." * 10 + "?" * 100 + "#")
    assert numbers(taken[-1].out) == list(range(110 - 14 - 3, 111)), "window and doubt, and the preroll before them"


def test_without_doubt_the_doubtful_span_changes_nothing() -> None:
    taken = steps(gate(doubt=10), "......##.##")
    assert numbers(taken[-1].out) == [3, 4, 5, 6, 7, 8, 9, 10]


def test_what_was_refused_calms() -> None:
    taken = steps(gate(), "..????........")
    assert sum(step.stirred for step in taken) == 1
    assert [step.calmed for step in taken].index(True) == 10
    assert not any(step.out for step in taken)


# -- behind a wake word --------------------------------------------------------------------------


def test_what_follows_a_word_in_the_same_breath_begins_with_its_end() -> None:
    listener = gate()
    steps(listener, "." * 20)
    listener.start_behind([chunk(number) for number in range(5, 20)])
    taken = steps(listener, "####", first=20)
    assert numbers(taken[-1].out) == list(range(5, 24))


@pytest.mark.parametrize("preroll", [0, 3, 40])
def test_the_same_breath_lasts_a_little_and_needs_no_preroll(preroll: int) -> None:
    listener = gate(preroll=preroll)
    listener.start_behind([chunk(number) for number in range(15)])
    taken = steps(listener, "." * 10 + "####", first=15)
    assert numbers(taken[-1].out) == list(range(29))


def test_after_a_pause_the_word_is_forgotten() -> None:
    listener = gate()
    listener.start_behind([chunk(number) for number in range(15)])
    taken = steps(listener, "." * 100 + "####", first=15)
    assert numbers(taken[-1].out) == list(range(112, 119))


def test_the_word_itself_does_not_open_the_gate() -> None:
    listener = gate()
    steps(listener, "###")
    listener.start_behind([chunk(number) for number in range(3)])
    assert run(listener, "###") == "SSS"
    assert listener.force_close().calmed


sizes = st.tuples(st.integers(0, 6), st.integers(1, 5), st.integers(1, 8), st.integers(1, 8))
drawings = st.lists(st.sampled_from([".", "#", "..........", "####", "#.#.#"]), max_size=40).map("".join)


doubtful = st.lists(
    st.sampled_from([".", "#", "?", "." * 10, "####", "????", "?#?.#", "#" * 9, "?" * 12]), max_size=40
).map("".join)


@settings(max_examples=300, deadline=None)
@given(sizes, st.integers(0, 12), doubtful)
def test_no_chunk_is_lost_or_doubled(size: tuple[int, int, int, int], doubt: int, drawing: str) -> None:
    listener = gate(*size, doubt)
    last = -1
    current: list[int | str] = []
    for number, step in enumerate(steps(listener, drawing)):
        assert bool(step.out) == (step.opened or step.closed or step.state in OPEN)
        current += numbers(step.out)
        if step.opened:
            assert isinstance(current[0], int) and current[0] > last, "an utterance repeats the one before"
        if step.state in OPEN:
            assert current == list(range(int(current[0]), number + 1)), "what is in the utterance so far has a hole"
        if step.closed:
            assert current == [*range(int(current[0]), number + 1), "end"]
            last, current = number, []


@settings(max_examples=300, deadline=None)
@given(sizes, drawings)
def test_it_opens_exactly_when_enough_speech_lies_in_the_window(size: tuple[int, int, int, int], drawing: str) -> None:
    preroll, start, window, _ = size
    window = max(window, start)
    closed_at = 0  # the first chunk the closed gate may count
    for number, step in enumerate(steps(gate(*size), drawing)):
        if step.closed:
            closed_at = number + 1
        elif step.opened or step.state not in OPEN:
            heard = drawing[max(closed_at, number + 1 - window) : number + 1]
            assert step.opened == (heard.count("#") >= start and heard[-1] == "#")
            if step.opened:
                voice = number + 1 - len(heard) + heard.index("#")
                assert step.out[0].at == max(closed_at, voice - preroll)


@settings(max_examples=300, deadline=None)
@given(sizes, drawings)
def test_it_closes_exactly_when_the_hangover_is_over(size: tuple[int, int, int, int], drawing: str) -> None:
    hangover = size[3]
    was_open = False
    for number, step in enumerate(steps(gate(*size), drawing)):
        quiet = drawing[max(0, number + 1 - hangover) : number + 1] == "." * hangover
        assert step.closed == (was_open and quiet)
        was_open = step.state in OPEN


@settings(max_examples=300, deadline=None)
@given(sizes, st.integers(0, 12), doubtful)
def test_an_opening_takes_all_that_was_in_doubt(size: tuple[int, int, int, int], doubt: int, drawing: str) -> None:
    preroll, start, window, _ = size
    reach = max(window, start) + doubt
    closed_at = 0
    for number, step in enumerate(steps(gate(*size, doubt), drawing)):
        if step.closed:
            closed_at = number + 1
        if step.opened:
            heard = drawing[max(closed_at, number + 1 - reach) : number + 1]
            first = min(heard.find(mark) for mark in "#?" if mark in heard)
            assert drawing[number] == "#"
            assert step.out[0].at == max(closed_at, number + 1 - len(heard) + first - preroll)


@settings(max_examples=100, deadline=None)
@given(sizes, drawings)
def test_it_never_stays_open_or_stirred_in_silence(size: tuple[int, int, int, int], drawing: str) -> None:
    assert steps(gate(*size), drawing + "." * 20)[-1].state is Vad.QUIET
