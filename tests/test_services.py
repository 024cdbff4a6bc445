"""From the service section to what the supervisor dials."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from websockets.asyncio.server import serve

from kioskd import ctl_bugreport, report
from kioskd.app import House, Source
from kioskd.config.loader import parse
from kioskd.config.road import ServiceProxy, ServiceToken
from kioskd.config.secrets import redact
from kioskd.config.sections import Action, Config, Endpoint, Policy, RelayAction, SecretRef, Tool
from kioskd.config.show import effective
from kioskd.core.phrases import phrases_in
from kioskd.link.proxy import Proxy
from kioskd.services import endpoint_setups

DOOR = Tool(
    name="unlock_door",
    description="Unlock the door.",
    phrases=("unlock the door", "open the door"),
    class_="access",
    action=Action(relay=RelayAction(pin="GPIO27")),
    policy=Policy(allow=True),
)
NEVER = Tool(name="never", description="No.", class_="read", action=Action())


def test_two_endpoints_of_one_dialect_have_names_of_their_own() -> None:
    config = Config(service=(Endpoint(dialect="local"), Endpoint(dialect="local", url="ws://127.0.0.1:9/x")))
    first, second = endpoint_setups(config, set())
    assert first.name != second.name and second.url == "ws://127.0.0.1:9/x"
    assert first.url is not None and first.url.startswith("ws://127.0.0.1:")


def test_phrases_ride_in_the_description_and_what_is_not_allowed_is_not_offered() -> None:
    (setup,) = endpoint_setups(Config(tools=(DOOR, NEVER)), set())
    (tool,) = setup.tools
    assert tool["name"] == "unlock_door" and phrases_in(str(tool["description"])) == DOOR.phrases
    assert tool["parameters"] == {"type": "object", "properties": {}}


def test_a_key_is_read_afresh_at_every_dial_and_remembered_for_redaction(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk_one\n")
    key.chmod(0o600)
    seen: set[str] = set()
    (setup,) = endpoint_setups(Config(service=(Endpoint(dialect="hydra", key=SecretRef(file=str(key))),)), seen)
    assert setup.read_key() == "sk_one" and "sk_one" not in repr(setup)
    key.write_text("sk_two\n")
    assert setup.read_key() == "sk_two" and seen == {"sk_one", "sk_two"}


def test_a_key_that_cannot_be_read_is_a_sentence() -> None:
    (setup,) = endpoint_setups(
        Config(service=(Endpoint(dialect="hydra", key=SecretRef(env="NO_SUCH_KEY")),)), set(), {}
    )
    with pytest.raises(ValueError, match="NO_SUCH_KEY"):
        setup.read_key()


# -- the way there ---------------------------------------------------------------------------------

PASSWORD = "canary:pass/word@3"


def hydra(**keys: Any) -> Config:
    return Config(service=(Endpoint(dialect="hydra", **keys),))


def test_the_proxy_of_the_environment_is_followed_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    key = tmp_path / "password"
    key.write_text(PASSWORD)
    key.chmod(0o600)
    env = {"HTTPS_PROXY": "http://env:secret99@outside:3128", "NO_PROXY": ".intern"}
    own = ServiceProxy(url="http://own:1", user="kiosk", password=SecretRef(file=str(key)))
    for config, expected in (
        (hydra(), Proxy("outside", 3128, user="env", password="secret99")),
        (hydra(url="wss://service.intern/x"), None),
        (hydra(url="ws://127.0.0.1:9/x"), None),
        (hydra(proxy=ServiceProxy(url="none")), None),
        (hydra(proxy=own), Proxy("own", 1, user="kiosk", password=PASSWORD)),
        (hydra(url="wss://service.intern/x", proxy=own), Proxy("own", 1, user="kiosk", password=PASSWORD)),
        (hydra(url="ws://[::1]:9/x", proxy=own), None),
    ):
        seen: set[str] = set()
        (setup,) = endpoint_setups(config, seen, env)
        found = setup.read_proxy()
        assert found == expected
        assert seen == (set() if found is None else set(found.secrets))
        assert PASSWORD not in repr(setup) + repr(found) + effective(config)
        text = f"dialling {'' if found is None else found.address + ' ' + str(found.authorization)}"
        assert PASSWORD not in redact(text, seen) and "secret99" not in redact(text, seen)
    (setup,) = endpoint_setups(hydra(), set(), {"https_proxy": "socks5://me:secret99@outside:1080"})
    with pytest.raises(ValueError, match="SOCKS") as caught:
        setup.read_proxy()
    assert "secret99" not in str(caught.value)


def test_a_token_stands_where_a_key_would_and_the_files_of_all_secrets_are_watched(tmp_path: Path) -> None:
    token = ServiceToken(url="https://mint.example.org/x", secret=SecretRef(credential="kiosk"), ttl_s=60)
    way = ServiceProxy(url="http://own:1", user="kiosk", password=SecretRef(file="/etc/kioskd/password"))
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    (setup,) = endpoint_setups(hydra(token=token, proxy=way), set(), env)
    assert setup.tokens is not None and setup.auth is None and setup.read_key() is None
    assert setup.key_paths == (str(tmp_path / "kiosk"), "/etc/kioskd/password")
    (keyed,) = endpoint_setups(hydra(key=SecretRef(env="KEY")), set(), env)
    assert keyed.tokens is None and keyed.key_paths == ()


# -- the canaries: every secret of a whole house, against peers that repeat all that they are told -------------------

SECRETS = {
    "KEY_A": "sk_canary_A_0123456789abcdef",
    "KEY_B": "sk_canary_B_0123456789abcdef",
    "PASSWORD_B": "canary-B:pass/word@2",
    "SECRET_C": "canary-C-mints-0123456789",
    "KEY_VOICE": "canary-voice-0123456789ab",
    "TOKEN_STAFF": "canary-staff-0123456789ab",
    "TOKEN_WEB": "canary-web-0123456789abcd",
    "PASSWORD_BUS": "canary-bus-0123456789abcd",
}
HOUSE = """
service:
  - {{dialect: hydra, url: "ws://127.0.0.1:{talks}/waves/v1/s2s", key: {{env: KEY_A}}}}
  - dialect: hydra
    url: wss://b.example.org/waves/v1/s2s
    key: {{env: KEY_B}}
    proxy: {{url: "http://127.0.0.1:{repeats}", user: kiosk, password: {{env: PASSWORD_B}}}}
  - dialect: hydra
    url: wss://c.example.org/waves/v1/s2s
    token: {{url: "http://127.0.0.1:{repeats}/mint?401", secret: {{env: SECRET_C}}}}
talk: {{mode: open}}
audio: {{input: "null", output: "null"}}
announce: {{service: {{url: "ws://127.0.0.1:{talks}/tts", key: {{env: KEY_VOICE}}}}}}
panel: {{pins: simulated}}
tools:
  - name: call_staff
    description: Call staff.
    class: notify
    parameters: {{type: object, properties: {{why: {{type: string}}}}}}
    action: {{staff: {{url: "http://127.0.0.1:{repeats}/staff", token: {{env: TOKEN_STAFF}}, attempts: 1}}}}
    policy: {{allow: true}}
  - name: ask_web
    description: Ask the web.
    class: read
    action: {{http: {{url: "http://127.0.0.1:{repeats}/ask", token: {{env: TOKEN_WEB}}}}}}
    policy: {{allow: true}}
mqtt: {{host: 127.0.0.1, port: {repeats}, tls: false, user: kiosk, password: {{env: PASSWORD_BUS}}, state: true}}
ops:
  state_dir: "{folder}"
  runtime_dir: "{folder}"
  log_level: debug
  timeline: "{folder}/timeline.jsonl"
  wire_log: "{folder}/wire.jsonl"
"""


# What others than the link read: no sentence of theirs holds it, and the bug report knows all of them.
ASIDE = ("TOKEN_STAFF", "TOKEN_WEB", "PASSWORD_BUS")
ASKED: list[bytes] = []


async def repeats(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A proxy, a mint and a webhook that refuse, and quote what they were asked."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).replace(b"\r\n", b" ")
        ASKED.append(head)
        status = b"407" if head.startswith(b"CONNECT") else b"401"
        writer.write(b"HTTP/1.1 " + status + b" " + head + b"\r\nX-Said: " + head + b"\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def talks(socket: Any) -> None:
    """A service that quotes its key in every word; and a voice that does."""
    path, sent = socket.request.path, socket.request.headers.get("Authorization", "")
    key = path.partition("api_key=")[2].partition("&")[0] or sent.removeprefix("Bearer ")

    async def send(kind: str, **more: object) -> None:
        await socket.send(json.dumps({"type": kind, "event_id": key, **more}))

    if path.startswith("/tts"):
        await socket.recv()
        return await socket.send(json.dumps({"status": "error", "message": f"{key} is no key"}))
    await send("session.created", session_id="s1")
    asked = json.loads(await socket.recv())["session"]
    await send("session.configured", session={**asked, "voice": key, "output_audio_sample_rate": 24_000})
    await send("warning", code=key, message=f"{key} is a nice key")
    await send("error", error={"type": "server_error", "code": key, "message": f"bad key {key}"})
    await send("input_audio_buffer.speech_started", audio_start_ms=0, item_id=key)
    await send("input_audio_buffer.speech_stopped", audio_end_ms=10, item_id=key)
    await send("response.created", response={"id": "r1"})
    done = {"response_id": "r1", "call_id": "call_1", "name": "call_staff", "arguments": json.dumps({"why": key})}
    await send("response.function_call_arguments.done", **done)
    done = {"response_id": "r1", "call_id": "call_2", "name": "ask_web", "arguments": "{}"}
    await send("response.function_call_arguments.done", **done)
    await send("response.done", response={"id": "r1", "status": "incomplete", "usage": {key: 1}})
    answered = 0
    async for frame in socket:
        answered += "function_call_output" in frame
        if answered == 2:
            break
    await socket.close(1011, f"bye {key}")


def test_the_canaries_sing_nowhere_in_a_whole_house(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys, a password, a minting secret, a webhook's token: journal, status, usage, audit, bug report, every file."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(ctl_bugreport, "COMMANDS", {})
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    folder = tmp_path / "house"
    folder.mkdir()

    async def main() -> str:
        async with serve(talks, "127.0.0.1", 0) as service, await asyncio.start_server(repeats, "127.0.0.1", 0) as wall:
            ports = {"talks": next(iter(service.sockets)).getsockname()[1], "repeats": wall.sockets[0].getsockname()[1]}
            file = tmp_path / "kioskd.yaml"
            file.write_text(HOUSE.format(folder=folder, **ports))
            loaded = parse(file.read_text(), str(file))
            assert loaded.config is not None, loaded.problems
            seen: set[str] = set()
            house = House(loaded.config, Source(str(file), ()), asyncio.get_running_loop().time(), seen)
            try:
                await house.open()
                said = report.changes(house)["say"]({"do": "say", "text": "Good morning."})
                async with asyncio.timeout(30):
                    while True:
                        page = report.status(house)
                        rows: Any = page["link"]
                        states = [row["state"] for row in rows["endpoints"]]
                        if states[1:] == ["refused"] * 2 and not house.announcing.change(said)["running"]:
                            break
                        await asyncio.sleep(0.02)
                usage = report.looks(house)["usage"]({"do": "usage", "days": 1})
                shown = [json.dumps(page), json.dumps(usage), json.dumps(said), repr(house.config)]
            finally:
                assert await house.close()
            known = ctl_bugreport.redactor(str(file), os.environ)
            shown += [str(one) for one in ctl_bugreport.gather(lambda: page, str(file), known)]
            assert set(SECRETS.values()) <= seen | {
                SECRETS[name] for name in ASIDE
            }, "each was read, and will be masked"
            return "\n".join(shown)

    shown = asyncio.run(main())
    journal = [caplog.handler.format(one) for one in caplog.records if not one.name.startswith("websockets.")]
    kept = [path.read_bytes().decode("utf-8", "replace") for path in sorted(folder.rglob("*")) if path.is_file()]
    everything = "\n".join([shown, *journal, *kept])
    asked = b"\n".join(ASKED).decode()
    for secret in (SECRETS["SECRET_C"], SECRETS["TOKEN_STAFF"], SECRETS["TOKEN_WEB"], "Proxy-Authorization: Basic"):
        assert secret in asked, "that peer was asked, and told"
    for proof in ("is a nice key", "HTTP 407", "HTTP 401", "call_staff", "announcement"):
        assert proof in everything, f"{proof}: that way was never gone"
    for secret in SECRETS.values():
        basic = base64.b64encode(f"kiosk:{secret}".encode()).decode()
        for face in (secret, quote(secret, safe=""), basic):
            assert face not in everything, f"{secret}: ...{everything[max(0, everything.find(face) - 300) :][:400]}"
