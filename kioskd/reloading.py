"""A new configuration in a running kiosk: reloaded by its owner, or tried, watched and rolled back by itself.

Loop only; the disk is looked at in threads. ``kioskctl`` puts the files where they belong (config/staging.py): this
process may not write its own configuration. It judges, runs, watches, and keeps copies of what ran healthy.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
from typing import TYPE_CHECKING, Mapping, Sequence

from kioskd.boot import LAST_GOOD, ON_TRIAL, Source
from kioskd.config.checks import check
from kioskd.config.findings import Lines
from kioskd.config.goods import Goods, fingerprint
from kioskd.config.keys import RESTART
from kioskd.config.loader import Loaded, take
from kioskd.config.merge import merged
from kioskd.config.sections import Config
from kioskd.config.show import Change, changes
from kioskd.config.staging import TRIAL
from kioskd.core.events import PartChanged
from kioskd.core.words import PartState
from kioskd.rewiring import rewire

if TYPE_CHECKING:
    from kioskd.app import House

log = logging.getLogger(__name__)

PART = "config"
# What ran so long without any trouble is good. A guess: devices and the link's first probe have told by then.
GOOD_S = 15.0
# Keys named in one line of the audit trail; the rest is a number.
MOST_KEYS = 40


class Reloading:
    """The configuration of one house.

    Attributes:
        source: where what runs came from.
        wanted: all that the file asks for; ``house.config`` is what of it runs.
        pending: what waits for a restart.
        busy: held while the configuration is being changed; a trial is watched outside of it.
        on_trial: why nothing else may change it now; empty when it may.
    """

    def __init__(self, house: House, good_s: float = GOOD_S) -> None:
        self._house = house
        self._good_s = good_s
        self.source: Source = house.source
        self.wanted = house.config
        self.pending: tuple[Change, ...] = ()
        self.busy = asyncio.Lock()
        self.on_trial = ""
        self.started = False
        self._goods = Goods(house.config.ops.state_dir)
        self._good = ""  # fingerprint of what was kept last
        self._unkept = ""  # why a good one could not be kept
        self._counts = {"reloads": 0, "refused": 0}
        self._hung_up = False  # a reload that SIGHUP asked for has not read the file yet
        self._settling: asyncio.Task[None] | None = None
        self._asked: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """The rooms are open. Once."""
        self.started = True
        left = self.source.path + TRIAL
        if self.source.data and self.source.running != ON_TRIAL and self.source.trial is None and os.path.exists(left):
            log.warning("%s was being tried when the power failed; it was never kept, and does not run", left)
        if self.source.problem:
            log.error("%s", self.source.problem)
            self._house.inbox.post(PartChanged(PART, PartState.FAILED, self.source.problem))
            self.tell("last good", self.source.data, ())
        self.settle()

    async def aclose(self) -> None:
        """Watch nothing any more; also twice."""
        tasks = [task for task in (self._settling, *self._asked) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- reloaded ----------------------------------------------------------------------------------

    def hang_up(self) -> None:
        """SIGHUP: reload, and tell the journal how that went. Of a storm the first is done, and one for all others."""
        if self._hung_up:
            return
        self._hung_up = True

        async def reload() -> None:
            try:
                await self.reload({"by": "SIGHUP"})
            except ValueError as error:
                log.error("%s", error)

        task = asyncio.create_task(reload(), name="reload")
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    async def reload(self, request: Mapping[str, object]) -> Mapping[str, object]:
        """Read the file again: what is live is in force when this returns.

        Raises:
            ValueError: it is refused, and nothing has changed; a sentence.
        """
        async with self.busy:
            self._hung_up = False
            self.allow()
            self._house.notifier.reloading()
            try:
                loaded, data = await asyncio.to_thread(take, self.source.path)
                config = self.sound(loaded, data, self.source.path)
                await asyncio.to_thread(fitting, self._house.config, config)
                found = self.run(config, Source(self.source.path, tuple(map(str, loaded.warnings)), data), "reloaded")
            except ValueError:
                self._counts["refused"] += 1
                raise
            finally:
                self._house.notifier.ready(self._house.pulse.sentence())
            self._counts["reloads"] += 1
            self.tell("reloaded", data, found, request)
            self.settle()
            return {"config": {**self.snapshot(), "changes": rows(found)}}

    def allow(self) -> None:
        """See whether the configuration may be changed now.

        Raises:
            ValueError: it may not; a sentence.
        """
        if not self.started or self._house.machine.state.stopping:
            raise ValueError("kioskd is just starting, or ending; ask again in a moment")
        if self.on_trial:
            raise ValueError(self.on_trial)

    def sound(self, loaded: Loaded, data: bytes, name: str) -> Config:
        """The configuration in it.

        Raises:
            ValueError: there is none; a sentence.
        """
        if loaded.config is not None and data.strip():
            return loaded.config
        why = str(loaded.problems[0]) if loaded.problems else f"{name} is empty"
        more = len(loaded.problems) - 1
        also = f"; and {more} more mistake{'s' * (more > 1)}" if more > 0 else ""
        raise ValueError(f"refused, and nothing has changed: {why}{also}")

    def run(self, config: Config, source: Source, why: str) -> tuple[Change, ...]:
        """Have it in force, but for what only a restart changes; what differed.

        Raises:
            ValueError: it cannot be used, or a room failed on it; what ran before runs on.
        """
        before = self._house.config
        found, now = changes(before, config), merged(before, config)
        try:
            rewire(self._house, now, f"the configuration was {why}: {summary(found)}")
        except ValueError:
            raise
        except Exception as error:
            # The boundary around the rooms: whatever one of them does with a new value, the kiosk goes on with the old.
            log.exception("the new configuration failed in the middle; the old one is put back")
            rewire(self._house, before, "the configuration before was put back")
            raise ValueError(
                "an error inside kioskd; its journal has the traceback. What ran before runs on"
            ) from error
        self.stand(config, source)
        return found

    def back(self, running: Config, wanted: Config, source: Source) -> None:
        """Have what a trial replaced in force again, to the last key: also a tool that it took out, which from a file
        would come with a restart only."""
        rewire(self._house, running, "the configuration was rolled back")
        self.stand(wanted, source)

    def stand(self, config: Config, source: Source) -> None:
        """What runs came from there."""
        was_wrong = self.source.problem
        self.wanted, self.source = config, source
        self.pending = changes(self._house.config, config)
        if was_wrong or source.problem:
            state = PartState.FAILED if source.problem else PartState.RUNNING
            self._house.inbox.post(PartChanged(PART, state, source.problem))

    # -- what is good is kept ------------------------------------------------------------------------

    def settle(self) -> None:
        """Wait until what runs now has proven good, and keep a copy of it."""
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
        if self.source.data and self.source.running != LAST_GOOD:
            self._settling = asyncio.create_task(self._prove(self.source.data), name="config")

    async def _prove(self, data: bytes) -> None:
        while True:
            await asyncio.sleep(self._good_s)
            # What waits for a restart has not run.
            if not self.on_trial and not self.pending and self._house.pulse.verdict().ok and await self.keep(data):
                return

    async def keep(self, data: bytes) -> bool:
        """Keep a copy of this as the last good one; False: the disk does not take it, which status says."""
        try:
            await asyncio.to_thread(self._goods.keep, data)
        except OSError as error:
            self._unkept = f"the good configuration cannot be copied to {self._goods.folder}: {error.strerror}"
            log.error("%s", self._unkept)
            return False
        self._good, self._unkept = fingerprint(data), ""
        return True

    # -- what is told ----------------------------------------------------------------------------------

    def tell(
        self, what: str, data: bytes, found: Sequence[Change], request: Mapping[str, object] = {}, reason: str = ""
    ) -> None:
        """A line in the audit trail: keys and fingerprints, never values."""
        row: dict[str, object] = {"change": what, "file_sha256": fingerprint(data)}
        row |= {name: str(request[name])[:64] for name in ("by", "uid") if name in request}
        row["keys"] = [one.key[:120] for one in found[:MOST_KEYS]]
        if len(found) > MOST_KEYS:
            row["more_keys"] = len(found) - MOST_KEYS
        if reason:
            row["reason"] = reason[:300]
        self._house.actions.audit("config", row)

    async def current(self, request: Mapping[str, object]) -> Mapping[str, object]:
        """For ``kioskctl apply``: what the file asks for that runs now, and with ``before`` the good one before it."""
        shown: dict[str, object] = {**self.snapshot(), "text": self.source.data.decode("utf-8", "replace")}
        if request.get("before"):
            sha256 = fingerprint(self.source.data)
            other = sha256 if self.source.running != LAST_GOOD else ""
            good = await asyncio.to_thread(self._goods.before, other)
            if good is None:
                raise ValueError("no other configuration has run healthy on this kiosk: there is nothing to go back to")
            shown["before"] = {"sha256": good.sha256, "text": good.data.decode("utf-8", "replace")}
        return {"config": shown}

    def snapshot(self) -> dict[str, object]:
        """For status."""
        return {
            "path": self.source.path,
            "warnings": list(self.source.warnings),
            "running": self.source.running,
            "sha256": fingerprint(self.source.data) if self.source.data else "",
            "problem": self.source.problem,
            "pending": rows(self.pending),
            "good": self._good,
            "unkept": self._unkept,
            **self._counts,
        }


def fitting(running: Config, wanted: Config) -> None:
    """See whether what is live of it can run beside what waits for a restart. Blocks on the disk (files of cues).

    Raises:
        ValueError: it cannot; a sentence.
    """
    now = merged(running, wanted)
    wrong = None if now == wanted else next((one for one in check(now, Lines()) if not one.warning), None)
    if wrong is not None:
        raise ValueError(
            "refused, and nothing has changed: what is live of it does not fit what only a restart changes "
            f"({wrong.key}: {wrong.sentence}); take both at once: systemctl restart kioskd, or kioskctl apply"
        )


def rows(found: Sequence[Change]) -> list[dict[str, object]]:
    """For JSON: key, when it applies, and both values, short."""
    return [dataclasses.asdict(one) for one in found]


def summary(found: Sequence[Change]) -> str:
    """``2 live, 1 with the next session, 1 after a restart``."""
    said = {"live": "live", "session": "with the next session", RESTART: "after a restart"}
    counts = {kind: sum(one.applies == kind for one in found) for kind in said}
    return ", ".join(f"{count} {said[kind]}" for kind, count in counts.items() if count) or "nothing changed"
