"""The speech endpoint: what is asked for is heard, and every switch does what it says."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from contextlib import asynccontextmanager
from typing import Any, AsyncIterator, Awaitable, Callable

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from kioskd.voice.faults import parse
from kioskd.voice.grammar import words_of
from kioskd.voice.jsgf import PHONES, Jsgf
from kioskd.voice.lightning import PATH, idle_s
from kioskd.voice.options import Options
from kioskd.voice.recogniser import Recogniser, build_decoder, levelled, look_up
from kioskd.voice.server import serve
from kioskd.voice.synthesiser import convert

HELLO: dict[str, Any] = {"voice_id": "magnus", "text": "Hello.", "sample_rate": 16_000, "complete_backoff_ms": 0}
Scene = Callable[[ClientConnection], Awaitable[Any]]


@asynccontextmanager
async def client(ears: Recogniser, *faults: str, query: str = "", token: str | None = None) -> AsyncIterator[Any]:
    server = await serve("127.0.0.1", 0, Options(token=token, faults=parse(("tts-speed=0", *faults))), ears=ears)
    try:
        headers = {"Authorization": "Bearer secret-token"} if token else {}
        url = f"ws://127.0.0.1:{server.port}{PATH}{query}"
        async with connect(url, proxy=None, additional_headers=headers, ping_interval=None, close_timeout=0.5) as one:
            yield one
    finally:
        await server.aclose()


def play(ears: Recogniser, scene: Scene, *faults: str, **how: Any) -> Any:
    async def whole() -> Any:
        async with client(ears, *faults, **how) as one:
            return await asyncio.wait_for(scene(one), 20)

    return asyncio.run(whole())


async def ask(one: ClientConnection, **keys: Any) -> None:
    await one.send(json.dumps({**HELLO, **keys}))


async def answer(one: ClientConnection) -> tuple[bytes, list[dict[str, Any]]]:
    """Sound and frames up to ``complete`` or an error."""
    pcm, frames = b"", []
    while True:
        frame = json.loads(await one.recv())
        frames.append(frame)
        if frame["status"] == "chunk":
            pcm += base64.b64decode(frame["data"]["audio"])
        elif frame["status"] in ("complete", "error"):
            return pcm, frames


def heard(pcm: bytes, rate_hz: int, sentences: list[str]) -> str:
    """Which of the sentences an independent recogniser finds."""
    keys = [" ".join(words_of(sentence)) for sentence in sentences]
    words = frozenset(word for key in keys for word in key.split())
    phones = " | ".join(f"g_{phone.lower()}" for phone in PHONES)
    grammar = f"<s> = {' | '.join(keys)};\n<p> = {phones};\n<g> = <p> <p> <p>+;\npublic <u> = /0.99/ <s> | /0.01/ <g>;"
    decoder = build_decoder(Jsgf(f"#JSGF V1.0;\ngrammar answers;\n{grammar}\n", words, ()), look_up(words))
    decoder.start_utt()
    decoder.process_raw(levelled(bytes(9600) + convert(pcm, rate_hz, 16_000) + bytes(9600)), full_utt=True)
    decoder.end_utt()
    return str(decoder.hyp().hypstr) if decoder.hyp() else ""


def test_what_is_asked_for_is_heard_in_chunks_of_20_ms(ears: Recogniser) -> None:
    said = ["The lift is out of order today.", "Please ring the bell at the gate.", "The shop closes in ten minutes."]

    async def scene(one: ClientConnection) -> tuple[bytes, list[dict[str, Any]]]:
        await ask(one, text=said[1], sample_rate=24_000, request_id="r1", session_id="s1")
        return await answer(one)

    pcm, frames = play(ears, scene)
    assert heard(pcm, 24_000, said) == "please ring the bell at the gate"
    chunks = [base64.b64decode(frame["data"]["audio"]) for frame in frames[:-1]]
    assert {len(chunk) for chunk in chunks[:-1]} == {960} and len(chunks) > 50
    assert frames[-1]["status"] == "complete" and "done" not in frames[-1] and "message" not in frames[-1]
    assert {(f["external_request_id"], f["external_session_id"]) for f in frames} == {("r1", "s1")}
    assert len({frame["request_id"] for frame in frames}) == 1


def test_one_socket_serves_one_request_after_the_other(ears: Recogniser) -> None:
    async def scene(one: ClientConnection) -> list[list[dict[str, Any]]]:
        found = []
        for _ in range(2):
            await ask(one)
            found.append((await answer(one))[1])
        return found

    first, second = play(ears, scene)
    assert first[0]["session_id"] == second[0]["session_id"] and first[0]["request_id"] != second[0]["request_id"]


def test_text_that_is_continued_is_spoken_when_it_is_flushed(ears: Recogniser) -> None:
    async def scene(one: ClientConnection) -> list[int]:
        await ask(one, text="The lift is out", **{"continue": True})
        await ask(one, text="of order today.", **{"continue": True})
        await ask(one, text="", flush=True)
        whole = len((await answer(one))[0])
        await ask(one, text="The lift is out of order today.")
        plain = len((await answer(one))[0])
        await ask(one, text="Hello.", max_buffer_flush_ms=20, **{"continue": True})
        return [whole, plain, len((await answer(one))[0])]

    whole, plain, soon = play(ears, scene)
    assert whole == plain > soon > 0


def test_text_that_is_due_while_something_is_spoken_follows_it(ears: Recogniser) -> None:
    async def scene(one: ClientConnection) -> list[str]:
        await ask(one, text="The lift is out of order today.")
        await ask(one, text="Hello.", max_buffer_flush_ms=1, **{"continue": True})
        return [(await answer(one))[1][-1]["status"] for _ in range(2)]

    assert play(ears, scene, "tts-speed=20") == ["complete", "complete"]


def test_speed_and_language_and_voice_change_the_sound(ears: Recogniser) -> None:
    async def scene(one: ClientConnection) -> list[bytes]:
        found = []
        for keys in ({}, {"speed": 2}, {"language": "de"}, {"voice_id": "en-us+f3"}, {"voice_id": "zoe"}):
            await ask(one, text="Der Aufzug ist da.", **keys)
            found.append((await answer(one))[0])
        return found

    usual, fast, german, other, unknown = play(ears, scene)
    assert len(fast) < 0.7 * len(usual) and len({usual, german, other}) == 3
    assert unknown == usual, "a voice that is not known is not refused (reference B2)"


def test_complete_comes_late_unless_it_is_told_not_to(ears: Recogniser) -> None:
    async def scene(one: ClientConnection) -> float:
        await ask(one, complete_backoff_ms=300)
        while json.loads(await one.recv())["status"] == "chunk":
            last = time.monotonic()
        return time.monotonic() - last

    assert play(ears, scene) > 0.25


@pytest.mark.parametrize(
    "request_",
    [
        "no json",
        b"\x00",
        "[]",
        json.dumps({"text": "x"}),
        json.dumps({**HELLO, "text": 7}),
        json.dumps({**HELLO, "voice_id": ""}),
        json.dumps({**HELLO, "speed": 9}),
        json.dumps({**HELLO, "speed": "fast"}),
        json.dumps({**HELLO, "sample_rate": 48_000}),
        json.dumps({**HELLO, "language": "--help"}),
        json.dumps({**HELLO, "text": "x" * 5000}),
        "[" * 5000,
    ],
)
def test_a_wrong_request_is_an_error_and_the_next_one_is_served(ears: Recogniser, request_: str | bytes) -> None:
    async def scene(one: ClientConnection) -> list[str]:
        await one.send(request_)
        first = (await answer(one))[1][-1]
        await ask(one)
        return [first["status"], first["message"], (await answer(one))[1][-1]["status"]]

    status, message, then = play(ears, scene)
    assert (status, then) == ("error", "complete") and message


@pytest.mark.parametrize(("shape", "kind"), [("object", dict), ("list", list)])
def test_errors_come_in_the_shape_that_is_wanted(ears: Recogniser, shape: str, kind: type) -> None:
    async def scene(one: ClientConnection) -> Any:
        await ask(one, text=7)
        return (await answer(one))[1][-1]["error"]

    assert isinstance(play(ears, scene, f"tts-error={shape}"), kind)


def test_a_second_request_before_the_first_is_over_is_refused(ears: Recogniser) -> None:
    async def scene(one: ClientConnection) -> str:
        await ask(one)
        await ask(one)
        frame = {"status": "chunk"}
        while frame["status"] == "chunk":
            frame = json.loads(await one.recv())
        return str(frame.get("message"))

    assert "Concurrency" in play(ears, scene, "tts-speed=1")


def test_who_says_nothing_is_sent_away_with_the_documented_words(ears: Recogniser) -> None:
    async def scene(one: ClientConnection) -> tuple[Any, int | None]:
        frame = json.loads(await one.recv())
        with pytest.raises(ConnectionClosed):
            await one.recv()
        return frame, one.close_code

    frame, code = play(ears, scene, query="?timeout=1")
    assert frame == {"status": "error", "message": "Connection timed out after 1 seconds of inactivity"}
    assert code == 1000
    assert [idle_s({"timeout": given}) for given in ("5", "x", "-1", "999999")] == [5, 60, 60, 3600]


def test_a_wrong_key_is_refused_at_the_upgrade(ears: Recogniser) -> None:
    async def scene() -> int:
        server = await serve("127.0.0.1", 0, Options(token="secret-token"), ears=ears)
        try:
            async with connect(f"ws://127.0.0.1:{server.port}{PATH}", proxy=None):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code
        finally:
            await server.aclose()

    assert asyncio.run(scene()) == 401

    async def served(one: ClientConnection) -> str:
        await ask(one)
        return str((await answer(one))[1][-1]["status"])

    assert play(ears, served, token="secret-token") == "complete"


@pytest.mark.parametrize(("faults", "code"), [(("reset",), 1006), (("close=1011",), 1011)])
def test_the_connection_breaks_in_the_middle(ears: Recogniser, faults: tuple[str, ...], code: int) -> None:
    async def scene(one: ClientConnection) -> int:
        await ask(one, text="The lift is out of order today.")
        count = 0
        with pytest.raises(ConnectionClosed):
            while True:
                await one.recv()
                count += 1
        assert 0 < count < 10 and one.close_code == code
        return count

    play(ears, scene, *faults)


def test_complete_can_be_left_out_said_the_old_way_or_end_the_socket(ears: Recogniser) -> None:
    async def last(one: ClientConnection) -> Any:
        await ask(one)
        frame: Any = None
        try:
            async with asyncio.timeout(0.7):
                while True:
                    frame = json.loads(await one.recv())
        except (TimeoutError, ConnectionClosed) as ended:
            return frame, type(ended)

    assert play(ears, last, "tts-complete=never")[0]["status"] == "chunk"
    assert play(ears, last, "tts-complete=old")[0]["done"] is True
    frame, ended = play(ears, last, "tts-after=close")
    assert frame["status"] == "complete" and issubclass(ended, ConnectionClosed)


def test_strange_frames_and_torn_samples_come_when_they_are_wanted(ears: Recogniser) -> None:
    async def scene(one: ClientConnection) -> list[Any]:
        await ask(one, text="The lift is out of order today.")
        return [await one.recv() for _ in range(5)]

    frames = play(ears, scene, "non-json", "binary-frame", "unknown-event", "delta-shape=odd")
    assert frames[1] == "this is no JSON {" and isinstance(frames[2], bytes) and "weather" in frames[3]
    assert len(base64.b64decode(json.loads(frames[0])["data"]["audio"])) % 2 == 1


def test_a_service_that_fails_or_is_full_says_so(ears: Recogniser) -> None:
    async def failed(one: ClientConnection) -> Any:
        await ask(one)
        return (await answer(one))[1][-1]

    assert play(ears, failed, "internal-error")["message"] == "Internal server error"

    async def full(one: ClientConnection) -> tuple[Any, int | None]:
        frame = json.loads(await one.recv())
        with pytest.raises(ConnectionClosed):
            await one.recv()
        return frame["status"], one.close_code

    assert play(ears, full, "server-full") == ("error", 1013)
