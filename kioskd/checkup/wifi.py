"""Wi-Fi: power save, which costs syllables, and the signal."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Iterator

from kioskd.checkup.files import text
from kioskd.core.finding import Finding, fail, ok, unknown, warn

# What an installer's handbook says of voice over Wi-Fi: -67 dBm or better; below -80 nothing holds.
WEAK_DBM, USELESS_DBM = -67.0, -80.0
NEARER = "move the access point or the kiosk, use 5 GHz, or a cable"


def interfaces(sysfs: Path) -> list[str]:
    """The names of the wireless interfaces that are up."""
    nets = sorted((sysfs / "class/net").glob("*"))
    wireless = [net for net in nets if (net / "wireless").exists() or (net / "phy80211").exists()]
    return [net.name for net in wireless if text(net / "operstate") not in ("down", "notpresent")]


def signals(proc: Path) -> dict[str, float]:
    """dBm by interface, from /proc/net/wireless (wireless extensions; missing on kernels without them)."""
    found: dict[str, float] = {}
    for line in (text(proc / "net/wireless") or "").splitlines():
        name, colon, rest = line.partition(":")
        words = rest.split()
        if colon and len(words) > 2:
            try:
                level = float(words[2].rstrip("."))
            except ValueError:
                continue
            # Some drivers tell it as an unsigned byte.
            found[name.strip()] = level - 256 if level > 63 else level
    return found


def look(sysfs: Path, proc: Path, ask: Callable[[tuple[str, ...]], str | None]) -> Iterator[Finding]:
    """Each interface in use.

    Args:
        sysfs: a tree like /sys.
        proc: a tree like /proc.
        ask: runs a program and gives its output; None: it is not there, or failed.
    """
    levels = signals(proc)
    names = interfaces(sysfs)
    if not names:
        yield ok("wi-fi", "not used")
    for name in names:
        level = levels.get(name)
        yield _signal(name, _of_iw(ask(("iw", "dev", name, "link"))) if level is None else level)
        yield _saving(name, ask(("iw", "dev", name, "get", "power_save")))


def _of_iw(said: str | None) -> float | None:
    for line in (said or "").splitlines():
        word, _, rest = line.strip().partition(":")
        if word == "signal" and rest.split():
            try:
                return float(rest.split()[0])
            except ValueError:
                return None
    return None


def _signal(name: str, level_dbm: float | None) -> Finding:
    what = f"wi-fi signal {name}"
    if level_dbm is None:
        return unknown(what, "nobody tells how strong it is", "apt install iw")
    if level_dbm < USELESS_DBM:
        return fail(what, f"{level_dbm:.0f} dBm: too weak for a conversation", NEARER, dbm=level_dbm)
    if level_dbm < WEAK_DBM:
        return warn(what, f"{level_dbm:.0f} dBm: weak, words will be lost at times", NEARER, dbm=level_dbm)
    return ok(what, f"{level_dbm:.0f} dBm", dbm=level_dbm)


def _saving(name: str, said: str | None) -> Finding:
    what = f"wi-fi power save {name}"
    _, colon, state = (said or "").rpartition(":")
    if not colon:
        return unknown(what, "nobody tells whether it is on", "apt install iw")
    if state.strip().lower() == "off":
        return ok(what, "off")
    advice = f"iw dev {name} set power_save off (NetworkManager: wifi.powersave = 2 in conf.d)"
    return warn(what, "on: what the service says comes up to 0.3 s late, in bursts", advice)
