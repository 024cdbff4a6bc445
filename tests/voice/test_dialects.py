"""Every dialect from end to end: the daemon's own link, over a real socket, to the service that speaks the dialect."""

from __future__ import annotations

import asyncio
import time
from dataclasses import fields, replace
from typing import Any, Callable, Iterator, Mapping, TypeVar

import pytest

from kioskd.config.loader import parse as parse_yaml
from kioskd.config.sections import Talk
from kioskd.core.events import (
    Event,
    LinkChanged,
    ResponseCreated,
    ResponseDone,
    ServiceComplained,
    SessionEnded,
    SessionReady,
    SpeechStarted,
    ToolAsked,
)
from kioskd.core.words import Link
from kioskd.inbox import Inbox
from kioskd.lanes import CHUNK_BYTES, Chunk, PlaybackLane, UplinkLane
from kioskd.link.endpoints import EndpointSetup
from kioskd.link.limits import Limits
from kioskd.link.supervisor import Supervisor
from kioskd.services import profile_of as written
from kioskd.voice.dialects import DIALECTS as SPOKEN
from kioskd.voice.faults import parse
from kioskd.voice.options import Options
from kioskd.voice.recogniser import Recogniser
from kioskd.voice.server import Server, serve
from kioskd.wire.dialects import DIALECTS
from kioskd.wire.profile import Profile

KEY = "correct-horse-battery-staple"
PATIENCE_S = 20.0
# Speech goes up so much faster than it was spoken; the services' own paces are tested in tests/core/test_uplink.py.
HASTE = 8.0
QUICK = Limits(first_s=0.02, cap_s=0.1, goodbye_s=0.3, probe_s=0.0)

# Each dialect of the wire, by the name under which the service knows it; Hydra's tags are dialects too.
KINDS = {
    **{name: name for name in SPOKEN},
    "hydra-v1.0": "hydra",
    "hydra-old": "hydra",
    "mythicdot-tools": "mythicdot",
    "openai-manual": "openai",
}
MODELS = {"hydra-v1.0": "hydra-v1.0", "hydra-old": "hydra"}
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "mythicdot-tools": {"takes_tools": True},  # unlocked by an owner (dialects reference U5)
    "openai-manual": {"turns": "manual"},
}
OUT_RATES = {"hydra-v1.0": 48_000, "hydra-old": 48_000}
TOOLLESS = ("mythicdot", "hybrie", "hybrie-gemini", "hybrie-raw")

E = TypeVar("E", bound=Event)


def profile_of(kind: str) -> Profile:
    return replace(DIALECTS[KINDS[kind]], catch_up=HASTE, **CHANGES.get(kind, {}))


class Kiosk:
    """The link as the daemon runs it, with a list where the machine would be."""

    def __init__(self, server: Server, kind: str, profile: Profile, tools: Any, **changes: Any) -> None:
        path = SPOKEN[KINDS[kind]].path
        query = "" if KINDS[kind] in ("hydra", "mythicdot", "openai", "openai-beta") else f"?dialect={KINDS[kind]}"
        self.events: list[Event] = []
        self.rows: list[Mapping[str, Any]] = []
        self.uplink = UplinkLane(10.0, lambda lost_ms: None)
        self.playback = PlaybackLane(60.0)
        self._news = asyncio.Event()
        self.inbox = Inbox(asyncio.get_running_loop(), self._deliver)
        setup = EndpointSetup(
            name=f"{kind}-1",
            profile=profile,
            url=f"ws://127.0.0.1:{server.port}{path}{query}",
            model=MODELS.get(kind, "deployment-1" if profile.needs_model else ""),
            instructions="Be brief.",
            tools=tools,
            **{"read_key": lambda: KEY, **changes},
        )
        self.link = Supervisor(
            [setup],
            self.uplink,
            self.playback,
            self.inbox.post,
            self.inbox.bell,
            Talk(),
            lambda: 0.5,
            trace=lambda kind, row: self.rows.append(row),
            limits=QUICK,
        )

    async def __aenter__(self) -> Kiosk:
        self.link.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.link.aclose()
        self.inbox.close()

    def _deliver(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def event(self, kind: type[E], number: int = 1) -> E:
        """The event of that kind and number, when it is there."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.of(kind)) < number:
                self._news.clear()
                await self._news.wait()
        return self.of(kind)[number - 1]

    async def wire(self, direction: str, kind: str, number: int = 1) -> Mapping[str, Any]:
        """The frame of that direction, type and number, when it is there."""
        async with asyncio.timeout(PATIENCE_S):
            while len(found := self.frames(direction, kind)) < number:
                await asyncio.sleep(0.01)
        return found[number - 1]

    def frames(self, direction: str, kind: str) -> list[Mapping[str, Any]]:
        return [row["frame"] for row in self.rows if row["dir"] == direction and row["type"] == kind]

    def say(self, pcm: bytes) -> None:
        """One utterance, as the gate would give it."""
        for start in range(0, len(pcm), CHUNK_BYTES):
            self.uplink.push(Chunk(pcm[start : start + CHUNK_BYTES].ljust(CHUNK_BYTES, b"\0"), time.monotonic()))
        self.uplink.push(Chunk(b"", time.monotonic()))

    def played(self) -> tuple[int, int]:
        """The rate and the length in ms of what waits to be played."""
        found, rate_hz = 0, 0
        while (piece := self.playback.take(0)) is not None:
            found, rate_hz = found + len(piece.pcm), piece.rate_hz
        return rate_hz, found * 500 // (rate_hz or 1)


Scene = Callable[[Kiosk, Server], Any]


@pytest.fixture(scope="module")
def ears() -> Iterator[Recogniser]:
    """Of these tests alone: a recogniser gets used to the voices that it hears, and others count on theirs."""
    recogniser = Recogniser()
    yield recogniser
    recogniser.close()


@pytest.fixture
def meet(ears: Recogniser, tools: Any) -> Callable[..., None]:
    """``meet(kind, scene, "fault=value", ...)``: a kiosk of that kind is in session with the service."""

    def run(
        kind: str,
        scene: Scene,
        *settings: str,
        ready: bool = True,
        change: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        async def whole() -> None:
            faults = parse(("flood=ignore", *settings))
            server = await serve("127.0.0.1", 0, Options(token=KEY, faults=faults), ears=ears)
            try:
                async with Kiosk(server, kind, replace(profile_of(kind), **(change or {})), tools, **more) as kiosk:
                    kiosk.link.open("a test", greet=False)
                    if ready:
                        await kiosk.event(SessionReady)
                    await asyncio.wait_for(scene(kiosk, server), 25)
            finally:
                await server.aclose()

        asyncio.run(whole())

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_is_understood_done_and_answered_aloud(
    kind: str, meet: Callable[..., None], speech: Callable[..., bytes]
) -> None:
    async def scene(kiosk: Kiosk, server: Server) -> None:
        if kind in TOOLLESS:
            kiosk.say(bytes(9600) + speech("what time is it"))
            done = await kiosk.event(ResponseDone)
            words = SPOKEN[KINDS[kind]].names["response.output_audio_transcript.delta"]
            assert kiosk.frames("<", words)[0]["delta"].startswith("It is ")
        else:
            kiosk.say(bytes(9600) + speech("please unlock the front door"))
            asked = await kiosk.event(ToolAsked)
            assert (asked.name, asked.arguments) == ("unlock_door", "{}")
            kiosk.link.send_output(asked.key, '{"say": "The front door is open now. Please come in."}')
            kiosk.link.ask_response(asked.key.session)
            done = await kiosk.event(ResponseDone, 2)
            assert [event.status for event in kiosk.of(ResponseDone)] == ["completed", "completed"]
            assert len(kiosk.of(ToolAsked)) == 1 and len(kiosk.frames(">", "response.create")) >= 1
        assert done.status == "completed"
        rate_hz, length_ms = kiosk.played()
        assert rate_hz == OUT_RATES.get(kind, 24_000) and length_ms > 900
        assert kiosk.of(ServiceComplained) == [] and server.errors == 0
        kiosk.link.close("the visitor left")
        assert (await kiosk.event(SessionEnded)).code == 1000

    meet(kind, scene)


@pytest.mark.parametrize("kind", KINDS)
def test_a_visitor_who_speaks_over_the_answer_ends_it(
    kind: str, meet: Callable[..., None], speech: Callable[..., bytes]
) -> None:
    """By the service where it hears and cancels, by the link where it only hears, by the machine where it is mute."""

    async def scene(kiosk: Kiosk, server: Server) -> None:
        spoken = SPOKEN[KINDS[kind]]
        hears = "input_audio_buffer.speech_started" not in spoken.unsaid and profile_of(kind).turns == "server"
        kiosk.say(bytes(9600) + speech("what can you do"))
        began = await kiosk.event(ResponseCreated)
        await kiosk.wire("<", spoken.names.get("response.output_audio.delta", "response.output_audio.delta"), 3)
        if hears:
            kiosk.say(bytes(9600) + speech("please unlock the front door"))
            await kiosk.event(SpeechStarted, 2)
        else:
            kiosk.link.cancel_response(began.session, began.response)
        done = await kiosk.event(ResponseDone)
        asked = kiosk.frames(">", "response.cancel")
        assert len(asked) == (0 if hears and spoken.cancels else 1)
        if spoken.bare_done:
            assert done.response == began.response
        else:
            reason = "interrupted" if hears else "client_cancelled"
            assert (done.response, done.status, done.reason) == (began.response, "cancelled", reason)
        kiosk.link.truncate(began.session, began.response, 40)
        if spoken.truncates:
            told = await kiosk.wire("<", "conversation.item.truncated")
            assert told["audio_end_ms"] == 40 and told["content_index"] == 0
        kiosk.link.cancel_response(began.session, "")
        await kiosk.wire(">", "response.cancel", len(asked) + 1)
        if spoken.complains:
            await kiosk.wire("<", "error")
        assert kiosk.of(ServiceComplained) == [] and kiosk.of(SessionEnded) == []  # a race is no fault

    meet(kind, scene, "delta-speed=1.5")


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_key_a_full_house_and_a_lost_connection_are_told_apart(
    kind: str, meet: Callable[..., None], speech: Callable[..., bytes]
) -> None:
    async def refused(kiosk: Kiosk, server: Server) -> None:
        states = [(await kiosk.event(LinkChanged, number)).state for number in (1, 2)]
        assert states == [Link.CONNECTING, Link.REFUSED] and server.refused == 1
        assert KEY not in repr(kiosk.rows) + repr(kiosk.events)

    async def full(kiosk: Kiosk, server: Server) -> None:
        while kiosk.of(LinkChanged)[-1:] == [] or kiosk.of(LinkChanged)[-1].state is not Link.BUSY:
            await kiosk.event(LinkChanged, len(kiosk.of(LinkChanged)) + 1)

    async def lost(kiosk: Kiosk, server: Server) -> None:
        kiosk.say(bytes(9600) + speech("what time is it"))
        assert (await kiosk.event(SessionEnded)).code == 1011
        await kiosk.event(SessionReady, 2)

    meet(kind, refused, "upgrade-status=401", ready=False)
    meet(kind, full, "server-full", ready=False)
    meet(kind, lost, "close=1011", "only-first=1")


@pytest.mark.parametrize("kind", KINDS)
def test_a_handshake_that_breaks_is_begun_again(kind: str, meet: Callable[..., None]) -> None:
    """``open``: before the service has said a word; ``created``: behind its first, which for HybrIE is all there is."""
    for moment in ("open", "created"):
        was_ready = moment == "created" and KINDS[kind].startswith("hybrie")

        async def again(kiosk: Kiosk, server: Server, number: int = 1 + was_ready) -> None:
            await kiosk.event(SessionReady, number)
            assert server.sessions == 2 and server.errors == 0

        meet(kind, again, "close=1011", f"break-at={moment}", "only-first=1", ready=False)


def test_a_service_that_asks_for_patience_is_given_it(meet: Callable[..., None]) -> None:
    async def waits(kiosk: Kiosk, server: Server) -> None:
        assert "it asks to wait 120 s" in await state(kiosk, Link.BUSY)
        assert kiosk.link.snapshot()["next_attempt_in_s"] >= 119

    meet("hydra", waits, "upgrade-status=429", "retry-after=120", ready=False)


async def state(kiosk: Kiosk, wanted: Link) -> str:
    """The reason of the first claim of that state."""
    while not (found := [event for event in kiosk.of(LinkChanged) if event.state is wanted]):
        await kiosk.event(LinkChanged, len(kiosk.of(LinkChanged)) + 1)
    return found[0].reason


@pytest.mark.parametrize("kind", KINDS)
def test_the_model_speaks_first_when_the_owner_wants_it(kind: str, meet: Callable[..., None]) -> None:
    async def scene(kiosk: Kiosk, server: Server) -> None:
        kiosk.link.open("a person came", greet=True)
        done = await kiosk.event(ResponseDone)
        assert done.status == "completed" and kiosk.played()[1] > 500
        assert len(kiosk.frames(">", "response.create")) == (0 if KINDS[kind] == "hydra" else 1)

    async def greeted(kiosk: Kiosk, server: Server) -> None:
        kiosk.link.close("again")
        await state(kiosk, Link.ASLEEP)
        await scene(kiosk, server)

    meet(kind, greeted, greet=True)


@pytest.mark.parametrize(
    "settings", [("quiet-update",), ("no-session-created",), ("quiet-update", "protocol-echo=none")]
)
def test_mythicdot_may_say_nothing_in_the_handshake(
    settings: tuple[str, ...], meet: Callable[..., None], speech: Callable[..., bytes]
) -> None:
    """Dialects reference 7, U4: two seconds without session.created, three without session.updated; scaled here."""

    async def scene(kiosk: Kiosk, server: Server) -> None:
        kiosk.say(bytes(9600) + speech("what time is it"))
        assert (await kiosk.event(ResponseDone)).status == "completed"

    meet("mythicdot", scene, *settings, change={"created_patience_s": 0.2, "ready_patience_s": 0.2})


def test_mythicdot_is_configured_again_without_turn_detection_if_it_complains(meet: Callable[..., None]) -> None:
    """Dialects reference U3."""

    async def scene(kiosk: Kiosk, server: Server) -> None:
        first, second = kiosk.frames(">", "session.update")
        assert "turn_detection" in first["session"] and "turn_detection" not in second["session"]

    meet("mythicdot", scene, "vad-field=reject")


def test_what_another_dialect_complains_of_is_a_wrong_configuration(meet: Callable[..., None]) -> None:
    async def scene(kiosk: Kiosk, server: Server) -> None:
        assert "turn_detection is not supported" in await state(kiosk, Link.REFUSED)
        assert len(kiosk.frames(">", "session.update")) == 1

    meet("openai-beta", scene, "vad-field=reject", ready=False)


def test_a_field_that_ga_does_not_know_refuses_the_session_instead_of_running_another_persona(
    meet: Callable[..., None],
) -> None:
    """Dialects reference 4.1, 9.28."""

    async def scene(kiosk: Kiosk, server: Server) -> None:
        assert "Unknown parameter: 'session.temperature'" in await state(kiosk, Link.REFUSED)

    meet("openai", scene, ready=False, change={"session_extra": {"temperature": 0.8}})


def test_an_owner_may_add_fields_that_ga_does_know(meet: Callable[..., None]) -> None:
    async def scene(kiosk: Kiosk, server: Server) -> None:
        (asked,) = kiosk.frames(">", "session.update")
        assert asked["session"]["audio"]["input"]["transcription"] == {"model": "whisper-1"}
        assert asked["session"]["audio"]["input"]["turn_detection"]["type"] == "server_vad"

    extra = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    meet("openai", scene, change={"session_extra": extra})


def test_a_beta_shape_that_was_switched_off_is_not_tried_again_and_again(meet: Callable[..., None]) -> None:
    """Dialects reference 9.29."""

    async def scene(kiosk: Kiosk, server: Server) -> None:
        assert "beta_api_shape_disabled" in await state(kiosk, Link.REFUSED)
        assert server.sessions == 1

    meet("openai-beta", scene, "beta-off", ready=False)


@pytest.mark.parametrize("kind", ["openai", "grok", "voice-live"])
def test_a_session_that_is_used_up_is_followed_by_the_next_one(
    kind: str, meet: Callable[..., None], speech: Callable[..., bytes]
) -> None:
    async def scene(kiosk: Kiosk, server: Server) -> None:
        kiosk.say(bytes(9600) + speech("what time is it"))
        await kiosk.event(SessionEnded)
        await kiosk.event(SessionReady, 2)

    meet(kind, scene, "session-expired", "only-first=1")


@pytest.mark.parametrize("field", ["delta", "audio"])
@pytest.mark.parametrize("kind", ["hybrie", "hybrie-raw"])
def test_hybries_audio_is_found_in_either_field(
    kind: str, field: str, meet: Callable[..., None], speech: Callable[..., bytes]
) -> None:
    """Dialects reference U9."""

    async def scene(kiosk: Kiosk, server: Server) -> None:
        kiosk.say(bytes(9600) + speech("what time is it"))
        await kiosk.event(ResponseDone)
        assert kiosk.played()[1] > 900
        assert len(kiosk.frames(">", "session.update")) == 1  # a second one would close with 1007

    meet(kind, scene, f"audio-field={field}")


def test_a_turn_that_the_kiosk_ends_is_committed_and_followed_by_no_zeros(
    meet: Callable[..., None], speech: Callable[..., bytes]
) -> None:
    async def scene(kiosk: Kiosk, server: Server) -> None:
        kiosk.say(bytes(9600) + speech("what time is it"))
        await kiosk.event(ResponseDone)
        kinds = [row["type"] for row in kiosk.rows if row["dir"] == ">"]
        last = len(kinds) - kinds[::-1].index("input_audio_buffer.append")
        assert kinds[last] == "input_audio_buffer.commit" and kinds.count("input_audio_buffer.commit") == 1

    meet("hybrie-raw", scene)
    meet("openai-manual", scene)


def test_what_was_given_up_of_a_turn_is_cleared_before_the_next(
    meet: Callable[..., None], speech: Callable[..., bytes]
) -> None:
    async def scene(kiosk: Kiosk, server: Server) -> None:
        half = bytes(9600) + speech("please unlock the front door")
        for start in range(0, 20 * CHUNK_BYTES, CHUNK_BYTES):
            kiosk.uplink.push(Chunk(half[start : start + CHUNK_BYTES], time.monotonic()))
        await kiosk.wire(">", "input_audio_buffer.append")
        assert kiosk.uplink.clear()  # the machine gave the turn up
        kiosk.say(speech("what time is it"))
        await kiosk.event(ResponseDone)
        kinds = [row["type"] for row in kiosk.rows if row["dir"] == ">"]
        clear, commit = kinds.index("input_audio_buffer.clear"), kinds.index("input_audio_buffer.commit")
        assert 0 < kinds[:clear].count("input_audio_buffer.append") < 20 and clear < commit
        assert kiosk.of(ToolAsked) == []

    meet("openai-manual", scene)


def test_a_cancelled_answer_that_is_never_ended_is_over_after_its_patience(
    meet: Callable[..., None], speech: Callable[..., bytes]
) -> None:
    """Dialects reference U12, 8.4; two seconds there, scaled here."""

    async def scene(kiosk: Kiosk, server: Server) -> None:
        kiosk.say(bytes(9600) + speech("what can you do"))
        began = await kiosk.event(ResponseCreated)
        kiosk.link.cancel_response(began.session, began.response)
        done = await kiosk.event(ResponseDone)
        assert (done.response, done.status, done.reason) == (began.response, "cancelled", "client_cancelled")
        kiosk.say(bytes(9600) + speech("what time is it"))
        assert (await kiosk.event(ResponseDone, 2)).response != began.response

    meet("hybrie", scene, "silent-cancel", "delta-speed=1.5", change={"cancel_patience_s": 0.3})


def test_an_answer_that_comes_at_once_behind_one_that_was_cut_is_heard_from_its_first_syllable(
    meet: Callable[..., None], speech: Callable[..., bytes]
) -> None:
    """HybrIE names no answer and says neither that one begins nor that one was cut (dialects reference 8.4, U12)."""

    async def scene(kiosk: Kiosk, server: Server) -> None:
        kiosk.say(bytes(9600) + speech("what can you do"))
        began = await kiosk.event(ResponseCreated)
        kiosk.link.cancel_response(began.session, began.response)
        kiosk.playback.cut(began.response)
        kiosk.say(bytes(9600) + speech("what time is it"))
        assert (await kiosk.event(ResponseDone, 2)).response != began.response
        assert [event.status for event in kiosk.of(ResponseDone)] == ["cancelled", "completed"]
        _, length_ms = kiosk.played()
        assert length_ms > 900, "the whole of it"

    meet("hybrie", scene, "silent-cancel", "delta-speed=4")


def test_a_response_that_was_asked_for_too_early_is_asked_for_once_more(
    meet: Callable[..., None], speech: Callable[..., bytes]
) -> None:
    """Dialects reference 9.25."""

    async def scene(kiosk: Kiosk, server: Server) -> None:
        kiosk.say(bytes(9600) + speech("what time is it"))
        began = await kiosk.event(ResponseCreated)
        kiosk.link.send_text(began.session, "The door was opened by hand.")
        kiosk.link.ask_response(began.session)  # half a second later at most it goes up, into the answer in flight
        await kiosk.event(ResponseDone, 2)
        (refusal,) = kiosk.frames("<", "error")
        assert refusal["error"]["code"] == "conversation_already_has_active_response"
        assert len(kiosk.frames(">", "response.create")) == 2 and kiosk.of(ServiceComplained) == []

    meet("openai", scene, "delta-speed=1")


def test_an_answer_of_which_nothing_was_heard_is_deleted(
    meet: Callable[..., None], speech: Callable[..., bytes]
) -> None:
    async def scene(kiosk: Kiosk, server: Server) -> None:
        kiosk.say(bytes(9600) + speech("what time is it"))
        done = await kiosk.event(ResponseDone)
        kiosk.link.truncate(done.session, done.response, 0)
        await kiosk.wire("<", "conversation.item.deleted")
        kiosk.link.truncate(done.session, done.response, 10)  # once only
        kiosk.link.truncate("another session", done.response, 10)
        assert kiosk.frames("<", "error") == []

    meet("openai", scene)


def test_a_key_that_a_subprotocol_cannot_carry_is_refused_and_not_shown(meet: Callable[..., None]) -> None:
    """Dialects reference 2.3, U6."""

    async def scene(kiosk: Kiosk, server: Server) -> None:
        reason = await state(kiosk, Link.REFUSED)
        assert "a subprotocol cannot carry" in reason and "sk/odd=key" not in reason
        assert server.sessions == 0

    setup_key = {"read_key": lambda: "sk/odd=key-0123456789"}
    meet("mythicdot", scene, ready=False, **setup_key)


def test_the_key_rides_where_the_dialect_carries_it_and_is_never_told(
    meet: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    for kind in KINDS:

        async def scene(kiosk: Kiosk, server: Server) -> None:
            assert server.refused == 0  # the service asks for the token
            assert KEY not in repr(kiosk.rows) + repr(kiosk.events) + repr(kiosk.link.snapshot())

        with caplog.at_level("DEBUG", logger="kioskd"):
            meet(kind, scene)
    assert KEY not in caplog.text


OF_ONES_OWN = """
service:
  - dialect: openai
    url: wss://voice.example.org/v1/realtime
    key: {env: KEY}
    profile:          # a service that nobody wrote code for: it happens to speak as Grok does
      session_shape: xai
      created_events: [session.created, conversation.created]
      in_rate_hz: 16000
      voice_field: voice
      voices: []
      default_model: grok-voice-latest
      session_extra: {}
      turn_detection: {type: server_vad, threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 500}
"""


def test_a_profile_that_an_owner_wrote_in_yaml_is_spoken_from_end_to_end(
    meet: Callable[..., None], speech: Callable[..., bytes]
) -> None:
    """Without a line of code: the dialect is data, and the file that ``kioskd check`` reads is where it stands."""
    loaded = parse_yaml("talk: {mode: voice}" + OF_ONES_OWN, "kiosk.yaml")
    assert loaded.config is not None and [one for one in loaded.problems if one.key.startswith("service")] == []
    own = written(loaded.config.service[0])
    assert own.session_shape == "xai" and own.name == "openai"

    async def scene(kiosk: Kiosk, server: Server) -> None:
        kiosk.say(bytes(9600) + speech("please unlock the front door"))
        asked = await kiosk.event(ToolAsked)
        kiosk.link.send_output(asked.key, '{"say": "The front door is open now. Please come in."}')
        kiosk.link.ask_response(asked.key.session)
        assert (await kiosk.event(ResponseDone, 2)).status == "completed"
        assert kiosk.played()[1] > 900 and kiosk.of(ServiceComplained) == [] and server.errors == 0

    values = {field.name: getattr(own, field.name) for field in fields(own) if field.name != "catch_up"}
    meet("grok", scene, change=values)
