"""The supervisor against a real peer: each fault says how many attempts it may cost and when the link is back."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import logging
import time
import weakref
from typing import Any

import pytest

from kioskd.core.events import LinkChanged, ResponseCreated, SessionEnded, SessionReady, ToolAsked
from kioskd.core.words import CallKey, Link
from kioskd.lanes import CHUNK_BYTES
from kioskd.wire.errors import LocalError


async def hang_up_at_once(visit: Any) -> None:
    """Accepts and says nothing."""


async def ready_and_gone(visit: Any) -> None:
    await visit.handshake()


async def reset_when_ready(visit: Any) -> None:
    await visit.handshake()
    visit.socket.transport.abort()


def closing(code: int, reason: str = "") -> Any:
    async def script(visit: Any) -> None:
        await visit.handshake()
        await visit.until(lambda: visit.count("input_audio_buffer.append"))
        await visit.socket.close(code, reason)

    return script


def test_a_session_is_opened_configured_and_closed_on_purpose(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", greet=False)
            ready = await bench.event(SessionReady)
            assert ready == SessionReady("session-1", "hydra")
            visit = await peer.visited(1)
            assert f"api_key={kit.key}" in visit.path and "model=hydra-v1.1" in visit.path
            asked = visit.of("session.configure")[0]["session"]
            assert asked == {
                "instructions": "Be brief.",
                "voice": "zoe",
                "tools": [],
                "generate_initial_response": False,
            }
            bench.link.close("nobody speaks")
            ended = await bench.event(SessionEnded)
            assert (ended.session, ended.code, ended.reason) == ("session-1", 1000, "nobody speaks")
            await visit.until(lambda: visit.close_code is not None)
            assert visit.close_code == 1000
            await bench.state(Link.ASLEEP)
            assert bench.states == [Link.CONNECTING, Link.HANDSHAKE, Link.READY, Link.ASLEEP]
            assert len(peer.attempts) == 1

    asyncio.run(main())


def test_without_a_wish_there_is_no_connection_and_audio_wakes_nobody(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.speak(200)
            await asyncio.sleep(0)
            assert [bell.rings for bell in bench.bells] == [0]
            assert bench.link.state is Link.ASLEEP
            assert peer.attempts == []
            # and when a session was there and is closed, again nobody
            bench.link.open("a press", False)
            await bench.event(SessionReady)
            bench.link.close("enough")
            await bench.state(Link.ASLEEP)
            rings = bench.bells[0].rings
            bench.speak(200)
            await asyncio.sleep(0.02)
            assert bench.bells[0].rings == rings

    asyncio.run(main())


def test_the_wake_buffer_survives_failed_attempts_until_the_first_session(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer(hang_up_at_once, hang_up_at_once, kit.well) as peer:
            async with kit.Bench(kit.setup_for(peer.url)) as bench:
                spoken = bench.speak(12)
                bench.link.open("a press", False)
                visit = await peer.visited(3)
                await visit.until(lambda: visit.audio.startswith(spoken))
                assert len(peer.attempts) == 3
                assert visit.audio[len(spoken) :].strip(b"\0") == b""

    asyncio.run(main())


def test_a_server_that_accepts_and_hangs_up_is_called_ten_times_a_minute_at_most(kit: Any) -> None:
    for script in (hang_up_at_once, ready_and_gone, reset_when_ready):

        async def main() -> None:
            limits = kit.replace(kit.fast, first_s=0.001, cap_s=0.001)
            async with kit.Peer(script) as peer, kit.Bench(kit.setup_for(peer.url), limits=limits) as bench:
                end = time.monotonic() + 0.8
                while time.monotonic() < end:
                    # A machine that wants a session whatever happens, and a visitor who hammers the button.
                    bench.link.open("again", False)
                    bench.link.press()
                    await asyncio.sleep(0.005)
                assert len(peer.attempts) == 10
                assert (
                    bench.link.snapshot()["next_attempt_in_s"] is None
                    or bench.link.snapshot()["next_attempt_in_s"] > 50
                )

        asyncio.run(main())


def test_a_wrong_key_is_tried_once_and_then_only_for_a_person_once_a_while(kit: Any, watch: Any) -> None:
    async def main() -> None:
        async with kit.Peer(http=[(401, {})]) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            refused = await bench.state(Link.REFUSED)
            assert "HTTP 401" in refused.reason and "service.key" in refused.reason
            assert bench.link.snapshot()["next_attempt_in_s"] > 25
            await asyncio.sleep(0.1)
            assert len(peer.attempts) == 1
            for _ in range(5):
                bench.link.press()
            await bench.until(lambda: bench.states.count(Link.REFUSED) == 2)
            assert len(peer.attempts) == 2
            pressed = time.monotonic()
            bench.link.press()
            await asyncio.sleep(0.05)
            # Where the machine stood still, the while may be over.
            assert len(peer.attempts) == 2 or watch.held_s(pressed - 0.2) > 0.05
            await asyncio.sleep(0.2)
            bench.link.press()
            await bench.until(lambda: bench.states.count(Link.REFUSED) >= 3)
            assert len(peer.attempts) in (3, 4)

    asyncio.run(main())


def test_a_refusal_is_tried_again_by_itself_after_a_long_while(kit: Any) -> None:
    async def main() -> None:
        limits = kit.replace(kit.fast, refused_s=0.2)
        async with kit.Peer(http=[(401, {}), None]) as peer:
            async with kit.Bench(kit.setup_for(peer.url), limits=limits) as bench:
                bench.link.open("a press", False)
                await bench.event(SessionReady)
                assert len(peer.attempts) == 2
                assert peer.attempts[1] - peer.attempts[0] >= 0.19

    asyncio.run(main())


def test_a_full_service_is_busy_and_its_patience_is_kept(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer(http=[(429, {"Retry-After": "1"}), None]) as peer:
            async with kit.Bench(kit.setup_for(peer.url)) as bench:
                bench.link.open("a press", False)
                busy = await bench.state(Link.BUSY)
                assert "at capacity" in busy.reason and "1 s" in busy.reason
                await bench.event(SessionReady)
                assert 1.0 <= peer.attempts[1] - peer.attempts[0] < 1.5
                assert len(peer.attempts) == 2

    asyncio.run(main())


def test_a_press_during_backoff_tries_at_once(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer(http=[(503, {"Retry-After": "60"}), None]) as peer:
            async with kit.Bench(kit.setup_for(peer.url)) as bench:
                bench.link.open("a press", False)
                await bench.state(Link.BUSY)
                bench.link.press()
                await bench.event(SessionReady)
                assert peer.attempts[1] - peer.attempts[0] < 1.0

    asyncio.run(main())


@pytest.mark.parametrize("code", [1001, 1006, 1011, 1012, 1013, 4000])
def test_a_session_lost_in_mid_speech_is_replaced_within_a_second(kit: Any, code: int) -> None:
    async def main() -> None:
        first = reset_after_audio if code == 1006 else closing(code, "restart")
        async with kit.Peer(first, kit.well) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            await bench.event(SessionReady)
            bench.speak(20, end=False)
            ended = await bench.event(SessionEnded)
            assert ended.session == "session-1" and ended.code == code
            lost_at = time.monotonic()
            assert (await bench.event(SessionReady, 2)).session == "session-2"
            assert time.monotonic() - lost_at < 1.0
            assert len(peer.attempts) == 2
            # What waited for the lost session is not told to the new one.
            assert len(bench.uplink) == 0
            assert bench.link.snapshot()["dropped_chunks"] > 0
            assert (await peer.visited(2)).audio == b""
            assert (Link.BUSY in bench.states) == (code == 1013)

    asyncio.run(main())


async def reset_after_audio(visit: Any) -> None:
    await visit.handshake()
    await visit.until(lambda: visit.count("input_audio_buffer.append"))
    visit.socket.transport.abort()


def test_an_idle_close_by_the_service_ends_well_and_is_not_answered_by_a_call(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer(ready_and_gone, kit.well) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            ended = await bench.event(SessionEnded)
            assert ended.code == 1000
            await bench.state(Link.ASLEEP)
            assert bench.link.snapshot()["failures"] == 0
            assert not bench.link.snapshot()["wanted"]
            await asyncio.sleep(0.2)
            assert len(peer.attempts) == 1
            bench.link.open("the next visitor", False)
            await bench.event(SessionReady, 2)

    asyncio.run(main())


def test_an_idle_close_in_the_middle_of_speech_is_answered_by_a_call(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer(closing(1000), kit.well) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            await bench.event(SessionReady)
            bench.speak(20, end=False)
            await bench.event(SessionReady, 2)
            assert len(peer.attempts) == 2

    asyncio.run(main())


def test_the_next_endpoint_serves_after_two_failures_and_the_first_again_at_the_next_opening(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer(hang_up_at_once, hang_up_at_once, kit.well) as first, kit.Peer() as second:
            setups = kit.setup_for(first.url, name="cloud"), kit.setup_for(second.url, name="local")
            async with kit.Bench(*setups) as bench:
                bench.link.open("a press", False)
                assert (await bench.event(SessionReady)).endpoint == "local"
                assert len(first.attempts) == 2 and len(second.attempts) == 1
                assert bench.link.snapshot()["failovers"] == 1
                bench.link.close("enough")
                await bench.state(Link.ASLEEP)
                bench.link.open("another press", False)
                assert (await bench.event(SessionReady, 2)).endpoint == "cloud"

    asyncio.run(main())


def test_an_endpoint_that_refuses_is_passed_over_at_once(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer(http=[(403, {})]) as first, kit.Peer() as second:
            setups = kit.setup_for(first.url, name="cloud"), kit.setup_for(second.url, name="local")
            async with kit.Bench(*setups) as bench:
                for number in (1, 2):
                    bench.link.open("a press", False)
                    assert (await bench.event(SessionReady, number)).endpoint == "local"
                    bench.link.close("enough")
                    await bench.until(lambda: bench.states.count(Link.ASLEEP) == number)
                assert len(first.attempts) == 1

    asyncio.run(main())


def test_two_dead_endpoints_are_called_in_turns_and_within_the_bucket(kit: Any) -> None:
    async def main() -> None:
        limits = kit.replace(kit.fast, first_s=0.001, cap_s=0.001)
        async with kit.Peer(hang_up_at_once) as first, kit.Peer(hang_up_at_once) as second:
            setups = kit.setup_for(first.url, name="cloud"), kit.setup_for(second.url, name="local")
            async with kit.Bench(*setups, limits=limits) as bench:
                bench.link.open("a press", False)
                await bench.until(lambda: len(first.attempts) + len(second.attempts) >= 10)
                await asyncio.sleep(0.2)
                assert len(first.attempts) + len(second.attempts) == 10
                assert len(first.attempts) >= 4 and len(second.attempts) >= 4

    asyncio.run(main())


def test_the_model_greets_the_person_and_not_the_reconnect(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer(hang_up_at_once, closing(1011), kit.well) as peer:
            async with kit.Bench(kit.setup_for(peer.url, greet=True)) as bench:
                bench.link.open("a press", greet=True)
                await bench.event(SessionReady)
                bench.speak(3)
                await bench.event(SessionReady, 2)
                greetings = [
                    visit.of("session.configure")[0]["session"]["generate_initial_response"]
                    for visit in peer.visits[1:]
                ]
                assert greetings == [True, False]

    asyncio.run(main())


def test_a_key_that_cannot_be_read_is_said_and_found_when_it_is_there(kit: Any) -> None:
    async def main() -> None:
        keys: list[str] = []

        def read_key() -> str:
            if not keys:
                raise ValueError("the key file /etc/kioskd/key is not there; write it with mode 0600")
            return keys[0]

        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url, read_key=read_key)) as bench:
            bench.link.open("a press", False)
            refused = await bench.state(Link.REFUSED)
            assert refused.reason.startswith("the key file /etc/kioskd/key is not there")
            assert peer.attempts == []
            keys.append(kit.key)
            bench.link.press()
            await bench.event(SessionReady)

    asyncio.run(main())


def test_a_refused_voice_is_left_out_of_the_next_session(kit: Any) -> None:
    async def wrong_voice(visit: Any) -> None:
        await visit.send("session.created", session_id=visit.session)
        await visit.until(lambda: visit.count("session.configure"))
        error = {"type": "invalid_request_error", "code": "invalid_request_error", "message": "unknown voice"}
        await visit.send("error", error={**error, "param": "session.configure.session.voice"})
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(wrong_voice, kit.well) as peer:
            async with kit.Bench(kit.setup_for(peer.url, voice="wren")) as bench:
                bench.link.open("a press", False)
                await bench.event(SessionReady)
                voices = [visit.of("session.configure")[0]["session"].get("voice") for visit in peer.visits]
                assert voices == ["wren", None]
                assert bench.link.snapshot()["default_voice_at"] == ["hydra"]

    asyncio.run(main())


def test_closing_while_the_dial_hangs_ends_it_at_once(kit: Any) -> None:
    async def main() -> None:
        called, gone = asyncio.Event(), asyncio.Event()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            called.set()
            await kit.silence(reader, writer)
            gone.set()

        silent = await asyncio.start_server(listen, "127.0.0.1", 0)
        async with silent:
            port = silent.sockets[0].getsockname()[1]
            async with kit.Bench(kit.setup_for(f"ws://127.0.0.1:{port}/")) as bench:
                bench.link.open("a press", False)
                await asyncio.wait_for(called.wait(), kit.patience_s)
                bench.link.close("the visitor went away")
                asleep = await bench.state(Link.ASLEEP)
                assert asleep.reason == "the visitor went away"
                await asyncio.wait_for(gone.wait(), kit.patience_s)

    asyncio.run(main())


def test_opening_while_the_old_session_says_goodbye_keeps_what_is_said_meanwhile(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            await bench.event(SessionReady)
            bench.link.close("enough")
            spoken = bench.speak(5)
            bench.link.open("another press", False)
            visit = await peer.visited(2)
            await visit.until(lambda: visit.audio.startswith(spoken))
            assert peer.visits[0].audio == b""

    asyncio.run(main())


def test_stopping_takes_at_most_a_second_even_when_nobody_answers_the_goodbye(kit: Any) -> None:
    async def deaf(visit: Any) -> None:
        await visit.handshake()
        visit.socket.transport.pause_reading()
        await visit.stay()

    async def main() -> None:
        limits = kit.replace(kit.fast, goodbye_s=0.8)
        async with kit.Peer(deaf) as peer:
            bench = kit.Bench(kit.setup_for(peer.url), limits=limits)
            bench.link.start()
            bench.link.open("a press", False)
            await bench.event(SessionReady)
            began = time.monotonic()
            await bench.link.aclose()
            assert 0.7 < time.monotonic() - began <= 1.05
            assert bench.of(SessionEnded)[0].code == 1000

    asyncio.run(main())


def test_the_task_proves_that_it_turns_in_every_state(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer(http=[(401, {})]) as refusing, kit.Peer() as peer:
            for url in (refusing.url, peer.url):
                async with kit.Bench(kit.setup_for(url)) as bench:
                    for wanted in (False, True):
                        if wanted:
                            bench.link.open("a press", False)
                        for _ in range(3):
                            before = bench.link.progress()
                            async with asyncio.timeout(3 * kit.fast.tick_s):
                                while bench.link.progress() == before:
                                    await asyncio.sleep(0.01)

    asyncio.run(main())


def test_an_outage_is_told_once_and_its_end_with_its_length(kit: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with kit.Peer(hang_up_at_once, hang_up_at_once, hang_up_at_once, kit.well) as peer:
            async with kit.Bench(kit.setup_for(peer.url)) as bench:
                bench.link.open("a press", False)
                await bench.event(SessionReady)

    with caplog.at_level(logging.DEBUG, logger="kioskd"):
        asyncio.run(main())
    failures = [record for record in caplog.records if record.message.startswith("! hydra")]
    assert [record.levelno for record in failures] == [logging.WARNING, logging.DEBUG, logging.DEBUG]
    (back,) = [record for record in caplog.records if "is back after" in record.message]
    assert back.levelno == logging.INFO


def test_the_key_is_in_no_log_no_fact_no_row_and_no_status(kit: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A service that throws the key back in every text that it can write."""
    key = kit.key

    async def parrot(visit: Any) -> None:
        await visit.send("warning", code=key, message=f"hello {key}")
        await visit.handshake(instructions=f"be {key}")
        await visit.send("error", error={"code": key, "message": "x" * 290 + key, "param": key})
        await visit.send("response.created", response={"id": f"resp-{key}"})
        await visit.call("call-1", name=key, arguments='{"a": "%s"}' % key)
        await visit.send(key, text=key)
        await visit.socket.send(f"not json {key}")
        await visit.send("response.done", response={"id": f"resp-{key}", "status": key})
        await visit.until(lambda: visit.count("input_audio_buffer.append"))
        await visit.socket.close(1011, f"bad {key}")

    seen: list[str] = []

    async def main() -> None:
        for auth in ("query", "header"):
            http = [(401, {"Location": f"https://example.org/?api_key={key}"}), None]
            for answers in ([http[0]], [http[1]]):
                async with kit.Peer(parrot, http=answers) as peer:
                    async with kit.Bench(kit.setup_for(peer.url, auth=auth)) as bench:
                        bench.link.open("a press", False)
                        if answers[0] is None:
                            await bench.event(SessionReady)
                            seen.append(repr(bench.link.snapshot()))
                            bench.speak(3)
                            await bench.event(SessionEnded)
                        await bench.until(lambda: len(bench.of(LinkChanged)) >= 2)
                        seen.extend([repr(bench.events), repr(bench.rows), repr(bench.link.snapshot())])

    with caplog.at_level(logging.DEBUG):
        asyncio.run(main(), debug=True)
    # The peer of this test is in the same process and may say what it likes.
    ours = [record for record in caplog.records if record.name != "websockets.server"]
    seen.append(repr([record.__dict__ | {"said": record.getMessage()} for record in ours]))
    assert any(record.name.startswith("kioskd.link") for record in ours)
    assert "***" in "".join(seen)
    for text in seen:
        assert key not in text
        assert key[:16] not in text


def test_outputs_for_a_session_that_is_gone_are_counted_and_dropped(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.send_output(CallKey("hydra", "session-0", "call-1"), "{}")
            bench.link.open("a press", False)
            await bench.event(SessionReady)
            bench.link.send_output(CallKey("other", "session-1", "call-1"), "{}")
            bench.link.send_text("session-0", "hello")
            bench.link.ask_response("session-0")
            bench.link.cancel_response("session-0", "resp_1")
            assert bench.link.snapshot()["late_outputs"] == 5
            assert [message["type"] for message in peer.visits[0].frames] == ["session.configure"]

    asyncio.run(main())


def test_status_says_what_is_going_on(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            await bench.event(SessionReady)
            spoken = bench.speak(3)
            visit = await peer.visited(1)
            await visit.until(lambda: len(visit.audio) >= len(spoken))
            status = bench.link.snapshot()
            assert status["state"] == "ready" and status["endpoint"] == "hydra" and status["wanted"]
            assert (status["attempts"], status["connects"], status["sessions"], status["failures"]) == (1, 1, 1, 0)
            talk = status["conversation"]
            assert talk["session"] == "session-1" and talk["chunks_up"] == 3
            assert talk["bytes_up"] > 3 * CHUNK_BYTES and talk["frames_down"] == 2
            assert talk["config"]["output_audio_sample_rate"] == 24_000
            bench.link.close("enough")
            await bench.state(Link.ASLEEP)
            status = bench.link.snapshot()
            assert status["conversation"] is None and status["frames_down"] == 2 and status["bytes_up"] > 0

    asyncio.run(main())


def test_names_of_endpoints_are_unique(kit: Any) -> None:
    async def main() -> None:
        setup = kit.setup_for("ws://127.0.0.1:1/")
        for setups in ([], [setup, setup]):
            with pytest.raises(ValueError):
                kit.Bench(*setups)

    asyncio.run(main())


def test_a_changed_configuration_holds_from_the_next_session_on(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer(http=[(401, {})]) as refusing, kit.Peer() as peer:
            async with kit.Bench(kit.setup_for(refusing.url)) as bench:
                bench.link.open("a press", False)
                await bench.state(Link.REFUSED)
                bench.link.use([kit.setup_for(peer.url, instructions="Be kind.")])  # the owner put it right
                await bench.event(SessionReady)
                bench.link.use([kit.setup_for(peer.url, instructions="Be quick.")])
                bench.link.close("enough")
                await bench.event(SessionEnded)
                bench.link.open("a press", False)
                await bench.event(SessionReady, 2)
                said = [visit.of("session.configure")[0]["session"]["instructions"] for visit in peer.visits]
                assert said == ["Be kind.", "Be quick."]

    asyncio.run(main())


def test_what_another_configuration_may_have_mended_is_not_held_against_it(kit: Any) -> None:
    """The visitor who was refused has gone; nobody would ask again for the owner to see that the lamp goes out."""

    async def main() -> None:
        async with kit.Peer(http=[(401, {})]) as refusing:
            async with kit.Bench(kit.setup_for(refusing.url)) as bench:
                bench.link.open("a press", False)
                await bench.state(Link.REFUSED)
                bench.link.close("the visitor has gone")
                bench.link.use([kit.setup_for(refusing.url, instructions="Be kind.")])
                assert (await bench.state(Link.ASLEEP)).reason == "the service may be asked again"

    asyncio.run(main())


def test_a_probe_of_a_service_that_is_no_more_tells_nothing_of_the_new_one(
    kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        begun, asked = asyncio.Event(), []

        async def probe(url: str, timeout_s: float, **more: Any) -> None:
            asked.append(url)
            begun.set()
            if len(asked) == 1:
                await asyncio.sleep(0.2)
                raise RuntimeError("the old one cannot be reached")

        monkeypatch.setattr("kioskd.link.probe.probe", probe)
        limits = dataclasses.replace(kit.fast, probe_s=300.0, probe_retry_s=300.0)
        async with kit.Bench(kit.setup_for("wss://old.invalid/"), limits=limits) as bench:
            await asyncio.wait_for(begun.wait(), 5)
            bench.link.use([kit.setup_for("wss://new.invalid/")])
            await bench.until(lambda: asked == ["wss://old.invalid/", "wss://new.invalid/"])
            await asyncio.sleep(0.3)  # the old one would have told by now
            assert bench.link.state is Link.ASLEEP

    asyncio.run(main())


def test_what_is_wanted_of_a_session_that_has_just_broken_is_dropped_and_counted(kit: Any) -> None:
    """The goodbye takes a moment, and the machine hears of calls and of the end in the same breath."""

    async def asks_too_much(visit: Any) -> None:
        await visit.handshake()
        await visit.call("c1")
        await visit.call("c2", arguments="x" * 70_000)
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(asks_too_much) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("test", greet=False)
            await bench.event(SessionEnded)
            key = bench.of(ToolAsked)[0].key
            bench.link.send_output(key, "{}")
            bench.link.send_text(key.session, "x")
            bench.link.ask_response(key.session)
            bench.link.cancel_response(key.session, "r")
            bench.link.truncate(key.session, "r", 5)
            assert bench.link.snapshot()["late_outputs"] == 5

    asyncio.run(main())


@pytest.mark.parametrize("named", [{}, {"response_id": "resp_1"}])
def test_an_answer_is_heard_though_one_of_the_same_name_was_cut_in_the_session_before(kit: Any, named: Any) -> None:
    """Answers without an id are counted by us, and many services count theirs, from one in each session."""

    async def answers(visit: Any) -> None:
        await visit.handshake()
        await visit.send("response.output_audio.delta", delta="AQABAAEA", **named)
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(answers) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            for number in (1, 2):
                bench.link.open("test", greet=False)
                response = (await bench.event(ResponseCreated, number)).response
                assert bench.playback.waiting_s > 0
                bench.playback.cut(response)
                bench.link.close("test")
                await bench.event(SessionEnded, number)

    asyncio.run(main())


# -- sessions: what the house around the link says -------------------------------------------------


async def deaf(visit: Any) -> None:
    await visit.handshake()
    visit.socket.transport.pause_reading()
    await visit.stay()


def test_an_endpoint_that_may_not_be_asked_is_left_at_the_next_quiet_moment(kit: Any) -> None:
    """One session of each endpoint, nothing lost; the conversation goes on at the other."""

    async def main() -> None:
        async with kit.Peer() as first, kit.Peer() as second:
            setups = kit.setup_for(first.url, name="cloud"), kit.setup_for(second.url, name="local")
            async with kit.Bench(*setups) as bench:
                bench.link.open("a press", False)
                bench.link.rest(False)
                await bench.event(SessionReady)
                bench.link.restrict({"cloud": "the daily budget is spent"})
                await asyncio.sleep(0.2)
                assert bench.of(SessionEnded) == []
                bench.link.rest(True)
                ended = await bench.event(SessionEnded)
                assert ended.replaced and ended.reason == "the daily budget is spent"
                assert (await bench.event(SessionReady, 2)).endpoint == "local"
                assert bench.link.snapshot()["endpoints"][0]["state"] == "barred"
                assert (len(first.attempts), len(second.attempts)) == (1, 1)

    asyncio.run(main())


def test_when_no_endpoint_may_be_asked_the_link_is_refused_until_one_may(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.restrict({"hydra": "the daily budget is spent until 00:00"})
            assert (await bench.state(Link.REFUSED)).reason == "the daily budget is spent until 00:00"
            bench.link.open("a press", False)
            for _ in range(3):
                bench.link.press()
            await asyncio.sleep(0.1)
            assert peer.attempts == [] and bench.link.snapshot()["next_attempt_in_s"] is None
            bench.link.restrict({})
            await bench.event(SessionReady)
            bench.link.restrict({"hydra": "enough for today"})
            ended = await bench.event(SessionEnded)
            assert not ended.replaced and ended.reason == "enough for today"
            await bench.until(lambda: bench.states[-1] is Link.REFUSED)
            bench.link.close("nobody speaks")
            bench.link.restrict({})
            await bench.until(lambda: bench.states[-1] is Link.ASLEEP)
            assert len(peer.attempts) == 1

    asyncio.run(main())


def test_a_call_to_an_endpoint_that_may_no_longer_be_asked_is_given_up(kit: Any) -> None:
    async def main() -> None:
        async with await asyncio.start_server(kit.silence, "127.0.0.1", 0) as silent, kit.Peer() as peer:
            dead = f"ws://127.0.0.1:{silent.sockets[0].getsockname()[1]}/"
            setups = kit.setup_for(dead, name="cloud", connect_timeout_s=30.0), kit.setup_for(peer.url, name="local")
            async with kit.Bench(*setups) as bench:
                bench.link.open("a press", False)
                await bench.state(Link.CONNECTING)
                began = time.monotonic()
                bench.link.restrict({"cloud": "the daily budget is spent"})
                assert (await bench.event(SessionReady)).endpoint == "local"
                assert time.monotonic() - began < 1.0

    asyncio.run(main())


def test_a_change_of_the_network_ends_a_connection_that_does_not_answer_and_no_other(kit: Any) -> None:
    """Recovery at most 1 s (pong_s and a dial); a ping alone would take fifty seconds. 2 attempts."""

    async def main() -> None:
        limits = kit.replace(kit.fast, first_s=60.0, cap_s=60.0, reply_s=60.0)
        async with kit.Peer(deaf, kit.well) as peer, kit.Bench(kit.setup_for(peer.url), limits=limits) as bench:
            bench.link.open("a press", False)
            await bench.event(SessionReady)
            changed_at = time.monotonic()
            bench.link.network_changed()
            ended = await bench.event(SessionEnded)
            assert "the network changed" in ended.reason and ended.code == 1006
            await bench.event(SessionReady, 2)
            assert time.monotonic() - changed_at < 1.0
            bench.link.network_changed()
            bench.link.network_changed()
            await asyncio.sleep(2 * limits.pong_s)
            assert len(bench.of(SessionEnded)) == 1 and len(peer.attempts) == 2

    asyncio.run(main())


def test_a_change_of_the_network_tries_at_once_but_keeps_the_services_patience(kit: Any) -> None:
    async def main() -> None:
        limits = kit.replace(kit.fast, first_s=60.0, cap_s=60.0)
        async with kit.Peer(hang_up_at_once, kit.well) as peer:
            async with kit.Bench(kit.setup_for(peer.url), limits=limits) as bench:
                bench.link.open("a press", False)
                await bench.state(Link.OFFLINE)
                bench.link.network_changed()
                await bench.event(SessionReady)
                assert len(peer.attempts) == 2
        async with kit.Peer(http=[(503, {"Retry-After": "60"}), None]) as peer:
            async with kit.Bench(kit.setup_for(peer.url)) as bench:
                bench.link.open("a press", False)
                await bench.state(Link.BUSY)
                bench.link.network_changed()
                await asyncio.sleep(0.1)
                assert len(peer.attempts) == 1
                assert bench.link.snapshot()["next_attempt_in_s"] > 50

    asyncio.run(main())


def test_a_service_that_asks_for_patience_is_asked_once_more_by_a_person_and_not_again(kit: Any) -> None:
    """At most 2 attempts, however often the button is pressed."""

    async def main() -> None:
        async with kit.Peer(http=[(429, {"Retry-After": "60"})]) as peer:
            async with kit.Bench(kit.setup_for(peer.url)) as bench:
                bench.link.open("a press", False)
                await bench.state(Link.BUSY)
                for _ in range(5):
                    bench.link.press()
                    await asyncio.sleep(0.05)
                assert len(peer.attempts) == 2
                assert bench.link.snapshot()["next_attempt_in_s"] > 50

    asyncio.run(main())


def test_a_key_that_was_changed_is_tried_at_once(kit: Any) -> None:
    """2 attempts; within 1 s of the change, where the next look would be ten minutes away."""

    async def main() -> None:
        async with kit.Peer(http=[(401, {}), None]) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            await bench.state(Link.REFUSED)
            bench.link.keys_changed("another")
            await asyncio.sleep(0.05)
            assert len(peer.attempts) == 1
            bench.link.keys_changed("hydra")
            await bench.event(SessionReady)
            assert len(peer.attempts) == 2 and peer.attempts[1] - peer.attempts[0] < 1.0

    asyncio.run(main())


def test_a_key_that_was_changed_while_nobody_speaks_opens_no_session(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer(http=[(401, {}), None]) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            await bench.state(Link.REFUSED)
            bench.link.close("nobody speaks")
            bench.link.keys_changed("hydra")
            assert "the key was changed" in (await bench.state(Link.ASLEEP)).reason
            await asyncio.sleep(0.05)
            assert len(peer.attempts) == 1
            assert bench.link.snapshot()["endpoints"][0]["state"] == "unknown"

    asyncio.run(main())


def test_three_sessions_closed_for_what_was_sent_are_enough(kit: Any) -> None:
    """At most 3 attempts in five minutes (close 1007); what waited is dropped each time."""

    async def main() -> None:
        async with kit.Peer(closing(1007)) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            for number in range(1, 4):
                await bench.event(SessionReady, number)
                bench.speak(3, end=False)
                await bench.event(SessionEnded, number)
                assert len(bench.uplink) == 0
            refused = await bench.state(Link.REFUSED)
            assert "1007" in refused.reason
            await asyncio.sleep(0.1)
            assert len(peer.attempts) == 3

    asyncio.run(main())


TOOL = {"type": "function", "name": "ring", "description": "Ring the bell.", "parameters": {"type": "object"}}


def test_tools_are_changed_in_the_session_that_is_there_or_else_in_the_next(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            await bench.event(SessionReady)
            assert bench.link.update_tools([TOOL])
            visit = await peer.visited(1)
            await visit.until(lambda: visit.count("session.update"))
            assert visit.of("session.update")[0]["session"] == {"tools": [TOOL]}
        frozen = kit.replace(kit.setup_for("").profile, update_keys=())
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url, profile=frozen)) as bench:
            bench.link.open("a press", False)
            await bench.event(SessionReady)
            assert not bench.link.update_tools([TOOL])
            bench.link.close("enough")
            await bench.state(Link.ASLEEP)
            bench.link.open("a press", False)
            await bench.event(SessionReady, 2)
            asked = [visit.of("session.configure")[0]["session"]["tools"] for visit in peer.visits]
            assert asked == [[], [TOOL]] and peer.visits[0].count("session.update") == 0

    asyncio.run(main())


def test_tools_that_no_session_would_take_change_nothing_and_the_largest_is_named(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            await bench.event(SessionReady)
            with pytest.raises(LocalError, match=r"Largest tools: essay \(\d+ bytes\), ring"):
                bench.link.update_tools([TOOL, {**TOOL, "name": "essay", "description": "x" * 40_000}])
            bench.link.close("enough")
            await bench.state(Link.ASLEEP)
            bench.link.open("a press", False)
            await bench.event(SessionReady, 2)
            assert peer.visits[0].count("session.update") == 0
            assert peer.visits[1].of("session.configure")[0]["session"]["tools"] == []

    asyncio.run(main())


def test_what_is_not_as_it_was_asked_for_stays_shown(kit: Any) -> None:
    async def other(visit: Any) -> None:
        await visit.handshake(voice="sterling", instructions="You are somebody else.")
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(other, kit.well) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            await bench.event(SessionReady)
            expected = [
                "The service speaks as sterling, not as zoe.",
                "The service runs with other instructions than persona.instructions.",
            ]
            assert bench.link.snapshot()["mismatches"] == expected
            assert bench.link.snapshot()["conversation"]["mismatches"] == expected
            bench.link.close("enough")
            await bench.state(Link.ASLEEP)
            assert bench.link.snapshot()["mismatches"] == expected
            bench.link.open("a press", False)
            await bench.event(SessionReady, 2)
            assert bench.link.snapshot()["mismatches"] == []

    asyncio.run(main())


def test_everything_that_belongs_to_a_session_dies_with_its_socket(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            await bench.event(SessionReady)
            alive = weakref.ref(bench.link._conversation)
            bench.speak(3)
            visit = await peer.visited(1)
            await visit.until(lambda: visit.count("input_audio_buffer.append") >= 3)
            bench.link.close("enough")
            await bench.state(Link.ASLEEP)
            await asyncio.sleep(0)
            gc.collect()
            assert alive() is None

    asyncio.run(main())


def test_a_wish_in_the_very_moment_of_an_idle_close_is_not_lost(kit: Any) -> None:
    """The machine hears of the end, ends its conversation, and somebody presses before the link has judged the end."""

    async def idles(visit: Any) -> None:
        await visit.handshake()
        await visit.socket.close(1000)

    async def main() -> None:
        async with kit.Peer(idles, kit.well) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            await bench.event(SessionEnded)
            bench.link.close("the service ended the session")
            bench.link.open("the next press", False)
            await bench.event(SessionReady, 2)

    asyncio.run(main())


def test_a_fault_between_two_turns_costs_one_tick_and_not_the_link(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            with monkeypatch.context() as broken:
                broken.setattr(bench.link, "_tend", lambda: {}["gone"])
                await bench.until(lambda: bench.link.snapshot()["faults"])
            bench.link.open("a press", False)
            await bench.event(SessionReady)

    asyncio.run(main())
