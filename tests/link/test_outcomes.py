"""Sessions that are kept, replaced, used up, and returned to the preferred service: what that costs, and loses."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest

from kioskd.config.sections import Session
from kioskd.core.events import SessionEnded, SessionReady
from kioskd.core.words import Link
from kioskd.wire.dialects import HYDRA

WARM, ALWAYS = Session(policy="warm"), Session(policy="always")


async def ready_and_gone(visit: Any) -> None:
    await visit.handshake()


async def hang_up_at_once(visit: Any) -> None:
    """Accepts and says nothing."""


def closing(code: int) -> Any:
    async def script(visit: Any) -> None:
        await visit.handshake()
        await visit.until(lambda: visit.count("input_audio_buffer.append"))
        await visit.socket.close(code, "")

    return script


def short(kit: Any, url: str, most_s: float, margin_s: float, **changes: Any) -> Any:
    profile = kit.replace(changes.pop("profile", HYDRA), session_max_s=most_s, rotate_margin_s=margin_s)
    return kit.setup_for(url, profile=profile, **changes)


# -- policies ------------------------------------------------------------------------------------


def test_a_warm_session_is_there_before_anybody_comes_and_costs_them_no_dial(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url), session=WARM) as bench:
            await bench.event(SessionReady)
            bench.link.open("a press", False)
            bench.link.press()
            spoken = bench.speak(5)
            visit = await peer.visited(1)
            await visit.until(lambda: visit.audio.startswith(spoken))
            assert len(peer.attempts) == 1

    asyncio.run(main())


def test_what_a_visitor_used_is_not_kept_for_the_next(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url), session=WARM) as bench:
            await bench.event(SessionReady)
            bench.link.open("a press", False)
            bench.link.close("nobody speaks")
            assert (await bench.event(SessionEnded)).session == "session-1"
            assert (await bench.event(SessionReady, 2)).session == "session-2"
            assert Link.ASLEEP not in bench.states
            await asyncio.sleep(0.1)
            assert len(peer.attempts) == 2

    asyncio.run(main())


def test_a_warm_session_that_the_service_ended_is_opened_again_by_the_next_visitor_only(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer(ready_and_gone, kit.well) as peer:
            async with kit.Bench(kit.setup_for(peer.url), session=WARM) as bench:
                await bench.event(SessionEnded)
                await bench.state(Link.ASLEEP)
                await asyncio.sleep(0.2)
                assert len(peer.attempts) == 1
                bench.link.open("a press", False)
                await bench.event(SessionReady, 2)
                assert len(peer.attempts) == 2

    asyncio.run(main())


def test_always_opens_another_but_ten_a_minute_at_most(kit: Any) -> None:
    async def main() -> None:
        for script, attempts in ((ready_and_gone, 10), (kit.well, 1)):
            async with kit.Peer(script) as peer, kit.Bench(kit.setup_for(peer.url), session=ALWAYS) as bench:
                await bench.until(lambda: len(peer.attempts) >= attempts)
                await asyncio.sleep(0.2)
                assert len(peer.attempts) == attempts

    asyncio.run(main())


def test_the_word_that_a_conversation_is_over_does_not_end_the_fresh_session(kit: Any) -> None:
    """The machine hears of an end that the service made after the next session is already called."""

    async def main() -> None:
        async with kit.Peer(ready_and_gone, kit.well) as peer:
            async with kit.Bench(kit.setup_for(peer.url), session=ALWAYS) as bench:
                bench.link.open("a press", False)
                await bench.event(SessionEnded)
                await peer.visited(2)
                bench.link.close("the service ended the session while nobody spoke")
                await bench.event(SessionReady, 2)
                await asyncio.sleep(0.1)
                assert len(peer.attempts) == 2 and len(bench.of(SessionEnded)) == 1

    asyncio.run(main())


def test_a_service_that_gives_up_idle_sessions_sooner_is_kept_awake_sooner(kit: Any) -> None:
    async def main() -> None:
        profile = kit.replace(HYDRA, idle_close_s=0.2)
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url, profile=profile), session=WARM) as bench:
            await bench.event(SessionReady)
            visit = await peer.visited(1)
            await visit.until(lambda: visit.count("input_audio_buffer.append") >= 2)

    asyncio.run(main())


def test_a_kept_session_that_cannot_be_had_at_the_start_is_tried_until_it_can(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer(hang_up_at_once, hang_up_at_once, kit.well) as peer:
            async with kit.Bench(kit.setup_for(peer.url), session=WARM) as bench:
                await bench.event(SessionReady)
                assert len(peer.attempts) == 3

    asyncio.run(main())


def test_who_comes_to_a_session_that_is_there_is_greeted_once(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url, greet=True), session=WARM) as bench:
            await bench.event(SessionReady)
            visit = await peer.visited(1)
            assert not visit.of("session.configure")[0]["session"]["generate_initial_response"]
            assert visit.count("response.create") == 0, "nobody is there"
            bench.link.open("a press", greet=True)
            await visit.until(lambda: visit.count("response.create"))
            bench.link.open("the same person", greet=True)
            await asyncio.sleep(0.05)
            assert visit.count("response.create") == 1

    asyncio.run(main())


def test_an_idle_session_costs_what_the_option_says(kit: Any) -> None:
    """1.6 MB an hour at the default pace of one keep-alive in ten seconds."""

    async def main() -> None:
        talk = kit.talk(keepalive_s=0.05)
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url), session=WARM, talk=talk) as bench:
            await bench.event(SessionReady)
            visit = await peer.visited(1)
            await visit.until(lambda: visit.count("input_audio_buffer.append") >= 3)
            talk_up = bench.link.snapshot()["conversation"]
            per_burst = len(visit.of("input_audio_buffer.append")[0]["audio"]) + 50 + 8 + 22 + 66  # WebSocket, TLS, TCP
            assert talk_up["keepalives_up"] >= 3
            assert 1.5e6 < per_burst * 3600 / 10 < 1.7e6

    asyncio.run(main())


# -- rotation ------------------------------------------------------------------------------------


def test_an_old_session_is_replaced_at_a_quiet_moment_and_not_a_chunk_is_lost(kit: Any) -> None:
    """Recovery at most 1 s, 2 attempts, lost nothing."""

    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(short(kit, peer.url, 60.0, 59.9)) as bench:
            bench.link.open("a press", False)
            bench.link.rest(False)
            await bench.event(SessionReady)
        async with kit.Peer() as peer, kit.Bench(short(kit, peer.url, 0.4, 0.2)) as bench:
            bench.link.open("a press", False)
            bench.link.rest(False)
            await bench.event(SessionReady)
            await asyncio.sleep(0.4)
            assert bench.of(SessionEnded) == [], "not while the conversation does not rest"
            began = time.monotonic()
            bench.link.rest(True)
            spoken = bench.speak(20)  # in the very moment
            ended = await bench.event(SessionEnded)
            assert ended.replaced and ended.code == 1000 and "as old as it may become" in ended.reason
            await bench.event(SessionReady, 2)
            assert time.monotonic() - began < 1.0
            bench.link.rest(False)
            visit = await peer.visited(2)
            await visit.until(lambda: visit.audio.startswith(spoken))
            assert peer.visits[0].audio.strip(b"\0") == b"" and len(peer.attempts) == 2
            assert Link.ASLEEP not in bench.states and bench.link.snapshot()["renewals"] == 1
            assert bench.link.snapshot()["failures"] == 0 and bench.link.snapshot()["dropped_chunks"] == 0

    asyncio.run(main())


def test_a_session_is_not_replaced_while_something_is_on_its_way(kit: Any) -> None:
    async def talks(visit: Any) -> None:
        await visit.handshake()
        await visit.send("response.created", response={"id": "r"})
        await visit.until(lambda: visit.count("input_audio_buffer.append"))
        await visit.send("response.done", response={"id": "r", "status": "completed"})
        await visit.stay()

    async def main() -> None:
        talk = kit.talk(answer_s=0.3)  # nobody waits longer for an answer to what the service may not have heard
        async with kit.Peer(talks, kit.well) as peer, kit.Bench(short(kit, peer.url, 0.2, 0.1), talk=talk) as bench:
            bench.link.open("a press", False)
            await bench.event(SessionReady)
            await asyncio.sleep(0.3)
            bench.link.rest(True)
            assert bench.of(SessionEnded) == [], "the service generates, though the machine has not heard of it yet"
            bench.speak(1)
            await bench.event(SessionReady, 2)
            assert bench.link.snapshot()["failures"] == 0

    asyncio.run(main())


@pytest.mark.parametrize("code", [1000, 1001, 1011])
def test_the_services_own_limit_is_a_normal_end_and_costs_no_wait(kit: Any, code: int) -> None:
    """Recovery at most 1 s where a backoff would take half a minute; lost: the turn that was being spoken."""

    async def main() -> None:
        limits = kit.replace(kit.fast, first_s=60.0, cap_s=60.0)
        async with kit.Peer(closing(code), kit.well) as peer:
            async with kit.Bench(short(kit, peer.url, 0.4, 0.4), limits=limits) as bench:
                bench.link.open("a press", False)
                bench.link.rest(False)
                await bench.event(SessionReady)
                await asyncio.sleep(0.3)
                bench.speak(3, end=False)
                lost_at = time.monotonic()
                ended = await bench.event(SessionEnded)
                assert ended.code == 1001 and not ended.replaced
                assert code == 1001 or "at its limit" in ended.reason
                await bench.event(SessionReady, 2)
                assert time.monotonic() - lost_at < 1.0
                status = bench.link.snapshot()
                assert status["failures"] == 0 and len(peer.attempts) == 2 and Link.OFFLINE not in bench.states

    asyncio.run(main())


def test_a_service_whose_sessions_are_always_used_up_is_called_ten_times_a_minute(kit: Any) -> None:
    async def main() -> None:
        async def expired(visit: Any) -> None:
            await visit.handshake()
            await visit.socket.close(1001, "")

        async with kit.Peer(expired) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            await bench.until(lambda: len(peer.attempts) >= 10)
            offline = await bench.state(Link.OFFLINE)
            assert "trying again in" in offline.reason
            await asyncio.sleep(0.1)
            assert len(peer.attempts) == 10

    asyncio.run(main())


# -- carry-over ----------------------------------------------------------------------------------


async def transcribes(visit: Any) -> None:
    await visit.handshake()
    content = [{"type": "input_audio", "transcript": "Is SECRETWORD here?"}]
    await visit.send("conversation.item.done", item={"id": "u", "type": "message", "role": "user", "content": content})
    await visit.send("response.output_audio_transcript.done", transcript="She is on her way.")
    await visit.stay()


def test_what_was_said_is_carried_over_and_forgotten_with_the_visitor(
    kit: Any, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    async def main(profile: Any) -> list[Any]:
        async with kit.Peer(transcribes, kit.well) as peer:
            setup = short(kit, peer.url, 0.4, 0.2, profile=profile, greet=True)
            async with kit.Bench(setup) as bench:
                bench.link.open("a press", greet=True)
                bench.link.rest(False)
                await bench.event(SessionReady)
                await asyncio.sleep(0.3)
                bench.link.rest(True)
                await bench.event(SessionReady, 2)
                seen.append(repr(bench.link.snapshot()) + repr(bench.events))
                bench.link.close("nobody speaks")
                await bench.state(Link.ASLEEP)
                bench.link.open("the next visitor", greet=True)
                await bench.event(SessionReady, 3)
                await (await peer.visited(3)).until(lambda: True)
                return [visit.frames for visit in peer.visits]

    with caplog.at_level(logging.INFO):
        told = asyncio.run(main(HYDRA))
        items = asyncio.run(main(kit.replace(HYDRA, replay_text="output_text")))
    asked = [frames[0]["session"] for frames in told]
    assert asked[1]["instructions"].startswith("Be brief.\n\nEarlier in this conversation (")
    assert asked[1]["instructions"].endswith("\nVisitor: Is SECRETWORD here?\nYou: She is on her way.")
    assert [session["instructions"] for session in (asked[0], asked[2])] == ["Be brief."] * 2
    assert [session["generate_initial_response"] for session in asked] == [True, False, True], "not greeted twice"
    replayed = [frame["item"] for frame in items[1] if frame["type"] == "conversation.item.create"]
    assert replayed == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Is SECRETWORD here?"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "She is on her way."}]},
    ]
    assert all(frames[0]["session"]["instructions"] == "Be brief." for frames in items)
    assert not any(frame["type"] == "conversation.item.create" for frames in (items[0], items[2]) for frame in frames)
    assert "SECRETWORD" not in caplog.text + "".join(seen)


def test_what_does_not_fit_into_the_configuration_is_left_out_and_the_session_lives(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer(transcribes, kit.well) as peer:
            setup = short(kit, peer.url, 0.4, 0.2, profile=kit.replace(HYDRA, configure_limit_bytes=190))
            async with kit.Bench(setup) as bench:
                bench.link.open("a press", False)
                bench.link.rest(False)
                await bench.event(SessionReady)
                await asyncio.sleep(0.3)
                bench.link.rest(True)
                await bench.event(SessionReady, 2)
                assert peer.visits[1].frames[0]["session"]["instructions"] == "Be brief."

    asyncio.run(main())


# -- failback ------------------------------------------------------------------------------------


def test_the_preferred_service_is_returned_to_when_it_is_well_and_never_in_a_conversation(kit: Any) -> None:
    async def main() -> None:
        limits = kit.replace(kit.fast, well_s=0.2)
        async with kit.Peer(hang_up_at_once, hang_up_at_once, kit.well) as first, kit.Peer() as second:
            setups = kit.setup_for(first.url, name="cloud"), kit.setup_for(second.url, name="local")
            async with kit.Bench(*setups, limits=limits, session=ALWAYS) as bench:
                assert (await bench.event(SessionReady)).endpoint == "local"
                bench.link.open("a press", False)
                await asyncio.sleep(0.4)
                assert len(first.attempts) == 2, "a conversation is on"
                cloud, local = bench.link.snapshot()["endpoints"]
                assert (cloud["state"], local["state"]) == ("failing", "serving") and cloud["reason"]
                bench.link.close("nobody speaks")
                assert (await bench.event(SessionReady, 2)).endpoint == "cloud"
                states = [row["state"] for row in bench.link.snapshot()["endpoints"]]
                assert states == ["serving", "well"]

    asyncio.run(main())


def test_a_service_that_has_just_failed_does_not_cost_the_next_visitor_a_wait(kit: Any) -> None:
    async def main() -> None:
        limits = kit.replace(kit.fast, well_s=30.0)
        async with kit.Peer(hang_up_at_once, hang_up_at_once, kit.well) as first, kit.Peer() as second:
            setups = kit.setup_for(first.url, name="cloud"), kit.setup_for(second.url, name="local")
            async with kit.Bench(*setups, limits=limits) as bench:
                for number in (1, 2):
                    bench.link.open("a press", False)
                    assert (await bench.event(SessionReady, number)).endpoint == "local"
                    bench.link.close("enough")
                    await bench.until(lambda: bench.states.count(Link.ASLEEP) == number)
                assert len(first.attempts) == 2

    asyncio.run(main())


def test_a_key_that_is_missing_is_shown_while_another_service_serves(kit: Any) -> None:
    def read_key() -> str:
        raise ValueError("the key file is not there; write it with mode 0600")

    async def main() -> None:
        async with kit.Peer() as peer:
            setups = kit.setup_for(peer.url, name="cloud", read_key=read_key), kit.setup_for(peer.url, name="local")
            async with kit.Bench(*setups) as bench:
                bench.link.open("a press", False)
                assert (await bench.event(SessionReady)).endpoint == "local"
                cloud, local = bench.link.snapshot()["endpoints"]
                assert cloud["state"] == "refused" and cloud["reason"].startswith("the key file is not there")
                assert local["state"] == "serving"
                assert bench.link.troubles["cloud"] and not bench.link.troubles["local"]

    asyncio.run(main())


def test_what_comes_in_the_very_moment_of_a_replacement_is_for_the_next_session(kit: Any) -> None:
    """The capture thread may put a chunk into the lane between the last look and the end. Lost nothing."""

    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            await bench.event(SessionReady)
            spoken = bench.speak(20)
            bench.link._attempt.hang_up("as old as it may become", replaced=True)
            visit = await peer.visited(2)
            await visit.until(lambda: visit.audio.startswith(spoken))
            assert peer.visits[0].audio == b""

    asyncio.run(main())


def test_a_sick_service_is_probed_while_another_serves(kit: Any) -> None:
    async def main() -> None:
        limits = kit.replace(kit.fast, probe_s=300.0, well_probe_s=0.05, well_s=0.0)
        async with kit.Peer() as peer:
            # This machine, where nothing listens, by an address that does not look like it: loopback is never probed.
            setups = kit.setup_for("wss://0.0.0.0:1/", name="cloud"), kit.setup_for(peer.url, name="local")
            async with kit.Bench(*setups, limits=limits, session=ALWAYS) as bench:
                assert (await bench.event(SessionReady)).endpoint == "local"
                async with asyncio.timeout(kit.patience_s):
                    while bench.link.snapshot()["probes"] < 3:
                        await asyncio.sleep(0.01)
                assert bench.link.snapshot()["endpoints"][0]["state"] == "failing"
                assert len(peer.attempts) == 1 and bench.link.state is Link.READY
                # and when the probes come through, it is returned to
                for _ in range(3):
                    bench.link._probed_sick(setups[0], None)
                assert bench.link.snapshot()["endpoints"][0]["state"] == "recovering"
                bench.link.rest(True)
                ended = await bench.event(SessionEnded)
                assert "cloud is well again, and preferred to local" in ended.reason

    asyncio.run(main())


# -- where everything goes up (talk.mode: open) --------------------------------------------------


async def speaking_on(bench: Any, seconds: float) -> None:
    """An open microphone: chunks without an end."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        bench.speak(1, end=False)
        await asyncio.sleep(0.02)


def test_an_open_microphone_does_not_keep_a_session_that_ought_to_end(kit: Any) -> None:
    """A spent budget and old age end it as soon as the service hears nobody."""

    async def main() -> None:
        talk = kit.talk(mode="open")
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url), talk=talk) as bench:
            bench.link.open("talk.mode is open", False)
            visit = await peer.visited(1)
            await bench.event(SessionReady)
            await speaking_on(bench, 0.1)
            await visit.send("input_audio_buffer.speech_started", audio_start_ms=0, item_id="item_u")
            await speaking_on(bench, 0.1)
            bench.link.restrict({"hydra": "enough for today"})
            await speaking_on(bench, 0.3)
            assert bench.of(SessionEnded) == [], "not into somebody's word"
            await visit.answer()
            await speaking_on(bench, 0.3)
            assert (await bench.event(SessionEnded)).reason == "enough for today"

    asyncio.run(main())


def test_an_open_microphone_that_is_shut_owes_nobody_an_answer(kit: Any) -> None:
    """Half duplex and mute shut it: the service, which had said all, need not say more."""

    async def main() -> None:
        talk = kit.talk(mode="open")
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url), talk=talk) as bench:
            bench.link.open("talk.mode is open", False)
            visit = await peer.visited(1)
            await bench.event(SessionReady)
            bench.speak(2, end=False)
            await visit.turn()
            await visit.answer()
            await asyncio.sleep(0.1)
            bench.speak(1)  # the kiosk speaks
            await asyncio.sleep(2 * kit.fast.reply_s)
            assert bench.of(SessionEnded) == [] and bench.link.snapshot()["failures"] == 0

    asyncio.run(main())
