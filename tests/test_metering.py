"""The meter in a whole house: whose turn it was, what a spent budget does, and what survives a restart."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Awaitable, Callable

import pytest

from kioskd import app, report
from kioskd.app import House, Source
from kioskd.config.budget import Budget, Limits
from kioskd.config.sections import Audio, Button, Config, Endpoint, Ops, Panel, Talk
from kioskd.core.events import SessionEnded, SessionReady, ToolAsked
from kioskd.core.state import Counts
from kioskd.core.tally import Tally, total
from kioskd.core.words import CallKey
from kioskd.metering import Clock, Metering, services
from kioskd.services import endpoint_setups

NOBODY = "ws://127.0.0.1:9/waves/v1/s2s"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """That every thread ends is the house's affair; how long its last write takes is this machine's."""
    monkeypatch.setattr(app, "THREAD_END_S", 10.0)


def configuration(tmp_path: Path, url: str = NOBODY, **changes: Any) -> Config:
    base = Config(
        service=(Endpoint(dialect="hydra", url=url), Endpoint(dialect="local", url=url)),
        talk=Talk(mode="push_to_talk"),
        audio=Audio(input="null", output="null"),
        panel=Panel(pins="simulated", talk=Button(pin="GPIO17")),
        ops=Ops(state_dir=str(tmp_path), runtime_dir=str(tmp_path)),
    )
    return dataclasses.replace(base, **changes)


def in_house(config: Config, play: Callable[[House], Awaitable[Any]]) -> Any:
    """Open the house, play in it, close it; also checks that it closes cleanly."""

    async def main() -> Any:
        house = House(config, Source("kiosk.yaml", ()), asyncio.get_running_loop().time(), set())
        clean = False
        try:
            await house.open()
            return await asyncio.wait_for(play(house), 30)
        finally:
            clean = await house.close()
            assert clean

    return asyncio.run(main())


async def until(house: House, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until the status page says so; the page."""
    while not holds(page := report.status(house)):
        await asyncio.sleep(0.02)
    return page


# -- whose turn it was -------------------------------------------------------------------------------


class Bench:
    """A meter on a house that has nothing but what the meter looks at."""

    def __init__(self, folder: Path, budget: Budget = Budget()) -> None:
        self.readings: dict[str, Tally] = {}
        self.restricted: list[dict[str, str]] = []
        self.notes: list[str] = []
        link = SimpleNamespace(readings=lambda: self.readings, restrict=self.restricted.append)
        self.state = SimpleNamespace(counts=Counts(), wanted=True)
        house: Any = SimpleNamespace(
            config=configuration(folder, budget=budget),
            link=link,
            machine=SimpleNamespace(state=self.state),
            timeline=SimpleNamespace(note=lambda kind, text, data: self.notes.append(text)),
        )
        self.metering = Metering(house)

    def today(self, service: str) -> Tally:
        return self.metering.meter.books.today.get(service, Tally())


ASKED = ToolAsked(CallKey("hydra-1", "s1", "call_1"), "unlock_door", "{}")


def test_a_turn_belongs_to_the_service_that_hears_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.metering.heard(SessionReady("s1", "hydra-1"))
    bench.state.counts.turns = 1
    bench.metering.heard(ASKED)
    bench.metering.heard(SessionEnded("s1", 1000, ""))
    bench.metering.heard(SessionReady("s2", "local-2"))
    bench.state.counts.turns = 3
    bench.metering.heard(ASKED)
    assert bench.today("hydra-1").turns == 1 and bench.today("local-2").turns == 2
    assert bench.today("hydra-1").calls == 2, "a call names its service"


def test_what_was_said_while_the_link_was_opened_belongs_to_whom_it_reached(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.state.counts.turns = 1
    bench.metering.heard(SessionEnded("s0", 1006, ""))
    assert bench.metering.meter.books.today == {}
    bench.metering.heard(SessionReady("s1", "local-2"))
    assert bench.today("local-2").turns == 1


def test_what_nobody_heard_is_nobodys_turn(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.state.counts.turns = 1
    bench.state.wanted = False
    bench.metering.heard(SessionEnded("s0", 1006, ""))
    bench.state.wanted = True
    bench.metering.heard(SessionReady("s1", "local-2"))
    assert bench.today("local-2").turns == 0


def test_the_link_and_the_journal_hear_of_a_spent_budget_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Budget(when_spent="local", day=Limits(turns=10)))
    bench.metering.heard(SessionReady("s1", "hydra-1"))
    for turns in range(1, 13):
        bench.state.counts.turns = turns
        bench.metering.heard(ASKED)
        bench.metering.beat()
    assert [set(one) for one in bench.restricted[:1]] == [{"hydra-1"}]
    assert ["nearly" in note for note in bench.notes] == [True, False]
    assert "10 of 10 turns of this day are used" in bench.notes[1] and "10 of 10" in bench.notes[1]
    assert bench.metering.spent.startswith("the budget is spent")


def test_a_raised_limit_frees_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Budget(when_spent="refuse", day=Limits(turns=1)))
    bench.metering.heard(SessionReady("s1", "hydra-1"))
    bench.state.counts.turns = 1
    bench.metering.heard(ASKED)
    bench.metering.beat()
    house = bench.metering._house
    house.config = dataclasses.replace(house.config, budget=Budget(when_spent="refuse", day=Limits(turns=5)))
    bench.metering.beat()
    assert [set(one) for one in bench.restricted] == [{"hydra-1", "local-2"}, set()] and bench.metering.spent == ""


def test_services_are_called_as_the_link_calls_them(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    assert list(services(config)) == [setup.name for setup in endpoint_setups(config, set())]
    assert services(config) == {"hydra-1": False, "local-2": True}


# -- the clock ---------------------------------------------------------------------------------------


def test_the_day_goes_by_the_zone_that_the_owner_named() -> None:
    assert Clock("Asia/Kolkata").now().offset_s == 19800


def test_a_zone_that_nobody_knows_leaves_the_boxs_own(caplog: pytest.LogCaptureFixture) -> None:
    assert Clock("Mars/Olympus").now().offset_s == time.localtime().tm_gmtoff
    assert "Mars/Olympus" in caplog.text


def test_the_three_clocks_are_those_of_this_box() -> None:
    now = Clock(None).now()
    assert abs(now.wall - time.time()) < 5
    assert abs(now.boot - time.clock_gettime(time.CLOCK_BOOTTIME)) < 5
    assert Clock(None)._offset_s(1e30) == 0


# -- a whole house -----------------------------------------------------------------------------------


def test_a_spent_budget_moves_the_conversation_to_this_device_and_holds_over_a_restart(
    tmp_path: Path, voice: Any
) -> None:
    budget = Budget(when_spent="local", day=Limits(session_minutes=0.02))

    async def spend(house: House) -> dict[str, Any]:
        house.link.open("a test", False)
        await until(house, lambda page: page["link"]["endpoint"] == "hydra-1" and page["link"]["state"] == "ready")
        await until(house, lambda page: page["usage"]["budget"]["state"] == "spent")
        await until(house, lambda page: page["link"]["state"] != "ready" or page["link"]["endpoint"] != "hydra-1")
        house.link.open("a test", False)
        return await until(
            house, lambda page: page["link"]["endpoint"] == "local-2" and page["link"]["state"] == "ready"
        )

    async def again(house: House) -> dict[str, Any]:
        house.link.open("a test", False)
        page = await until(house, lambda page: page["link"]["state"] == "ready")
        usage = house.metering.usage({"days": 1})
        return {**page, "answer": json.loads(json.dumps(usage))["usage"]}

    with voice() as url:
        page = in_house(configuration(tmp_path, url, budget=budget), spend)
        assert "session minutes of this day are used" in page["usage"]["budget"]["sentence"]
        assert any("budget is spent" in reason for reason in page["health"]["reasons"])
        assert page["panel"]["lamp"] != "fault"
        page = in_house(configuration(tmp_path, url, budget=budget), again)
    assert page["link"]["endpoint"] == "local-2", "the first one is not called again today"
    used = page["answer"]["today"]["services"]
    assert used["hydra-1"]["sessions"] == 1 and used["hydra-1"]["session_s"] >= 1.2
    assert used["hydra-1"]["bytes_down"] > 100 and used["local-2"]["sessions"] == 2


def test_refuse_refuses_with_the_sentence_and_frees_itself(tmp_path: Path) -> None:
    budget = Budget(when_spent="refuse", hour=Limits(turns=0))

    async def play(house: House) -> dict[str, Any]:
        house.link.open("a test", False)
        page = await until(house, lambda page: page["link"]["state"] == "refused")
        house.config = dataclasses.replace(house.config, budget=Budget())
        await until(house, lambda page: page["link"]["state"] != "refused")
        return page

    page = in_house(configuration(tmp_path, budget=budget), play)
    assert "0 of 0 turns of this hour are used" in page["link"]["reason"]
    assert page["link"]["attempts"] == 0, "nobody was called"
    assert not page["health"]["ok"]


def test_a_state_folder_that_cannot_be_written_is_a_state(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    blocked = tmp_path / "state"
    blocked.write_text("a file where a folder should be")
    config = dataclasses.replace(config, ops=Ops(state_dir=str(blocked), runtime_dir=str(tmp_path)))

    async def play(house: House) -> dict[str, Any]:
        house.metering.meter.add("local-2", Tally(turns=1))
        house.metering.meter.save()
        return await until(house, lambda page: bool(page["usage"]["kept"]["problem"]))

    page = in_house(config, play)
    assert "a restart would forget it" in page["usage"]["kept"]["problem"]
    assert page["usage"]["turns"] == 0 and total({}).turns == 0
