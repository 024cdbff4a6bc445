"""The victim: the real wire, translation, machine, policy and calls of one kiosk, with a hand that only counts.

It is wired as link and corridor wire it (kioskd/link/reader.py, conversation.py, kioskd/perform.py), with time in the
play's hand. Two of its tools pulse a relay and want a finger at the button; nobody presses in a play, so a pulse is
a finding. So is anything that a frame raises but ProtocolError, and anything that leaves its bounds.
"""

from __future__ import annotations

import dataclasses
import json
from collections import deque
from typing import Callable, Mapping, Sequence

from fuzz.hand import Broken, Hand
from fuzz.play import ACT, AGAIN, BINARY, TEXT, WAIT, Play, Step
from fuzz.tools import CONFIG, DECLARED
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core.machine import Machine
from kioskd.core.words import Link
from kioskd.lanes import PlaybackLane
from kioskd.link.barge import Barge
from kioskd.link.downlink import Downlink
from kioskd.link.redaction import Scrub, frame_row
from kioskd.link.translate import event_of, failure_of
from kioskd.wire import facts
from kioskd.wire.errors import ProtocolError
from kioskd.wire.profile import Profile
from kioskd.wire.session import Session, SessionState, Setup
from kioskd.wire.text import TEXT_LIMIT

KEY = "sk_canary_0123456789abcdef"
FRAME_S = 0.005  # between two frames: some two hundred a second
MOST_CALLS_AGAIN = 8  # a service that hangs up is called again so often in one play


class Kiosk:
    """One kiosk through one play.

    Args:
        welcome: the frames of a well-meant handshake; where the play hangs up by itself, the next session has had them.

    Attributes:
        hand: what moved.
    """

    def __init__(self, profile: Profile, welcome: Sequence[bytes] = ()) -> None:
        self._profile, self._welcome = profile, welcome
        self._scrub = Scrub(KEY)
        self._now = 1000.0
        self._machine = Machine(CONFIG, 0.0)
        self._timers: dict[str, ef.SetTimer] = {}
        self._events: deque[ev.Event] = deque()
        self._coming: list[ev.Event] = []  # what the rooms answer, a step later
        self._called = 0
        self.hand = Hand()
        self._call()
        self._do(self._machine.begin(self._now))
        self._post(ev.GateOpened(self._now))

    # -- the play --------------------------------------------------------------------------------

    def play(self, play: Play) -> None:
        """All of it.

        Raises:
            Moved, Broken, or whatever the product raised: a finding.
        """
        for step in play:
            self.step(step)
        for _ in range(3):  # what the rooms answer last comes before the curtain
            self.step(Step(WAIT, seconds=10.0))

    def step(self, step: Step) -> None:
        """One line."""
        coming, self._coming = self._coming, []
        for event in coming:
            self._post(event)
        if step.kind in (TEXT, BINARY):
            self._hear(step)
        elif step.kind == WAIT:
            self._wait(step.seconds)
        elif step.kind == AGAIN:
            self._lose(1006, "lost")
            self._call()
        elif step.kind == ACT:
            self._act(step.name)

    def _act(self, name: str) -> None:
        happened: Mapping[str, Callable[[float], ev.Event]] = {
            "speaks": ev.GateOpened,
            "stops": ev.GateClosed,
            "sounds": ev.PlaybackStarted,
            "rests": ev.PlaybackDrained,
        }
        self._post(happened[name](self._now))

    def _wait(self, seconds: float) -> None:
        until = self._now + seconds
        while due := [timer for timer in self._timers.values() if timer.at <= until]:
            timer = min(due, key=lambda timer: timer.at)
            del self._timers[timer.name]
            self._now = max(self._now, timer.at)
            self._post(ev.TimerFired(timer.name, timer.generation))
        self._now = until
        self._lose_patience(seconds)

    # -- the link's part -------------------------------------------------------------------------

    def _call(self) -> None:
        self._session = Session(self._profile, Setup("Be brief.", None, DECLARED, False, "", None))
        self._downlink = Downlink(PlaybackLane(30.0), 60.0)
        self._barge = Barge()
        self._id, self._ready, self._over = "", False, False
        self._asked: set[str] = set()
        self._cut: deque[str] = deque(maxlen=100)  # answers that broke off; less than the wire remembers
        self._cancelled = ""
        self._session.outgoing()

    def _lose_patience(self, seconds: float) -> None:
        """What kioskd/link/patience.py does when a service says nothing."""
        if self._over:
            return
        if seconds >= self._session.patience_s:
            self._session.press_on()
        if self._cancelled and seconds >= (self._profile.cancel_patience_s or float("inf")):
            self._session.assume_done(self._cancelled)
            self._cancelled = ""
        self._take_all()

    def _take_all(self) -> None:
        for fact in self._session.facts():
            self._take(fact)
        self._session.outgoing()

    def _lose(self, code: int, why: str) -> None:
        if self._ready and not self._over:
            self._over = True
            self._post(ev.SessionEnded(self._id, code, why))
            self._post(ev.LinkChanged(Link.OFFLINE, "e", why))
        self._over = True

    def _hear(self, step: Step) -> None:
        self._now += FRAME_S
        if self._over and self._called < MOST_CALLS_AGAIN:
            self._called += 1
            self._call()
            for frame in self._welcome:
                self._receive(frame, False)
        self._receive(step.data, step.kind == BINARY)

    def _receive(self, data: bytes, binary: bool) -> None:
        frame: str | bytes = data
        if not binary:
            try:
                frame = self._scrub.frame(data.decode("utf-8"))
            except UnicodeDecodeError:
                pass  # the link's library closes; the session must stand it all the same
        json.dumps(frame_row("<", frame, self._scrub))
        code = 0
        try:
            self._session.receive(frame, binary=binary)
        except ProtocolError as error:
            code = error.code
            _check(error.sentence, str(error.code))
        self._take_all()
        if code:
            self._lose(code, "protocol")

    def _take(self, fact: facts.Fact) -> None:
        _bounded(fact)
        self._in_order(fact)
        if self._over:
            return
        if isinstance(fact, facts.Ended):
            fact = self._barge.ended(fact)
        match fact:
            case facts.Audio():
                self._downlink.put(fact)
                return
            case facts.Created():
                self._id = fact.session or f"unnamed-{self._called}"
            case facts.Ready():
                self._ready = True
                self._post(ev.LinkChanged(Link.READY, "e", ""))
                self._post(ev.SessionReady(self._id, "e"))
            case facts.Began():
                self._barge.began(fact.response)
            case facts.UserStarted() if self._barge.generating and not self._profile.server_cancels:
                self._downlink.spoken_over(self._barge.generating)
                if self._barge.cancel(self._barge.generating, True):
                    self._session.cancel(self._barge.generating)
                    self._cancelled = self._barge.generating
            case facts.Complaint() if (failure := failure_of(fact, "e")) is not None:
                return self._lose(1000, failure.sentence)
        event = event_of(fact, "e", self._id)
        if event is not None:
            self._post(event)

    def _in_order(self, fact: facts.Fact) -> None:
        """What no session may say, whatever it was told."""
        if isinstance(fact, facts.Ended) and fact.status != "completed":
            self._cut.append(fact.response)
        elif isinstance(fact, facts.ToolCalled):
            if fact.call_id in self._asked:
                raise Broken(f"the wire handed {fact.call_id} on twice in one session")
            if fact.response in self._cut:
                raise Broken(f"{fact.call_id} was asked for by an answer that had broken off")
            self._asked.add(fact.call_id)
        elif isinstance(fact, facts.Audio) and fact.response in self._cut:
            raise Broken("sound of an answer that had broken off")

    # -- the corridor's part ---------------------------------------------------------------------

    def _post(self, event: ev.Event) -> None:
        self._do(self._machine.step(event, self._now))

    def _do(self, effects: Sequence[ef.Effect]) -> None:
        for effect in effects:
            match effect:
                case ef.SetTimer():
                    self._timers[effect.name] = effect
                case ef.ClearTimer():
                    self._timers.pop(effect.name, None)
                case ef.CommitIntent():
                    self._coming.append(self.hand.commit(effect))
                case ef.RunAction():
                    self._coming.append(self.hand.run(effect))
                case ef.CutPlayback():
                    self._coming.append(ev.PlaybackCut(effect.response, 20, self._now))
                case ef.Note():
                    json.dumps([effect.text, dict(effect.data)], allow_nan=False)
                case ef.Quit():
                    raise Broken(f"the service ended the process: {effect.reason}")
                case ef.Effect():
                    self._send(effect)

    def _send(self, effect: ef.Effect) -> None:
        if not self._ready or self._over or self._session.state is not SessionState.LIVE:
            return
        match effect:
            case ef.SendOutput() if effect.key.session == self._id:
                self._session.tool_output(effect.key.call_id, effect.output)
            case ef.SendText() if effect.session == self._id:
                self._session.text(effect.text)
            case ef.AskResponse() if effect.session == self._id:
                self._session.create_response()
            case ef.CancelResponse() if effect.session == self._id:
                self._barge.cancel(effect.response)
                self._cancelled = effect.response
                self._session.cancel(effect.response)
            case ef.TruncateResponse() if effect.session == self._id:
                self._session.truncate(effect.response, effect.heard_ms)


def _check(*words: str) -> None:
    for word in words:
        if len(word) > TEXT_LIMIT or not word.isprintable():
            raise Broken(f"not one bounded line: {word[:400]!r}")


def _bounded(fact: facts.Fact) -> None:
    """What facts.py promises of each fact."""
    match fact:
        case facts.Audio():
            if not fact.pcm or len(fact.pcm) % 2 or not 8_000 <= fact.rate_hz <= 48_000 or fact.rate_hz % 25:
                raise Broken(f"audio of {len(fact.pcm)} bytes at {fact.rate_hz} Hz")
        case facts.Ready():
            _check(fact.session, *(word for word in fact.config.values() if isinstance(word, str)))
            json.dumps(dict(fact.config), allow_nan=False)
        case facts.ToolCalled():
            _check(fact.response, fact.call_id, fact.name)
            if len(fact.arguments.encode("utf-8", "surrogatepass")) > 64 * 1024:
                raise Broken(f"arguments of {len(fact.arguments)} characters")
        case _:
            values = [getattr(fact, part.name) for part in dataclasses.fields(fact)]
            _check(*(value for value in values if isinstance(value, str)))
