from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from kioskd.link.patience import Patience
from kioskd.wire.dialects import DIALECTS
from kioskd.wire.facts import Audio, Began, Created, Ended, Ready
from kioskd.wire.session import Session, SessionState, Setup

SETUP = Setup("", None, (), False, "", None)
QUICK: dict[str, Any] = {"created_patience_s": 0.02, "ready_patience_s": 0.02, "cancel_patience_s": 0.02}


def test_a_silent_handshake_goes_on_and_a_silent_cancel_is_over() -> None:
    async def main() -> None:
        session = Session(replace(DIALECTS["mythicdot"], **QUICK), SETUP)
        news = asyncio.Event()
        patience = Patience(session, news.set)

        async def told() -> list[type]:
            await asyncio.wait_for(news.wait(), 5)
            news.clear()
            return [type(fact) for fact in session.facts()]

        patience.handshake()
        assert await told() == [Created]
        patience.handshake()
        assert await told() == [Ready] and session.state is SessionState.LIVE
        patience.handshake()
        session.receive(b'{"type":"response.audio.delta","delta":"AAAA"}')
        session.facts()
        patience.cancelled("unnamed-1")
        assert await told() == [Ended]

    asyncio.run(main())


def test_a_dialect_that_says_everything_is_waited_for_as_long_as_it_takes() -> None:
    async def main() -> None:
        session = Session(DIALECTS["hydra"], SETUP)
        told: list[bool] = []
        patience = Patience(session, lambda: told.append(True))
        patience.handshake()
        patience.cancelled("r1")
        await asyncio.sleep(0.05)
        assert not told and session.state is SessionState.AWAIT_CREATED

    asyncio.run(main())


def test_nothing_is_done_for_a_session_that_is_over() -> None:
    async def main() -> None:
        session = Session(replace(DIALECTS["mythicdot"], **QUICK), SETUP)
        patience = Patience(session, lambda: None)
        patience.handshake()
        patience.stop()
        await asyncio.sleep(0.05)
        assert session.state is SessionState.AWAIT_CREATED

    asyncio.run(main())


def test_audio_without_a_name_is_of_the_answer_that_was_cut_until_another_begins_or_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kioskd.link.patience.LATE_S", 0.05)
    delta = b'{"type":"response.audio.delta","delta":"AAAA"}'

    async def main() -> None:
        session = Session(replace(DIALECTS["mythicdot"], **QUICK), SETUP)
        news = asyncio.Event()
        patience = Patience(session, news.set)

        def heard(*frames: bytes) -> list[type]:
            for frame in frames:
                session.receive(frame)
            return [type(fact) for fact in session.facts()]

        session.press_on()
        session.press_on()
        session.facts()
        created, done = b'{"type":"response.created"}', b'{"type":"response.done"}'
        assert heard(delta, done) == [Began, Audio, Ended]
        patience.cut()
        assert heard(delta, delta) == [] and session.counters.late_audio == 2
        assert heard(created, delta) == [Began, Audio], "the next answer is heard at once"
        assert heard(done) == [Ended]
        patience.cut()
        news.clear()
        await asyncio.wait_for(news.wait(), 5)
        assert heard(delta) == [Began, Audio], "a service that never says that an answer begins is heard after a while"

    asyncio.run(main())


def test_behind_a_whole_turn_the_answer_that_was_cut_is_over_and_what_comes_is_the_next() -> None:
    """Or the next answer of a service that names none is lost, the sooner it comes the more of it."""
    delta = b'{"type":"response.audio.delta","delta":"AAAA"}'

    async def main() -> None:
        session = Session(DIALECTS["hybrie"], SETUP)
        facts: list[type] = []
        patience = Patience(session, lambda: facts.extend(type(fact) for fact in session.facts()))
        session.press_on()
        session.receive(delta)
        session.facts()
        patience.cancelled("unnamed-1")
        session.receive(delta)
        assert [type(fact) for fact in session.facts()] == [Audio], "it may still be cut short by a word of its end"
        patience.turn_over()
        assert facts == [Ended]
        patience.cut()
        patience.turn_over()
        session.receive(delta)
        assert [type(fact) for fact in session.facts()] == [Began, Audio]
        patience.stop()

    asyncio.run(main())
