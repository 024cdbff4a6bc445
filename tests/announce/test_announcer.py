"""An announcement from the question to its end."""

from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable

import pytest

from kioskd.announce.announcer import MOST_WAITING, REMEMBERED, SOURCE, Announcer
from kioskd.announce.renderer import Renderer
from kioskd.core.announce_events import AnnouncementDropped, AnnouncementRendered
from kioskd.core.events import Event
from kioskd.lanes import PlaybackLane


class Stage:
    """An announcer, its voice, the real lane, and what the machine was told."""

    def __init__(self, tone: Any, wait_s: float = 5.0, lane_s: float = 10.0) -> None:
        self.voice, self.lane, self.deaf = tone(), PlaybackLane(lane_s), ""
        self.facts: asyncio.Queue[Event] = asyncio.Queue()
        self.renderer = Renderer(None, self.voice)
        self.announcer = Announcer(self.renderer, self.lane, self.post, lambda: self.deaf, wait_s)

    def post(self, event: Event) -> bool:
        self.facts.put_nowait(event)
        return True

    async def fact(self) -> Event:
        return await asyncio.wait_for(self.facts.get(), 5)

    def state(self, number: int) -> Any:
        return self.announcer.ask(number)["state"]


@pytest.fixture
def play(tone: Any) -> Callable[..., None]:
    """Play a scene on a stage."""

    def run(scene: Callable[[Stage], Awaitable[None]], **how: Any) -> None:
        async def whole() -> None:
            stage = Stage(tone, **how)
            try:
                await asyncio.wait_for(scene(stage), 20)
            finally:
                await stage.announcer.aclose()

        asyncio.run(whole())

    return run


def test_it_is_rendered_waits_for_its_turn_and_is_played_once(play: Any) -> None:
    async def scene(stage: Stage) -> None:
        begun = stage.announcer.say("Dinner\nis served.", "sophia")
        assert (begun["run"], begun["running"], begun["state"]) == (1, True, "renders")
        assert await stage.fact() == AnnouncementRendered(1)
        assert stage.voice.asked == [("Dinner is served.", "sophia")] and stage.state(1) == "waits"
        assert not stage.lane.waiting_s, "nothing sounds before the machine says so"
        stage.announcer.play(1)
        piece = stage.lane.take(0)
        assert stage.state(1) == "plays" and piece is not None and piece.source == SOURCE and piece.response == ""
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "announcement"], "it waits no more"
        stage.announcer.over(1, True)
        ended = stage.announcer.ask(1)
        assert (ended["state"], ended["running"], ended["voice"], ended["seconds"]) == ("played", False, "local", 0.2)
        stage.announcer.over(1, False)
        assert stage.state(1) == "played"
        stage.announcer.play(1)
        assert await stage.fact() == AnnouncementDropped(1), "it has no sound any more"

    play(scene)


def test_who_speaks_over_it_is_named_and_a_speaker_that_is_missing_too(play: Any) -> None:
    async def scene(stage: Stage) -> None:
        for number, heard, deaf, state in ((1, False, "", "cut"), (2, True, "there is no such card", "failed")):
            stage.announcer.say("Hello.")
            await stage.fact()
            stage.announcer.play(number)
            stage.deaf = deaf
            stage.announcer.over(number, heard)
            assert stage.state(number) == state
        assert "nobody heard it: there is no such card" in str(stage.announcer.ask(2)["note"])
        assert stage.announcer.snapshot() == {
            "state": "idle",
            "waiting": 0,
            "ended": {"played": 0, "cut": 1, "given_up": 0, "failed": 1},
        }

    play(scene)


def test_a_voice_that_fails_is_a_sentence_and_the_machine_hears_nothing(play: Any) -> None:
    async def scene(stage: Stage) -> None:
        stage.voice.problem = "there is no voice on this device: apt-get install espeak-ng"
        stage.announcer.say("Hello.")
        while stage.state(1) != "failed":
            await asyncio.sleep(0)
        assert stage.facts.empty() and "apt-get install" in str(stage.announcer.ask(1)["note"])

    play(scene)


def test_a_kiosk_that_stays_in_use_is_given_up(play: Any) -> None:
    async def scene(stage: Stage) -> None:
        stage.announcer.say("Hello.")
        assert await stage.fact() == AnnouncementRendered(1)
        assert await stage.fact() == AnnouncementDropped(1)
        assert stage.state(1) == "given up" and "say it again later" in str(stage.announcer.ask(1)["note"])
        stage.announcer.play(1)
        assert not stage.lane.waiting_s

    play(scene, wait_s=0.05)


def test_sound_that_does_not_fit_is_a_failure_and_frees_the_machine(play: Any) -> None:
    async def scene(stage: Stage) -> None:
        stage.voice.seconds = 2.0
        stage.announcer.say("Hello.")
        await stage.fact()
        stage.announcer.play(1)
        assert await stage.fact() == AnnouncementDropped(1)
        assert stage.state(1) == "failed" and "audio.longest_answer_s" in str(stage.announcer.ask(1)["note"])

    play(scene, lane_s=1.0)


def test_a_fault_of_ours_ends_one_announcement_and_not_the_next(play: Any) -> None:
    async def scene(stage: Stage) -> None:
        stage.voice.seconds = "long"
        stage.announcer.say("Hello.")
        assert await stage.fact() == AnnouncementDropped(1)
        assert "a fault inside kioskd (" in str(stage.announcer.ask(1)["note"])
        stage.voice.seconds = 0.1
        stage.announcer.say("Hello.")
        assert await stage.fact() == AnnouncementRendered(2)

    play(scene)


@pytest.mark.parametrize(
    ("text", "voice", "why"),
    [
        ("", "", "the text holds no word"),
        ("x" * 501, "", "the text has 501 characters; 500 are the most"),
        ("<b>loud</b>", "", "markup"),
        ("Hello.", "\x1b[2J", "no name of a voice"),
        ("Hello.", "v" * 101, "no name of a voice"),
    ],
)
def test_what_cannot_be_spoken_is_refused_at_once(play: Any, text: str, voice: str, why: str) -> None:
    async def scene(stage: Stage) -> None:
        with pytest.raises(ValueError, match=why):
            stage.announcer.say(text, voice)

    play(scene)


def test_too_many_are_refused_until_one_is_over(play: Any) -> None:
    async def scene(stage: Stage) -> None:
        for _ in range(MOST_WAITING):
            stage.announcer.say("Hello.")
        with pytest.raises(ValueError, match="4 announcements are on their way"):
            stage.announcer.say("Hello.")
        for number in range(1, MOST_WAITING + 1):
            assert await stage.fact() == AnnouncementRendered(number), "in their order"
        stage.announcer.play(1)
        stage.announcer.over(1, True)
        stage.announcer.say("Hello.")
        assert stage.announcer.snapshot()["waiting"] == MOST_WAITING

    play(scene)


def test_one_that_nobody_remembers_is_a_sentence(play: Any) -> None:
    async def scene(stage: Stage) -> None:
        for number in (1, 0, "1", None):
            with pytest.raises(ValueError, match="not remembered"):
                stage.announcer.ask(number)

    play(scene)


def test_the_end_of_the_process_gives_up_what_is_being_rendered(play: Any) -> None:
    async def scene(stage: Stage) -> None:
        stage.voice.gate = asyncio.Event()
        stage.announcer.say("Hello.")
        await asyncio.sleep(0)
        await stage.announcer.aclose()
        await stage.announcer.aclose()
        assert stage.facts.empty()

    play(scene)


def test_one_that_waits_is_not_forgotten_for_many_that_failed(play: Any) -> None:
    async def scene(stage: Stage) -> None:
        stage.announcer.say("Dinner is served.")
        assert await stage.fact() == AnnouncementRendered(1)
        stage.voice.problem = "there is no such voice"
        for number in range(2, 2 + 2 * REMEMBERED):
            stage.announcer.say("Hello.")
            while stage.state(number) != "failed":
                await asyncio.sleep(0)
        assert stage.state(1) == "waits"
        stage.announcer.play(1)
        assert stage.state(1) == "plays" and stage.lane.take(0) is not None
        with pytest.raises(ValueError, match="not remembered"):
            stage.announcer.ask(2)

    play(scene)
