"""Cues are spoken once, and again by the house when it can."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from kioskd.announce.cues import CueMaker
from kioskd.announce.ports import Recording
from kioskd.announce.renderer import HOUSE, LOCAL, Renderer
from kioskd.announce.shelf import Shelf
from kioskd.config.announce import Announce, AnnounceService
from kioskd.config.cuefile import read_cue

HOSTED = Announce(service=AnnounceService(url="wss://one.example/tts"))
TEXTS = {"offline": "Please ring the bell.", "busy": "One moment, please."}


class Scene:
    """A maker with two voices, its shelf, and how often it said that something changed."""

    def __init__(self, tmp_path: Path, tone: Any, section: Announce = HOSTED, texts: dict[str, str] = TEXTS) -> None:
        self.house, self.local, self.changed = tone(hz=880.0), tone(hz=220.0), 0
        self.shelf = Shelf(str(tmp_path), section)
        renderer = Renderer(self.house if section.service else None, self.local)
        self.maker = CueMaker(texts, renderer, self.shelf, self._change, lambda: 0.5, start_s=0.0, soon_s=0.01)

    def _change(self) -> None:
        self.changed += 1


def test_each_text_is_spoken_once_and_never_again(tmp_path: Path, tone: Any) -> None:
    scene = Scene(tmp_path, tone)
    asyncio.run(asyncio.wait_for(scene.maker.run(), 10))
    assert [text for text, _ in scene.house.asked] == list(TEXTS.values()) and scene.local.asked == []
    assert scene.maker.by == {"offline": HOUSE, "busy": HOUSE} and scene.maker.problem == "" and scene.changed == 1
    again = Scene(tmp_path, tone)
    asyncio.run(asyncio.wait_for(again.maker.run(), 10))
    assert again.house.asked == [] and again.maker.by == {"offline": HOUSE, "busy": HOUSE}


def test_an_edited_text_is_rendered_anew(tmp_path: Path, tone: Any) -> None:
    asyncio.run(Scene(tmp_path, tone).maker.attempt())
    scene = Scene(tmp_path, tone, texts={**TEXTS, "busy": "Please wait."})
    assert asyncio.run(scene.maker.attempt()) is True
    assert [text for text, _ in scene.house.asked] == ["Please wait."]


def test_the_local_voice_speaks_first_and_the_house_later(tmp_path: Path, tone: Any) -> None:
    scene = Scene(tmp_path, tone, texts={"offline": "Please ring the bell."})
    scene.house.problem = "no way to it"

    async def play() -> None:
        running = asyncio.create_task(scene.maker.run())
        while scene.maker.attempts < 3:
            await asyncio.sleep(0.005)
        assert scene.maker.by == {"offline": LOCAL} and "for the time being" in scene.maker.problem
        assert "no way to it" in scene.maker.problem
        assert len(scene.local.asked) == 1, "what it has spoken it need not speak again"
        first = scene.shelf.find("Please ring the bell.")
        scene.house.problem = ""
        await asyncio.wait_for(running, 10)
        assert scene.shelf.find("Please ring the bell.") != first

    asyncio.run(play())
    assert scene.maker.by == {"offline": HOUSE} and scene.maker.problem == "" and scene.changed == 2


def test_without_any_voice_the_tone_stays_and_the_sentence_says_why(tmp_path: Path, tone: Any) -> None:
    scene = Scene(tmp_path, tone, section=Announce())
    scene.local.problem = "there is no voice on this device: apt-get install espeak-ng"
    assert asyncio.run(scene.maker.attempt()) is False
    assert "the cue offline is not spoken yet: there is no voice" in scene.maker.problem
    assert scene.changed == 0 and scene.shelf.find(TEXTS["offline"]) is None


def test_a_broken_recording_is_rendered_anew(tmp_path: Path, tone: Any) -> None:
    scene = Scene(tmp_path, tone)
    asyncio.run(scene.maker.attempt())
    path = Path(str(scene.shelf.find(TEXTS["busy"])))
    path.write_bytes(path.read_bytes()[:60])
    again = Scene(tmp_path, tone)
    assert asyncio.run(again.maker.attempt()) is True
    assert [text for text, _ in again.house.asked] == [TEXTS["busy"]] and read_cue(str(path))[0].seconds > 0.1
    assert again.shelf.broken == 1


def test_a_disk_that_takes_nothing_is_a_sentence(tmp_path: Path, tone: Any) -> None:
    (tmp_path / "cues").write_text("a file where the folder should be")
    scene = Scene(tmp_path, tone)
    assert asyncio.run(scene.maker.attempt()) is False
    assert "cannot be kept in" in scene.maker.problem and "cues" in scene.maker.problem


def test_a_text_that_takes_too_long_is_not_paid_for_twice(tmp_path: Path, tone: Any) -> None:
    scene = Scene(tmp_path, tone, texts={"offline": "Slow."})
    scene.house.seconds = 16.0
    for _ in range(3):
        assert asyncio.run(scene.maker.attempt()) is False
    assert len(scene.house.asked) == 1 and "lasts 16 s spoken" in scene.maker.problem


@pytest.mark.parametrize("faults", [(), ("tts-after=close",)])
def test_a_cue_in_the_houses_voice_is_understood(
    tmp_path: Path, tone: Any, studio: Any, heard: Any, said: list[str], faults: tuple[str, ...]
) -> None:
    async def play() -> str:
        async with studio(*faults) as one:
            shelf = Shelf(str(tmp_path), one.section)
            maker = CueMaker({"offline": said[0]}, Renderer(one.voice(), tone()), shelf, lambda: None, lambda: 0.5, 0.0)
            await asyncio.wait_for(maker.run(), 20)
            return str(shelf.find(said[0]))

    layout, data = read_cue(asyncio.run(play()))
    assert heard(Recording(data[layout.start :], layout.rate_hz)) == said[0]
