"""How long a session may last, and from when on it is better replaced. Pure; time comes in."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from kioskd.config.session import Session
from kioskd.link.failures import Failure
from kioskd.wire.profile import Profile, Trouble

# What ``expires_at`` can honestly mean, in seconds from now: beyond it one of the two clocks is wrong.
SHORTEST_S, LONGEST_S = 30.0, 86_400.0

# Closes by a service that may be its limit in disguise: what it said is no better reason (Gemini behind HybrIE ends a
# session with 1011, dialects reference 9.10).
_DISGUISES = (Trouble.NORMAL, Trouble.TRANSPORT)
GOING_AWAY, VANISHED = 1001, 1006  # RFC 6455, 7.4.1: the end was to come; nothing was said at all


@dataclass(frozen=True, slots=True)
class Term:
    """Monotonic seconds.

    Attributes:
        due_at: replace the session at the first quiet moment from here on.
        ends_at: the service will end it; infinity: it has not said when.
        length_s: what the service allows; infinity likewise.
    """

    due_at: float = float("inf")
    ends_at: float = float("inf")
    length_s: float = float("inf")

    def named(self, failure: Failure, endpoint: str, now: float) -> Failure:
        """An end that comes when the limit does is the limit, whatever the service calls it."""
        spoken = failure.close_code not in (None, VANISHED)
        if failure.trouble not in _DISGUISES or not spoken or now < self.due_at or self.ends_at == float("inf"):
            return failure
        sentence = f"{endpoint} ended the session at its limit of {self.length_s / 60:.3g} min ({failure.close_code})"
        # The code, too: 1000 would mean that the service took the conversation for over.
        return dataclasses.replace(failure, trouble=Trouble.EXPIRY, sentence=sentence, close_code=GOING_AWAY)


def term_of(now: float, profile: Profile, options: Session, expires_in_s: float | None) -> Term:
    """The term of a session that began ``now``.

    Args:
        expires_in_s: what the service said (dialects reference U30); None: nothing.
    """
    lengths = [float(profile.session_max_s)] if profile.session_max_s > 0 else []
    if expires_in_s is not None and SHORTEST_S <= expires_in_s <= LONGEST_S:
        lengths.append(expires_in_s)
    length_s = min(lengths, default=float("inf"))
    margin_s = profile.rotate_margin_s if options.rotate_margin_s is None else options.rotate_margin_s
    # A margin as long as the session itself would replace it as soon as it is there.
    before_end_s = length_s - min(margin_s, length_s / 2) if length_s < float("inf") else length_s
    return Term(now + min(before_end_s, options.longest_s), now + length_s, length_s)
