"""Every bound of the link in one place, and the counter that holds a service to the one on its events."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.core.backoff import Backoff


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Deadlines and bounds; tests scale them. All in seconds unless the name says otherwise.

    Attributes:
        first_s, cap_s, capacity_first_s, capacity_cap_s, bucket, per_s, stable_s: see core/backoff.py.
        refused_s: an endpoint that refused is asked again after this long (dialects reference 8.6: 10-15 min).
        press_s: a person may have a refused endpoint asked again this often.
        tick_s: the supervisor turns at least this often in every state; health counts on it.
        probe_s: a sleeping link is probed this often; 0: never.
        probe_retry_s: as above, after a probe that failed.
        reply_s: an answer is owed and nothing at all comes: the connection is dead (dialects reference 8.7).
        stuck_s: the socket took nothing for this long: the peer does not read.
        goodbye_s: the closing handshake may take this long (with what is around it: one second).
        overlong_s: so much audio beyond a full playback lane ends the session.
        parse_s: the reader yields to the loop after this much work.
        events_a_second: control frames that a service may send in one second.
        well_s: a service that another took over from must be well for so long before it is asked again; doubles with
            every time that this proves wrong.
        well_probes: and so many probes in a row must have come through.
        well_probe_s: it is probed this often meanwhile.
        pong_s: after a change of the network a connection must answer a ping within this.
        silent_s: a service that said nothing for so long, while something is on its way, is asked with a ping.
        idle_silent_s: likewise while nothing is.
        spoilt: so many closes with 1007 within ``spoilt_s`` are a refusal (dialects reference 8.6).
        bad_frames: so many refused frames of ours within ``bad_frames_s`` end the session (dialects reference 8.6).
    """

    first_s: float = 4.0
    cap_s: float = 30.0
    capacity_first_s: float = 4.0
    capacity_cap_s: float = 60.0
    bucket: int = 10
    per_s: float = 60.0
    stable_s: float = 60.0
    refused_s: float = 600.0
    press_s: float = 60.0
    tick_s: float = 5.0
    probe_s: float = 300.0
    probe_retry_s: float = 30.0
    reply_s: float = 45.0
    stuck_s: float = 10.0
    goodbye_s: float = 0.8
    overlong_s: float = 60.0
    parse_s: float = 0.0005
    events_a_second: int = 200
    well_s: float = 60.0
    well_probes: int = 3
    well_probe_s: float = 20.0
    pong_s: float = 3.0
    silent_s: float = 5.0
    idle_silent_s: float = 15.0
    spoilt: int = 3
    spoilt_s: float = 300.0
    bad_frames: int = 10
    bad_frames_s: float = 60.0

    def backoff(self) -> Backoff:
        """A backoff by these numbers."""
        return Backoff(
            first_s=self.first_s,
            cap_s=self.cap_s,
            capacity_first_s=self.capacity_first_s,
            capacity_cap_s=self.capacity_cap_s,
            bucket=self.bucket,
            per_s=self.per_s,
            stable_s=self.stable_s,
        )


class Allowance:
    """So many events in one window; the window begins anew when it has passed. Time comes in."""

    __slots__ = ("_count", "_limit", "_since", "_window_s")

    def __init__(self, limit: int, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        self._since = float("-inf")
        self._count = 0

    def exceeded(self, now: float) -> bool:
        """Count one event; True when it is one too many."""
        if now - self._since >= self._window_s:
            self._since = now
            self._count = 0
        self._count += 1
        return self._count > self._limit
