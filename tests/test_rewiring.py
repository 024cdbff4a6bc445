"""Another configuration in a running house: each room has the new value, and no sound waited for it."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from typing import Any

import pytest

from kioskd.config.loader import parse
from kioskd.config.sections import Config
from kioskd.core.effects import PlayCue
from kioskd.rewiring import rewire


def wanted(kiosk: Any, *edits: str) -> Config:
    loaded = parse(kiosk.but(*edits), "new")
    assert loaded.config is not None, loaded.problems
    return loaded.config


def rewired(kiosk: Any, *edits: str) -> Any:
    """The house after it; it is closed."""

    async def play(house: Any) -> Any:
        rewire(house, wanted(kiosk, *edits), "reloaded")
        await asyncio.sleep(0.05)
        return house

    return kiosk.live(play)


def test_volumes_reach_the_mixer(kiosk_file: Any) -> None:
    house = rewired(kiosk_file, "volume: 0.8", "volume: 0.25, cue_volume: 0.5")
    assert house.playback._mixer._volumes["service"] == 0.25 and house.playback._mixer._volumes["cue"] == 0.5


def test_a_silent_cue_is_silent_from_then_on(kiosk_file: Any) -> None:
    house = rewired(kiosk_file, "volume: 0.8", "cues: {refused: silent}")
    house.machine.state.cue("refused")
    assert not any(isinstance(effect, PlayCue) for effect in house.machine.state.out)
    assert not house.playback._cues.sound("refused").pcm


def test_a_cue_that_is_spoken_is_made(kiosk_file: Any) -> None:
    async def play(house: Any) -> dict[str, Any]:
        assert house.announcing.snapshot()["cues"] == {}
        rewire(house, wanted(kiosk_file, "volume: 0.8", "cues: {refused: 'say:No.'}"), "reloaded")
        while not (made := house.announcing.snapshot()["cues"]).get("refused"):
            await asyncio.sleep(0.02)
        return dict(made)

    assert kiosk_file.live(play) == {"refused": "local"}


def test_the_name_is_the_new_one_everywhere(kiosk_file: Any) -> None:
    house = rewired(kiosk_file, "Front door", "Back door")
    assert house.config.kiosk.name == "Back door" == house.machine.state.config.kiosk.name


def test_the_service_is_told_of_other_tools_and_the_machine_knows_them_first(kiosk_file: Any) -> None:
    told: list[str] = []

    async def play(house: Any) -> None:
        def update(tools: Any) -> bool:
            assert house.machine.state.config.tools[0].description == "Open the gate."
            told.extend(tool["description"] for tool in tools)
            return True

        house.link.update_tools = update
        rewire(house, wanted(kiosk_file, "Unlock the front door.", "Open the gate."), "reloaded")

    kiosk_file.live(play)
    assert len(told) == 1 and told[0].startswith("Open the gate.")


def test_other_services_are_used_and_watched_and_the_old_ones_are_forgiven(kiosk_file: Any) -> None:
    async def play(house: Any) -> tuple[list[str], list[str]]:
        used: list[str] = []
        house.surroundings.use = lambda setups: used.extend(setup.name for setup in setups)
        two = "[{dialect: local}, {dialect: hydra, key: {env: NO_SUCH_KEY}}]\nx"
        more = wanted(kiosk_file, '\n  - {dialect: local, url: "ws://127.0.0.1:9/waves/v1/s2s"}', " " + two[:-2])
        rewire(house, more, "reloaded")
        names = [row["name"] for row in house.link.snapshot()["endpoints"]]
        while not any("NO_SUCH_KEY" in one for one in house.pulse.verdict().reasons):
            await asyncio.sleep(0.02)
        rewire(house, wanted(kiosk_file), "reloaded")
        while house.pulse.verdict().reasons:
            await asyncio.sleep(0.02)
        return names, used

    names, used = kiosk_file.live(play)
    assert names == ["local-1", "hydra-2"] and used == ["local-1", "hydra-2", "local-1"]


def test_a_persona_is_taken_with_the_next_session(kiosk_file: Any) -> None:
    house = rewired(kiosk_file, "Be kind.", "Be brief.")
    assert [setup.instructions for setup in house.link._endpoints] == ["Be brief."]


def test_the_journal_level_changes(kiosk_file: Any) -> None:
    before = logging.getLogger().level
    try:
        rewired(kiosk_file, "ops: {", "ops: {log_level: debug, ")
        assert logging.getLogger().level == logging.DEBUG
    finally:
        logging.getLogger().setLevel(before)


def test_a_configuration_that_no_service_could_take_changes_nothing(kiosk_file: Any) -> None:
    async def play(house: Any) -> str:
        config = wanted(kiosk_file)
        huge = dataclasses.replace(config, persona=dataclasses.replace(config.persona, instructions="x" * 3_000_000))
        with pytest.raises(ValueError, match="this configuration cannot be used") as refused:
            rewire(house, huge, "reloaded")
        assert house.config == config == house.machine.state.config
        return str(refused.value)

    assert "\n" not in kiosk_file.live(play)


def test_the_policy_of_a_contact_reaches_the_hands(kiosk_file: Any) -> None:
    contact = "policy: {allow: true, interlocks: [{pin: GPIO5, must_be: %s, name: the alarm}]}"
    kiosk_file.path.write_text(kiosk_file.but("policy: {allow: true}", contact % "active"))

    async def play(house: Any) -> tuple[bool, bool]:
        before = house.actions._interlocks["unlock_door"].read().ok
        rewire(house, wanted(kiosk_file, "policy: {allow: true}", contact % "inactive"), "reloaded")
        return before, house.actions._interlocks["unlock_door"].read().ok

    assert sorted(kiosk_file.live(play)) == [False, True]


def test_no_chunk_is_lost_while_it_changes_again_and_again(kiosk_file: Any) -> None:
    async def play(house: Any) -> tuple[Any, int]:
        loud, quiet = wanted(kiosk_file), wanted(kiosk_file, "0.8", "0.1", "Front", "Back", "Be kind", "Be brief")
        while house.capture.progress().periods < 20:
            await asyncio.sleep(0.02)
        before = house.capture.progress().periods
        for number in range(40):
            rewire(house, quiet if number % 2 == 0 else loud, "reloaded")
            await asyncio.sleep(0.01)
        return house.capture.progress(), before

    progress, before = kiosk_file.live(play)
    assert progress.xruns == 0 and progress.periods > before


def test_another_service_is_looked_for_at_once(kiosk_file: Any) -> None:
    """Not when the next probe is due, in five minutes: a wrong address would be kept as healthy by then."""
    local = '- {dialect: local, url: "ws://127.0.0.1:9/waves/v1/s2s"}'
    far = '- {dialect: hydra, url: "wss://%s.invalid/x", key: {env: NO_SUCH_KEY}}'
    kiosk_file.path.write_text(kiosk_file.but(local, far % "one"))

    async def play(house: Any) -> None:
        for name, edits in (("one", ()), ("two", (local, far % "two"))):
            if edits:
                rewire(house, wanted(kiosk_file, *edits), "reloaded")
            async with asyncio.timeout(8):
                while not any(f"{name}.invalid" in why for why in house.pulse.verdict().reasons):
                    await asyncio.sleep(0.02)

    kiosk_file.live(play)
