"""Tells the machine's notes to the timeline and to the journal, there with number and fields (core/catalogue.py)."""

from __future__ import annotations

import logging
from typing import Iterable

from kioskd.core.catalogue import mark, of_note
from kioskd.core.effects import Note
from kioskd.ops.timeline import Timeline

log = logging.getLogger(__name__)


def tell(timeline: Timeline, effect: Note) -> None:
    """One note. Loop only."""
    data = dict(effect.data)
    timeline.note(effect.kind, effect.text, data)
    level = logging.WARNING if effect.kind == "error" else logging.INFO
    extra = mark(of_note(effect.kind, effect.text, data), (("kind", effect.kind), *effect.data))
    # The kind stands in the format, by which a flood is bounded: talk must not keep a relay out of the journal.
    log.log(level, f"{effect.kind}: %s", effect.text, extra=extra)


def tell_begin(warnings: Iterable[str], unknowns: Iterable[object]) -> None:
    """What the journal hears at the start: doubts about the configuration, and calls whose end nobody knows."""
    for warning in warnings:
        log.warning("%s", warning)
    for unknown in unknowns:
        what = "the outcome of an earlier call is unknown and will not be retried: %s"
        log.error(what, unknown, extra=mark("outcome-unknown"))
    log.info("kioskd runs", extra=mark("started"))
