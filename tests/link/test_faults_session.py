"""Faults of a session that stands, with the product's own numbers: each says what it costs at most (docs/faults.md).

Time flies (``swift``) and luck is always bad. ``noticed_s`` counts from the fault to the moment at which the kiosk
knows, ``back_s`` from there to the next session.
"""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from typing import Any, AsyncIterator

import pytest

from kioskd.core.events import (
    ResponseDone,
    SessionEnded,
    SpeechStarted,
    ToolAsked,
)
from kioskd.core.words import Link
from kioskd.link.surroundings import Surroundings
from kioskd.wire.dialects import HYDRA

RATE_HZ = 24_000


class Relay:
    """A network between kiosk and service that can swallow everything, or break."""

    def __init__(self, reset: Any, port: int) -> None:
        self._reset, self._to, self._writers = reset, port, list[asyncio.StreamWriter]()
        self.swallows = False

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/waves/v1/s2s"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers += [writer, far_writer]
        await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                if not self.swallows:
                    writer.write(data)
        except ConnectionError:
            pass
        writer.close()

    def break_off(self) -> None:
        """RST to both sides."""
        for writer in self._writers:
            self._reset(writer)


def waits(bench: Any) -> int:
    """Chunks that were given up with a session."""
    return int(bench.link.snapshot()["dropped_chunks"])


@asynccontextmanager
async def in_session(kit: Any, *scripts: Any, **changes: Any) -> AsyncIterator[tuple[Any, Any]]:
    """A service and a kiosk that is in session with it."""
    async with kit.Peer(*scripts) as peer, kit.long(peer.url, **changes) as bench:
        bench.link.open("a visitor", greet=False)
        await bench.ready()
        yield peer, bench


async def lost(bench: Any) -> float:
    """When the first session was."""
    await bench.event(SessionEnded)
    return float(bench.when(SessionEnded))


# -- the connection ------------------------------------------------------------------------------


@pytest.mark.fault("reset in mid word", noticed_s=0.5, back_s=4.5, attempts=2, lost="the turn that was on its way")
def test_a_reset_in_mid_word_costs_the_turn_and_no_more(kit: Any, swift: Any, stated: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, Relay(kit.reset, peer.port) as relay, kit.long(relay.url) as bench:
            bench.link.open("a visitor", greet=False)
            await bench.ready()
            bench.speak(5, end=False)
            await peer.visits[0].until(lambda: len(peer.visits[0].audio))
            began = bench.now()
            relay.break_off()
            noticed = await lost(bench)
            assert noticed - began <= stated.noticed_s
            assert await bench.ready(2) - noticed <= stated.back_s
            said = bench.speak(5)
            await peer.visits[1].until(lambda: len(peer.visits[1].audio) >= len(said))
            assert peer.visits[1].audio.startswith(said) and len(bench.attempts) <= stated.attempts

    swift(main())


@pytest.mark.fault(
    "blackholed in mid word", noticed_s=15.5, back_s=4.5, attempts=2, lost="the turn that was on its way"
)
@pytest.mark.parametrize("ends", [True, False])
def test_a_connection_that_swallows_everything_is_noticed(kit: Any, swift: Any, stated: Any, ends: bool) -> None:
    """By a ping after 5 s in which the service said nothing, and 10 s of patience. (Between two programs of one machine
    nothing is ever unacknowledged: here the kernel has nothing to notice.)"""

    async def main() -> None:
        async with kit.Peer() as peer, Relay(kit.reset, peer.port) as relay, kit.long(relay.url) as bench:
            bench.link.open("a visitor", greet=False)
            await bench.ready()
            bench.speak(5, end=False)
            await peer.visits[0].until(lambda: len(peer.visits[0].audio))
            relay.swallows, began = True, bench.now()
            bench.speak(5, end=ends)
            noticed = await lost(bench)
            assert noticed - began <= stated.noticed_s
            relay.swallows = False
            assert await bench.ready(2) - noticed <= stated.back_s
            assert len(bench.attempts) <= stated.attempts

    swift(main())


@pytest.mark.fault("half-open while nobody speaks", noticed_s=25.5, back_s=4.5, attempts=2, lost="nothing")
def test_a_peer_that_is_gone_without_a_word_is_noticed_by_pings(kit: Any, swift: Any, stated: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, Relay(kit.reset, peer.port) as relay, kit.long(relay.url) as bench:
            bench.link.open("a visitor", greet=False)
            await bench.ready()
            relay.swallows, began = True, bench.now()
            noticed = await lost(bench)
            assert noticed - began <= stated.noticed_s
            relay.swallows = False
            assert await bench.ready(2) - noticed <= stated.back_s
            assert len(bench.attempts) <= stated.attempts and waits(bench) == 0

    swift(main())


@pytest.mark.fault("a session as old as it may become", back_s=0.5, attempts=2, lost="nothing")
def test_a_rotation_costs_a_goodbye_a_dial_and_a_handshake_and_not_a_syllable(
    kit: Any, swift: Any, stated: Any
) -> None:
    """``back_s``: from the end of the old session to the beginning of the new one, where each step takes 0.2 s."""

    async def slowly(visit: Any) -> None:
        await asyncio.sleep(0.2)
        await visit.send("session.created", session_id=visit.session)
        await visit.until(lambda: visit.count("session.configure"))
        await asyncio.sleep(0.2)
        await visit.send("session.configured", session={"output_audio_sample_rate": 24_000})
        await visit.stay()

    async def main() -> None:
        async with in_session(kit, slowly, profile=kit.replace(HYDRA, session_max_s=900)) as (peer, bench):
            bench.link.rest(True)
            ended = await bench.event(SessionEnded)
            said = bench.speak(10)  # into the gap
            gap_s = await bench.ready(2) - await lost(bench)
            assert ended.replaced and 0.39 < gap_s <= stated.back_s
            await peer.visits[1].until(lambda: len(peer.visits[1].audio) >= len(said))
            assert peer.visits[1].audio.startswith(said) and len(bench.attempts) <= stated.attempts
            assert bench.link.snapshot()["failures"] == 0 and waits(bench) == 0

    swift(main())


# -- close of every code at every step -----------------------------------------------------------

CODES = (1000, 1001, 1002, 1003, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3008, 4000, 4001, 4999)
# Where waiting will not help before there was a session: a policy that we break (dialects reference 8.6).
REFUSAL = (1008,)


async def close(visit: Any, code: int) -> None:
    if code == 1006:
        visit.socket.transport.abort()
    else:
        await visit.socket.close(code)


@pytest.mark.fault(
    "close of every code before session.created", noticed_s=0.5, back_s=1.0, refused_s=600.5, lost="nothing that waits"
)
@pytest.mark.parametrize("code", CODES)
def test_a_close_before_the_session_is_created(kit: Any, swift: Any, stated: Any, code: int) -> None:
    """``refused_s``: where the close is a refusal (1008)."""

    async def script(visit: Any) -> None:
        await close(visit, code)

    swift(handshake_broken(kit, stated, script, stated.refused_s if code in REFUSAL else stated.back_s))


@pytest.mark.fault(
    "close of every code before session.configured",
    noticed_s=0.5,
    back_s=1.0,
    refused_s=600.5,
    lost="nothing that waits",
)
@pytest.mark.parametrize("code", CODES)
def test_a_close_before_the_session_is_configured(kit: Any, swift: Any, stated: Any, code: int) -> None:
    async def script(visit: Any) -> None:
        await visit.send("session.created", session_id=visit.session)
        await visit.until(lambda: visit.count("session.configure"))
        await close(visit, code)

    swift(handshake_broken(kit, stated, script, stated.refused_s if code in REFUSAL else stated.back_s))


async def handshake_broken(kit: Any, stated: Any, script: Any, back_s: float) -> None:
    stated.refused_s, stated.back_s
    async with kit.Peer(script, kit.well) as peer, kit.long(peer.url) as bench:
        said, began = bench.speak(20), bench.now()
        bench.link.open("a visitor", greet=False)
        await bench.until(lambda: len(bench.states) > 2)
        assert bench.at[2] - began <= stated.noticed_s
        assert await bench.ready() - bench.at[2] <= back_s
        await peer.visits[1].until(lambda: len(peer.visits[1].audio) >= len(said))
        assert peer.visits[1].audio.startswith(said) and len(bench.attempts) == 2


@pytest.mark.fault("close of every code in mid word", noticed_s=0.5, back_s=4.5, attempts=2, lost="the turn on its way")
@pytest.mark.parametrize("code", CODES)
def test_a_close_in_mid_word(kit: Any, swift: Any, stated: Any, code: int) -> None:
    """Somebody speaks: even 1000, the good end of a silent session, is answered by a call."""

    async def script(visit: Any) -> None:
        await visit.handshake()
        await visit.until(lambda: len(visit.audio))
        await close(visit, code)

    async def main() -> None:
        async with in_session(kit, script, kit.well) as (peer, bench):
            began = bench.now()
            bench.speak(5, end=False)
            noticed = await lost(bench)
            assert noticed - began <= stated.noticed_s
            assert await bench.ready(2) - noticed <= stated.back_s
            assert len(bench.attempts) <= stated.attempts

    swift(main())


@pytest.mark.fault(
    "close of every code in mid delta", noticed_s=0.5, back_s=4.5, attempts=2, lost="what was not sent yet"
)
@pytest.mark.parametrize("code", CODES)
def test_a_close_in_mid_delta(kit: Any, swift: Any, stated: Any, code: int) -> None:
    """What had come of the answer is played to its last sample. After 1000 the next wish opens the next session."""

    async def script(visit: Any) -> None:
        await visit.handshake()
        await visit.send("response.created", response={"id": "r"})
        await visit.audio_of("r", 0.2)
        await close(visit, code)

    async def main() -> None:
        async with in_session(kit, script, kit.well) as (peer, bench):
            began = bench.now()
            noticed = await lost(bench)
            assert noticed - began <= stated.noticed_s
            assert bench.playback.waiting_s == pytest.approx(0.2)
            if code == 1000:
                await bench.state(Link.ASLEEP)
                bench.link.open("a visitor", greet=False)
            assert await bench.ready(2) - noticed <= stated.back_s
            assert len(bench.attempts) <= stated.attempts

    swift(main())


# -- what is sent --------------------------------------------------------------------------------


async def answers_as_ever(bench: Any, visit: Any, number: int = 1) -> None:
    await visit.turn()
    await visit.answer(f"resp_{number}", 0.5)
    done = await bench.event(ResponseDone, number)
    assert done.status == "completed"


@pytest.mark.fault("garbage, binary and frames of a megabyte", attempts=1, lost="nothing")
@pytest.mark.parametrize(
    "noise",
    [
        pytest.param("{", id="no JSON"),
        pytest.param("[" * 100_000, id="nested without end"),
        pytest.param('{"type":"unheard.of"}', id="unknown"),
        pytest.param('{"type":"response.done","response":7}', id="malformed"),
        pytest.param('{"type":"response.output_audio.delta","response_id":"x","delta":"%%%"}', id="no base64"),
        pytest.param(b"\x00\xff" * 500, id="binary"),
        pytest.param(b"\x00" * 1_000_000, id="binary megabyte"),
        pytest.param(json.dumps({"type": "error", "message": "x" * 1_000_000}), id="megabyte of error"),
        pytest.param(json.dumps({"type": "unheard.of", "x": "x" * 1_000_000}), id="megabyte of nothing"),
        pytest.param(" " * 1_000_000 + "{}", id="megabyte of blanks"),
    ],
)
def test_noise_in_the_middle_of_an_answer_costs_nothing(kit: Any, swift: Any, stated: Any, noise: str | bytes) -> None:
    async def script(visit: Any) -> None:
        await visit.handshake()
        for number in range(10):
            await visit.socket.send(noise)
        await visit.turn()
        await visit.send("response.created", response={"id": "r"})
        for _ in range(10):
            await visit.audio_of("r", 0.05)
            await visit.socket.send(noise)
        await visit.send("response.done", response={"id": "r", "status": "completed"})
        await visit.stay()

    async def main() -> None:
        async with in_session(kit, script) as (peer, bench):
            assert (await bench.event(ResponseDone)).status == "completed"
            assert bench.playback.waiting_s == pytest.approx(0.5)
            assert len(bench.attempts) <= stated.attempts and not bench.of(SessionEnded)

    swift(main())


@pytest.mark.fault("deltas at 20 times real time, for 30 s of speech", answers_s=0.5, attempts=1, lost="nothing")
def test_a_flood_of_deltas_is_kept_to_its_last_sample(kit: Any, swift: Any, stated: Any) -> None:
    """``answers_s``: what the service says in the middle of it is heard at most so much later."""
    speech_s, speed, delta_s = 30.0, 20.0, 0.04
    marked = list[float]()

    async def script(visit: Any) -> None:
        await visit.handshake()
        await visit.send("response.created", response={"id": "r"})
        for number in range(round(speech_s / delta_s)):
            await visit.audio_of("r", delta_s)
            await asyncio.sleep(delta_s / speed)
            if number == 300:
                marked.append(asyncio.get_running_loop().time())
                await visit.send("input_audio_buffer.speech_started", item_id="u")
        await visit.send("response.done", response={"id": "r", "status": "completed"})
        await visit.stay()

    async def main() -> None:
        async with in_session(kit, script) as (peer, bench):
            await bench.event(ResponseDone)
            assert bench.playback.waiting_s == pytest.approx(speech_s)
            assert bench.when(SpeechStarted) - marked[0] <= stated.answers_s
            assert len(bench.attempts) <= stated.attempts and not bench.of(SessionEnded)

    swift(main())


@pytest.mark.fault(
    "every event twice, and once more when it is over", calls=1, attempts=1, lost="nothing, nothing twice"
)
def test_duplicate_and_late_events_change_nothing(kit: Any, swift: Any, stated: Any) -> None:
    pcm = base64.b64encode(b"\x01\x00" * (RATE_HZ // 10)).decode()
    call = {"response_id": "t", "call_id": "c", "name": "open_door", "arguments": "{}"}
    events: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": {"id": "t"}}),
        ("response.function_call_arguments.done", call),
        ("response.done", {"response": {"id": "t", "status": "completed"}}),
        ("response.created", {"response": {"id": "r"}}),
        ("response.done", {"response": {"id": "r", "status": "completed"}}),
    ]

    async def script(visit: Any) -> None:
        await visit.handshake()
        for kind, fields in events:
            if kind == "response.done" and fields["response"]["id"] == "r":
                await visit.send("response.output_audio.delta", response_id="r", item_id="i", delta=pcm)
            await visit.send(kind, **fields)
            await visit.send(kind, **fields)
        for kind, fields in events:
            await visit.send(kind, **fields)
        await visit.send("session.created", session_id="another")
        await visit.send("response.output_audio.delta", response_id="r", item_id="i", delta=pcm)
        await visit.send("input_audio_buffer.speech_started", item_id="end")
        await visit.stay()

    async def main() -> None:
        async with in_session(kit, script) as (peer, bench):
            await bench.event(SpeechStarted)
            assert len(bench.of(ToolAsked)) <= stated.calls
            assert [event.response for event in bench.of(ResponseDone)] == ["t", "r"]
            assert bench.playback.waiting_s == pytest.approx(0.1)
            assert len(bench.attempts) <= stated.attempts and not bench.of(SessionEnded)

    swift(main())


@pytest.mark.fault("no answer to a tool's result", noticed_s=45.7, back_s=4.5, attempts=2, calls=1, lost="that answer")
def test_a_service_that_never_answers_a_tool_result_is_given_up(kit: Any, swift: Any, stated: Any) -> None:
    """``calls``: how often the tool is asked for, and so at most run."""

    async def forgets(visit: Any) -> None:
        await visit.handshake()
        await visit.call("c1")
        await visit.stay()

    async def main() -> None:
        async with in_session(kit, forgets, kit.well) as (peer, bench):
            key = (await bench.event(ToolAsked)).key
            began = bench.now()
            bench.link.send_output(key, '{"status": "done"}')
            bench.link.ask_response(key.session)
            noticed = await lost(bench)
            assert noticed - began <= stated.noticed_s
            assert peer.visits[0].count("conversation.item.create") == peer.visits[0].count("response.create") == 1
            assert await bench.ready(2) - noticed <= stated.back_s
            assert len(bench.of(ToolAsked)) <= stated.calls and len(bench.attempts) <= stated.attempts

    swift(main())


# -- sleep ---------------------------------------------------------------------------------------


def suspend() -> None:
    """Eight hours in which nothing of this process runs, and which its monotonic clock has counted."""
    asyncio.get_running_loop()._flight.now_s += 8 * 3600.0  # type: ignore[attr-defined]  # the swift loop has it


@pytest.mark.fault("suspend and resume in a session", noticed_s=1.0, back_s=4.5, attempts=2, lost="what was on its way")
@pytest.mark.parametrize("how", ["closed", "reset"])
def test_after_a_suspend_the_next_wish_has_a_session(kit: Any, swift: Any, stated: Any, how: str) -> None:
    """The service, or the network, has given the session up meanwhile."""

    async def main() -> None:
        async with kit.Peer() as peer, Relay(kit.reset, peer.port) as relay, kit.long(relay.url) as bench:
            bench.link.open("a visitor", greet=False)
            await bench.ready()
            bench.speak(2)
            await peer.visits[0].until(lambda: len(peer.visits[0].audio))
            if how == "closed":
                await peer.visits[0].socket.close(1000)
            else:
                relay.break_off()
            suspend()
            resumed = bench.now()
            noticed = max(resumed, await lost(bench))
            assert noticed - resumed <= stated.noticed_s
            bench.link.close("the service ended the session")  # as the machine does
            bench.link.open("a press", greet=False)
            bench.link.press()
            assert await bench.ready(2) - noticed <= stated.back_s
            assert len(bench.attempts) <= stated.attempts
            said = bench.speak(5)
            await peer.visits[1].until(lambda: len(peer.visits[1].audio) >= len(said))

    swift(main())


@pytest.mark.fault("suspend, and a network that has forgotten", noticed_s=4.5, back_s=1.0, attempts=2, lost="nothing")
def test_a_connection_that_did_not_survive_the_sleep_is_replaced(kit: Any, swift: Any, stated: Any) -> None:
    """Nobody told of the end: the time of day ran ahead of the monotonic clock, so the session has to prove itself."""
    slept = [0.0]

    async def main() -> None:
        async with kit.Peer() as peer, Relay(kit.reset, peer.port) as relay, kit.long(relay.url) as bench:
            around = Surroundings([], bench.link, wall=lambda: bench.now() + slept[0], clock=bench.now)
            around.start()
            bench.link.open("a visitor", greet=False)
            await bench.ready()
            relay.swallows, slept[0], resumed = True, 8 * 3600.0, bench.now()
            noticed = await lost(bench)
            assert noticed - resumed <= stated.noticed_s
            relay.swallows = False
            assert await bench.ready(2) - noticed <= stated.back_s
            assert len(bench.attempts) <= stated.attempts and waits(bench) == 0
            await around.aclose()

    swift(main())
