"""The services in order of preference: who serves, and who is passed over for a while."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Collection, Mapping, Sequence
from urllib.parse import urlsplit

from kioskd.link.proxy import Proxy
from kioskd.link.tokens import Tokens
from kioskd.wire.profile import Profile

# Two failures in a row are no hiccup; a visitor waits, so the next endpoint is asked. A guess.
FAILURES_TO_SWITCH = 2

# The time for which a service must be well doubles so often: from one minute to about an hour. A guess.
MOST_RELAPSES = 6


@dataclass(frozen=True, slots=True)
class EndpointSetup:
    """One service and how a session with it is begun.

    Attributes:
        name: what status and the ledger call it; unique, because it is part of every call's key.
        url: None means the profile's own.
        auth: how the key is sent: None means the profile's way.
        read_key: returns the API key, or None where none is needed. Called on the loop at every dial, so that a key
            that was replaced is found; reads a small local file at most. ValueError and OSError mean: refused, with
            the error's text as the reason (it must not hold the key).
        key_paths: the files that its secrets lie in; when one of them changes, what was refused may be asked again.
        tokens: mints short-lived tokens, which are sent where a key would be; None: the key itself is sent.
        read_proxy: the way there, None for straight; called and to be judged as ``read_key``.
        greet: the persona wants the model to speak first when a person opened the conversation.
        compress: frames are compressed where the service can.
        connect_timeout_s: DNS, TCP, TLS and upgrade together.
        handshake_timeout_s: each of the two handshake frames.
    """

    name: str
    profile: Profile
    url: str | None = None
    model: str = ""
    voice: str | None = None
    instructions: str = ""
    tools: Sequence[Mapping[str, object]] = ()
    greet: bool = False
    auth: str | None = None
    out_rate_hz: int | None = None
    read_key: Callable[[], str | None] = field(default=lambda: None, repr=False)
    key_paths: tuple[str, ...] = ()
    tokens: Tokens | None = field(default=None, repr=False)
    read_proxy: Callable[[], Proxy | None] = field(default=lambda: None, repr=False)
    compress: bool = False
    connect_timeout_s: float = 10.0
    handshake_timeout_s: float = 10.0

    @property
    def host(self) -> str:
        """The host's name, for probes."""
        return urlsplit(self.url or self.profile.url).hostname or ""


@dataclass(slots=True)
class _Standing:
    failures: int = 0  # in a row, while it was asked
    refused_until: float = float("-inf")
    pressed_at: float = float("-inf")
    tried: bool = False  # in this round through the list
    barred: str = ""  # why it is not to be asked now; empty: it may be
    sick_at: float | None = None  # when another took over from it; None: a whole answer came since
    good: int = 0  # probes in a row that came through since then
    good_since: float = 0.0
    on_probation: bool = False  # it was sick, and was taken to be well
    relapses: int = 0


class Roster:
    """Which endpoint is next. Time comes in. Loop only.

    An endpoint that another took over from is passed over until it has been well for a while; each time that this
    proves wrong the while doubles (hysteresis: a service that comes and goes must not take the visitor along).

    Args:
        count: how many endpoints there are.
        refused_s: how long an endpoint that refused is left alone.
        press_s: a person may ask a refused endpoint this often.
        well_s: a sick endpoint must be well for so long before it is preferred again.
        well_probes: and so many probes in a row must have come through, where it is probed at all.
    """

    def __init__(
        self,
        count: int,
        refused_s: float = 600.0,
        press_s: float = 60.0,
        well_s: float = 60.0,
        well_probes: int = 3,
    ) -> None:
        self._standings = [_Standing() for _ in range(count)]
        self._refused_s = refused_s
        self._press_s = press_s
        self._well_s = well_s
        self._well_probes = well_probes
        self.current = 0

    # -- what happens to them --------------------------------------------------------------------

    def fresh(self, now: float, probed: Collection[int] = ()) -> None:
        """A conversation is opened: the preferred one again, if it did not refuse and is well.

        Args:
            probed: indices of those that are probed while they are sick; of the others only time tells.
        """
        self.current = 0
        for standing in self._standings:
            standing.failures = 0
            standing.tried = False
        self._skip_refused(now)
        best = self.preferred(now, len(self._standings), probed)
        if best is not None:
            self.return_to(best)

    def failed(self, index: int, now: float) -> bool:
        """That one failed. True when the next is one that was not asked in this round: ask it at once."""
        standing = self._standings[index]
        standing.failures += 1
        standing.tried = True
        return standing.failures >= FAILURES_TO_SWITCH and self._advance(index, now)

    def refused(self, index: int, now: float, patience_s: float | None = None) -> bool:
        """That one refused: waiting alone will not help it. True as for ``failed``.

        Args:
            patience_s: leave it alone for this long; None: for the usual time.
        """
        standing = self._standings[index]
        standing.refused_until = now + (self._refused_s if patience_s is None else min(patience_s, self._refused_s))
        standing.tried = True
        return self._advance(index, now)

    def completed(self, index: int) -> None:
        """That one gave a whole answer. (That it opens a session proves nothing.)"""
        standing = self._standings[index]
        standing.failures = standing.relapses = 0
        standing.sick_at = None
        standing.on_probation = False

    def press(self, now: float) -> bool:
        """A person waits. True when all had refused and one of them may be asked again now."""
        if self.wait_s(now) <= 0:
            return False
        for index, standing in enumerate(self._standings):
            if not standing.barred and now - standing.pressed_at >= self._press_s:
                standing.pressed_at = now
                standing.refused_until = now
                self.current = index
                return True
        return False

    def pardon(self, index: int, now: float) -> None:
        """What that one refused may have been put right: it may be asked now."""
        standing = self._standings[index]
        if standing.refused_until > now:
            standing.refused_until = now
            standing.sick_at = None

    def bar(self, index: int, reason: str) -> None:
        """That one is not to be asked now; an empty reason lets it be asked again."""
        self._standings[index].barred = reason

    def probed(self, index: int, well: bool, now: float) -> None:
        """What a probe of a sick one found."""
        standing = self._standings[index]
        if not well:
            standing.good = 0
            return
        if standing.good == 0:
            standing.good_since = now
        standing.good += 1

    # -- whom to ask -----------------------------------------------------------------------------

    def wait_s(self, now: float) -> float:
        """Seconds until any endpoint may be asked; 0 unless all refused; infinity: all are barred. Moves on to it."""
        self._skip_refused(now)
        return max(0.0, self._free_at(self.current, now) - now)

    def barred(self, index: int) -> str:
        """Why that one is not to be asked now; empty: it may be."""
        return self._standings[index].barred

    def refuses(self, index: int, now: float) -> bool:
        """Whether that one refused lately."""
        return self._standings[index].refused_until > now

    def sick(self, index: int) -> bool:
        """Whether another took over from it, and it has given no whole answer since."""
        return self._standings[index].sick_at is not None

    def preferred(self, now: float, first: int, probed: Collection[int] = ()) -> int | None:
        """Of the ``first`` so many the foremost that is well and may be asked; None: none is."""
        for index in range(first):
            if self._free_at(index, now) <= now and self._well(index, now, index in probed):
                return index
        return None

    def return_to(self, index: int) -> None:
        """Ask that one next: it is taken to be well."""
        self.current = index
        self._standings[index].on_probation = self.sick(index)

    def _well(self, index: int, now: float, probed: bool) -> bool:
        standing = self._standings[index]
        if standing.sick_at is None:
            return True
        if probed and standing.good < self._well_probes:
            return False
        since = standing.good_since if probed else standing.sick_at
        return now - since >= self._well_s * float(2 ** min(standing.relapses, MOST_RELAPSES))

    def _advance(self, index: int, now: float) -> bool:
        standing = self._standings[index]
        standing.failures = standing.good = 0
        standing.relapses += standing.on_probation
        standing.on_probation = False
        standing.sick_at = now
        if index != self.current:
            return False  # a fresh round began while that one was failing
        self.current = (index + 1) % len(self._standings)
        self._skip_refused(now)
        return self.current != index and not self._standings[self.current].tried

    def _skip_refused(self, now: float) -> None:
        """To the next that did not refuse, from the current one on; if all did, to the first that is free again."""
        count = len(self._standings)
        order = [(self.current + step) % count for step in range(count)]
        self.current = min(order, key=lambda index: self._free_at(index, now))

    def _free_at(self, index: int, now: float) -> float:
        standing = self._standings[index]
        return float("inf") if standing.barred else max(now, standing.refused_until)
