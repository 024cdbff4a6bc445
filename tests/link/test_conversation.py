"""One session against a real peer: what goes up, what comes down, and what ends it."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from typing import Any

import pytest

from kioskd.config.sections import Talk
from kioskd.core import events
from kioskd.core.events import ResponseCreated, ResponseDone, ServiceComplained, SessionEnded, SessionReady, ToolAsked
from kioskd.core.uplink import BURST_CHUNKS
from kioskd.core.words import CallKey, Link
from kioskd.lanes import CHUNK_BYTES
from kioskd.wire.dialects import DIALECTS, HYDRA
from kioskd.wire.session import Session


async def ready(kit: Any, bench: Any, peer: Any) -> Any:
    bench.link.open("a press", False)
    await bench.event(SessionReady, len(bench.of(SessionReady)) + 1)
    return peer.visits[-1]


def test_a_turn_goes_up_in_order_and_its_answer_comes_down(kit: Any) -> None:
    async def main() -> None:
        async def script(visit: Any) -> None:
            await visit.handshake()
            await visit.until(lambda: len(visit.audio) >= 11 * CHUNK_BYTES)  # speech and at least one chunk of zeros
            await visit.turn()
            await visit.answer("resp_1", seconds=0.2)
            await visit.stay()

        async with kit.Peer(script) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            visit = await ready(kit, bench, peer)
            spoken = bench.speak(10)
            done = await bench.event(ResponseDone)
            assert done == ResponseDone("session-1", "resp_1", "completed", "")
            assert bench.of(events.SpeechStarted) == [events.SpeechStarted("session-1")]
            assert bench.of(events.SpeechStopped) == [events.SpeechStopped("session-1")]
            assert bench.of(ResponseCreated) == [ResponseCreated("session-1", "resp_1")]
            piece = bench.playback.take(0)
            assert piece.rate_hz == 24_000 and len(piece.pcm) == 2 * 4800
            assert visit.audio[: len(spoken)] == spoken
            assert visit.audio[len(spoken) :].strip(b"\0") == b""
            # The turn has ended: no more zeros.
            sent = len(visit.audio)
            await asyncio.sleep(0.1)
            assert len(visit.audio) - sent <= CHUNK_BYTES
            assert [chunk.pcm for chunk, _ in bench.sent] == [spoken[:CHUNK_BYTES]] * 10
            assert bench.link.snapshot()["usage"] == {"total_tokens": 7}

    asyncio.run(main())


def test_a_backlog_goes_up_in_real_time(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.speak(25)
            visit = await ready(kit, bench, peer)
            await visit.until(lambda: visit.count("input_audio_buffer.append") >= 25)
            times = [at for _, at in bench.sent]
            assert times[2] - times[0] < 0.05
            # What is behind the burst is paced; timers of the loop are late by up to a millisecond each.
            paced_s = (25 - BURST_CHUNKS) * 0.02
            assert paced_s - 0.01 <= times[24] - times[0] < paced_s + 0.16

    asyncio.run(main())


def test_a_live_chunk_leaves_within_milliseconds(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            await ready(kit, bench, peer)
            for number in range(1, 26):
                await asyncio.to_thread(bench.speak, 1, False)
                async with asyncio.timeout(kit.patience_s):
                    while len(bench.sent) < number:
                        await asyncio.sleep(0.001)
                await asyncio.sleep(0.02)
            late_ms = sorted((at - chunk.at) * 1000 for chunk, at in bench.sent)
            assert late_ms[len(late_ms) // 2] < 3.0

    asyncio.run(main())


def test_zeros_end_by_themselves_and_keepalives_follow(kit: Any) -> None:
    async def main() -> None:
        talk = Talk(end_of_turn_s=0.2, keepalive_s=1.0)
        async with kit.Peer() as peer:
            limits = kit.replace(kit.fast, reply_s=5.0)
            async with kit.Bench(kit.setup_for(peer.url), talk=talk, limits=limits) as bench:
                visit = await ready(kit, bench, peer)
                bench.speak(2)
                await visit.until(lambda: any(len(frame.get("audio", "")) > 3000 for frame in visit.frames))
                chunks = [base64.b64decode(frame["audio"]) for frame in visit.of("input_audio_buffer.append")]
                assert 5 <= len(chunks[2:-1]) <= 11
                assert chunks[-1] == bytes(5 * CHUNK_BYTES)  # 100 ms in one frame
                assert bench.link.snapshot()["conversation"]["keepalives_up"] == 1

    asyncio.run(main())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_was_said_before_the_session_goes_up_at_the_pace_of_its_dialect(
    kit: Any, swift: Any, dialect: str
) -> None:
    catch_up = DIALECTS[dialect].catch_up

    async def main() -> None:
        profile = kit.replace(HYDRA, catch_up=catch_up)
        async with kit.Peer() as peer, kit.long(peer.url, profile=profile) as bench:
            said = bench.speak(200)
            bench.link.open("a visitor", greet=False)
            began = await bench.ready()
            visit = await peer.visited(1)
            await visit.until(lambda: len(visit.audio) >= len(said))
            took_s = bench.now() - began
            # The first few go at once: a burst (core/uplink.py).
            assert visit.audio.startswith(said) and abs(took_s - (200 - BURST_CHUNKS) * 0.02 / catch_up) < 0.2

    swift(main())


# -- tools -----------------------------------------------------------------------------------------


def test_two_calls_get_two_outputs_and_one_request_to_speak(kit: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.handshake()
        await visit.send("response.created", response={"id": "resp_t"})
        await visit.call("call-1", arguments='{"door": "main"}')
        await visit.call("call-2", name="read_sensor")
        await visit.send("response.done", response={"id": "resp_t", "status": "completed"})
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(script) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            visit = await ready(kit, bench, peer)
            second = await bench.event(ToolAsked, 2)
            first = bench.of(ToolAsked)[0]
            assert first == ToolAsked(CallKey("hydra", "session-1", "call-1"), "open_door", '{"door": "main"}')
            for key in (first.key, second.key):
                bench.link.send_output(key, '{"ok": true}')
                bench.link.ask_response("session-1")
                await asyncio.sleep(0.05)
            answered_at = time.monotonic()
            await visit.until(lambda: visit.count("response.create"))
            assert 0.1 <= time.monotonic() - answered_at < 0.35  # 200 ms behind the last output
            await asyncio.sleep(0.3)
            kinds = [frame["type"] for frame in visit.frames if not frame["type"].startswith("input_audio")]
            assert kinds == [
                "session.configure",
                "conversation.item.create",
                "conversation.item.create",
                "response.create",
            ]
            assert [frame["item"]["call_id"] for frame in visit.of("conversation.item.create")] == ["call-1", "call-2"]

    asyncio.run(main())


def test_the_request_to_speak_waits_for_every_open_call(kit: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.handshake()
        await visit.call("call-1")
        await visit.call("call-2")
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(script) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            visit = await ready(kit, bench, peer)
            second = await bench.event(ToolAsked, 2)
            bench.link.send_output(CallKey("hydra", "session-1", "call-1"), "{}")
            bench.link.ask_response("session-1")
            await asyncio.sleep(0.4)
            assert visit.count("response.create") == 0
            bench.link.send_output(second.key, "{}")
            await visit.until(lambda: visit.count("response.create"))

    asyncio.run(main())


def test_speech_of_the_visitor_takes_the_request_back_and_leaves_the_output(kit: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.handshake()
        await visit.call("call-1")
        await visit.until(lambda: visit.count("conversation.item.create"))
        await visit.send("input_audio_buffer.speech_started", audio_start_ms=0, item_id="item_u")
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(script) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            visit = await ready(kit, bench, peer)
            asked = await bench.event(ToolAsked)
            bench.link.send_output(asked.key, "{}")
            bench.link.ask_response("session-1")
            await bench.event(events.SpeechStarted)
            await asyncio.sleep(0.4)
            assert visit.count("conversation.item.create") == 1
            assert visit.count("response.create") == 0

    asyncio.run(main())


def test_a_late_result_goes_up_as_text(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            visit = await ready(kit, bench, peer)
            bench.link.send_text("session-1", "The door is open.")
            bench.link.ask_response("session-1")
            bench.link.cancel_response("session-1", "resp_9")
            await visit.until(lambda: visit.count("response.create"))
            item = visit.of("conversation.item.create")[0]["item"]
            assert item["content"] == [{"type": "input_text", "text": "The door is open."}]
            assert visit.of("response.cancel")[0]["response_id"] == "resp_9"

    asyncio.run(main())


def test_a_dialect_that_can_truncate_is_told_how_much_was_heard_and_the_others_are_not(
    kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def truncate(session: Session, response: str, heard_ms: int) -> list[bytes]:
        return [json.dumps({"type": "truncate", "response": response, "ms": heard_ms}).encode()]

    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            visit = await ready(kit, bench, peer)
            bench.link.truncate("session-1", "resp_1", 10)
            monkeypatch.setattr(Session, "truncate", truncate)
            bench.link.truncate("session-1", "resp_1", 480)
            bench.link.truncate("another", "resp_1", 20)
            bench.link.send_text("session-1", "and on it goes")
            await visit.until(lambda: visit.count("conversation.item.create"))
            assert visit.of("truncate") == [{"type": "truncate", "response": "resp_1", "ms": 480}]

    asyncio.run(main())


# -- what a service does wrong ---------------------------------------------------------------------


def failing_handshake(step: str) -> Any:
    async def script(visit: Any) -> None:
        if step == "not created":
            await visit.stay()
        await visit.send("session.created", session_id=visit.session)
        await visit.until(lambda: visit.count("session.configure"))
        if step == "error":
            await visit.send("error", error={"code": "invalid_request_error", "message": "instructions too long"})
        elif step == "full":
            await visit.send("error", error={"code": "server_full", "message": "no free slot"})
            await visit.socket.close(1013)
        await visit.stay()

    return script


@pytest.mark.parametrize(
    "step, state, words",
    [
        ("not created", Link.OFFLINE, "did not open a session within 0.3 s"),
        ("not configured", Link.OFFLINE, "did not confirm the session within 0.3 s"),
        ("error", Link.REFUSED, "instructions too long"),
        ("full", Link.BUSY, "no free slot"),
    ],
)
def test_each_step_of_the_handshake_has_its_end(kit: Any, step: str, state: Link, words: str) -> None:
    async def main() -> None:
        async with kit.Peer(failing_handshake(step), kit.well) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            began = time.monotonic()
            bench.link.open("a press", False)
            assert words in (await bench.state(state)).reason
            assert time.monotonic() - began < 0.8
            if state is Link.REFUSED:
                bench.link.press()
            await bench.event(SessionReady)
            assert len(peer.attempts) == 2

    asyncio.run(main())


def test_garbage_is_survived(kit: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.socket.send(b"\x00\x01binary")
        await visit.socket.send("not json")
        await visit.socket.send("[" * 5000)
        await visit.handshake()
        for garbage in ("null", "[]", "{}", '{"type": 7}', '{"type":"nobody.knows.this"}', b"\xff\xfe"):
            await visit.socket.send(garbage)
        await visit.send("response.output_audio.delta", response_id="r", delta="!!! no base64 !!!")
        await visit.send("response.done", response=[])
        await visit.answer("resp_1")
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(script) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            await ready(kit, bench, peer)
            await bench.event(ResponseDone)
            wire = bench.link.snapshot()["conversation"]["wire"]
            assert wire["binary"] == 2 and wire["not_json"] + wire["malformed"] >= 6 and wire["bad_base64"] == 1
            assert len(peer.attempts) == 1

    asyncio.run(main())


def test_a_flood_of_events_is_ended_with_1008(kit: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.handshake()
        for number in range(2000):
            await visit.send("input_audio_buffer.speech_started", audio_start_ms=number, item_id="item_u")
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(script, kit.well) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            await ready(kit, bench, peer)
            ended = await bench.event(SessionEnded)
            assert ended.code == 1008 and "200 events in a second" in ended.reason
            assert len(bench.of(events.SpeechStarted)) <= 200
            visit = peer.visits[0]
            await visit.until(lambda: visit.close_code is not None)
            assert visit.close_code == 1008
            await bench.event(SessionReady, 2)

    asyncio.run(main())


def test_a_flood_of_audio_leaves_the_loop_its_turns(kit: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.handshake()
        for _ in range(400):
            await visit.audio_of("resp_1", 0.2)
        await visit.send("response.done", response={"id": "resp_1", "status": "completed"})
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(script) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            await ready(kit, bench, peer)
            longest_s, last = 0.0, time.thread_time()
            while not bench.of(ResponseDone):
                await asyncio.sleep(0)
                longest_s, last = max(longest_s, time.thread_time() - last), time.thread_time()
            assert bench.playback.waiting_s == pytest.approx(80.0)
            # CPU time of this thread, so that a busy machine does not count: 2 ms of parsing, and the peer in this loop
            assert longest_s < 0.1

    asyncio.run(main())


def test_an_answer_without_end_is_cut_and_said_and_then_the_session_is_ended(kit: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.handshake()
        for _ in range(20):
            await visit.audio_of("resp_1", 0.5)
        await visit.until(lambda: visit.count("response.cancel"))
        for _ in range(10):
            await visit.audio_of("resp_1", 0.5)
        await visit.stay()

    async def main() -> None:
        limits = kit.replace(kit.fast, overlong_s=12.0)
        async with kit.Peer(script, kit.well) as peer:
            async with kit.Bench(kit.setup_for(peer.url), limits=limits, playback_s=2.0) as bench:
                visit = await ready(kit, bench, peer)
                said = await bench.event(ServiceComplained)
                assert said.code == "answer_too_long" and "longest_answer_s" in said.message
                ended = await bench.event(SessionEnded)
                assert ended.code == 1008
                assert visit.count("response.cancel") == 1
                assert bench.playback.waiting_s == 2.0
                await bench.event(SessionReady, 2)

    asyncio.run(main())


def test_a_service_that_owes_an_answer_and_falls_silent_is_given_up(kit: Any) -> None:
    """The half-dead kind: the socket lives, pings are answered, and nobody is there."""

    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            visit = await ready(kit, bench, peer)
            bench.speak(3)
            await visit.turn()
            ended = await bench.event(SessionEnded)
            assert "owed an answer and was silent for 0.4 s" in ended.reason
            await bench.event(SessionReady, 2)
            await asyncio.sleep(0.6)  # no speech in the new one: nothing is owed
            assert len(bench.of(SessionEnded)) == 1

    asyncio.run(main())


def test_noise_that_the_service_does_not_hear_costs_no_session(kit: Any, swift: Any) -> None:
    """Doors that slam for ten minutes, where ``talk.linger_s`` is as long: no failure, no other session."""

    async def main() -> None:
        async with kit.Peer() as peer, kit.long(peer.url, talk=kit.talk(linger_s=600.0)) as bench:
            bench.link.open("a visitor", greet=False)
            await bench.ready()
            for _ in range(15):
                bench.speak(10)
                await asyncio.sleep(40)
            assert bench.of(SessionEnded) == [] and len(bench.attempts) == 1
            assert bench.link.snapshot()["failures"] == 0

    swift(main())


def test_a_service_that_stops_reading_is_given_up(kit: Any) -> None:
    async def deaf(visit: Any) -> None:
        await visit.handshake()
        visit.socket.transport.pause_reading()
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(deaf, kit.well) as peer:
            limits = kit.replace(kit.fast, reply_s=20.0)
            async with kit.Bench(kit.setup_for(peer.url), limits=limits) as bench:
                await ready(kit, bench, peer)
                for _ in range(40):
                    bench.link.send_text("session-1", "x" * 200_000)  # more than the buffers of the kernel take
                ended = await bench.event(SessionEnded)
                assert "has taken nothing for 0.4 s" in ended.reason
                await bench.event(SessionReady, 2)

    asyncio.run(main())


def test_what_a_service_quotes_of_a_visitor_reaches_no_journal(kit: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the log at INFO, nor an event: those become notes, status and audit."""
    caplog.set_level(logging.INFO)
    words = "cannot transcribe: my name is Anna"

    async def script(visit: Any) -> None:
        await visit.handshake()
        await visit.send("error", error={"code": "invalid_frame", "message": words})
        await visit.send("error", error={"code": words, "message": words})
        await visit.send("warning", code=words, message=words)
        await visit.socket.close(1011, words)

    async def main() -> None:
        async with kit.Peer(script, kit.well) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            await ready(kit, bench, peer)
            ended = await bench.event(SessionEnded)
            assert "1011" in ended.reason
            codes = [complaint.code for complaint in bench.of(ServiceComplained)]
            assert codes == ["invalid_frame", "unnamed"]
            assert "Anna" not in repr(bench.events) + repr(bench.link.snapshot())

    asyncio.run(main())
    assert "says invalid_frame" in caplog.text and "Anna" not in caplog.text


def test_errors_that_leave_the_session_alive_are_told_and_too_many_end_it(kit: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.handshake()
        await visit.send("error", error={"code": "tool_response_timeout", "message": "too slow"})
        await visit.send("error", error={"code": "response_cancel_not_active", "message": "no active response"})
        for _ in range(10):
            await visit.send("error", error={"code": "invalid_frame", "message": "what is this"})
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(script, kit.well) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            await ready(kit, bench, peer)
            ended = await bench.event(SessionEnded)
            assert "again and again" in ended.reason
            said = bench.of(ServiceComplained)
            assert said[0] == ServiceComplained("session-1", "tool_response_timeout")
            assert [complaint.code for complaint in said[1:]] == ["invalid_frame"] * 9

    asyncio.run(main())


@pytest.mark.parametrize(
    "code, state",
    [("insufficient_quota", Link.REFUSED), ("internal_error", Link.OFFLINE)],
)
def test_an_error_that_makes_the_session_useless_ends_it(kit: Any, code: str, state: Link) -> None:
    async def script(visit: Any) -> None:
        await visit.handshake()
        await visit.send("error", error={"code": code, "message": "sorry"})
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(script, kit.well) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            await ready(kit, bench, peer)
            await bench.event(SessionEnded)
            assert code in (await bench.state(state)).reason
            assert bench.of(ServiceComplained) == []

    asyncio.run(main())


def test_a_session_without_a_name_gets_one_that_never_comes_twice(kit: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.send("session.created")
        await visit.until(lambda: visit.count("session.configure"))
        await visit.send("session.configured", session={})
        await visit.stay()

    async def main() -> None:
        names = set()
        async with kit.Peer(script) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            for number in (1, 2):
                await ready(kit, bench, peer)
                names.add(bench.of(SessionReady)[-1].session)
                bench.link.close("enough")
                await bench.event(SessionEnded, number)
        assert len(names) == 2 and "" not in names

    asyncio.run(main())


def test_every_frame_is_traced_without_its_audio(kit: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.handshake()
        await visit.answer("resp_1")
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(script) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            visit = await ready(kit, bench, peer)
            bench.speak(1, end=False)
            await bench.event(ResponseDone)
            await visit.until(lambda: visit.count("input_audio_buffer.append"))
            told = [(row["dir"], row["type"]) for row in bench.rows]
            assert told[:3] == [("<", "session.created"), (">", "session.configure"), ("<", "session.configured")]
            assert (">", "input_audio_buffer.append") in told and ("<", "response.output_audio.delta") in told
            assert all(row["kind"] == "wire" and len(repr(row["frame"])) < 600 for row in bench.rows)

    asyncio.run(main())


def test_late_audio_without_a_name_is_not_played_after_its_answer_was_cut(kit: Any) -> None:
    async def nameless(visit: Any) -> None:
        await visit.handshake()
        await visit.send("response.created", response={"id": "r1"})
        await visit.send("response.output_audio.delta", delta="AQABAAEA")
        await visit.send("response.done", response={"id": "r1", "status": "cancelled"})
        await visit.send("response.output_audio.delta", delta="AQABAAEA")
        await visit.send("response.created", response={"id": "r2"})
        await visit.send("response.output_audio.delta", delta="AQABAAEA")
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(nameless) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            await ready(kit, bench, peer)
            await bench.event(ResponseCreated, 2)
            assert [event.response for event in bench.of(ResponseCreated)] == ["r1", "r2"]
            assert bench.link.snapshot()["conversation"]["wire"]["late_audio"] == 1

    asyncio.run(main())
