"""Announcements and spoken cues through the whole house, heard by an independent recogniser."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import subprocess
import sys
import wave
from array import array
from pathlib import Path
from typing import Any, Awaitable, Callable

import pytest
from websockets.asyncio.server import serve

from kioskd import app, report
from kioskd.announce import cues as cues_module
from kioskd.announcing import open_renderer, shelf, shelf_lookup, spoken_texts
from kioskd.app import House, Source
from kioskd.config.announce import Announce, AnnounceService
from kioskd.config.sections import Audio, Config, Cues, Endpoint, Ops, Panel, SecretRef, Talk
from kioskd.core.announce_events import PageAsked
from kioskd.core.resample import make_resampler
from kioskd.voice.grammar import words_of
from kioskd.voice.jsgf import PHONES, Jsgf
from kioskd.voice.recogniser import build_decoder, levelled, look_up

LIFT, SHOP, BELL = (
    "The lift is out of order today.",
    "The shop closes in ten minutes.",
    "There is no connection. Please ring the bell.",
)
NOBODY = "ws://127.0.0.1:9/waves/v1/tts/live"


def speech(service: str) -> str:
    """The local voice service speaks announcements too, at an address beside."""
    return service.partition("/waves")[0] + "/waves/v1/tts/live"


def configuration(tmp_path: Path, service: str | None = None, cues: Cues = Cues(), **audio: Any) -> Config:
    return Config(
        service=(Endpoint(dialect="local", url="ws://127.0.0.1:9/"),),
        talk=Talk(mode="voice"),
        audio=Audio(
            **{"input": "null", "output": f"file:{tmp_path / 'out.wav'}", "cues": cues, "output_idle_s": 0.3, **audio}
        ),
        announce=Announce(service=None if service is None else AnnounceService(url=speech(service), deadline_s=5.0)),
        panel=Panel(pins="simulated"),
        ops=Ops(state_dir=str(tmp_path), runtime_dir=str(tmp_path)),
    )


def in_house(config: Config, play: Callable[[House], Awaitable[Any]], limit_s: float = 40) -> Any:
    async def main() -> Any:
        house = House(config, Source("kiosk.yaml", ()), asyncio.get_running_loop().time(), set())
        try:
            await house.open()
            return await asyncio.wait_for(play(house), limit_s)
        finally:
            assert await house.close()

    return asyncio.run(main())


async def say(house: House, text: str, **more: str) -> Any:
    """As kioskctl does it: ask, and ask again until it is over."""
    change = report.changes(house)["say"]
    answer = change({"do": "say", "text": text, **more})
    while answer["running"]:
        await asyncio.sleep(0.02)
        answer = change({"do": "say", "run": answer["run"]})
    return answer


def heard(path: Path) -> str:
    """Which sentence a recogniser finds in a WAV; empty: none."""
    with wave.open(str(path)) as sound:
        resampler = make_resampler(sound.getframerate(), 16_000)
        pcm = resampler.process(sound.readframes(sound.getnframes())) + resampler.drain()
    keys = {" ".join(words_of(sentence)): sentence for sentence in (LIFT, SHOP, BELL)}
    words = frozenset(word for key in keys for word in key.split())
    phones = " | ".join(f"g_{phone.lower()}" for phone in PHONES)
    rules = f"<s> = {' | '.join(keys)};\n<p> = {phones};\n<g> = <p> <p> <p>+;\npublic <u> = /0.99/ <s> | /0.01/ <g>;"
    decoder = build_decoder(Jsgf(f"#JSGF V1.0;\ngrammar answers;\n{rules}\n", words, ()), look_up(words))
    decoder.start_utt()
    decoder.process_raw(levelled(bytes(9600) + pcm + bytes(9600)), full_utt=True)
    decoder.end_utt()
    return keys.get(decoder.hyp().hypstr, "") if decoder.hyp() else ""


def last_sound(source: Path, target: Path) -> None:
    """What sounds behind the last pause of a third of a second, as a WAV of its own."""
    with wave.open(str(source)) as whole, wave.open(str(target), "wb") as last:
        last.setparams(whole.getparams())
        samples = array("h", whole.readframes(whole.getnframes()))
        step = whole.getframerate() // 30
        loud = [at for at in range(0, len(samples), step) if max(map(abs, samples[at : at + step])) > 300]
        begins = next(at for before, at in zip(loud[-2::-1], loud[:0:-1]) if at - before > 10 * step)
        last.writeframes(samples[begins - step :].tobytes())


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a thread's last write takes is this machine's affair; and here nothing is in the way of the cues."""
    monkeypatch.setattr(cues_module, "START_S", 0.05)
    monkeypatch.setattr(app, "THREAD_END_S", 10.0)


def test_what_is_to_be_announced_is_heard_and_moves_nothing(tmp_path: Path) -> None:
    async def play(house: House) -> Any:
        became = await say(house, LIFT)
        return became, report.status(house)

    became, page = in_house(configuration(tmp_path), play)
    assert (became["state"], became["voice"], became["note"]) == ("played", "local", "")
    assert heard(tmp_path / "out.wav") == LIFT
    announce: Any = page["announce"]
    assert announce["ended"]["played"] == 1 and announce["service"] == "local" and announce["reason"] == ""
    counters: Any = page["counters"]
    assert counters["relay_pulses"] == counters["calls"] == counters["effects_failed"] == counters["turns"] == 0
    assert page["link"]["state"] == "asleep", "no session is opened for it"  # type: ignore[index]  # JSON


def test_staff_are_called_aloud_by_the_voice_of_the_house(tmp_path: Path) -> None:
    async def play(house: House) -> Any:
        house.inbox.post(PageAsked(BELL))
        house.inbox.post(PageAsked("<speak>no</speak>"))  # the configuration was not checked: a line in the journal
        while not (page := report.status(house)["announce"])["ended"].get("played"):  # type: ignore[index]  # JSON
            await asyncio.sleep(0.02)
        return page

    page = in_house(configuration(tmp_path), play)
    assert heard(tmp_path / "out.wav") == BELL and page["ended"]["failed"] == 0


def test_the_house_speaks_where_there_is_a_service(tmp_path: Path, voice: Any) -> None:
    async def play(house: House) -> Any:
        first = await say(house, SHOP, voice="en-us+m3")
        used = report.looks(house)["usage"]({"do": "usage", "days": 1})
        return first, report.status(house)["announce"], used

    with voice() as url:
        became, announce, used = in_house(configuration(tmp_path, url), play)
    row = used["usage"]["today"]["services"]["announce"]
    assert (row["sessions"], row["usage"]) == (1, {"characters": len(SHOP)}) and row["session_s"] > 0
    assert used["usage"]["services"]["announce"] == {"on_device": True}
    assert (became["state"], became["voice"], became["note"]) == ("played", "house", "")
    assert announce["rendered"] == {"house": 1, "local": 0} and announce["fallback"] is False
    assert heard(tmp_path / "out.wav") == SHOP


@pytest.mark.parametrize("faults", [("upgrade-status=401",), ("reset",), ("internal-error",)])
def test_a_service_that_fails_is_named_and_the_local_voice_speaks(
    tmp_path: Path, faults: tuple[str, ...], voice: Any
) -> None:
    async def play(house: House) -> Any:
        return await say(house, SHOP), report.status(house)["announce"]

    with voice(*faults) as url:
        became, announce = in_house(configuration(tmp_path, url), play)
    assert (became["state"], became["voice"]) == ("played", "local")
    assert became["note"].startswith("the service for announcements failed: ")
    assert announce["fallback"] is True and announce["reason"] == became["note"]
    assert heard(tmp_path / "out.wav") == SHOP


def test_two_announcements_come_one_after_the_other(tmp_path: Path) -> None:
    async def play(house: House) -> Any:
        both = await asyncio.gather(say(house, LIFT), say(house, SHOP))
        return [one["state"] for one in both], sum(one["seconds"] for one in both)

    states, seconds = in_house(configuration(tmp_path), play)
    with wave.open(str(tmp_path / "out.wav")) as sound:
        assert sound.getnframes() / sound.getframerate() > seconds > 4
    assert states == ["played", "played"]


def test_a_muted_kiosk_speaks_and_one_whose_speaker_is_gone_says_so(tmp_path: Path) -> None:
    async def muted(house: House) -> Any:
        report.changes(house)["mute"]({})
        return await say(house, "Hello.")

    assert in_house(configuration(tmp_path), muted)["state"] == "played"

    async def gone(house: House) -> Any:
        return await say(house, "Hello.")

    became = in_house(configuration(tmp_path, output="alsa:NoSuchCard"), gone)
    assert became["state"] == "failed" and became["note"].startswith("nobody heard it: ")


def test_what_cannot_be_announced_is_a_sentence(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        change = report.changes(house)["say"]
        for request, why in (
            ({"text": 7}, "say: say TEXT"),
            ({}, "say: say TEXT"),
            ({"text": "Hello.", "voice": 7}, "say: say TEXT"),
            ({"text": "<b>"}, "the text"),
            ({"run": 5}, "not remembered"),
        ):
            with pytest.raises(ValueError, match=why):
                change(request)

    in_house(configuration(tmp_path), play)
    silent = dataclasses.replace(configuration(tmp_path), announce=Announce(volume=0.0))

    async def nothing(house: House) -> None:
        with pytest.raises(ValueError, match="announce.volume is 0"):
            report.changes(house)["say"]({"text": "Hello."})

    in_house(silent, nothing)


def test_offline_the_kiosk_says_so_in_words_and_later_in_the_voice_of_the_house(tmp_path: Path, voice: Any) -> None:
    cues = Cues(offline=f"say:{BELL}")

    def until(by: str) -> Callable[[House], Awaitable[Any]]:
        async def play(house: House) -> Any:
            while report.status(house)["announce"]["cues"] != {"offline": by}:  # type: ignore[index]  # JSON
                await asyncio.sleep(0.02)
            while house.playback._cues.page.unspoken or house.playback._cues.stale:
                await asyncio.sleep(0.02)
            house.playback.play_cue("offline")
            while house.playback.progress().state.value != "running":
                await asyncio.sleep(0.02)
            while house.playback.progress().state.value == "running":
                await asyncio.sleep(0.02)
            return report.status(house)["announce"]

        return play

    announce = in_house(configuration(tmp_path, NOBODY, cues), until("local"))
    assert heard(tmp_path / "out.wav") == BELL
    assert announce["fallback"] is True and "nothing listens there" in announce["reason"]
    assert len(list((tmp_path / "cues").iterdir())) == 1
    with voice("tts-speed=0") as url:
        announce = in_house(configuration(tmp_path, url, cues), until("house"))
    assert heard(tmp_path / "out.wav") == BELL and announce["reason"] == ""
    assert announce["rendered"] == {"house": 1, "local": 0}
    # The recording serves, whoever is there or not.
    announce = in_house(configuration(tmp_path, url, cues), until("house"))
    assert heard(tmp_path / "out.wav") == BELL and announce["rendered"] == {"house": 0, "local": 0}


def test_the_room_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, kioskd.app; print(*[name for name in sys.modules if name.startswith('kioskd.announce.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_only_texts_make_a_shelf(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    assert spoken_texts(config) == {}
    spoken = configuration(tmp_path, cues=Cues(offline="say:Please  ring.", busy="silent"))
    assert spoken_texts(spoken) == {"offline": "Please ring."}
    lookup = shelf_lookup(spoken)
    assert lookup("Please ring.") is None
    assert shelf(spoken.ops.state_dir, spoken.announce) is shelf(spoken.ops.state_dir, spoken.announce)


def test_it_waits_for_the_answer_to_a_visitor_and_is_heard_behind_it(tmp_path: Path, voice: Any) -> None:
    made = subprocess.run(["espeak-ng", "-v", "en-us", "-s", "145", "--stdout", "Good morning."], capture_output=True)
    rate_hz = int.from_bytes(made.stdout[24:28], "little")
    with wave.open(str(tmp_path / "request.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate_hz)
        sound.writeframes(bytes(int(2.2 * rate_hz) * 2) + made.stdout[44:])
    order: list[tuple[str, str]] = []

    async def play(house: House) -> Any:
        def now() -> dict[str, Any]:
            page: Any = report.status(house)
            return {
                **page["session"],
                "waits": page["announce"]["state"],
                "answered": page["counters"]["turns_answered"],
            }

        while not (now()["answered"] and now()["playing"] == "speaking"):
            await asyncio.sleep(0.01)
        asking = asyncio.create_task(say(house, LIFT))
        while not asking.done():
            seen = now()
            if not order or order[-1] != (seen["waits"], seen["response"]):
                order.append((seen["waits"], seen["response"]))
            await asyncio.sleep(0.005)
        return asking.result(), report.status(house)["counters"]

    with voice() as url:
        config = configuration(tmp_path, input=f"file:{tmp_path / 'request.wav'}")
        config = dataclasses.replace(config, service=(Endpoint(dialect="local", url=url),))
        became, counters = in_house(config, play)
    assert became["state"] == "played" and counters["turns"] == counters["turns_answered"] == 1
    states = [state for state, _ in order]
    assert states.index("waits") < states.index("plays"), "it was ready before the answer was over"
    assert {response for state, response in order if state == "plays"} == {"none"}
    last_sound(tmp_path / "out.wav", tmp_path / "tail.wav")
    assert heard(tmp_path / "tail.wav") == LIFT


def test_a_service_that_echoes_the_key_does_not_get_it_into_a_sentence(tmp_path: Path) -> None:
    key = "canary-key-1234"

    async def echo(connection: Any) -> None:
        await connection.recv()
        said = json.dumps({"status": "error", "message": f"{key} is no key"}).replace("canary", "\\u0063anary")
        await connection.send(said)

    async def main() -> str:
        async with serve(echo, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            config = configuration(tmp_path, f"ws://127.0.0.1:{port}/waves/v1/tts/live")
            service = dataclasses.replace(config.announce.service, key=SecretRef(env="KEY"))  # type: ignore[type-var]
            config = dataclasses.replace(config, announce=dataclasses.replace(config.announce, service=service))
            seen: set[str] = set()
            rendered = await open_renderer(config, seen, {"KEY": key}).render("Hello.")
            assert seen == {key}
            return rendered.problem

    problem = asyncio.run(main())
    assert "it says: ***" in problem and "canary" not in problem


def test_the_end_waits_for_no_voice_that_does_not_answer_the_goodbye(tmp_path: Path) -> None:
    """SIGTERM is done within a second, all together."""

    async def play() -> float:
        asked = asyncio.Event()

        async def deaf(socket: Any) -> None:
            await socket.recv()
            socket.transport.pause_reading()
            asked.set()
            await asyncio.sleep(5)

        async with serve(deaf, "127.0.0.1", 0, close_timeout=0.1) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            renderer = open_renderer(configuration(tmp_path, f"ws://127.0.0.1:{port}/"), set())
            task = asyncio.create_task(renderer.render("The lift is out of order."))
            await asyncio.wait_for(asked.wait(), 5)
            began = asyncio.get_running_loop().time()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            took_s = asyncio.get_running_loop().time() - began
            for connection in server.connections:
                connection.transport.abort()
            return took_s

    assert asyncio.run(play()) < 0.5
