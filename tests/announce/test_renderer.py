"""Who speaks, and what is said of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kioskd.announce.ports import VoiceFailed
from kioskd.announce.renderer import Renderer


def test_the_house_speaks_and_the_local_voice_when_it_cannot(tone: Any) -> None:
    house, local = tone(), tone()
    renderer = Renderer(house, local)

    async def play() -> None:
        first = await renderer.render("Hello.", "sophia")
        assert (first.by, first.problem, house.asked) == ("house", "", [("Hello.", "sophia")])
        house.problem = "no way to it"
        second = await renderer.render("Hello.", "sophia")
        assert second.by == "local" and second.problem == "the service for announcements failed: no way to it"
        assert local.asked == [("Hello.", "")], "espeak-ng does not know the service's voices"
        assert renderer.problem == second.problem
        house.problem = ""
        await renderer.render("Hello.")
        assert renderer.problem == ""

    asyncio.run(play())
    assert renderer.rendered == {"house": 2, "local": 1} and renderer.failed == {"house": 1, "local": 0}


def test_without_a_service_the_local_voice_is_the_voice(tone: Any) -> None:
    local = tone()
    rendered = asyncio.run(Renderer(None, local).render("Hello.", "en-us+f3"))
    assert (rendered.by, rendered.problem, local.asked) == ("local", "", [("Hello.", "en-us+f3")])


def test_when_nobody_can_both_reasons_are_told(tone: Any) -> None:
    house, local = tone(), tone()
    house.problem, local.problem = "no way to it", "apt-get install espeak-ng"
    with pytest.raises(VoiceFailed, match="failed: no way to it; and apt-get install espeak-ng"):
        asyncio.run(Renderer(house, local).render("Hello."))
    with pytest.raises(VoiceFailed, match="no way to it$"):
        asyncio.run(Renderer(house, local).render("Hello.", fall_back=False))
    assert len(local.asked) == 1


def test_one_text_at_a_time(tone: Any) -> None:
    async def play() -> None:
        house = tone()
        house.gate = asyncio.Event()
        renderer = Renderer(house, tone())
        both = [asyncio.create_task(renderer.render(text)) for text in ("one", "two")]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert [text for text, _ in house.asked] == ["one"]
        house.gate.set()
        await asyncio.gather(*both)
        assert [text for text, _ in house.asked] == ["one", "two"]

    asyncio.run(play())


def test_the_same_trouble_again_and_again_is_one_line_in_the_journal(
    tone: Any, caplog: pytest.LogCaptureFixture
) -> None:
    house = tone()
    renderer = Renderer(house, tone())

    async def play() -> None:
        for problem in ("no way", "no way", "", "no way", "a bad key"):
            house.problem = problem
            await renderer.render("A secret text.")

    asyncio.run(play())
    assert len(caplog.records) == 3 and "secret" not in caplog.text
