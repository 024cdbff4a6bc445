"""What a client of OpenAI's family may ask for and is told, over a real socket (dialects reference 4.3 to 4.8, 12)."""

from __future__ import annotations

from typing import Any, Callable

import pytest

Play = Callable[..., None]
GA = "?dialect=openai&api_key=k"


async def configure(client: Any, tools: Any = (), **session: Any) -> dict[str, Any]:
    await client.until("session.created")
    await client.send("session.update", session={"type": "realtime", "tools": list(tools), **session})
    echoed: dict[str, Any] = (await client.until("session.updated"))["session"]
    return echoed


async def complaint(client: Any, kind: str, **fields: Any) -> dict[str, Any]:
    await client.send(kind, event_id="e9", **fields)
    error: dict[str, Any] = (await client.until("error"))["error"]
    assert error["event_id"] == "e9"
    return error


def test_the_session_is_named_inside_and_echoed(play: Play) -> None:
    async def scene(client: Any, server: Any) -> None:
        echoed = await configure(client, instructions="Be brief.")
        assert client.events[0]["session"]["object"] == "realtime.session"
        assert echoed["instructions"] == "Be brief." and echoed["id"] == client.events[0]["session"]["id"]

    play(scene, query=GA)


@pytest.mark.parametrize(
    "kind, fields, code",
    [
        ("response.cancel", {}, "response_cancel_not_active"),
        ("input_audio_buffer.commit", {}, "input_audio_buffer_commit_empty"),
        (
            "conversation.item.truncate",
            {"item_id": "x", "content_index": 0, "audio_end_ms": 1},
            "item_truncate_invalid_item_id",
        ),
        ("conversation.item.truncate", {"item_id": "x"}, "missing_required_parameter"),
        ("conversation.item.delete", {"item_id": "x"}, "item_delete_invalid_item_id"),
        ("conversation.item.delete", {}, "item_delete_invalid_item_id"),
    ],
)
def test_what_does_not_fit_the_moment_is_an_error_and_the_session_goes_on(
    play: Play, kind: str, fields: dict[str, Any], code: str
) -> None:
    async def scene(client: Any, server: Any) -> None:
        await configure(client)
        assert (await complaint(client, kind, **fields))["code"] == code
        await client.send("response.create")
        assert (await client.until("response.done"))["response"]["status"] == "completed"

    play(scene, query=GA)


def test_an_item_cannot_be_cut_beyond_what_was_generated(play: Play) -> None:
    async def scene(client: Any, server: Any) -> None:
        await configure(client)
        await client.send("response.create")
        item = (await client.until("conversation.item.added"))["item"]["id"]
        await client.until("response.done")
        about = {"item_id": item, "content_index": 0}
        told = await complaint(client, "conversation.item.truncate", audio_end_ms=60_000, **about)
        assert "is already shorter than 60000ms" in told["message"] and not told["code"]
        await client.send("conversation.item.truncate", audio_end_ms=100, **about)
        assert (await client.until("conversation.item.truncated"))["audio_end_ms"] == 100
        await client.send("conversation.item.delete", item_id=item)
        assert (await client.until("conversation.item.deleted"))["item_id"] == item

    play(scene, query=GA)


def test_a_second_response_has_to_wait_for_the_first(play: Play) -> None:
    async def scene(client: Any, server: Any) -> None:
        await configure(client)
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        assert (await complaint(client, "response.create"))["code"] == "conversation_already_has_active_response"

    play(scene, "delta-speed=1", query=GA)


def test_tools_are_replaced_in_a_running_session(play: Play, tools: Any, speech: Callable[..., bytes]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await configure(client, audio={"input": {"format": {"type": "audio/pcm", "rate": 16_000}}})
        # One tool, so that the ears of the tests that know all tools stay as they are.
        await client.send("session.update", session={"tools": tools[:1]})
        assert len((await client.until("session.updated"))["session"]["tools"]) == 1
        await client.append(bytes(12_800) + speech("open the door") + bytes(28_800))
        assert (await client.until("response.function_call_arguments.done"))["name"] == "unlock_door"

    play(scene, query="?dialect=inworld&api_key=k")


def test_a_second_setup_closes_hybrie_with_1007(play: Play) -> None:
    """Dialects reference 3.2, 12."""

    async def scene(client: Any, server: Any) -> None:
        await client.send("session.update", session={"model": "m"})
        await client.until("session.created")
        await client.send("session.update", session={"model": "m"})
        assert await client.closed() == 1007

    play(scene, query="?dialect=hybrie&api_key=k")


def test_what_was_cleared_is_no_turn(play: Play) -> None:
    async def scene(client: Any, server: Any) -> None:
        await configure(client, audio={"input": {"turn_detection": None}})
        await client.append(bytes(9_600), 960)
        await client.send("input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")
        assert (await complaint(client, "input_audio_buffer.commit"))["code"] == "input_audio_buffer_commit_empty"
        await client.append(bytes(9_600), 960)
        await client.send("input_audio_buffer.commit")
        await client.until("input_audio_buffer.committed")

    play(scene, query=GA)


def test_grok_has_other_codes_and_the_same_words(play: Play) -> None:
    """Dialects reference 5.2, 12."""

    async def scene(client: Any, server: Any) -> None:
        await client.until("ping")
        assert client.types() == ["session.created", "conversation.created", "ping"]
        await client.send("session.update", session={"voice": "eve"})
        await client.until("session.updated")
        told = await complaint(client, "response.cancel")
        assert told["code"] == "cancel_failed" and "no active response" in told["message"]

    play(scene, query="?dialect=grok&api_key=k")
