"""The whole house on simulated hardware: the road, and bad input as a state with a sentence."""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
import time
import wave
from pathlib import Path
from typing import Any, Awaitable, Callable

import pytest

from kioskd import app, report, sound
from kioskd.app import House, Source, run
from kioskd.config.sections import (
    Action,
    Audio,
    Button,
    Config,
    Endpoint,
    Ops,
    Panel,
    Policy,
    RelayAction,
    SecretRef,
    Talk,
    Tool,
)
from kioskd.core.effects import Note
from kioskd.core.events import MuteAsked, Pressed, SessionReady, StopAsked, ToolAsked
from kioskd.core.words import CallKey
from kioskd.ops.keep import NAME, Keep, replace
from kioskd.ops.systemd import Bounded
from kioskd.watches import SleepWatch, Watches

DOOR = Tool(
    name="unlock_door",
    description="Unlock the front door.",
    phrases=("unlock the front door",),
    class_="access",
    action=Action(relay=RelayAction(pin="GPIO27", pulse_ms=300)),
    policy=Policy(allow=True, hold_ms=300, confirm_s=6),
    say_done="The door is open.",
)


def configuration(tmp_path: Path, url: str, **changes: Any) -> Config:
    base = Config(
        service=(Endpoint(dialect="local", url=url),),
        talk=Talk(mode="voice", answer_s=8, linger_s=2),
        audio=Audio(input="null", output=f"file:{tmp_path / 'answer.wav'}"),
        panel=Panel(pins="simulated", talk=Button(pin="GPIO17")),
        tools=(DOOR,),
        ops=Ops(state_dir=str(tmp_path), runtime_dir=str(tmp_path)),
    )
    return dataclasses.replace(base, **changes)


def in_house(config: Config, play: Callable[[House], Awaitable[Any]], limit_s: float = 40) -> Any:
    """Open the house, play in it, close it; also checks that it closes cleanly."""

    async def main() -> Any:
        house = House(config, Source("kiosk.yaml", ()), asyncio.get_running_loop().time(), set())
        clean = False
        try:
            await house.open()
            return await asyncio.wait_for(play(house), limit_s)
        finally:
            clean = await house.close()
            assert clean

    return asyncio.run(main())


async def until(house: House, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until the status page says so; the page."""
    while True:
        page = report.status(house)
        if holds(page):
            return page
        await asyncio.sleep(0.02)


def speak(path: Path, text: str, lead_s: float = 2.2) -> None:
    """A visitor's sentence as a WAV in espeak-ng's own rate, after some silence."""
    made = subprocess.run(["espeak-ng", "-v", "en-us", "-s", "145", "--stdout", text], capture_output=True, check=True)
    rate_hz = int.from_bytes(made.stdout[24:28], "little")
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate_hz)
        sound.writeframes(bytes(int(lead_s * rate_hz) * 2) + made.stdout[44:])


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """That every thread ends is the house's affair; how long its last write takes is this machine's. That a real daemon
    is done within its second, by the product's own limits, is shown in test_closing.py."""
    monkeypatch.setattr(app, "THREAD_END_S", 10.0)


def test_the_whole_road_opens_the_door_once(tmp_path: Path, voice: Any) -> None:
    speak(tmp_path / "request.wav", "Please unlock the front door.")

    async def play(house: House) -> dict[str, Any]:
        await until(house, lambda page: any(call["state"] == "confirming" for call in page["session"]["calls"]))
        press = report.changes(house)["panel"]
        press({"verb": "press", "name": "talk"})
        await until(house, lambda page: page["counters"]["relay_pulses"] == 1)
        press({"verb": "release", "name": "talk"})
        await until(house, lambda page: page["counters"]["calls_done"] == 1)
        return await until(house, lambda page: page["phase"] == "idle" and page["link"]["state"] == "asleep")

    with voice() as url:
        audio = Audio(input=f"file:{tmp_path / 'request.wav'}", output=f"file:{tmp_path / 'answer.wav'}")
        page = in_house(configuration(tmp_path, url, audio=audio), play, 60)
    assert page["counters"]["relay_pulses"] == 1 and page["counters"]["turns_lost"] == 0
    assert page["counters"]["effects_failed"] == 0 and page["counters"]["uplink_dropped"] == 0
    with wave.open(str(tmp_path / "answer.wav")) as sound:
        assert sound.getnframes() / sound.getframerate() > 2.0


def test_push_to_talk_takes_what_was_said_while_held_and_the_same_press_does_not_open(
    tmp_path: Path, voice: Any
) -> None:
    speak(tmp_path / "request.wav", "Please unlock the front door.", lead_s=2.6)

    async def play(house: House) -> dict[str, Any]:
        press = report.changes(house)["panel"]
        await until(house, lambda page: page["audio"]["capture"]["periods"] > 240)
        press({"verb": "press", "name": "talk"})
        await until(house, lambda page: page["audio"]["capture"]["periods"] > 500)
        press({"verb": "release", "name": "talk"})
        page = await until(house, lambda page: any(call["state"] == "confirming" for call in page["session"]["calls"]))
        assert page["counters"]["relay_pulses"] == 0
        return await until(house, lambda page: page["counters"]["calls_refused"] == 1)

    with voice() as url:
        audio = Audio(input=f"file:{tmp_path / 'request.wav'}", output="null")
        talk = Talk(mode="push_to_talk", answer_s=8, linger_s=2)
        page = in_house(configuration(tmp_path, url, audio=audio, talk=talk), play, 60)
    assert page["counters"]["turns"] == 1 and page["counters"]["turns_lost"] == 0
    assert page["counters"]["relay_pulses"] == 0, "nobody confirmed"


def test_a_missing_microphone_is_a_state_with_a_sentence(tmp_path: Path) -> None:
    audio = Audio(input=f"file:{tmp_path / 'none.wav'}", output="null")

    async def play(house: House) -> dict[str, Any]:
        return await until(
            house, lambda page: page["panel"]["lamp"] == "fault" and page["audio"]["capture"]["state"] == "absent"
        )

    page = in_house(configuration(tmp_path, "ws://127.0.0.1:9/", audio=audio), play)
    assert not page["health"]["ok"] and "none.wav" in page["health"]["reasons"][0]


def test_a_missing_microphone_that_comes_back_heals_in_place(tmp_path: Path) -> None:
    path = tmp_path / "late.wav"

    async def play(house: House) -> dict[str, Any]:
        await until(house, lambda page: page["audio"]["capture"]["state"] == "absent")
        await asyncio.to_thread(speak, path, "hello", 0.0)
        return await until(house, lambda page: page["health"]["ok"] and page["audio"]["capture"]["state"] == "running")

    page = in_house(
        configuration(tmp_path, "ws://127.0.0.1:9/", audio=Audio(input=f"file:{path}", output="null")), play
    )
    assert page["panel"]["lamp"] != "fault"


def test_a_wav_of_the_wrong_format_is_a_state_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "eight.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(bytes(8000))

    async def play(house: House) -> dict[str, Any]:
        return await until(house, lambda page: page["audio"]["capture"]["state"] == "absent")

    page = in_house(
        configuration(tmp_path, "ws://127.0.0.1:9/", audio=Audio(input=f"file:{path}", output="null")), play
    )
    assert "16" in page["audio"]["capture"]["reason"]


def test_a_line_that_cannot_be_had_leaves_the_rest_alive(tmp_path: Path) -> None:
    panel = Panel(pins="gpio", talk=Button(pin="GPIO17"))

    async def play(house: House) -> dict[str, Any]:
        return await until(
            house, lambda page: page["health"]["reasons"] and page["audio"]["capture"]["state"] == "running"
        )

    page = in_house(configuration(tmp_path, "ws://127.0.0.1:9/", panel=panel), play)
    assert page["panel"]["problems"] and "GPIO" in page["health"]["reasons"][0]


def test_a_door_without_its_net_is_refused_and_the_owner_sees_it(tmp_path: Path) -> None:
    """lines.json cannot be written: killed in a pulse, nobody would lock the door again."""
    (tmp_path / "lines.json").mkdir()
    key = CallKey("e", "s", "c")
    outputs: list[str] = []

    async def play(house: House) -> dict[str, Any]:
        house.inbox.post(SessionReady("s", "e"))
        house.inbox.post(Pressed("talk", time.monotonic()))
        house.inbox.post(ToolAsked(key, "unlock_door", "{}"))
        await until(house, lambda page: page["counters"]["calls_refused"] == 1)
        outputs.extend(row["text"] for row in house.timeline.recent if row["kind"] == "decision")
        house.actions.run(key, "unlock_door", {})
        return await until(house, lambda page: page["counters"]["actions"]["failed"] and page["health"]["reasons"])

    page = in_house(configuration(tmp_path, "ws://127.0.0.1:9/"), play)
    reason = next(reason for reason in page["health"]["reasons"] if "GPIO" in reason)
    assert "unlock_door: refuse" in outputs[0] and "lines.json" in outputs[0], "nobody is asked for a hand"
    assert "unlock_door is refused: the safe-state helper could not release its relay" in reason
    assert "lines.json cannot be written" in page["counters"]["actions"]["missing"]["unlock_door"]
    assert page["counters"]["actions"]["relays"] == {} and page["panel"]["lines"]["lines"]["GPIO27"]["value"] == 0


@pytest.mark.parametrize(
    ("fault", "state", "said"),
    [
        ("upgrade-status=401", "refused", "key"),
        ("upgrade-status=503", "busy", "503"),
        ("server-full=on", "busy", ""),
    ],
)
def test_a_service_that_refuses_is_a_state_with_a_sentence(
    tmp_path: Path, fault: str, state: str, said: str, voice: Any
) -> None:
    async def play(house: House) -> dict[str, Any]:
        house.link.open("a test", False)
        return await until(house, lambda page: page["link"]["state"] == state)

    with voice(fault) as url:
        page = in_house(configuration(tmp_path, url), play)
    assert said in page["link"]["reason"]
    assert not page["health"]["ok"]


def test_nobody_there_is_a_state_with_a_sentence_and_no_key_is_told(tmp_path: Path, caplog: Any) -> None:
    key = tmp_path / "key"
    key.write_text("sk_canary_0123456789")
    key.chmod(0o600)
    endpoint = Endpoint(dialect="hydra", url="ws://127.0.0.1:9/waves/v1/s2s", key=SecretRef(file=str(key)))

    async def play(house: House) -> dict[str, Any]:
        house.link.open("a test", False)
        return await until(house, lambda page: page["link"]["state"] == "offline")

    caplog.set_level("DEBUG")
    page = in_house(configuration(tmp_path, "", service=(endpoint,)), play)
    assert "refused" in page["link"]["reason"]
    assert "sk_canary" not in caplog.text + str(page)


@pytest.mark.parametrize(
    "fault", ["non-json=on", "binary-frame=on", "unknown-event=on", "delta-shape=odd", "duplicate-done=on"]
)
def test_garbage_from_the_service_costs_nothing(tmp_path: Path, fault: str, voice: Any) -> None:
    async def play(house: House) -> dict[str, Any]:
        house.link.open("a test", True)
        return await until(
            house, lambda page: page["audio"]["playback"]["periods"] > 50 and page["phase"] in ("idle", "thinking")
        )

    with voice(fault) as url:
        config = configuration(tmp_path, url)
        config = dataclasses.replace(config, persona=dataclasses.replace(config.persona, greet=True))
        page = in_house(config, play)
    assert page["link"]["state"] == "ready" and page["counters"]["effects_failed"] == 0


def test_run_ends_with_zero_when_asked_and_leaves_no_thread(tmp_path: Path) -> None:
    import threading

    async def main() -> int:
        loop = asyncio.get_running_loop()

        def stop() -> None:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGTERM)

        loop.call_later(0.5, stop)
        return await run(configuration(tmp_path, "ws://127.0.0.1:9/"), Source("k", ()), loop.time(), set())

    before = set(threading.enumerate())
    assert asyncio.run(main()) == 0
    left = [thread.name for thread in set(threading.enumerate()) - before if thread.name.startswith("kioskd")]
    assert left == []


def test_a_dead_thread_ends_the_process_with_70(tmp_path: Path) -> None:
    async def main() -> tuple[int, str]:
        house = House(configuration(tmp_path, "ws://127.0.0.1:9/"), Source("k", ()), 0.0, set())
        await house.open()

        def broken(*_: object) -> None:
            raise RuntimeError("the gate fell off its hinges")

        house.capture.add_tap("clean", broken)
        try:
            ended = await asyncio.wait_for(house.ended, 10)
        finally:
            await house.close()
        return ended.code, ended.reason

    code, reason = asyncio.run(main())
    assert code == 70 and "kioskd-capture" in reason and "hinges" in reason


def test_a_second_daemon_in_the_same_house_is_turned_away(tmp_path: Path) -> None:
    config = configuration(tmp_path, "ws://127.0.0.1:9/")

    async def play(house: House) -> int:
        facts = (tmp_path / "lines.json").read_text()
        code = await run(config, Source("k", ()), asyncio.get_running_loop().time(), set())
        assert (tmp_path / "lines.json").read_text() == facts, "the first one's relays are still known"
        return code

    assert in_house(config, play) == 75


def test_stop_is_an_event_like_any_other(tmp_path: Path) -> None:
    async def play(house: House) -> int:
        house.inbox.post(StopAsked("a test"))
        return (await house.ended).code

    assert in_house(configuration(tmp_path, "ws://127.0.0.1:9/"), play) == 0


def test_talk_does_not_keep_the_relay_out_of_the_journal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    bounded = Bounded()

    async def play(house: House) -> None:
        for number in range(100):
            house._note(Note("decision", f"tool {number}: refuse"))
        house._note(Note("relay", "unlock_door on"))

    in_house(configuration(tmp_path, "ws://127.0.0.1:9/"), play)
    told = [record.getMessage() for record in caplog.records if bounded.filter(record)]
    assert "relay: unlock_door on" in told and sum(line.startswith("decision") for line in told) < 50


# -- mute: nothing listens before it is known that somebody may be heard -------------------------------------------


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The microphones that were opened."""
    specs: list[str] = []
    real = sound.open_input

    def note(spec: str) -> Any:
        specs.append(spec)
        return real(spec)

    monkeypatch.setattr(sound, "open_input", note)
    return specs


async def unmuted_in_vain(house: House) -> dict[str, Any]:
    """How the house stands when the capture thread has shown that it turns."""
    return await until(house, lambda page: page["audio"]["capture"]["state"] == "muted" and page["muted"])


def test_a_kiosk_that_was_muted_listens_to_nothing_after_a_restart(tmp_path: Path, opened: list[str]) -> None:
    async def mute(house: House) -> None:
        report.changes(house)["mute"]({})
        await until(house, lambda page: page["mute"]["written"] == 1)

    async def again(house: House) -> dict[str, Any]:
        page = await unmuted_in_vain(house)
        assert opened == [] and page["audio"]["capture"]["periods"] == 0 and page["panel"]["lamp"] == "muted"
        assert report.changes(house)["unmute"]({}) == {"muted": False}
        return await until(house, lambda page: page["audio"]["capture"]["periods"] > 0)

    config = configuration(tmp_path, "ws://127.0.0.1:9")
    in_house(config, mute)
    opened.clear()
    page = in_house(config, again)
    assert not page["muted"] and opened == ["null"] and Keep(str(tmp_path)).muted is False


def test_a_memory_that_cannot_be_read_keeps_the_microphone_closed_and_says_how_to_open_it(
    tmp_path: Path, opened: list[str]
) -> None:
    (tmp_path / NAME).write_text("{")

    async def play(house: House) -> dict[str, Any]:
        page = await unmuted_in_vain(house)
        assert opened == [] and "kioskctl unmute" in page["mute"]["problem"]
        await until(house, lambda page: not page["health"]["ok"])
        report.changes(house)["unmute"]({})
        return await until(house, lambda page: page["health"]["ok"] and not page["muted"])

    assert in_house(configuration(tmp_path, "ws://127.0.0.1:9"), play)["mute"]["problem"] == ""


def test_a_switch_that_stands_at_mute_is_seen_before_anything_listens(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from kioskd.lines.lines import Lines

    real = Lines.button

    def set_to_mute(lines: Lines, pin: str, *args: Any, **named: Any) -> Any:
        line = real(lines, pin, *args, **named)
        if pin == "GPIO22":
            lines.press(pin)
            while not line.is_pressed:
                pass
        return line

    monkeypatch.setattr(Lines, "button", set_to_mute)
    panel = Panel(pins="simulated", talk=Button(pin="GPIO17"), mute=Button(pin="GPIO22"))

    async def play(house: House) -> list[str]:
        page = await unmuted_in_vain(house)
        assert page["mute"]["switch"] == "hard"
        assert report.changes(house)["unmute"]({}) == {"muted": True}, "who asks is told"
        await until(house, lambda page: page["audio"]["capture"]["ticks"] > 2)
        assert opened == [], "the switch wins"
        report.changes(house)["panel"]({"verb": "release", "name": "mute"})
        await until(house, lambda page: page["audio"]["capture"]["periods"] > 0)
        return opened

    assert in_house(configuration(tmp_path, "ws://127.0.0.1:9", panel=panel), play) == ["null"]
    assert not (tmp_path / NAME).exists(), "the switch remembers itself"


def test_a_switch_that_cannot_be_read_keeps_the_microphone_closed(tmp_path: Path, opened: list[str]) -> None:
    panel = Panel(pins="gpio", talk=None, mute=Button(pin="no-such-chip:2"))

    async def play(house: House) -> dict[str, Any]:
        page = await unmuted_in_vain(house)
        await until(house, lambda page: not page["health"]["ok"])
        return page

    page = in_house(configuration(tmp_path, "ws://127.0.0.1:9", panel=panel, tools=()), play)
    assert page["mute"]["switch"] == "hard" and opened == []


def test_a_kiosk_muted_for_good_still_has_its_speaker_and_its_button(tmp_path: Path) -> None:
    replace(str(tmp_path / NAME), True)

    async def play(house: House) -> dict[str, Any]:
        await unmuted_in_vain(house)
        report.changes(house)["panel"]({"verb": "press", "name": "talk"})
        return await until(house, lambda page: page["session"]["playing"] == "speaking")

    assert in_house(configuration(tmp_path, "ws://127.0.0.1:9"), play)["muted"], "it says no with a sound"


def test_a_sleep_is_known_to_the_machine_before_anything_that_came_after_it(tmp_path: Path) -> None:
    """Presence, confirmations and the clock are void from the first event after waking on."""
    apart_s = [1000.0]

    async def main() -> list[str]:
        house = House(configuration(tmp_path, "ws://127.0.0.1:9/"), Source("k", ()), time.monotonic(), set())
        house.watches = Watches(None, SleepWatch(lambda: apart_s[0], lambda: 0.0))
        try:
            await house.open()
            state = house.machine.state
            while state.wall is None:
                await asyncio.sleep(0.01)
            state.last_person_at = time.monotonic()
            apart_s[0] += 28_800.0
            seen: list[str] = []
            step = house.machine.step

            def watched(event: Any, now: float) -> Any:
                seen.append(type(event).__name__)
                return step(event, now)

            setattr(house.machine, "step", watched)
            house.inbox.post(MuteAsked(True))
            while "MuteAsked" not in seen:
                await asyncio.sleep(0.01)
            assert state.last_person_at is None and state.wall is not None
            return seen
        finally:
            await house.close()

    seen = asyncio.run(main())
    assert seen.index("Suspended") < seen.index("ClockTold") < seen.index("MuteAsked")
