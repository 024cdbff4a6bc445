"""A configuration on trial: kept when it is healthy and somebody keeps it, else the one before comes back by itself."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Coroutine

import pytest

from kioskd.config import trial as trials
from kioskd.config.goods import Goods, fingerprint
from kioskd.config.staging import Place
from kioskd.core.events import PartChanged
from kioskd.core.words import PartState

WATCH_S = 0.1


class Hand:
    """Who applies, in the house's own loop."""

    def __init__(self, house: Any, kiosk: Any, text: str) -> None:
        self.house, self.data = house, text.encode()
        self.place = Place(str(kiosk.path))
        self.place.put(self.data)
        house.trying._keep_s = 0.2

    async def say(self, step: str, **more: Any) -> dict[str, Any]:
        request = {"step": step, "sha256": fingerprint(self.data), "by": "anna", **more}
        return dict(await self.house.trying.apply(request))

    async def begin(self, **more: Any) -> dict[str, Any]:
        return await self.say("begin", **{"watch_s": WATCH_S, **more})

    async def until(self, **wanted: str) -> dict[str, Any]:
        while True:
            found = self.house.trying.snapshot()
            if all(found[name] == value for name, value in wanted.items()):
                return dict(found)
            await asyncio.sleep(0.01)


Play = Callable[[Hand], Coroutine[Any, Any, Any]]


def tried(kiosk: Any, play: Play, *edits: str) -> Any:
    async def run(house: Any) -> Any:
        return await play(Hand(house, kiosk, kiosk.but(*(edits or ("0.8", "0.3")))))

    return kiosk.live(run)


def test_one_that_is_healthy_and_kept_is_the_file_and_a_good_one(kiosk_file: Any) -> None:
    async def play(hand: Hand) -> list[str]:
        answer = await hand.begin()
        assert answer["trial"]["state"] == "running" and answer["changes"][0]["key"] == "audio.volume"
        assert hand.house.config.audio.volume == 0.3 and kiosk_file.path.read_text() == kiosk_file.text
        await hand.until(phase="proven")
        hand.place.keep()
        assert (await hand.say("keep"))["trial"]["state"] == "kept"
        await asyncio.sleep(0.4)  # nobody goes back any more
        assert hand.house.config.audio.volume == 0.3 and hand.house.reloading.snapshot()["running"] == "file"
        return [line for line in hand.house.ledger.trail()["recent"] if '"config"' in line]

    lines = tried(kiosk_file, play)
    assert [one.split('"change":"')[1].split('"')[0] for one in lines] == ["trial", "kept"]
    (good,) = Goods(str(kiosk_file.folder / "state")).newest_first()
    assert b"volume: 0.3" in good.data


def test_one_that_makes_the_kiosk_ill_goes_back_and_says_why(kiosk_file: Any) -> None:
    async def play(hand: Hand) -> str:
        await hand.begin()
        hand.house.inbox.post(PartChanged("capture", PartState.ABSENT, "it was unplugged"))
        hand.house.capture.progress = lambda: None  # what it claims stays
        hand.house.pulse.close()
        found = await hand.until(state="rolled back")
        assert hand.house.config.audio.volume == 0.8
        return str(found["reason"])

    assert "the microphone is absent: it was unplugged" in tried(kiosk_file, play)
    assert kiosk_file.path.read_text() == kiosk_file.text


def test_what_was_ill_before_is_not_blamed_on_it(kiosk_file: Any) -> None:
    async def play(hand: Hand) -> None:
        hand.house.inbox.post(PartChanged("panel", PartState.FAILED, "the button is stuck"))
        await asyncio.sleep(0.05)
        await hand.begin()
        await hand.until(phase="proven")

    tried(kiosk_file, play)


def test_one_that_nobody_keeps_goes_back(kiosk_file: Any) -> None:
    async def play(hand: Hand) -> str:
        await hand.begin()
        return str((await hand.until(state="rolled back"))["reason"])

    assert "whoever applied it is gone" in tried(kiosk_file, play)


def test_one_whose_hand_died_right_after_the_move_is_kept(kiosk_file: Any) -> None:
    async def play(hand: Hand) -> None:
        await hand.begin()
        await hand.until(phase="proven")
        hand.place.keep()
        await hand.until(state="kept")

    tried(kiosk_file, play)


def test_one_that_must_be_confirmed_goes_back_when_nobody_does(kiosk_file: Any) -> None:
    async def play(hand: Hand) -> str:
        await hand.begin(confirm_s=0.3)
        found = await hand.until(phase="unconfirmed")
        assert 0 < found["confirm_within_s"] <= 0.3
        return str((await hand.until(state="rolled back"))["reason"])

    assert tried(kiosk_file, play) == "nobody confirmed it within 0.3 s"


@pytest.mark.parametrize("early", [True, False])
def test_a_confirmation_counts_early_and_late(kiosk_file: Any, early: bool) -> None:
    async def play(hand: Hand) -> None:
        await hand.begin(confirm_s=20)
        if not early:
            await hand.until(phase="unconfirmed")
        assert (await hand.say("confirm"))["trial"]["confirmed"]
        await hand.until(phase="proven")
        hand.place.keep()
        await hand.say("keep")
        assert hand.house.trying.snapshot()["state"] == "kept"

    tried(kiosk_file, play)


def test_it_can_be_taken_back(kiosk_file: Any) -> None:
    async def play(hand: Hand) -> None:
        await hand.begin(watch_s=60)
        assert (await hand.say("drop"))["trial"]["state"] == "rolled back"
        assert hand.house.config.audio.volume == 0.8
        with pytest.raises(ValueError, match="not on trial any more"):
            await hand.say("keep")

    tried(kiosk_file, play)


def test_while_one_is_tried_nothing_else_changes(kiosk_file: Any) -> None:
    async def play(hand: Hand) -> None:
        await hand.begin(watch_s=60)
        with pytest.raises(ValueError, match="is on trial"):
            await hand.begin()
        with pytest.raises(ValueError, match="is on trial"):
            await hand.house.reloading.reload({})
        with pytest.raises(ValueError, match="not in its place, or not proven"):
            await hand.say("keep")
        with pytest.raises(ValueError, match="nothing waits for a confirmation"):
            await hand.say("confirm")

    tried(kiosk_file, play)


@pytest.mark.parametrize(
    "more",
    [{"watch_s": -1}, {"watch_s": "x"}, {"watch_s": True}, {"watch_s": float("nan")}, {"confirm_s": 1e9}],
)
def test_a_length_of_time_that_is_none_is_refused(kiosk_file: Any, more: dict[str, Any]) -> None:
    async def play(hand: Hand) -> None:
        with pytest.raises(ValueError, match="is a number of seconds"):
            await hand.begin(**more)
        assert hand.house.trying.snapshot() is None

    tried(kiosk_file, play)


def test_what_lies_beside_the_file_must_be_what_was_meant(kiosk_file: Any) -> None:
    async def play(hand: Hand) -> None:
        with pytest.raises(ValueError, match="not what was to be applied"):
            await hand.begin(sha256="00" * 32)
        hand.place.discard()
        with pytest.raises(ValueError, match="refused, and nothing has changed"):
            await hand.begin()
        with pytest.raises(ValueError, match='say: {"do": "apply"'):
            await hand.say("sing")
        assert hand.house.config.audio.volume == 0.8

    tried(kiosk_file, play)


def test_a_marker_that_cannot_be_written_is_a_refusal(kiosk_file: Any) -> None:
    (kiosk_file.folder / "run" / trials.NAME).mkdir()

    async def play(hand: Hand) -> None:
        with pytest.raises(ValueError, match="cannot be written.*nothing has changed"):
            await hand.begin()
        assert hand.house.config.audio.volume == 0.8 and not hand.house.reloading.on_trial

    tried(kiosk_file, play)


def test_without_a_manager_restart_keys_wait_and_the_rest_is_tried(kiosk_file: Any) -> None:
    async def play(hand: Hand) -> None:
        answer = await hand.begin()
        assert answer["trial"]["restart"] is False
        await hand.until(phase="proven")
        hand.place.keep()
        await hand.say("keep")
        assert [row["key"] for row in hand.house.reloading.snapshot()["pending"]] == ["panel.talk.pin"]
        assert hand.house.config.audio.volume == 0.3

    tried(kiosk_file, play, "0.8", "0.3", "GPIO17", "GPIO4")
    assert list(Goods(str(kiosk_file.folder / "state")).newest_first()) == [], "what waits has not run"


REMOVED = """tools:
  - name: unlock_door
    description: Unlock the front door.
    phrases: [unlock the door]
    class: access
    action: {relay: {pin: GPIO27, pulse_ms: 300}}
    policy: {allow: true}
"""


def test_a_tool_that_a_trial_took_out_is_there_again_when_it_goes_back(kiosk_file: Any) -> None:
    async def play(hand: Hand) -> None:
        before = hand.house.config
        assert (await hand.begin())["trial"]["restart"] is False and hand.house.config.tools == ()
        await hand.until(state="rolled back")
        assert hand.house.config == before == hand.house.machine.state.config
        assert hand.house.reloading.snapshot()["pending"] == []

    tried(kiosk_file, play, REMOVED, "")


def test_one_that_has_not_begun_yet_is_not_confirmed(kiosk_file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(hand: Hand) -> None:
        hand.house.trying._managed, hand.house.trying._leave = True, lambda why: None
        assert (await hand.begin(confirm_s=20))["trial"]["state"] == "starting"
        with pytest.raises(ValueError, match="nothing waits for a confirmation"):
            await hand.say("confirm")

    tried(kiosk_file, play, "GPIO17", "GPIO4")


def test_whoever_confirms_and_whoever_keeps_stands_in_the_trail(kiosk_file: Any) -> None:
    async def play(hand: Hand) -> list[str]:
        await hand.begin(confirm_s=20, uid=1001)
        await hand.say("confirm", by="berta", uid=1002)
        await hand.until(phase="proven")
        hand.place.keep()
        await hand.say("keep")
        while len(lines := [one for one in hand.house.ledger.trail()["recent"] if '"config"' in one]) < 3:
            await asyncio.sleep(0.02)
        return lines

    lines = tried(kiosk_file, play)
    assert [one.split('"change":"')[1].split('"')[0] for one in lines] == ["trial", "confirmed", "kept"]
    assert '"uid":"1002"' in lines[1] and '"by":"berta"' in lines[1] and '"by":"anna"' in lines[2]
