"""The events that an operator acts on, each with the number by which the journal knows it. Pure.

``journalctl -x`` shows the explanation below each line, ``journalctl MESSAGE_ID=...`` finds one kind. What is written
to disk for it, systemd/kioskd.catalog, is ``text()``; it is written anew with ``python -m kioskd.core.catalogue``.
"""

from __future__ import annotations

from typing import Iterable, Iterator, Mapping, NamedTuple

# What a note's data may show as fields of the journal: names of things and figures, never what anybody said.
FIELDS = frozenset(
    (
        *("kind", "tool", "call", "verdict", "code", "outcome", "relay", "on", "endpoint", "session", "part", "state"),
        *("switch", "thread", "number", "answer_ms", "confirm_to_relay_ms", "lost", "status", "heard_ms"),
    )
)
LONGEST_FIELD = 200
SUPPORT = "man:kioskctl(1)"


class Entry(NamedTuple):
    """One kind of event.

    Attributes:
        name: by which the code calls it.
        id: MESSAGE_ID, made once with ``systemd-id128 new`` and never changed (sd-id128(3)).
        subject: one line; ``@FIELD@`` is replaced by the journal.
        body: what it means and what to do, in a few lines.
    """

    name: str
    id: str
    subject: str
    body: str


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "relay-on",
        "1508c3cd1350401a8598c9d39defbc43",
        "@KIOSKD_RELAY@ was energised",
        "A relay was switched on: for a door, it opened. Who asked and why it was allowed stands in the lines\n"
        "before it and in the audit trail: kioskctl audit",
    ),
    Entry(
        "refused",
        "5f68e0857b99463ab07cdc01fad1163f",
        "A call of @KIOSKD_TOOL@ was refused",
        "The model asked for a tool and the kiosk's own policy said no. That is what it is for; many of these\n"
        "in a row mean that somebody tries, or that hours, rate or interlocks in the configuration are too\n"
        "narrow.",
    ),
    Entry(
        "outcome-unknown",
        "14dd3586ac4545a29bb86aedeff5f363",
        "The outcome of an earlier call is unknown",
        "The kiosk ended while something moved: a power cut, or a kill. It is never tried again by itself.\n"
        "Look at the door with your own eyes; kioskctl status goes on to name it until then.",
    ),
    Entry(
        "locked-out",
        "0af54ddd1032460d8fe313d3476cc65e",
        "Moving things is locked after too many refusals",
        "Somebody asked again and again for what is not allowed. The lock ends by itself (kiosk.lockout,\n"
        "policy.lockout) and survives a restart on purpose. Sooner: kioskctl unlock",
    ),
    Entry(
        "part-absent",
        "11ea5672ecff4fcebbe4919318d9466b",
        "@KIOSKD_PART@ is absent",
        "A device is not there: a plug, a cable, a driver. It is looked for all the time and used as soon as\n"
        "it is back. kioskctl status says since when; kioskctl doctor says what to do.",
    ),
    Entry(
        "part-failed",
        "655d225bed0b486bb0d809754be9f521",
        "@KIOSKD_PART@ has failed",
        "Waiting alone will not mend it. The sentence of the line says what is wrong; kioskctl doctor looks\n"
        "at the whole box.",
    ),
    Entry(
        "link-down",
        "be3e4feeb34d4771af4bc178e23a53df",
        "The service cannot be reached",
        "Visitors get no answer now, unless another service of the list serves. It is tried again by itself,\n"
        "with growing pauses. kioskctl doctor walks the road hop by hop: name, connection, TLS, answer.",
    ),
    Entry(
        "link-refused",
        "eb79cd3f386d40329bc77d6c39ee0cdd",
        "The service refuses this kiosk",
        "A key that is wrong, expired or without credit, or a setting that the service does not take. Waiting\n"
        "alone does not help: put the key right; it is read again by itself.",
    ),
    Entry(
        "link-ready",
        "45fb9a83ea5e48a0a8ce1b30bf9f2aef",
        "A session is open",
        "The service answers. After link-down or link-refused this is the end of the outage.",
    ),
    Entry(
        "budget",
        "62c18a57a97d42399b7678002ac04170",
        "The budget is nearly or wholly used",
        "What happens when it is spent says budget.when_spent. kioskctl usage shows what was used; a stuck\n"
        "button or a loud hall shows as turns without words.",
    ),
    Entry(
        "muted",
        "addb1f5acee34b928b4089da4c2d6ce7",
        "The kiosk was muted or unmuted",
        "By the switch on the panel, or by kioskctl. Muted, the microphone is closed.",
    ),
    Entry(
        "recording",
        "71a8937585014acabe653b35790ff0dc",
        "A recording for support began or ended",
        "Speech is kept on the disk while it runs (audio.record); the lamp announces it. Delete the files when they\n"
        "have served.",
    ),
    Entry(
        "starving",
        "acb29b384824411c9a2381bfe04dab6f",
        "A part claims to run and does not move",
        "The watchdog is not fed. If the part does not come back within seconds, the lines are made safe and\n"
        "the process is started afresh. Once is a driver's hiccup; again and again is hardware: see dmesg.",
    ),
    Entry(
        "wedged",
        "549bd3f0549747888b637c664ddf8759",
        "The process ended itself because a part stood still",
        "Lines were made safe first. systemd starts it afresh. kioskctl bugreport gathers what support needs.",
    ),
    Entry(
        "thread-died",
        "ff1a96c3fedc4594ae98d14f59b75a18",
        "A thread of kioskd died",
        "A fault of ours; the line before it has the traceback. systemd starts the kiosk afresh. Please send\n"
        "kioskctl bugreport.",
    ),
    Entry(
        "power-going",
        "5aecb1b6b3f64c34a27d0a2394e3109f",
        "The power goes: the kiosk is about to switch off",
        "The line of power.pin says that there is no power any more. Everything goes on for power.grace_s; if\n"
        "the power comes back within, nothing happens.",
    ),
    Entry(
        "power-back",
        "6209941b2d414a219ac44d6b0d5c897a",
        "The power is back",
        "It came back within the grace: nothing was ended.",
    ),
    Entry(
        "power-off",
        "6caa79cbdad14cd7820baafbd8cf0ba2",
        "The kiosk ends because the power is gone",
        "First the conversation ends, the ledger, the audit trail and the usage are written, and all lines\n"
        "are made safe. Where power.command is none, something else cuts the power.",
    ),
    Entry(
        "power-off-failed",
        "d2d483ab09bb4c80b441ef5e6dd5843f",
        "The machine could not be switched off",
        "logind refused or is not there: the battery is not spared. Install the polkit rule that comes with kioskd\n"
        "(60-kioskd-power.rules), or set power.command: none and let the UPS cut the power.",
    ),
    Entry(
        "supply-weak",
        "c444e2c1077145968812f3c372cb0e75",
        "The board's supply is too weak, or the board is throttled",
        "Below 4.63 V a Raspberry Pi slows down, USB devices drop out and cards lose what was written. Use\n"
        "the board's own supply and a short cable.",
    ),
    Entry(
        "config-changed",
        "6ff02991440042a694777c7dfacc30c2",
        "Another configuration is in force",
        "Somebody applied one, or one that did not prove itself was rolled back; the sentence of the line\n"
        "says which. The audit trail has who and what: kioskctl audit",
    ),
    Entry(
        "unlocked",
        "c093774e0437465cbf85c09dbb94bff8",
        "The owner ended a lock-out",
        "Somebody who may change the kiosk did so; the audit trail has who: kioskctl audit",
    ),
    Entry(
        "trouble",
        "1c7d0a2d434543adb2d9a316e62636ed",
        "Something went wrong that has no entry of its own",
        "The sentence of the line says what, and most of these what to do. kioskctl status names what still is wrong;\n"
        "an error inside kioskd stands here with its traceback: please send kioskctl bugreport.",
    ),
    Entry(
        "started",
        "f35230ea8ab44dc4a10d6f92eabc4c60",
        "kioskd runs",
        "Every room is open. What is missing is a state: kioskctl status",
    ),
    Entry(
        "ending",
        "e939bea0da4f4cc599aee82b37b81d58",
        "kioskd ends",
        "The sentence of the line says who asked. Lines are made safe first.",
    ),
)
BY_NAME: Mapping[str, Entry] = {entry.name: entry for entry in ENTRIES}


def mark(name: str, data: Iterable[tuple[str, object]] = ()) -> dict[str, object]:
    """What a record of the log carries for the journal (``extra`` of logging): its number and its fields.

    Args:
        name: of an entry; empty: it has none.
        data: what may be shown of it is.
    """
    found: dict[str, object] = {"journal": dict(fields(data))}
    return {**found, "MESSAGE_ID": BY_NAME[name].id} if name else found


def fields(data: Iterable[tuple[str, object]]) -> Iterator[tuple[str, str]]:
    """Names and values as the journal has them; others than FIELDS are left out."""
    for name, value in data:
        if name in FIELDS:
            text = " ".join(str(value).split())
            yield f"KIOSKD_{name.upper()}", text if len(text) <= LONGEST_FIELD else f"{text[:LONGEST_FIELD - 3]}..."


def of_note(kind: str, text: str, data: Mapping[str, object]) -> str:
    """The name of the entry that a note is; empty: an operator need not act on it."""
    if kind in ("part", "link"):
        word = text.removeprefix(f"{data.get('part', '')} ").partition(":")[0]
        return _STATES.get((kind, word), "")
    if kind == "relay":
        return "relay-on" if data.get("on") is True else ""
    if kind == "decision":
        return "refused" if data.get("verdict") in ("refuse", "refused", "deny", "denied") else ""
    if kind == "error":
        return "thread-died" if "thread" in data else "trouble"
    if kind == "record":
        return "" if text.startswith("not begun") else "recording"
    return _KINDS.get(kind, "")


_STATES: Mapping[tuple[str, str], str] = {
    ("part", "absent"): "part-absent",
    ("part", "failed"): "part-failed",
    ("link", "offline"): "link-down",
    ("link", "busy"): "link-down",
    ("link", "refused"): "link-refused",
    ("link", "ready"): "link-ready",
}
_KINDS: Mapping[str, str] = {
    "lockout": "locked-out",
    "unlock": "unlocked",
    "mute": "muted",
    "budget": "budget",
    "stop": "ending",
    "config": "config-changed",
}


def catalog() -> str:
    """The file that ``journalctl --update-catalog`` takes (systemd's message catalogue, plain UTF-8)."""
    head = "# What the journal explains of kioskd: journalctl -u kioskd -x. Made from kioskd/core/catalogue.py.\n"
    return "\n".join((head, *map(_block, ENTRIES)))


def _block(entry: Entry) -> str:
    return f"-- {entry.id}\nSubject: {entry.subject}\nDefined-By: kioskd\nSupport: {SUPPORT}\n\n{entry.body}\n"


if __name__ == "__main__":
    print(catalog(), end="")
