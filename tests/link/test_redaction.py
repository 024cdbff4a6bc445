"""What may be shown of what a stranger sent."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.words import Link
from kioskd.link.probe import probe
from kioskd.link.proxy import Proxy
from kioskd.link.tokens import Mint, Tokens
from kioskd.link.redaction import LONGEST_FRAME, LONGEST_TEXT, Scrub, frame_row

KEY = 'sk_"ca na/ry+0123'


def test_every_face_of_the_key_is_masked() -> None:
    scrub = Scrub(KEY)
    for face in (KEY, json.dumps(KEY)[1:-1], "sk_%22ca%20na%2Fry%2B0123", "sk_%22ca+na%2Fry%2B0123"):
        assert scrub.mask(f"a{face}b{face}") == "a***b***"


def test_without_a_key_nothing_is_masked() -> None:
    for key in (None, "", "short"):
        assert Scrub(key).mask("a short text") == "a short text"


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300), st.text(max_size=300))
def test_a_brief_text_is_short_printable_and_without_the_key(before: str, after: str) -> None:
    text = Scrub(KEY).brief(before + KEY + after)
    assert len(text) <= LONGEST_TEXT
    assert KEY not in text and KEY[:8] not in text.replace(before[:200], "")
    assert "\n" not in text and "\x1b" not in text and "\u202e" not in text


def test_a_row_shows_a_frame_without_its_audio() -> None:
    frame = json.dumps({"type": "input_audio_buffer.append", "audio": "A" * 856})
    row = frame_row(">", frame.encode(), Scrub(KEY))
    assert row == {
        "dir": ">",
        "type": "input_audio_buffer.append",
        "bytes": len(frame),
        "frame": {"type": "input_audio_buffer.append", "audio": "<856 characters of audio>"},
    }
    text = frame_row("<", json.dumps({"type": "response.output_audio_transcript.delta", "delta": "hello"}), Scrub(KEY))
    assert text["frame"] == {"type": "response.output_audio_transcript.delta", "delta": "hello"}


def test_a_row_masks_the_key_wherever_it_stands() -> None:
    row = frame_row("<", json.dumps({"type": KEY, KEY: [{"a": KEY}, 1, None, True, 1.5]}), Scrub(KEY))
    assert row["frame"] == {"type": "***", "***": [{"a": "***"}, 1, None, True, 1.5]}
    assert row["type"] == "***"


def test_a_row_survives_what_is_no_frame() -> None:
    for garbage in ("", "null", "[1]", "{", "[" * 100_000, b"\xff\x00", '{"a":' * 50_000):
        assert len(str(frame_row("<", garbage, Scrub(KEY))["frame"])) <= LONGEST_TEXT


def spelled(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


def test_a_key_in_escapes_is_still_the_key() -> None:
    scrub = Scrub("sk/canary/0123")
    inside = json.dumps({"code": "x"})[:-1] + ', "of": "' + spelled("sk/canary/0123") + '"}'
    for frame in (
        '{"message": "bad key ' + spelled("sk/canary/0123") + '"}',
        '{"message": "bad key sk\\/canary\\/0123"}',
        json.dumps({"arguments": inside}),
    ):
        read = json.dumps(json.loads(scrub.frame(frame)))
        assert "canary" not in read and "***" in read and spelled("canary") not in read.replace("\\\\", "\\")


def test_a_frame_without_the_key_stays_as_it_came() -> None:
    frame = '{"delta": "AA\\/BB", "text": "a\\u00e9\\n\\"b\\""}'
    assert Scrub("sk/canary/0123").frame(frame) == frame


def test_a_frame_beyond_sense_is_not_looked_through() -> None:
    long = '{"a": [' + "1," * LONGEST_FRAME + "1]}"
    assert frame_row("<", long, Scrub(None))["frame"] == "<too long to show>"


# -- the canaries: a key, a password, a minting secret and a token, in every way that things go wrong ----------------

PASSWORD = "canary-password/1:2@3"
SECRET = "canary-secret-0123456789"
TOKEN = "at_canary_0123456789"


def faces(secret: str) -> set[str]:
    """A secret as it may ride on the wire: as it is, in an address, in Basic credentials."""
    basic = base64.b64encode(f"kiosk:{secret}".encode()).decode()
    return {secret, quote(secret, safe=""), quote_plus(secret), basic, quote(basic, safe="")}


async def spiteful(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Whatever it is asked, be it a proxy, a mint or a service: it answers with all that it was told."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        said = head.replace(b"\r\n", b" ")
        status = b"401" if b"kiosk=401" in head else b"407" if head.startswith(b"CONNECT") else b"404"
        writer.write(b"HTTP/1.1 " + status + b" " + said + b"\r\nX-Said: " + said + b"\r\nLocation: /?" + said)
        writer.write(b"\r\nRetry-After: " + said + b"\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def telltale(visit: Any) -> None:
    """A service that echoes the key wherever text can stand."""
    key = visit.path.partition("api_key=")[2] or visit.headers.get("Authorization", "").partition(" ")[2]
    await visit.handshake()
    await visit.send("warning", code=key, message=f"{key} is a nice key")
    await visit.send("error", error={"type": "server_error", "code": key, "message": f"bad key {key}"})
    await visit.call("call_1", arguments=json.dumps({"why": key}))
    await visit.send(key, of=key)
    await visit.answer()
    await visit.socket.close(1011, f"bye {key}")


def test_the_canaries_sing_nowhere(kit: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def main() -> list[str]:
        shown: list[str] = []
        seen: set[str] = set()

        async def live(setup: Any, state: Link) -> None:
            async with kit.Bench(setup) as bench:
                bench.link.open("a press", greet=False)
                await bench.state(state)
                if state is Link.READY:
                    await bench.state(Link.OFFLINE)
                snapshot = json.dumps(bench.link.snapshot(), default=str)
                shown.extend([repr(setup), str(bench.rows), str(bench.events), snapshot])
                if state is Link.READY:
                    assert "is a nice key" in str(bench.rows), "the wire log was looked at"

        async with await asyncio.start_server(spiteful, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            proxy = Proxy("127.0.0.1", port, user="kiosk", password=PASSWORD)
            mint = Mint(f"http://127.0.0.1:{port}/?kiosk=401", lambda: SECRET)
            through = Mint("https://mint.example.org/", lambda: SECRET, read_proxy=lambda: proxy)
            here, away = f"ws://127.0.0.1:{port}/x", "wss://service.example.org/x"
            for changes, state in (
                ({"url": here}, Link.REFUSED),
                ({"url": here, "auth": "header"}, Link.REFUSED),
                ({"url": away, "read_proxy": lambda: proxy}, Link.REFUSED),
                ({"url": here, "tokens": Tokens(mint, seen)}, Link.REFUSED),
                ({"url": away, "tokens": Tokens(through, seen)}, Link.OFFLINE),
                ({"url": here.replace("ws:", "wss:")}, Link.OFFLINE),
                ({"url": "wss://h..x/"}, Link.REFUSED),
            ):
                await live(kit.setup_for(changes.pop("url"), **changes), state)
            found = await probe(away, 2.0, proxy=proxy)
            shown.append(repr(found))
        for changes in ({}, {"auth": "header"}, {"tokens": Tokens(Mint("http://127.0.0.1:9/", str), seen)}):
            if "tokens" in changes:
                changes["tokens"]._token, changes["tokens"]._fresh_until = TOKEN, float("inf")
            async with kit.Peer(telltale) as peer:
                await live(kit.setup_for(peer.url, **changes), Link.READY)
        return shown

    shown = asyncio.run(main())
    # All but the journal of the service, which is the library's own here and writes down what it is sent.
    journal = [caplog.handler.format(record) for record in caplog.records if record.name != "websockets.server"]
    everything = "\n".join([*shown, *journal])
    assert "HTTP 407" in everything and "HTTP 401" in everything and "is a nice key" in everything
    for secret in (kit.key, PASSWORD, SECRET, TOKEN):
        for face in faces(secret):
            assert face not in everything, secret
