"""The reader alone, with a connection that is a list of frames."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from kioskd.config.sections import Talk
from kioskd.lanes import PlaybackLane, UplinkLane
from kioskd.link.failures import Failure, LinkError
from kioskd.link.ports import Ports
from kioskd.link.reader import Reader
from kioskd.link.redaction import Scrub
from kioskd.wire import facts
from kioskd.wire.dialects import HYDRA
from kioskd.wire.profile import Trouble
from kioskd.wire.session import Session, Setup

OVER = Failure(Trouble.TRANSPORT, "over", close_code=1006)


class Tape:
    """A connection whose frames are all here already, as in a library's queue; then it is gone."""

    def __init__(self, *frames: str | bytes) -> None:
        self.frames = list(frames)

    async def receive(self) -> str | bytes:
        if not self.frames:
            raise LinkError(OVER)
        return self.frames.pop(0)


def reader_for(kit: Any, tape: Tape, told: list[facts.Fact], clock: Any = lambda: 0.0) -> Reader:
    ports = Ports(
        uplink=UplinkLane(1.0, lambda lost_ms: None),
        playback=PlaybackLane(1.0),
        report=lambda event: None,
        ring=lambda: None,
        talk=Talk(),
        limits=kit.fast,
        clock=clock,
        on_ready=lambda endpoint, session: None,
        on_ended=lambda ended: None,
    )
    session = Session(HYDRA, Setup("Be brief.", None, (), False, "hydra-v1.1", None))
    return Reader("hydra", session, tape, Scrub(kit.key), ports, told.append, lambda: None)


def read(reader: Reader) -> Failure:
    with pytest.raises(LinkError) as caught:
        asyncio.run(reader.run())
    return caught.value.failure


CREATED = json.dumps({"type": "session.created", "session_id": "s"})


def test_facts_come_in_order_and_are_counted(kit: Any) -> None:
    told: list[facts.Fact] = []
    reader = reader_for(kit, Tape(CREATED, json.dumps({"type": "session.configured", "session": {}})), told)
    assert read(reader) is OVER
    assert [type(fact) for fact in told] == [facts.Created, facts.Ready]
    assert reader.heard.frames == 2 and reader.heard.bytes > len(CREATED)


def test_the_key_is_gone_before_anything_is_cut_to_length(kit: Any) -> None:
    told: list[facts.Fact] = []
    words = {"type": "error", "error": {"code": "x", "message": "m" * 290 + kit.key}}
    read(reader_for(kit, Tape(CREATED, json.dumps(words)), told))
    complaint = told[-1]
    assert isinstance(complaint, facts.Complaint) and complaint.message == "m" * 290 + "***"


@pytest.mark.parametrize("frame", [json.dumps({"type": "nobody.knows"}), "garbage", b"binary"])
def test_frames_that_mean_nothing_count_as_events_too(kit: Any, frame: str | bytes) -> None:
    failure = read(reader_for(kit, Tape(CREATED, *[frame] * 300), []))
    assert failure.close_code == 1008 and "more than 200 events in a second" in failure.sentence


def test_a_busy_hour_is_no_flood(kit: Any) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 0.004
        return now[0]

    assert read(reader_for(kit, Tape(CREATED, *["garbage"] * 1000), [], clock)) is OVER


def test_work_beyond_two_milliseconds_gives_the_loop_a_turn(kit: Any) -> None:
    now = [0.0]

    def clock() -> float:  # every look at the clock costs a millisecond: each frame is a millisecond of work
        now[0] += 0.001
        return now[0]

    turns: list[int] = []

    async def main() -> None:
        tape = Tape(CREATED, *["garbage"] * 100)
        reading = asyncio.create_task(reader_for(kit, tape, [], clock).run())
        while not reading.done():
            turns.append(len(tape.frames))
            await asyncio.sleep(0)
        with pytest.raises(LinkError):
            reading.result()

    asyncio.run(main())
    assert len(turns) > 40
    assert max(earlier - later for earlier, later in zip(turns, turns[1:])) <= 3


def test_what_no_session_survives_ends_it_with_its_code(kit: Any) -> None:
    told: list[facts.Fact] = []
    configured = json.dumps({"type": "session.configured", "session": {"output_audio_format": "g711"}})
    failure = read(reader_for(kit, Tape(CREATED, configured), told))
    assert failure.close_code == 1003 and "pcm16" in failure.sentence
