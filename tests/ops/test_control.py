"""Real sockets, real clients: what is asked is answered, what is garbage is answered too, and nobody holds the loop."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import socket
import stat
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, AsyncIterator, Awaitable, Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.ops.control import CHANGE, CLIENTS, LOOK, REQUEST_BYTES, Control
from kioskd.ops.timeline import Timeline

SOON_S = 5.0
NO_GROUPS = {LOOK: "no-such-group-here", CHANGE: "no-such-group-here"}
Row = dict[str, Any]


class Kiosk:
    """The rooms behind the sockets."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.folder = folder
        self.timeline = Timeline(None, None, time.monotonic())
        self.page: Mapping[str, object] = {"phase": "idle", "health": {"ok": True, "reasons": []}}
        self.asked: list[Row] = []
        changes = {"mute": self.mute, "panel": self.panel, "broken": self.broken, "reload": self.reload}
        self.control = Control(str(folder), self.status, changes, self.timeline, **{"groups": NO_GROUPS, **more})

    def status(self) -> Mapping[str, object]:
        if not self.page:
            raise ValueError("a bug in a room")
        return self.page

    def mute(self, request: Mapping[str, object]) -> Mapping[str, object]:
        self.asked.append(dict(request))
        return {"muted": True}

    def panel(self, request: Mapping[str, object]) -> Mapping[str, object]:
        if request.get("name") != "talk":
            raise ValueError(f"the panel has no button {request.get('name')}")
        self.asked.append(dict(request))
        return {"panel": "talk"}

    async def reload(self, request: Mapping[str, object]) -> Mapping[str, object]:
        self.asked.append(dict(request))
        await asyncio.sleep(0.05)
        if request.get("by") == "nobody":
            raise ValueError("the file is bad")
        return {"reloaded": True}

    def broken(self, request: Mapping[str, object]) -> Mapping[str, object]:
        return {str(self.asked[99]): 0}


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def hear(self) -> Row:
        line = await asyncio.wait_for(self.reader.readline(), SOON_S)
        assert line.endswith(b"\n"), f"the connection ended: {line!r}"
        row = json.loads(line)
        assert isinstance(row, dict)
        return row

    async def say(self, what: bytes | Row) -> Row:
        self.writer.write(what if isinstance(what, bytes) else json.dumps(what).encode() + b"\n")
        return await self.hear()

    async def ended(self) -> bool:
        try:
            return await asyncio.wait_for(self.reader.read(), SOON_S) == b""
        except ConnectionResetError:
            return True


@asynccontextmanager
async def connected(kiosk: Kiosk, name: str) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_unix_connection(str(kiosk.folder / name), limit=1 << 22)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


def play(folder: Path, scene: Callable[[Kiosk], Awaitable[object]], **more: Any) -> Kiosk:
    """Run one scene against a started control."""

    async def main() -> Kiosk:
        kiosk = Kiosk(folder, **more)
        await kiosk.control.start()
        try:
            await scene(kiosk)
        finally:
            await kiosk.control.aclose()
        return kiosk

    return asyncio.run(main())


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not true():
            await asyncio.sleep(0.001)


# -- asking ------------------------------------------------------------------------------------------


def test_status_is_answered_as_often_as_it_is_asked(folder: Path) -> None:
    async def scene(kiosk: Kiosk) -> None:
        async with connected(kiosk, LOOK) as client:
            for _ in range(3):
                assert await client.say({"do": "status"}) == {"ok": True, "status": kiosk.page}

    assert play(folder, scene).control.counts.answered == 3


def test_a_request_without_a_newline_before_the_end_is_answered(folder: Path) -> None:
    async def scene(kiosk: Kiosk) -> None:
        async with connected(kiosk, LOOK) as client:
            client.writer.write(b'{"do": "status"}')
            client.writer.write_eof()
            assert (await client.hear())["ok"] is True and await client.ended()

    play(folder, scene)


def test_a_change_is_carried_out_and_who_asked_is_logged(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def scene(kiosk: Kiosk) -> None:
        async with connected(kiosk, CHANGE) as client:
            assert await client.say({"do": "mute"}) == {"ok": True, "muted": True}
            asked = {"do": "panel", "verb": "press", "name": "talk"}
            assert await client.say(asked) == {"ok": True, "panel": "talk"}
            assert kiosk.asked == [{"do": "mute"}, asked]

    play(folder, scene)
    assert f"mute is asked for by user id {os.geteuid()}" in caplog.text


def test_who_asks_how_a_run_goes_is_not_told_each_time(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def scene(kiosk: Kiosk) -> None:
        async with connected(kiosk, CHANGE) as client:
            await client.say({"do": "panel", "verb": "press", "name": "talk", "run": 1})

    play(folder, scene)
    assert "is asked for" not in caplog.text


def test_what_takes_its_time_is_answered_when_it_is_done_and_holds_nobody(folder: Path) -> None:
    order: list[str] = []

    async def scene(kiosk: Kiosk) -> None:
        async def slowly(request: Row) -> Row:
            async with connected(kiosk, CHANGE) as client:
                answer = await client.say(request)
            order.append("slow")
            return answer

        slow = asyncio.create_task(slowly({"do": "reload", "uid": -1}))
        bad = asyncio.create_task(slowly({"do": "reload", "by": "nobody"}))
        await until(lambda: len(kiosk.asked) == 2)
        async with connected(kiosk, LOOK) as client:
            await client.say({"do": "status"})
        order.append("quick")
        assert await slow == {"ok": True, "reloaded": True}
        assert await bad == {"ok": False, "error": "the file is bad"}

    kiosk = play(folder, scene)
    assert order == ["quick", "slow", "slow"]
    assert all(row["uid"] == os.getuid() for row in kiosk.asked), "who asks says the kernel, not they themselves"


def test_a_change_that_cannot_be_made_says_why(folder: Path) -> None:
    async def scene(kiosk: Kiosk) -> None:
        async with connected(kiosk, CHANGE) as client:
            answer = await client.say({"do": "panel", "name": "bell"})
            assert answer == {"ok": False, "error": "the panel has no button bell"}

    counts = play(folder, scene).control.counts
    assert (counts.refused, counts.faults) == (1, 0)


def test_who_may_only_look_cannot_change(folder: Path) -> None:
    async def scene(kiosk: Kiosk) -> None:
        async with connected(kiosk, LOOK) as client:
            answer = await client.say({"do": "mute"})
            assert answer["ok"] is False and CHANGE in answer["error"] and kiosk.asked == []

    play(folder, scene)


@pytest.mark.parametrize("asked", ["status", "watch"])
def test_looking_is_for_the_other_socket(folder: Path, asked: str) -> None:
    async def scene(kiosk: Kiosk) -> None:
        async with connected(kiosk, CHANGE) as client:
            assert LOOK in (await client.say({"do": asked}))["error"]

    play(folder, scene)


def test_what_else_may_be_looked_at_is_asked_on_the_look_socket(folder: Path) -> None:
    def usage(request: Mapping[str, object]) -> Mapping[str, object]:
        if request.get("days") == 0:
            raise ValueError("days is a whole number from 1 to 400")
        return {"usage": request.get("days", 7)}

    async def scene(kiosk: Kiosk) -> None:
        async with connected(kiosk, LOOK) as client:
            assert await client.say({"do": "usage", "days": 3}) == {"ok": True, "usage": 3}
            assert "1 to 400" in (await client.say({"do": "usage", "days": 0}))["error"]
            assert "status, watch, usage" in (await client.say({"do": "dance"}))["error"]
        async with connected(kiosk, CHANGE) as client:
            assert LOOK in (await client.say({"do": "usage"}))["error"]

    play(folder, scene, looks={"usage": usage})


def test_an_unknown_request_is_told_the_known_ones(folder: Path) -> None:
    async def scene(kiosk: Kiosk) -> None:
        for name, known in ((LOOK, "status, watch"), (CHANGE, "mute, panel, broken")):
            async with connected(kiosk, name) as client:
                assert known in (await client.say({"do": "dance"}))["error"]

    play(folder, scene)


def test_a_fault_in_a_room_is_a_sentence_a_traceback_and_a_count(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(kiosk: Kiosk) -> None:
        async with connected(kiosk, CHANGE) as client:
            assert "journal" in (await client.say({"do": "broken"}))["error"]
            assert (await client.say({"do": "mute"}))["ok"] is True
        kiosk.page = {}
        async with connected(kiosk, LOOK) as client:
            assert "journal" in (await client.say({"do": "status"}))["error"]
        kiosk.page = {"a": {("not", "a", "key"): 1}}
        async with connected(kiosk, LOOK) as client:
            assert "journal" in (await client.say({"do": "status"}))["error"]

    kiosk = play(folder, scene)
    assert kiosk.control.counts.faults == 3
    assert "IndexError" in caplog.text and "a bug in a room" in caplog.text


# -- nonsense ----------------------------------------------------------------------------------------

GARBAGE = [
    b"\n",
    b"status\n",
    b"[]\n",
    b"{}\n",
    b'{"do": 3}\n',
    b"\xff\xfe\n",
    b"[" * 50_000 + b"\n",
    b"1" * 9000 + b"\n",
]


@pytest.mark.parametrize("line", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_answered_counted_and_forgiven(folder: Path, line: bytes) -> None:
    async def scene(kiosk: Kiosk) -> None:
        async with connected(kiosk, LOOK) as client:
            answer = await client.say(line)
            assert answer["ok"] is False and "no request" in answer["error"]
            assert (await client.say({"do": "status"}))["ok"] is True

    assert play(folder, scene).control.counts.garbage == 1


def test_a_request_without_end_is_cut(folder: Path) -> None:
    async def scene(kiosk: Kiosk) -> None:
        async with connected(kiosk, LOOK) as client:
            answer = await client.say(b"x" * (REQUEST_BYTES + 1))
            assert answer == {"ok": False, "error": "a request has at most 64 KiB"}
            assert await client.ended()

    assert play(folder, scene).control.counts.garbage == 1


DO = st.sampled_from(["status", "mute", "panel", "broken", "dance", ""]) | st.text(max_size=5)
JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=8), st.lists, max_leaves=8)
REQUEST = (
    st.binary(max_size=40)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries({"do": DO | JSON}, optional={"verb": JSON, "name": JSON}).map(
        lambda value: json.dumps(value).encode()
    )
).filter(
    lambda line: b"watch" not in line
)  # a watch is answered by notes alone, and none comes here


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([LOOK, CHANGE]), REQUEST), min_size=10, max_size=10))
def test_five_hundred_strange_requests_each_get_a_line_and_change_nothing_they_should_not(
    requests: list[tuple[str, bytes]],
) -> None:
    async def scene(kiosk: Kiosk) -> None:
        async with connected(kiosk, LOOK) as look, connected(kiosk, CHANGE) as change:
            for name, request in requests:
                client = look if name == LOOK else change
                for line in request.split(b"\n"):
                    answer = await client.say(line + b"\n")
                    assert answer["ok"] is True or answer["error"]
            assert await look.say({"do": "status"}) == {"ok": True, "status": kiosk.page}
        assert all(asked["do"] in ("mute", "panel") for asked in kiosk.asked)

    with tempfile.TemporaryDirectory(prefix="kioskd-") as folder:
        play(Path(folder), scene)


def strange(chance: random.Random) -> bytes:
    """A request that somebody's broken, or hostile, program might send: one line."""
    verbs = ("apply", "config", "panel", "audit", "doctor", "usage", "record", "unlock", "say", "watchh", "", "\0")
    names = (
        "do",
        "step",
        "sha256",
        "watch_s",
        "confirm_s",
        "verb",
        "name",
        "text",
        "days",
        "by",
        "run",
        "what",
        "keep",
    )
    values = (
        None,
        True,
        -1,
        1e308,
        10**40,
        "",
        "a" * 300,
        "\u202e",
        [],
        [[]] * 9,
        {},
        {"do": {}},
        "begin",
        "keep",
        "0" * 64,
    )
    row: dict[str, object] = {name: chance.choice(values) for name in chance.sample(names, chance.randrange(6))}
    row["do"] = chance.choice(verbs)
    line = bytearray(json.dumps(row).encode())
    for _ in range(chance.choice((0, 0, 1, 3, 40))):
        line[chance.randrange(len(line))] = chance.randrange(256)
    if chance.random() < 0.1:
        line = bytearray(chance.randbytes(chance.randrange(1, 200)))
    elif chance.random() < 0.1:
        line = line[: chance.randrange(1, len(line) + 1)]
    return bytes(line).replace(b"\n", b" ") + b"\n"


def test_ten_thousand_fuzzed_requests_leave_a_real_daemon_as_it_was(kiosk_file: Any, kiosk_unit: Any) -> None:
    """Both sockets of a daemon in a process of its own: a line for each request, and the same configuration runs."""
    chance, before = random.Random(6), kiosk_file.status()["config"]["sha256"]
    for name in (LOOK, CHANGE):
        for _ in range(100):
            batch = [strange(chance) for _ in range(50)]
            with socket.socket(socket.AF_UNIX) as asking:
                asking.settimeout(30)
                asking.connect(str(kiosk_file.folder / "run" / name))
                lines = asking.makefile("rb")
                for request in batch:
                    asking.sendall(request)
                    answer = json.loads(lines.readline())
                    assert answer["ok"] is True or answer["error"].count("\n") == 0, (request, answer)
    config = kiosk_file.status()["config"]
    assert config["sha256"] == before and config["running"] == "file" and config["trial"] is None
    assert kiosk_file.path.read_text() == kiosk_file.text and kiosk_unit.starts == 1


# -- watching ----------------------------------------------------------------------------------------


def test_a_watch_begins_with_what_is_remembered_and_goes_on_with_what_happens(folder: Path) -> None:
    async def scene(kiosk: Kiosk) -> None:
        for number in range(3):
            kiosk.timeline.note("gate", f"before {number}", {"at": number})
        async with connected(kiosk, LOOK) as client:
            rows = [await client.say({"do": "watch"}), await client.hear(), await client.hear()]
            for number in range(3):
                kiosk.timeline.note("relay", f"after {number}", {"on": True})
                rows.append(await client.hear())
        texts = [row["text"] for row in rows]
        assert texts == [f"{when} {number}" for when in ("before", "after") for number in range(3)]
        assert rows[0]["kind"] == "gate" and rows[-1]["on"] is True and {"t", "wall"} <= rows[0].keys()

    play(folder, scene)


def test_a_note_cannot_steer_the_terminal_of_who_reads_the_socket(folder: Path) -> None:
    async def scene(kiosk: Kiosk) -> None:
        kiosk.timeline.note("speech", "\x1b]0;owned\x07 \x9b31m grüezi \udc80", {})
        async with connected(kiosk, LOOK) as client:
            client.writer.write(b'{"do": "watch"}\n')
            line = await asyncio.wait_for(client.reader.readline(), SOON_S)
        assert line.isascii() and b"\x1b" not in line and "grüezi" in json.loads(line)["text"]

    play(folder, scene)


def test_watchers_see_the_same_and_who_goes_is_forgotten(folder: Path) -> None:
    async def scene(kiosk: Kiosk) -> None:
        async with connected(kiosk, LOOK) as stays:
            async with connected(kiosk, LOOK) as goes:
                for client in (stays, goes):
                    client.writer.write(b'{"do": "watch"}\n')
                await until(lambda: len(kiosk.timeline._watchers) == 2)
                kiosk.timeline.note("gate", "both", {})
                assert [(await client.hear())["text"] for client in (stays, goes)] == ["both", "both"]
            # Without any note: the end of the connection is enough.
            await until(lambda: len(kiosk.timeline._watchers) == 1 and kiosk.control.snapshot()["clients"] == 1)
            kiosk.timeline.note("gate", "one", {})
            assert (await stays.hear())["text"] == "one"

    play(folder, scene)


def test_a_watcher_that_does_not_read_is_given_up_and_holds_nobody(folder: Path) -> None:
    async def scene(kiosk: Kiosk) -> None:
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.connect(str(folder / LOOK))
            deaf.send(b'{"do": "watch"}\n')
            await until(lambda: len(kiosk.timeline._watchers) == 1)
            for _ in range(50):
                kiosk.timeline.note("speech", "x" * 20_000, {})
            async with connected(kiosk, LOOK) as client:
                assert (await client.say({"do": "status"}))["ok"] is True
            await until(lambda: kiosk.control.counts.too_slow == 1)
            assert not kiosk.timeline._watchers and kiosk.control.snapshot()["clients"] == 0

    play(folder, scene, take_s=0.1)


# -- many, slow, quick -------------------------------------------------------------------------------


def test_who_says_nothing_is_told_and_let_go(folder: Path) -> None:
    async def scene(kiosk: Kiosk) -> None:
        async with connected(kiosk, LOOK) as client:
            assert (await client.hear())["error"] == "nothing was asked within 0.05 s" and await client.ended()

    assert play(folder, scene, speak_s=0.05).control.counts.too_slow == 1


def test_the_clients_are_bounded_and_a_place_becomes_free_again(folder: Path) -> None:
    async def scene(kiosk: Kiosk) -> None:
        held = [await asyncio.open_unix_connection(str(folder / LOOK)) for _ in range(CLIENTS)]
        await until(lambda: kiosk.control.snapshot()["clients"] == CLIENTS)
        async with connected(kiosk, LOOK) as client:
            answer = await client.hear()
            assert answer["ok"] is False and str(CLIENTS) in answer["error"] and await client.ended()
        assert kiosk.control.counts.turned_away == 1
        async with connected(kiosk, CHANGE) as client:
            assert (await client.say({"do": "mute"}))["ok"] is True, "who may only look cannot keep the owner out"
        for _, writer in held:
            writer.transport.abort()
        await until(lambda: kiosk.control.snapshot()["clients"] == 0)
        async with connected(kiosk, LOOK) as client:
            assert (await client.say({"do": "status"}))["ok"] is True

    play(folder, scene)


def test_a_thousand_requests_at_once_do_not_hold_the_loop(folder: Path) -> None:
    async def scene(kiosk: Kiosk) -> None:
        loop = asyncio.get_running_loop()
        turns = 0
        answered_in: list[int] = []

        def turn() -> None:
            nonlocal turns
            turns += 1
            loop.call_soon(turn)

        def status() -> Mapping[str, object]:
            answered_in.append(turns)
            return {}

        kiosk.control._status = status
        turn()
        async with connected(kiosk, LOOK) as client:
            client.writer.write(b'{"do": "status"}\n' * 1000)
            for _ in range(1000):
                await client.hear()
        assert len(set(answered_in)) == 1000, "several requests were answered in one turn of the loop"

    play(folder, scene)


# -- opening and closing -----------------------------------------------------------------------------


def test_the_sockets_modes_decide_who_may(folder: Path) -> None:
    async def scene(kiosk: Kiosk) -> None:
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        assert modes == {LOOK: 0o660, CHANGE: 0o600}

    play(folder, scene)


def test_the_end_closes_every_connection_and_takes_the_sockets_away(folder: Path) -> None:
    async def scene(kiosk: Kiosk) -> None:
        async with connected(kiosk, LOOK) as watching, connected(kiosk, CHANGE) as idle:
            watching.writer.write(b'{"do": "watch"}\n')
            await until(lambda: len(kiosk.timeline._watchers) == 1)
            await asyncio.wait_for(kiosk.control.aclose(), SOON_S)
            assert await watching.ended() and await idle.ended()
        assert list(folder.iterdir()) == [] and not kiosk.timeline._watchers

    play(folder, scene)


def test_what_a_killed_daemon_left_behind_is_replaced(folder: Path) -> None:
    for name in (LOOK, CHANGE):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(folder / name))

    async def scene(kiosk: Kiosk) -> None:
        async with connected(kiosk, CHANGE) as client:
            assert (await client.say({"do": "mute"}))["ok"] is True

    play(folder, scene)


def test_a_second_daemon_leaves_the_first_alone_and_lives_without_control(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(kiosk: Kiosk) -> None:
        second = Kiosk(folder)
        await second.control.start()
        assert f"another kioskd serves {folder}" in second.control.problem
        assert second.control.problem in caplog.text
        await second.control.aclose()
        async with connected(kiosk, LOOK) as client:
            assert (await client.say({"do": "status"}))["ok"] is True

    play(folder, scene)


def test_half_a_start_is_taken_back(folder: Path) -> None:
    (folder / CHANGE).write_text("somebody's")

    async def scene(kiosk: Kiosk) -> None:
        assert f"{CHANGE} is in the way" in kiosk.control.problem
        assert [path.name for path in folder.iterdir()] == [CHANGE]

    play(folder, scene)


def test_a_folder_that_is_not_there_turns_control_off_and_nothing_else(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(kiosk: Kiosk) -> None:
        assert "No such file or directory" in kiosk.control.problem and "ops.runtime_dir" in kiosk.control.problem
        assert "control is off" in caplog.text

    play(folder / "gone", scene)


def test_a_folder_that_cannot_be_written_turns_control_off_and_nothing_else(unprivileged: Path) -> None:
    unprivileged.chmod(0o555)

    async def scene(kiosk: Kiosk) -> None:
        assert f"{unprivileged} cannot be used (Permission denied)" in kiosk.control.problem

    play(unprivileged, scene)


def test_a_folder_that_is_too_deep_is_said_so(folder: Path) -> None:
    deep = folder / ("x" * 100)
    deep.mkdir()

    async def scene(kiosk: Kiosk) -> None:
        assert "too long" in kiosk.control.problem

    play(deep, scene)
