"""What goes up and what is told, chunk by chunk. `#` a chunk with speech, `.` one without; sizes are in chunks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.audio.ears import Ears
from kioskd.core.events import Event, GateClosed, GateOpened, UplinkOverflowed
from kioskd.core.gate import Gate
from kioskd.core.vad import Vad
from kioskd.core.words import Feed
from kioskd.lanes import CHUNK_BYTES, CHUNK_MS, Chunk, UplinkLane

PREROLL, START, WINDOW, HANGOVER = 3, 4, 5, 6
SPEECH = b"\1\1" * (CHUNK_BYTES // 2)
NO_SPEECH = bytes(CHUNK_BYTES)


class Believer(Vad):
    """Takes the test's word for it: the real detector would need real speech."""

    def __init__(self) -> None:
        super().__init__(3, -55.0)

    def is_speech(self, pcm: bytes) -> bool:
        super().is_speech(pcm)
        return pcm == SPEECH


class Room:
    """Ears with a lane, and a record of everything that left them, in order."""

    def __init__(self) -> None:
        self.record: list[int | str] = []
        self.lane = UplinkLane(1000.0, lambda ms: None)
        self.gate = Gate(PREROLL * CHUNK_MS, START * CHUNK_MS, WINDOW * CHUNK_MS, HANGOVER * CHUNK_MS)
        self.ears = Ears(self.lane, self.post, self.gate, Believer())
        self.count = 0

    def post(self, event: Event) -> bool:
        self.take()
        self.record.append(type(event).__name__.removeprefix("Gate").lower())
        return True

    def take(self) -> list[int | str]:
        """Numbers of the chunks that went up, ``end`` for end marks, and events by their names."""
        while (chunk := self.lane.take()) is not None:
            self.record.append("end" if chunk.ends else int(chunk.at))
        return self.record

    def hear(self, drawing: str) -> list[int | str]:
        """What this leads to."""
        self.take()
        before = len(self.record)
        for mark in drawing:
            self.ears.hear(Chunk(SPEECH if mark == "#" else NO_SPEECH, float(self.count)))
            self.count += 1
        return self.take()[before:]

    def feed(self, mode: Feed, deaf: bool = False) -> list[int | str]:
        before = len(self.take())
        self.ears.feed(mode, deaf, float(self.count))
        return self.take()[before:]

    def watch(self, on: bool) -> list[int | str]:
        before = len(self.take())
        self.ears.watch(on, float(self.count))
        return self.take()[before:]

    def interrupt(self) -> list[int | str]:
        before = len(self.take())
        self.ears.interrupt()
        return self.take()[before:]


def room(mode: Feed = Feed.NEVER) -> Room:
    r = Room()
    r.feed(mode)
    r.record.clear()
    return r


# -- never and gated -----------------------------------------------------------------------------


def test_never_means_never() -> None:
    assert room().hear("..##########......##########") == []


def test_gated_sends_utterances_with_preroll_and_end_mark() -> None:
    r = room(Feed.GATED)
    assert r.hear("......####") == [3, 4, 5, 6, 7, 8, 9, "opened"]
    assert r.hear("#......") == [10, 11, 12, 13, 14, 15, 16, "end", "closed"]
    assert r.hear(".......") == []


def test_a_click_is_neither_sent_nor_told() -> None:
    assert room(Feed.GATED).hear("...#.......#....") == []


def test_speech_that_begins_while_never_is_heard_as_soon_as_it_may() -> None:
    r = room()
    r.hear("......######")
    r.feed(Feed.GATED)
    assert r.hear("####") == [9, 10, 11, 12, 13, 14, 15, "opened"]


def test_never_ends_an_utterance_with_the_next_chunk() -> None:
    r = room(Feed.GATED)
    r.hear("####")
    assert r.feed(Feed.NEVER) == []
    assert r.hear("#") == ["end", "closed"]
    assert r.hear("###") == []


# -- always --------------------------------------------------------------------------------------


def test_a_press_sends_the_preroll_then_everything() -> None:
    r = room()
    r.hear("..........")
    assert r.feed(Feed.ALWAYS) == [7, 8, 9]
    assert r.hear("..##..") == [10, 11, 12, 13, 14, 15]


def test_gate_events_stay_silent_while_pressed() -> None:
    r = room(Feed.ALWAYS)
    assert r.hear("####......####") == list(range(14))


def test_after_a_release_the_hangover_follows_then_the_end() -> None:
    r = room(Feed.ALWAYS)
    r.hear("####")
    assert r.feed(Feed.NEVER) == []
    assert r.hear("##########") == [4, 5, 6, 7, 8, 9, "end", "closed"]


def test_silence_before_the_release_counts_for_the_hangover() -> None:
    r = room(Feed.ALWAYS)
    r.hear("####....")
    r.feed(Feed.NEVER)
    assert r.hear(".....") == [8, 9, "end", "closed"]


def test_a_release_after_long_silence_ends_at_once() -> None:
    r = room(Feed.ALWAYS)
    r.hear("####......")
    assert r.feed(Feed.NEVER) == ["end", "closed"]


def test_silence_before_the_press_does_not_count() -> None:
    r = room()
    r.hear("." * 20)
    r.feed(Feed.ALWAYS)
    r.hear(".")
    r.feed(Feed.NEVER)
    assert r.hear("." * 10) == [21, 22, 23, 24, 25, "end", "closed"]


def test_a_second_press_within_the_tail_goes_on_with_the_utterance() -> None:
    r = room(Feed.ALWAYS)
    r.hear("####")
    r.feed(Feed.NEVER)
    r.hear("##")
    assert r.feed(Feed.ALWAYS) == []
    assert r.hear("." * 20) == list(range(6, 26))
    assert r.feed(Feed.NEVER) == ["end", "closed"]


def test_press_and_release_between_two_chunks_still_make_an_utterance() -> None:
    r = room()
    r.hear("......")
    assert r.feed(Feed.ALWAYS) == [3, 4, 5]
    assert r.feed(Feed.NEVER) == []
    assert r.hear("." * 10) == [6, 7, 8, 9, 10, 11, "end", "closed"]


def test_after_the_tail_the_gate_starts_afresh_and_repeats_nothing() -> None:
    r = room(Feed.ALWAYS)
    r.hear("..")
    r.feed(Feed.GATED)
    assert r.hear("######") == [2, 3, 4, 5, 6, 7, "end", "closed"]
    assert r.hear("####") == [8, 9, 10, 11, "opened"]


def test_an_utterance_of_the_gate_goes_on_when_the_button_is_pressed() -> None:
    r = room(Feed.GATED)
    assert r.hear("####")[-1] == "opened"
    assert r.feed(Feed.ALWAYS) == []
    assert r.hear("........") == list(range(4, 12))
    assert r.feed(Feed.GATED) == ["end", "closed"]


def test_a_press_without_a_device_is_answered_when_it_ends() -> None:
    r = room(Feed.ALWAYS)
    assert r.feed(Feed.NEVER) == ["closed"]


def test_a_press_while_the_device_is_gone_is_answered_when_it_ends() -> None:
    r = room()
    r.hear("....")
    r.interrupt()
    assert r.feed(Feed.ALWAYS) == []
    assert r.feed(Feed.NEVER) == ["closed"]


# -- deaf ----------------------------------------------------------------------------------------


def test_deaf_cuts_without_a_tail() -> None:
    r = room(Feed.ALWAYS)
    r.hear("####")
    assert r.feed(Feed.NEVER, deaf=True) == ["end", "closed"]
    assert r.hear("####") == []


def test_deaf_cuts_a_tail_too() -> None:
    r = room(Feed.ALWAYS)
    r.hear("####")
    r.feed(Feed.NEVER)
    assert r.hear("#") == [4]
    assert r.feed(Feed.NEVER, deaf=True) == ["end", "closed"]


def test_what_the_kiosk_said_itself_is_no_preroll() -> None:
    r = room(Feed.GATED)
    r.hear("....")
    r.feed(Feed.NEVER, deaf=True)
    r.hear("##########")
    r.feed(Feed.GATED)
    assert r.hear(".####") == [14, 15, 16, 17, 18, "opened"]


# -- barge-in ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(Feed))
def test_watching_tells_of_stirrings_and_sends_nothing_until_speech_is_certain(mode: Feed) -> None:
    r = room(mode)
    r.watch(True)
    r.record.clear()
    assert r.hear("....#") == ["stirred"]
    assert r.hear("......") == ["calmed"]
    assert r.hear("#") == ["stirred"]
    assert r.hear("###") == [8, 9, 10, 11, 12, 13, 14, "opened"]
    assert r.hear("#......") == [15, 16, 17, 18, 19, 20, 21, "end", "closed"]
    assert r.hear("#") == ["stirred"], "it goes on watching"


def test_stirrings_are_told_only_while_watching() -> None:
    r = room(Feed.GATED)
    r.watch(True)
    r.watch(False)
    assert r.hear("#......") == []


def test_a_stirring_that_was_told_is_settled_also_after_the_watch() -> None:
    r = room(Feed.NEVER)
    r.watch(True)
    r.hear("#")
    r.watch(False)
    assert r.hear("#.....") == ["calmed"]


def test_the_watch_ends_an_utterance_and_hears_it_again_as_barge_in() -> None:
    r = room(Feed.GATED)
    r.hear("####")
    assert r.watch(True) == ["end", "closed"]
    assert r.hear("####") == ["stirred", 4, 5, 6, 7, "opened"]


def test_the_watch_leaves_no_tail_of_a_held_button() -> None:
    r = room(Feed.ALWAYS)
    r.hear("####")
    assert r.watch(True) == ["end", "closed"]
    assert r.hear("...") == []
    assert r.watch(False) == [4, 5, 6], "the button is still held"


@pytest.mark.parametrize("mode", [Feed.NEVER, Feed.GATED])
def test_what_the_watch_let_in_runs_to_its_end_after_it(mode: Feed) -> None:
    r = room(mode)
    r.watch(True)
    r.hear("####")
    assert r.watch(False) == []
    assert r.hear("#......") == [4, 5, 6, 7, 8, 9, 10, "end", "closed"]


def test_never_ends_also_what_the_watch_let_in() -> None:
    r = room(Feed.GATED)
    r.watch(True)
    r.hear("####")
    r.watch(False)
    r.feed(Feed.NEVER)
    assert r.hear("##") == ["end", "closed"]


def test_what_the_watch_let_in_ends_with_it_when_deafness_comes_back() -> None:
    r = room()
    r.feed(Feed.NEVER, deaf=True)
    r.watch(True)
    r.hear("####")
    assert r.watch(False) == ["end", "closed"]
    assert r.hear("####") == []


# -- a device that goes --------------------------------------------------------------------------


def test_an_utterance_ends_with_its_device() -> None:
    r = room(Feed.GATED)
    r.hear("####")
    assert r.interrupt() == ["end", "closed"]
    assert r.interrupt() == []
    assert r.hear("####") == [4, 5, 6, 7, "opened"]


def test_a_tail_ends_with_the_device() -> None:
    r = room(Feed.ALWAYS)
    r.hear("####")
    r.feed(Feed.NEVER)
    assert r.interrupt() == ["end", "closed"]


def test_a_held_button_outlives_the_device() -> None:
    r = room(Feed.ALWAYS)
    r.hear("####")
    assert r.interrupt() == ["end"]
    assert r.hear("##") == [4, 5]
    r.interrupt()
    assert r.feed(Feed.NEVER) == ["closed"]


def test_a_stirring_is_settled_when_the_device_goes() -> None:
    r = room()
    r.watch(True)
    r.hear("#")
    assert r.interrupt() == ["calmed"]


def test_lost_audio_is_told_only_of_an_utterance() -> None:
    r = room(Feed.GATED)
    r.ears.lost(400.0)
    assert r.take() == []
    r.hear("####")
    r.ears.lost(400.0)
    assert r.take()[-1] == UplinkOverflowed.__name__.lower()


# -- whatever comes ------------------------------------------------------------------------------

moves = st.one_of(
    st.tuples(st.just("hear"), st.sampled_from([".", "#", "####", "......", "##.##", "#" * 9])),
    st.tuples(st.just("feed"), st.sampled_from(list(Feed))),
    st.tuples(st.just("deaf"), st.just(Feed.NEVER)),
    st.tuples(st.just("watch"), st.booleans()),
    st.tuples(st.just("interrupt"), st.just(None)),
)


def play(r: Room, taken: list[tuple[str, object]]) -> None:
    for move, what in taken:
        if isinstance(what, str):
            r.hear(what)
        elif isinstance(what, Feed):
            r.feed(what, deaf=move == "deaf")
        elif isinstance(what, bool):
            r.watch(what)
        else:
            r.interrupt()


@settings(max_examples=400, deadline=None)
@given(st.lists(moves, max_size=30))
def test_whatever_comes_utterances_are_whole_and_events_are_paired(taken: list[tuple[str, object]]) -> None:
    r = room()
    play(r, taken)
    r.watch(False)
    r.feed(Feed.NEVER)
    r.hear("." * (WINDOW + HANGOVER + 1))
    open_since: int | None = None
    last = -1
    opened = stirred = False
    for what in r.take():
        if isinstance(what, int):
            assert what == last + 1 if open_since is not None else what > last
            open_since = what if open_since is None else open_since
            last = what
        elif what == "end":
            open_since = None
        elif what == "opened":
            assert not opened
            opened, stirred = True, False
        elif what == "closed":
            assert open_since is None, "closed comes behind the end mark"
            opened = False
        else:
            assert (what == "stirred") is not stirred
            stirred = what == "stirred"
    assert open_since is None and not opened and not stirred
    assert r.hear(".") == []


def test_every_event_has_its_capture_time() -> None:
    seen: list[Event] = []

    def post(event: Event) -> bool:
        seen.append(event)
        return True

    ears = Ears(UplinkLane(10.0, lambda ms: None), post, Gate(0, 20, 20, 20), Believer())
    ears.feed(Feed.GATED, False, 0.0)
    for number, pcm in enumerate([NO_SPEECH, SPEECH, NO_SPEECH]):
        ears.hear(Chunk(pcm, 5.0 + number))
    assert seen == [GateOpened(6.0), GateClosed(7.0)]
    ears.feed(Feed.ALWAYS, False, 8.0)
    ears.interrupt()
    ears.feed(Feed.NEVER, False, 9.0)
    assert seen[2:] == [GateClosed(9.0)]
