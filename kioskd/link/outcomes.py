"""What becomes of the link when a session is ready, an attempt or a session has ended, or a probe is back."""

from __future__ import annotations

from typing import Callable, Mapping, Sequence

from kioskd.core.events import SessionReady
from kioskd.core.ports import Post
from kioskd.core.words import Link
from kioskd.lanes import UplinkLane
from kioskd.link.course import Course
from kioskd.link.endpoints import EndpointSetup
from kioskd.link.failures import Ending, Failure
from kioskd.link.memory import Memory
from kioskd.link.outlet import Outlet
from kioskd.link.ports import Ports
from kioskd.link.probe import Lookout
from kioskd.link.renewal import Renewal
from kioskd.link.standings import SERVING, UNKNOWN, WELL, Standings
from kioskd.link.waker import Waker
from kioskd.link.wish import Wish
from kioskd.wire.facts import Ended
from kioskd.wire.profile import Trouble


class Outcomes(Outlet):
    """The half of the supervisor that draws the conclusions. Loop only; no method blocks."""

    _endpoints: tuple[EndpointSetup, ...]
    _uplink: UplinkLane
    _post: Post
    _rng: Callable[[], float]
    _clock: Callable[[], float]
    _ports: Ports
    _course: Course
    _standings: Standings
    _memory: Memory
    _news: Waker
    _wish: Wish
    _renewal: Renewal
    _rekeyed: set[str]  # endpoints of which a key was changed since they were dialled last
    _lookout: Lookout
    _sickbed: Lookout
    _ticked_at: float
    _mismatches: Sequence[str]

    def keys_changed(self, name: str) -> None:
        """The key of that endpoint was changed: if it had refused, it is tried at once when a session is wanted.

        A call that is on its way with the old one is begun anew; where that cannot be told, and it is refused, the new
        one is tried at once likewise.
        """
        self._rekeyed.add(name)
        if self._attempt is not None and self._attempt.endpoint == name:
            self._attempt.rekey()
        if self._course.pardon(name, self._clock(), idle=self._attempt is None):
            self._standings.set(name, UNKNOWN, "its key was changed; it has not been asked since")
            if self._record.state is Link.REFUSED and not self._course.barred:
                self._record.set(Link.ASLEEP, name, "the key was changed; it is tried with the next session")
            self._news.wake()

    # -- while it lasts --------------------------------------------------------------------------

    def _became_ready(self, name: str, session: str) -> None:
        self._record.began(name)
        self._course.ready(self._clock())
        self._ports.playback.forget_cuts()
        self._record.healthy(name)
        self._standings.set(name, SERVING)
        self._record.set(Link.READY, name, f"in session with {name}")
        self._post(SessionReady(session, name))
        if (conversation := self._live) is not None:
            self._mismatches = conversation.mismatches
            self._greet_late(conversation.endpoint)
        self._wish.greet = False  # spoken once; a reconnect does not greet again
        self._wish.served()

    def _greet_late(self, name: str) -> None:
        """Greet in a session that was there, or dialled, before the person came."""
        if self._live is None or self._attempt is None or self._attempt.greets or not self._wish.greet:
            return
        if any(setup.greet for setup in self._endpoints if setup.name == name):
            self._live.greet()

    def _answer_ended(self, ended: Ended) -> None:
        self._record.used(self._record.endpoint, ended.usage or {})
        if ended.status == "completed":
            self._course.completed(self._record.endpoint)

    def _ticked(self) -> None:
        """Called at least every ``tick_s``, in every state."""
        self._ticked_at = self._clock()
        self._tend()

    def _tend(self) -> None:
        """Look after those that are sick, and whether the session should be replaced."""
        now, live = self._clock(), self._live
        serving = self._endpoints[self._course.current].name if live is None else live.endpoint
        ailing = self._course.ailing(serving, now)
        if ailing is not None:
            self._sickbed.look(self._endpoints[ailing])
        if self._attempt is None:
            return
        if live is None:
            unfit = self._course.unfit(self._attempt.endpoint)
            if unfit and not self._attempt.ending:
                self._attempt.hang_up(unfit)
        elif live.quiet and (why := self._renewal.reason(live.endpoint, live.term.due_at, self._wish.person)):
            self._renewal.count += 1
            self._attempt.hang_up(why, replaced=bool(self._wish) and not self._course.barred)

    @property
    def troubles(self) -> Mapping[str, str]:
        """By name of endpoint, what is wrong with it while another serves; empty: nothing, or ``state`` tells of it."""
        told = self._record.endpoint if self._record.state in (Link.OFFLINE, Link.BUSY, Link.REFUSED) else ""
        return {name: "" if name == told else why for name, why in self._standings.troubles().items()}

    # -- when it is over -------------------------------------------------------------------------

    def _judge(self, setup: EndpointSetup, ending: Ending) -> None:
        """An attempt, or its session, is over: what now?"""
        now, failure = self._clock(), ending.failure
        self._record.totals.dropped_chunks += ending.dropped
        if ending.was_ready and not ending.ours:
            self._wish.ended()
        quiet = failure.trouble is Trouble.NORMAL and ending.was_ready and not ending.engaged
        if quiet and not ending.ours and not self._wish.unserved:
            self._wish.person = False
            self._memory.forget()
        used_up = failure.trouble is Trouble.EXPIRY and ending.was_ready
        if ending.ours or quiet or used_up:
            self._rest(setup, ending, now)
            return
        self._record.failed(setup.name, failure)
        self._standings.failed(setup.name, failure)
        self._course.failed(setup.name, ending, now, self._rng(), waiting=len(self._uplink) > 0)
        state, when = self._course.prospect(failure, now)
        self._record.set(state, setup.name, failure.sentence + (when if self._wish else ""))
        if setup.name in self._rekeyed:
            self.keys_changed(setup.name)

    def _rest(self, setup: EndpointSetup, ending: Ending, now: float) -> None:
        """Closed by us, by the service because nobody spoke (Hydra: after 30 s, with 1000), or used up: all is well."""
        sentence = ending.failure.sentence
        self._course.rested(now)
        if ending.was_ready:
            self._lookout.proven()
            self._standings.set(setup.name, WELL)
        if not self._wish.person and (better := self._course.better(setup.name, now)):
            self._course.return_to(better)
        if self._wish and not self._course.barred:
            # The next one is called at once, unless there were too many; nobody needs to hear of that moment.
            if self._course.wait_s(now) > 0:
                _, when = self._course.prospect(ending.failure, now)
                self._record.set(Link.OFFLINE, setup.name, sentence + when)
        elif self._record.outage is None:
            self._record.set(Link.ASLEEP, setup.name, sentence)
        else:
            self._record.set(Link.OFFLINE, setup.name, self._record.outage.sentence)

    # -- probes ----------------------------------------------------------------------------------

    def _probed(self, setup: EndpointSetup, failure: Failure | None) -> None:
        """What a probe of the sleeping link found."""
        if self._wish:
            return
        self._record.totals.probes += 1
        self._standings.probed(setup.name, failure)
        if failure is not None:
            self._record.failed(setup.name, failure)
            self._record.set(Link.OFFLINE, setup.name, failure.sentence)
        elif self._record.state is not Link.REFUSED:  # what was refused, a probe does not ask for
            self._course.reached(setup.name, self._clock())
            self._record.healthy(setup.name)
            self._record.set(Link.ASLEEP, setup.name, "nobody speaks; the service can be reached")

    def _probed_sick(self, setup: EndpointSetup, failure: Failure | None) -> None:
        """What a probe found of an endpoint that another took over from."""
        self._record.totals.probes += 1
        self._standings.probed(setup.name, failure)
        self._course.probed(setup.name, failure is None, self._clock())
