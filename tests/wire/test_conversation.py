"""The conversation, as transcripts of what a service sends (conftest.py says how to read them)."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from kioskd.wire.conversation import CUT, READINGS
from kioskd.wire.session import Session

Play = Callable[..., Session]


def test_a_normal_turn(play: Play) -> None:
    session = play("""
        < input_audio_buffer.speech_started event_id=sv_1 audio_start_ms=1840 item_id=item_u1
        = UserStarted item=item_u1 at_ms=1840
        < conversation.item.added previous_item_id=null item.id=item_u1 item.type=message item.role=user item.status=in_progress item.content='[{"type":"input_audio","text":null}]'
        < input_audio_buffer.speech_stopped audio_end_ms=4120 item_id=item_u1
        = UserStopped item=item_u1 at_ms=4120
        < conversation.item.done previous_item_id=null item.id=item_u1 item.type=message item.role=user item.status=completed item.content='[{"type":"input_audio","text":null}]'
        < response.created response.id=resp_1 response.status=in_progress
        = Began response=resp_1
        < conversation.item.added item.id=item_a1 item.type=message item.role=assistant item.status=in_progress
        < response.output_audio.delta response_id=resp_1 item_id=item_a1 output_index=0 content_index=0 delta=pcm:1,2,-3
        = Audio response=resp_1 pcm=pcm:1,2,-3 rate_hz=24000
        < response.output_audio.delta response_id=resp_1 item_id=item_a1 delta=pcm:4
        = Audio response=resp_1 pcm=pcm:4
        < response.output_audio.done response_id=resp_1 item_id=item_a1 output_index=0 content_index=0
        = AudioDone response=resp_1
        < conversation.item.done item.id=item_a1 item.type=message item.role=assistant item.status=completed
        < response.done response.id=resp_1 response.status=completed response.usage='{"input_tokens":210,"output_tokens":95,"total_tokens":305}'
        = Ended response=resp_1 status=completed reason="" usage.total_tokens=305 error_code=""
    """)  # noqa: E501
    assert session.counters.unknown == {} and session.counters.malformed == 0


def test_noise_is_no_turn(play: Play) -> None:
    play("""
        < input_audio_buffer.speech_started audio_start_ms=5 item_id=u1
        = UserStarted item=u1 at_ms=5
        < conversation.item.done item.id=u1 item.type=message item.role=user item.status=incomplete
        = TurnRejected item=u1
        < conversation.item.done item.id=a1 item.type=message item.role=assistant item.status=incomplete
    """)


def test_offsets_are_a_bonus(play: Play) -> None:
    play("""
        < input_audio_buffer.speech_started
        = UserStarted item="" at_ms=null
        < input_audio_buffer.speech_stopped item_id=null audio_end_ms=soon
        = UserStopped item="" at_ms=null
    """)


def test_a_barge_in_and_its_stragglers(play: Play) -> None:
    session = play("""
        < response.created response.id=r1
        = Began response=r1
        < response.output_audio.delta response_id=r1 delta=pcm:1
        = Audio response=r1 pcm=pcm:1
        < input_audio_buffer.speech_started item_id=u2
        = UserStarted item=u2
        < response.output_audio.delta response_id=r1 delta=pcm:2
        = Audio response=r1 pcm=pcm:2
        < response.done response.id=r1 response.status=cancelled response.status_details.reason=interrupted
        = Ended response=r1 status=cancelled reason=interrupted usage=null
        < response.output_audio.delta response_id=r1 delta=pcm:3
        < response.output_audio.done response_id=r1
        < response.created response.id=r2
        = Began response=r2
        < response.output_audio.delta response_id=r1 delta=pcm:4
        < response.output_audio.delta response_id=r2 delta=pcm:5
        = Audio response=r2 pcm=pcm:5
        < response.done response.id=r1 response.status=cancelled
    """)
    assert session.counters.late_audio == 2 and session.counters.duplicate_done == 1


@pytest.mark.parametrize(
    "end, fact",
    [
        ("response.status=completed", "status=completed reason=''"),
        (
            "response.status=cancelled response.status_details.reason=client_cancelled",
            "status=cancelled reason=client_cancelled",
        ),
        (
            "response.status=incomplete response.status_details.reason=max_output_tokens",
            "status=incomplete reason=max_output_tokens",
        ),
        (
            "response.status=incomplete response.status_details.reason=content_filter",
            "status=incomplete reason=content_filter",
        ),
        (
            "response.status=failed response.status_details.error.code=boom",
            "status=failed reason='' error_code=boom",
        ),
        ("response.status=melted", "status=failed reason=melted"),
    ],
)
def test_every_end(play: Play, end: str, fact: str) -> None:
    play(f"""
        < response.created response.id=r1
        = Began response=r1
        < response.done response.id=r1 {end}
        = Ended response=r1 {fact}
    """)


def test_a_bare_end_closes_the_response_that_is_open(play: Play) -> None:
    play("""
        < response.output_audio.delta delta=pcm:1
        = Began response=unnamed-1
        = Audio response=unnamed-1 pcm=pcm:1
        < response.done
        = Ended response=unnamed-1 status=completed
        < response.done
    """)


def test_both_spellings_and_both_fields_of_audio(play: Play) -> None:
    play("""
        < response.audio.delta response_id=r1 audio=pcm:7
        = Began response=r1
        = Audio response=r1 pcm=pcm:7
        < response.audio.done response_id=r1
        = AudioDone response=r1
    """)


def test_spoilt_audio_is_counted_and_the_answer_goes_on(play: Play) -> None:
    session = play("""
        < response.created response.id=r1
        = Began response=r1
        < response.output_audio.delta response_id=r1 delta=?!
        < response.output_audio.delta response_id=r1 delta=5
        < response.output_audio.delta response_id=r1 delta=""
        < response.output_audio.delta response_id=r1
        < response.output_audio.delta response_id=r1 delta=b64:01
        < response.output_audio.delta response_id=r1 delta=b64:0002
        = Audio response=r1 pcm=pcm:1
        < response.output_audio.delta response_id=r1 delta=b64:00
        = Audio response=r1 pcm=pcm:2
    """)
    counters = session.counters
    assert (counters.bad_base64, counters.malformed, counters.empty_audio, counters.odd_bytes) == (1, 1, 2, 2)


def test_a_tool_call_in_pieces(play: Play) -> None:
    play("""
        < response.created response.id=r1
        = Began response=r1
        < response.function_call_arguments.delta response_id=r1 item_id=f1 output_index=0 call_id=call_abc name=get_weather delta='{\\"cit'
        < response.function_call_arguments.delta response_id=r1 call_id=call_abc delta='y\\":\\"Paris\\"}'
        < response.function_call_arguments.done response_id=r1 item_id=f1 output_index=0 call_id=call_abc arguments='"{\\\\"city\\\\":\\\\"Paris\\\\"}"'
        = ToolCalled response=r1 call_id=call_abc name=get_weather
        < response.done response.id=r1 response.status=completed
        = Ended response=r1 status=completed
    """)  # noqa: E501


def test_the_end_of_a_tool_turn_may_come_late_or_never(play: Play) -> None:
    play("""
        < response.created response.id=r1
        = Began response=r1
        < response.function_call_arguments.done response_id=r1 call_id=c1 name=a arguments=x
        = ToolCalled response=r1 call_id=c1 name=a arguments=x
        < response.created response.id=r2
        = Began response=r2
        < response.output_audio.delta response_id=r2 delta=pcm:1
        = Audio response=r2
        < response.done response.id=r1 response.status=completed
        = Ended response=r1
        < response.output_audio.delta response_id=r2 delta=pcm:2
        = Audio response=r2
    """)


def test_a_call_may_be_finished_after_the_end_of_its_response(play: Play) -> None:
    play("""
        < response.created response.id=r1
        = Began response=r1
        < response.function_call_arguments.delta response_id=r1 call_id=c1 name=a delta=x
        < response.done response.id=r1 response.status=completed
        = Ended response=r1
        < response.function_call_arguments.done response_id=r1 call_id=c1
        = ToolCalled response=r1 call_id=c1 name=a arguments=x
    """)


@pytest.mark.parametrize("status", CUT)
def test_a_response_that_was_cut_asks_for_nothing_any_more(play: Play, status: str) -> None:
    session = play(f"""
        < response.created response.id=r1
        = Began response=r1
        < response.function_call_arguments.delta response_id=r1 call_id=c1 name=a delta=x
        < response.done response.id=r1 response.status={status}
        = Ended response=r1 status={status}
        < response.function_call_arguments.delta response_id=r1 call_id=c2 name=a delta=x
        < response.function_call_arguments.done response_id=r1 call_id=c1 arguments=x
        < response.function_call_arguments.done response_id=r1 call_id=c2 arguments=x
        < conversation.item.done response_id=r1 item.type=function_call item.call_id=c3 item.name=a item.arguments=x
    """)
    assert session.counters.late_calls == 4


def test_two_calls_in_one_response_and_a_service_that_repeats_them(play: Play) -> None:
    session = play("""
        < response.created response.id=r1
        = Began response=r1
        < conversation.item.added item.type=function_call item.call_id=c1 item.name=first item.status=in_progress
        < response.function_call_arguments.done response_id=r1 call_id=c1 arguments=1x
        = ToolCalled response=r1 call_id=c1 name=first arguments=1x
        < conversation.item.done item.type=function_call item.call_id=c1 item.name=first item.arguments=1x
        < response.function_call_arguments.done response_id=r1 call_id=c2 name=second arguments=2x
        = ToolCalled response=r1 call_id=c2 name=second arguments=2x
        < response.function_call_arguments.done response_id=r1 call_id=c2 name=second arguments=2x
        < response.done response.id=r1 response.status=completed response.output='[{"type":"function_call","call_id":"c1","name":"first","arguments":"1x"}]'
        = Ended response=r1
        < response.created response.id=r2
        = Began response=r2
        < response.function_call_arguments.done response_id=r2 call_id=c1 name=first arguments=1x
    """)  # noqa: E501
    assert session.counters.duplicate_calls == 2


def test_a_call_that_comes_only_in_an_item_or_only_in_the_end(play: Play) -> None:
    play("""
        < response.created response.id=r1
        = Began response=r1
        < response.output_item.done response_id=r1 item.type=function_call item.call_id=c1 item.name=a item.arguments=x
        = ToolCalled response=r1 call_id=c1 name=a arguments=x
        < response.done response.id=r1 response.output='[{"type":"function_call","call_id":"c2","name":"b","arguments":"y"}]'
        = ToolCalled response=r1 call_id=c2 name=b arguments=y
        = Ended response=r1
    """)  # noqa: E501


def test_transcripts_are_a_bonus(play: Play) -> None:
    play("""
        < conversation.item.done item.role=user item.status=completed item.content='[{"text":"open\\nup"}]'
        = Said role=user text="open up"
        < conversation.item.done item.role=assistant item.status=completed item.content='[{"text":"Hello."}]'
        = Said role=assistant text=Hello.
        < response.output_audio_transcript.delta delta="It is"
        = Said role=assistant text="It is"
        < response.output_audio_transcript.delta delta=""
        < conversation.item.done item.role=assistant item.status=completed item.content='[{"text":"It is open."}]'
    """)


@pytest.mark.parametrize(
    "frame",
    [
        "conversation.item.done item='[]'",
        "conversation.item.done",
        "conversation.item.done item.id=5",
        "response.created response=r1",
        "response.created response.id=7",
        "response.output_audio.delta response_id=7 delta=pcm:1",
        "response.function_call_arguments.done name=a arguments=x",
        "response.function_call_arguments.done call_id='' arguments=x",
        "response.function_call_arguments.done call_id=c1 arguments='{}'",
        "response.function_call_arguments.delta call_id=c1 delta='[1]'",
        "input_audio_buffer.speech_started item_id='\"a\\u0007\"'",
        "response.created response.id='\"" + "x" * 301 + "\"'",
    ],
)
def test_a_frame_with_a_wrong_kind_of_value_is_counted_and_skipped(play: Play, frame: str) -> None:
    session = play(f"""
        < {frame}
        < input_audio_buffer.speech_started item_id=u1
        = UserStarted item=u1
    """)
    assert session.counters.malformed == 1


def test_the_table_names_no_type_twice_in_other_words() -> None:
    kinds: dict[str, Any] = dict(READINGS)
    assert kinds["response.audio.delta"] is kinds["response.output_audio.delta"]
    assert kinds["conversation.item.created"] is kinds["conversation.item.added"]
