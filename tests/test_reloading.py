"""The file read again by a running kiosk: what is live is in force, what is bad changes nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest

from kioskd.config.goods import Goods, fingerprint
from kioskd.config.show import Change
from kioskd.reloading import summary

BROKEN = "volume: [\n"


def quick(house: Any) -> None:
    """What ran healthy for a moment is good."""
    house.reloading._good_s = 0.05


def trail(house: Any) -> list[str]:
    return [line for line in house.ledger.trail()["recent"] if '"what":"config"' in line]


def test_live_keys_are_in_force_when_it_returns_and_the_others_wait(kiosk_file: Any) -> None:
    async def play(house: Any) -> dict[str, Any]:
        new = kiosk_file.but("0.8", "0.3", "Front door", "Back door", "Be kind", "Be brief", "GPIO17", "GPIO4")
        kiosk_file.path.write_text(new)
        answer = await house.reloading.reload({})
        assert house.config.audio.volume == 0.3 and house.config.panel.talk.pin == "GPIO17"
        return dict(answer["config"])

    shown = kiosk_file.live(play)
    applies = {row["key"]: row["applies"] for row in shown["changes"]}
    assert applies["audio.volume"] == "live" and applies["persona.instructions"] == "session"
    assert [row["key"] for row in shown["pending"]] == ["panel.talk.pin"] and shown["running"] == "file"


def test_what_waits_for_a_restart_is_named_until_it_is_taken_back(kiosk_file: Any) -> None:
    async def play(house: Any) -> tuple[list[Any], list[Any]]:
        kiosk_file.path.write_text(kiosk_file.but("GPIO17", "GPIO4"))
        await house.reloading.reload({})
        before = house.reloading.snapshot()["pending"]
        kiosk_file.path.write_text(kiosk_file.text)
        await house.reloading.reload({})
        return before, house.reloading.snapshot()["pending"]

    before, after = kiosk_file.live(play)
    assert len(before) == 1 and after == []


@pytest.mark.parametrize("spoil", ["broken", "empty", "gone", "large", "folder"])
def test_a_bad_one_is_refused_with_a_sentence_and_nothing_changes(kiosk_file: Any, spoil: str) -> None:
    async def play(house: Any) -> str:
        before = house.config
        if spoil in ("gone", "folder"):
            kiosk_file.path.unlink()
        if spoil == "folder":
            kiosk_file.path.mkdir()
        texts = {"broken": kiosk_file.but("0.8", "0.1") + BROKEN, "empty": "\n", "large": "# x\n" * 300_000}
        if spoil in texts:
            kiosk_file.path.write_text(texts[spoil])
        with pytest.raises(ValueError, match="refused, and nothing has changed") as refused:
            await house.reloading.reload({})
        assert house.config is before and house.reloading.snapshot()["refused"] == 1
        assert house.pulse.verdict().ok
        return str(refused.value)

    assert "\n" not in kiosk_file.live(play)


def test_a_room_that_fails_on_it_gets_the_old_one_back(kiosk_file: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def play(house: Any) -> None:
        link, failed = house.link.update_tools, []

        def update(tools: Any) -> bool:
            if not failed:
                failed.append(True)
                raise RuntimeError("a bug")
            return bool(link(tools))

        house.link.update_tools = update
        before = house.config
        kiosk_file.path.write_text(kiosk_file.but("Unlock the front", "Open the back", "0.8", "0.1"))
        with pytest.raises(ValueError, match="What ran before runs on"):
            await house.reloading.reload({})
        assert house.config == before == house.machine.state.config
        assert house.playback._mixer._volumes["service"] == 0.8

    kiosk_file.live(play)
    assert "RuntimeError: a bug" in caplog.text


def test_the_manager_is_told_that_it_reloads_and_that_it_is_done(kiosk_file: Any) -> None:
    async def play(house: Any) -> list[str]:
        told: list[str] = []
        house.notifier._notify = told.append
        await house.reloading.reload({})
        kiosk_file.path.write_text(BROKEN)
        with pytest.raises(ValueError):
            await house.reloading.reload({})
        return [one.split("=")[0] + one.split("=")[1].split("\n")[0] for one in told if "STATUS" not in one[:6]]

    assert kiosk_file.live(play) == ["RELOADING1", "READY1", "RELOADING1", "READY1"]


def test_a_hang_up_reloads_and_a_bad_one_only_tells_the_journal(
    kiosk_file: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def play(house: Any) -> None:
        kiosk_file.path.write_text(kiosk_file.but("0.8", "0.3"))
        os.kill(os.getpid(), signal.SIGHUP)
        while house.config.audio.volume != 0.3:
            await asyncio.sleep(0.01)
        kiosk_file.path.write_text(BROKEN)
        os.kill(os.getpid(), signal.SIGHUP)
        while house.reloading.snapshot()["refused"] != 1:
            await asyncio.sleep(0.01)

    kiosk_file.live(play)
    assert "refused, and nothing has changed" in caplog.text


def test_each_change_stands_in_the_audit_trail_without_its_values(kiosk_file: Any) -> None:
    async def play(house: Any) -> list[str]:
        kiosk_file.path.write_text(kiosk_file.but("Be kind.", "The code is 4711."))
        await house.reloading.reload({"uid": 1000, "by": "anna"})
        while not trail(house):
            await asyncio.sleep(0.02)
        return trail(house)

    (line,) = kiosk_file.live(play)
    assert '"keys":["persona.instructions"]' in line and '"uid":"1000"' in line and "4711" not in line
    assert fingerprint(kiosk_file.path.read_bytes()) in line


def test_what_ran_healthy_is_kept_and_what_did_not_is_not(kiosk_file: Any) -> None:
    goods = Goods(str(kiosk_file.folder / "state"))

    async def play(house: Any) -> list[str]:
        kept = []
        for text in (kiosk_file.text, kiosk_file.but("0.8", "0.3")):
            kiosk_file.path.write_text(text)
            await house.reloading.reload({})
            while house.reloading.snapshot()["good"] != fingerprint(text.encode()):
                await asyncio.sleep(0.02)
            kept.append(house.reloading.snapshot()["good"])
        # One that waits for a restart has not run; a kiosk in trouble proves nothing.
        kiosk_file.path.write_text(kiosk_file.but("GPIO17", "GPIO4"))
        await house.reloading.reload({})
        await asyncio.sleep(0.3)
        return kept

    kept = kiosk_file.live(play, before=quick)
    assert len(set(kept)) == 2 and [good.sha256 for good in goods.newest_first()] == kept[::-1]


def test_a_disk_that_is_full_is_told_and_the_kiosk_runs_on(kiosk_file: Any) -> None:
    (kiosk_file.folder / "state" / "config").write_text("in the way")

    async def play(house: Any) -> str:
        while not (why := house.reloading.snapshot()["unkept"]):
            await asyncio.sleep(0.02)
        assert house.pulse.verdict().ok
        (kiosk_file.folder / "state" / "config").unlink()
        while house.reloading.snapshot()["unkept"]:
            await asyncio.sleep(0.02)
        return str(why)

    assert "cannot be copied" in kiosk_file.live(play, before=quick)


def test_the_last_good_one_runs_shows_it_and_is_left_when_the_file_is_mended(kiosk_file: Any) -> None:
    Goods(str(kiosk_file.folder / "state")).keep(kiosk_file.but("Front door", "Good door").encode())
    kiosk_file.path.write_text(kiosk_file.text + BROKEN)

    async def play(house: Any) -> None:
        while house.pulse.light is None or house.pulse.light.name != "fault":
            await asyncio.sleep(0.02)
        assert house.config.kiosk.name == "Good door" and house.reloading.snapshot()["running"] == "last good"
        assert any("The last good configuration runs" in one for one in house.pulse.verdict().reasons)
        kiosk_file.path.write_text(kiosk_file.text)
        await house.reloading.reload({})
        while not house.pulse.verdict().ok:
            await asyncio.sleep(0.02)
        assert house.config.kiosk.name == "Front door" and house.reloading.snapshot()["running"] == "file"

    kiosk_file.live(play)


def test_the_one_before_is_told_and_where_there_is_none_that_is_told(kiosk_file: Any) -> None:
    async def play(house: Any) -> str:
        with pytest.raises(ValueError, match="nothing to go back to"):
            await house.reloading.current({"before": True})
        Goods(str(kiosk_file.folder / "state")).keep(b"older: 1\n")
        Goods(str(kiosk_file.folder / "state")).keep(kiosk_file.path.read_bytes())
        told = (await house.reloading.current({"before": True}))["config"]
        assert told["text"] == kiosk_file.text
        return str(told["before"]["text"])

    assert kiosk_file.live(play) == "older: 1\n"


def test_a_trial_that_a_power_cut_ended_is_told(kiosk_file: Any, caplog: pytest.LogCaptureFixture) -> None:
    with open(f"{kiosk_file.path}.trial", "w") as left:
        left.write(kiosk_file.but("0.8", "0.3"))

    async def play(house: Any) -> float:
        return float(house.config.audio.volume)

    assert kiosk_file.live(play) == 0.8 and "was being tried when the power failed" in caplog.text


def test_nothing_is_reloaded_while_it_starts(kiosk_file: Any) -> None:
    async def play(house: Any) -> None:
        house.reloading.started = False
        with pytest.raises(ValueError, match="just starting, or ending"):
            await house.reloading.reload({})

    kiosk_file.live(play)


def test_changes_are_counted_in_words() -> None:
    found = [Change("a", "live", "1", "2"), Change("b", "restart", "1", "2"), Change("c", "live", "1", "2")]
    assert summary(found) == "2 live, 1 after a restart" and summary([]) == "nothing changed"


def test_a_storm_of_hang_ups_is_one_reload_and_one_more(kiosk_file: Any) -> None:
    async def play(house: Any) -> int:
        for _ in range(200):
            house.reloading.hang_up()
        kiosk_file.path.write_text(kiosk_file.but("0.8", "0.3"))
        while house.reloading._asked:
            await asyncio.sleep(0.01)
        assert house.config.audio.volume == 0.3, "the last one of a storm is heard"
        return int(house.reloading.snapshot()["reloads"])

    assert kiosk_file.live(play) <= 2


def test_what_is_live_never_runs_with_what_it_does_not_fit(kiosk_file: Any) -> None:
    """The code that shall confirm is live, the codes come with a restart: until then nobody could confirm anything."""
    codes = "confirm: {codes: [{name: Anna, hash: {env: CODE_OF_ANNA}}]}\nops: {"

    async def play(house: Any) -> str:
        before = house.config
        kiosk_file.path.write_text(kiosk_file.but("{allow: true}", "{allow: true, confirm: code}", "ops: {", codes))
        with pytest.raises(ValueError, match="refused, and nothing has changed") as refused:
            await house.reloading.reload({})
        assert house.config is before and house.reloading.snapshot()["pending"] == []
        return str(refused.value)

    said = kiosk_file.live(play)
    assert "add confirm.codes" in said and "systemctl restart kioskd" in said and "\n" not in said


def test_other_hours_are_never_read_off_the_clock_of_another_zone(kiosk_file: Any) -> None:
    """Hours are live, so their zone is: 08:00 in Kiritimati would else open the door at 08:00 UTC, 14 hours late."""
    kiosk_file.path.write_text(kiosk_file.but("Front door", "Front door, time_zone: Etc/UTC"))

    async def play(house: Any) -> tuple[Any, Any, int]:
        before, utc = house.machine.state.wall, house.metering.clock.now().offset_s
        kiosk_file.path.write_text(kiosk_file.but("Front door", "Front door, time_zone: Pacific/Kiritimati"))
        await house.reloading.reload({})
        assert house.reloading.snapshot()["pending"] == [] and utc == 0
        return before, house.machine.state.wall, house.metering.clock.now().offset_s

    before, after, offset_s = kiosk_file.live(play)
    assert (before.date, before.minute) != (after.date, after.minute) and offset_s == 14 * 3600
    assert (after.minute - before.minute) % 1440 in (14 * 60, 14 * 60 + 1)
