"""What one step of the pure parts costs: the machine, the policy, a frame in and a frame out."""

from __future__ import annotations

import base64
import json
import math
import time
from array import array
from typing import Callable, Mapping

from benchmarks.figure import Measured, ProbeFailed, spread
from kioskd.config.sections import Action, Config, Kiosk, Policy, RelayAction, Talk, Tool
from kioskd.core import arguments, events as ev
from kioskd.core.machine import Machine
from kioskd.core.policy import Decision, Facts, Verdict, judge
from kioskd.core.words import Link
from kioskd.lanes import CHUNK_BYTES
from kioskd.wire.facts import Audio, Fact
from kioskd.wire.dialects import HYDRA
from kioskd.wire.session import Session, Setup

ROUNDS = 200
DOOR = Tool(
    name="unlock_door",
    description="Unlock the front door.",
    class_="access",
    parameters={"type": "object", "properties": {"floor": {"type": "integer", "minimum": 0, "maximum": 9}}},
    action=Action(relay=RelayAction(pin="GPIO27")),
    policy=Policy(allow=True),
)


def per_call_us(work: Callable[[], object], calls: int, rounds: int = ROUNDS) -> list[float]:
    """Microseconds of one call, one sample for each round of ``calls``."""
    samples = []
    for _ in range(rounds):
        began = time.perf_counter_ns()
        for _ in range(calls):
            work()
        samples.append((time.perf_counter_ns() - began) / calls / 1000)
    return samples


def _measured(name: str, samples: list[float], story: str) -> Mapping[str, Measured]:
    us = spread(samples)
    return {name: Measured(us["median"], story, {"us": us})}


def machine_us() -> Mapping[str, Measured]:
    """A whole spoken turn through the machine, per event."""
    machine = Machine(Config(talk=Talk(mode="voice")), 0.0)
    now = 1000.0
    machine.begin(now)
    machine.step(ev.LinkChanged(Link.READY, "e", ""), now)
    machine.step(ev.SessionReady("s", "e"), now)
    turn = (
        ev.GateOpened(now),
        ev.SpeechStarted("s"),
        ev.GateClosed(now),
        ev.SpeechStopped("s"),
        ev.ResponseCreated("s", "r"),
        ev.PlaybackStarted(now),
        ev.ResponseDone("s", "r", "completed", ""),
        ev.PlaybackDrained(now),
    )

    def one_turn() -> None:
        for event in turn:
            machine.step(event, now)

    samples = [us / len(turn) for us in per_call_us(one_turn, 10)]
    return _measured("machine_us", samples, f"one of the {len(turn)} steps of a spoken turn")


def policy_us() -> Mapping[str, Measured]:
    """Arguments checked and a call judged, which ends in the wish for a hand at the button."""
    facts = Facts(
        now=1000.0,
        started_at=0.0,
        live_session="s",
        call_session="s",
        muted=False,
        last_person_at=999.0,
        confirming=False,
        runs=(900.0,),
        given=frozenset(),
    )
    kiosk = Kiosk()

    def one_call() -> Decision:
        return judge(DOOR, kiosk, arguments.check(DOOR.parameters, '{"floor": 3}').problem, facts)

    if one_call().verdict is not Verdict.CONFIRM:
        raise ProbeFailed(f"the call was not judged to the end: {one_call().why}")
    return _measured("policy_us", per_call_us(one_call, 50), "arguments checked and the call judged")


def live_session() -> Session:
    """A session behind its handshake."""
    session = Session(HYDRA, Setup("", None, (), False, "hydra-v1.1", None))
    session.receive('{"type": "session.created", "session_id": "s"}')
    session.receive('{"type": "session.configured", "session": {"output_audio_sample_rate": 48000}}')
    session.facts()
    session.outgoing()
    return session


def tone(frames: int, rate_hz: int, hz: float = 440.0) -> bytes:
    """S16_LE mono that is no silence: base64 of real sound has no short cut."""
    return array("h", (int(12000 * math.sin(math.tau * hz * n / rate_hz)) for n in range(frames))).tobytes()


def decode_us() -> Mapping[str, Measured]:
    """One text frame of 20 ms at 48 kHz, from the socket's str to PCM and its fact."""
    session = live_session()
    pcm = tone(960, 48_000)
    session.receive('{"type": "response.created", "response": {"id": "r1"}}')
    session.facts()
    frame = json.dumps(
        {
            "type": "response.output_audio.delta",
            "event_id": "sv_0123456789abcdef",
            "response_id": "r1",
            "item_id": "a1",
            "output_index": 0,
            "content_index": 0,
            "delta": base64.b64encode(pcm).decode(),
        }
    )

    def one_frame() -> list[Fact]:
        session.receive(frame)
        return session.facts()

    fact = one_frame()[0]
    if not isinstance(fact, Audio) or fact.pcm != pcm:
        raise ProbeFailed("the frame was not decoded to the sound that was put in")
    samples = per_call_us(one_frame, 50)
    return _measured("decode_us", samples, f"a delta of {len(frame)} characters to {len(pcm)} bytes of PCM")


def encode_us() -> Mapping[str, Measured]:
    """One chunk of speech to the frame that carries it."""
    session = live_session()
    chunk = tone(CHUNK_BYTES // 2, 16_000)
    return _measured("encode_us", per_call_us(lambda: session.append(chunk), 100), "20 ms of speech to its JSON frame")
