"""What walks along the road to a service come to: name, TLS and its certificate, and how far away the service is."""

from __future__ import annotations

import ssl
from typing import Callable, Iterator, Mapping, Sequence

from kioskd.checkup.road import HOPS, Walk
from kioskd.config.addresses import is_loopback
from kioskd.core.finding import Finding, fail, ok, unknown, warn

DAY_S = 86_400.0
# Certificates of today live 90 days or fewer and are renewed with 30 left; these are for one that nobody renews.
SOON_DAYS, VERY_SOON_DAYS = 14.0, 2.0
# The first sound comes about 0.8 s after a turn; a road of more is heard. Guesses.
FAR_MS, TOO_FAR_MS = 300.0, 1000.0
# Between the quickest and the slowest of a few handshakes; more is a line that is loaded or lossy. Guess.
UNSTEADY_MS = 500.0
WHERE: Mapping[str, str] = {
    "dns": "the name cannot be found",
    "connect": "nothing answers at its address",
    "proxy": "the proxy does not let us through",
    "tls": "TLS fails",
    "answer": "it does not answer",
}
# Nothing stands between this machine and itself: there it is the service that does not run.
HERE = "it runs on this device: systemctl status kioskd-voice.socket kioskd-voice; journalctl -u kioskd-voice -e"
THERE = "see docs/network.md; a firewall? curl -v https://{} from this box"
Explain = Callable[[Exception], str]


def told(name: str, walks: Sequence[Walk], wall_s: float, explain: Explain, host: str = "HOST") -> Iterator[Finding]:
    """All findings about one service.

    Args:
        name: of the service, ``hydra-1``.
        walks: at least one.
        wall_s: what this machine takes for the time.
        explain: makes a sentence of what went wrong.
        host: where it is.
    """
    best = max(walks, key=lambda one: len(one.took_ms))
    yield from _names(name, best, explain)
    yield from _tls(name, best, wall_s, explain)
    yield from _way(name, walks, explain, host)


def _names(name: str, done: Walk, explain: Explain) -> Iterator[Finding]:
    if "dns" in done.took_ms:
        took_ms = done.took_ms["dns"]
        sentence = f"{', '.join(done.addresses[:4])} in {took_ms:.0f} ms"
        if took_ms > TOO_FAR_MS:
            advice = "is the first name server in /etc/resolv.conf dead? resolvectl status"
            yield warn(f"dns {name}", sentence, advice, took_ms=round(took_ms, 1))
        else:
            yield ok(f"dns {name}", sentence, took_ms=round(took_ms, 1), addresses=list(done.addresses))
    elif done.failed == "dns" and done.error is not None:
        yield fail(f"dns {name}", explain(done.error), "cat /etc/resolv.conf; resolvectl status")


def _tls(name: str, done: Walk, wall_s: float, explain: Explain) -> Iterator[Finding]:
    what = f"tls {name}"
    if done.failed == "tls" and done.error is not None:
        yield fail(what, explain(done.error), "is the clock right, and nothing between that opens TLS?")
        return
    if not done.certificate:
        return
    until_s = expiry_s(done.certificate)
    issuer = _of(done.certificate.get("issuer"), "organizationName") or "an unnamed issuer"
    if until_s is None:
        yield unknown(what, f"{done.tls}, issued by {issuer}; it does not say until when")
        return
    days = (until_s - wall_s) / DAY_S
    sentence = f"{done.tls}, issued by {issuer}, valid for {days:.0f} more days"
    data = {"days_left": round(days, 1), "issuer": issuer, "tls": done.tls}
    if days < VERY_SOON_DAYS:
        yield fail(what, sentence, "who runs the service must renew it now", **data)
    elif days < SOON_DAYS:
        yield warn(what, sentence, "who runs the service must renew it", **data)
    else:
        yield ok(what, sentence, **data)


def expiry_s(certificate: Mapping[str, object]) -> float | None:
    """Until when it is valid, in seconds since 1970; None: it does not say."""
    try:
        return float(ssl.cert_time_to_seconds(str(certificate["notAfter"])))
    except (KeyError, ValueError):
        return None


def _of(names: object, wanted: str) -> str:
    """One name out of the nested tuples that ssl makes of an issuer."""
    for row in names if isinstance(names, tuple) else ():
        for pair in row if isinstance(row, tuple) else ():
            if isinstance(pair, tuple) and len(pair) == 2 and pair[0] == wanted:
                return str(pair[1])
    return ""


def _way(name: str, walks: Sequence[Walk], explain: Explain, host: str) -> Iterator[Finding]:
    what = f"way {name}"
    lost = [one for one in walks if one.failed]
    if lost and lost[0].failed in ("dns", "tls") and len(lost) == len(walks):
        return  # told already
    rounds = sorted(one.total_ms for one in walks if not one.failed)
    data = {"handshakes_ms": [round(ms, 1) for ms in rounds], "lost": len(lost), "walks": [row(one) for one in walks]}
    if not rounds:
        error = lost[0].error
        sentence = f"{WHERE[lost[0].failed]}: {explain(error) if error is not None else ''}"
        yield fail(what, sentence, HERE if is_loopback(host) else THERE.format(host), **data)
        return
    median, worst = rounds[len(rounds) // 2], rounds[-1]
    statuses = {one.status for one in walks if one.status}
    answered = f", HTTP {min(statuses)} without a key" if statuses else ""
    sentence = f"{median:.0f} ms to a finished handshake ({rounds[0]:.0f} to {worst:.0f}, {len(walks)} tried{answered})"
    if lost:
        yield warn(what, f"{len(lost)} of {len(walks)} came to nothing; else {sentence}", "a lossy line?", **data)
    elif median > TOO_FAR_MS:
        yield warn(what, sentence, "visitors wait so long at every wake: another line, or a service nearer by", **data)
    elif median > FAR_MS or worst - rounds[0] > UNSTEADY_MS:
        yield warn(what, sentence, "visitors notice: is the line loaded, or the Wi-Fi weak?", **data)
    else:
        yield ok(what, sentence, **data)


def row(done: Walk) -> dict[str, object]:
    """One walk for scripts and pictures."""
    passed = {hop: round(done.took_ms[hop], 1) for hop in HOPS if hop in done.took_ms}
    return {**passed, "failed": done.failed, "status": done.status}
