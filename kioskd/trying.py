"""A configuration on trial: it runs, it is watched, and unless somebody keeps it in time the one before comes back.

``kioskctl apply`` begins, asks how it goes, and keeps. It is a dead man's handle: whatever happens to the one who holds
it (a connection that drops, a process that is killed), not keeping is going back.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Mapping

from kioskd.boot import FILE, ON_TRIAL, Source
from kioskd.config import trial as trials
from kioskd.config.goods import fingerprint
from kioskd.config.keys import RESTART
from kioskd.config.loader import take
from kioskd.config.sections import Config
from kioskd.config.show import Change, changes
from kioskd.config.staging import TRIAL
from kioskd.config.trial import Trial
from kioskd.core.events import StopAsked
from kioskd.reloading import Reloading, fitting, rows

if TYPE_CHECKING:
    from kioskd.app import House

log = logging.getLogger(__name__)

WATCH_S, MOST_WATCH_S, MOST_CONFIRM_S = 15.0, 600.0, 3600.0
# Who has been told that it is proven renames a file; after so long nobody is there any more.
KEEP_S = 10.0
# The answer reaches kioskctl before the process ends.
LEAVE_S = 0.2
WATCHED, UNCONFIRMED, PROVEN = "watched", "unconfirmed", "proven"


def boottime() -> float:
    """Seconds since the boot; they go on over a restart of the daemon and a sleep of the device."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Trying:
    """The trials of one house. Loop only.

    Args:
        reloading: whose configuration it is.
        keep_s: see ``KEEP_S``.
        env: whether a service manager would start this process again.
    """

    def __init__(
        self, house: House, reloading: Reloading, keep_s: float = KEEP_S, env: Mapping[str, str] = os.environ
    ) -> None:
        self._house, self._reloading, self._keep_s = house, reloading, keep_s
        # Both: a shell may have inherited one. systemd starts the unit again after an orderly end, too.
        self._managed = bool(env.get("NOTIFY_SOCKET") and env.get("INVOCATION_ID"))
        self._boot = trials.boot_id()
        self._runtime_dir = house.config.ops.runtime_dir
        self._trial: Trial | None = reloading.source.trial
        self._phase = ""
        self._undo: tuple[Config, Config, Source] | None = None
        self._found: tuple[Change, ...] = ()
        self._news = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """The rooms are open: go on with a trial that wanted this start. Once."""
        trial = self._trial
        if trial is None:
            return
        if not trial.ended:
            self._watch()
        elif trial.state == trials.ROLLED_BACK:
            log.warning("a configuration on trial was rolled back: %s", trial.reason)

    async def aclose(self) -> None:
        """Watch no more; also twice."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    def snapshot(self) -> dict[str, object] | None:
        """For status: the trial that runs, or how the last one of this boot ended."""
        trial = self._trial
        if trial is None:
            return None
        now = boottime()
        return {
            "sha256": trial.sha256,
            "state": trial.state,
            "phase": self._phase,
            "reason": trial.reason,
            "by": trial.by,
            "restart": trial.restart,
            "confirmed": trial.confirmed,
            "watched_for_s": 0.0 if trial.ended else round(max(0.0, trial.until - now), 1),
            "confirm_within_s": 0.0 if trial.ended else round(max(0.0, trial.confirm_until - now), 1),
        }

    # -- what kioskctl asks --------------------------------------------------------------------------

    async def apply(self, request: Mapping[str, object]) -> Mapping[str, object]:
        """``{"step": "begin", "sha256": ..., "watch_s": ..., "confirm_s": ...}``, then ``look``, ``confirm``, ``keep``
        or ``drop``.

        Raises:
            ValueError: it is refused; a sentence.
        """
        step, sha256 = request.get("step"), request.get("sha256")
        if step == "begin":
            await self._begin(request)
        elif step == "confirm":
            self._confirm(request)
        elif step in ("keep", "drop"):
            if self._trial is None or self._trial.sha256 != sha256 or self._trial.ended:
                raise ValueError("it is not on trial any more")
            if step == "drop":
                await self._roll_back("whoever applied it took it back")
            elif not await self._kept():
                raise ValueError("it is not in its place, or not proven yet")
        elif step != "look":
            raise ValueError('say: {"do": "apply", "step": "begin", "look", "confirm", "keep" or "drop"}')
        self._news.set()
        return {"trial": self.snapshot(), "changes": rows(self._found)}

    async def _begin(self, request: Mapping[str, object]) -> None:
        reloading = self._reloading
        async with reloading.busy:
            reloading.allow()
            watch_s = seconds(request, "watch_s", WATCH_S, MOST_WATCH_S)
            confirm_s = seconds(request, "confirm_s", 0.0, MOST_CONFIRM_S)
            path = reloading.source.path
            loaded, data = await asyncio.to_thread(take, path + TRIAL)
            if loaded.config is not None and fingerprint(data) != request.get("sha256"):
                raise ValueError("what lies beside the configuration is not what was to be applied; apply it again")
            config = reloading.sound(loaded, data, path + TRIAL)
            running = self._house.config
            self._found = changes(running, config)
            restart = self._managed and any(one.applies == RESTART for one in self._found)
            now = boottime()
            trial = Trial(
                sha256=fingerprint(data),
                state=trials.STARTING if restart else trials.RUNNING,
                began=now,
                watch_s=watch_s,
                confirm_s=confirm_s,
                until=now + watch_s,
                confirm_until=now + confirm_s if confirm_s else 0.0,
                restart=restart,
                before=tuple(self._house.pulse.health.troubles(time.monotonic())),
                by=str(request.get("by", ""))[:64],
                boot=self._boot,
            )
            await self._mark(trial)
            if not restart:
                self._undo = (running, reloading.wanted, reloading.source)
                source = Source(path, tuple(map(str, loaded.warnings)), data, ON_TRIAL)
                try:
                    await asyncio.to_thread(fitting, running, config)
                    reloading.run(config, source, "put on trial")
                except ValueError as error:
                    await self._mark(trial.over(trials.ROLLED_BACK, str(error)))
                    raise
            self._trial, self._news = trial, asyncio.Event()
            reloading.tell("trial", data, self._found, request)
            self._watch()
        if restart:
            asyncio.get_running_loop().call_later(LEAVE_S, self._leave, "a configuration on trial wants a restart")

    def _confirm(self, request: Mapping[str, object]) -> None:
        trial = self._trial
        if trial is None or trial.state != trials.RUNNING or not trial.confirm_s:
            raise ValueError("nothing waits for a confirmation")
        self._trial = replace(trial, confirmed=True)
        self._reloading.tell("confirmed", self._reloading.source.data, (), request)

    # -- how it goes ---------------------------------------------------------------------------------

    def _watch(self) -> None:
        self._phase = WATCHED
        self._reloading.on_trial = "a configuration is on trial; kioskctl status says for how long"
        if self._trial is not None and self._trial.state == trials.RUNNING:
            self._watching = asyncio.create_task(self._watched(self._trial), name="trial")

    async def _watched(self, trial: Trial) -> None:
        """From the beginning of a trial to its end. The boundary of its task."""
        try:
            why = await self._judged(trial)
            if why:
                await self._roll_back(why)
            elif not await self._kept():
                await self._roll_back("nobody kept it: whoever applied it is gone")
        except Exception as error:
            log.exception("watching a configuration failed")
            await self._roll_back(f"an error inside kioskd ({type(error).__name__})")

    async def _judged(self, trial: Trial) -> str:
        """Why it must not stay; empty: somebody may keep it, and had the time to."""
        await asyncio.sleep(max(0.0, trial.until - boottime()))
        if why := self._worse(trial):
            return why
        self._phase = UNCONFIRMED
        while trial.confirm_s and self._trial is not None and not self._trial.confirmed:
            if (left_s := trial.confirm_until - boottime()) <= 0:
                return f"nobody confirmed it within {trial.confirm_s:g} s"
            await self._heard(left_s)
        if why := self._worse(trial):
            return why
        self._phase = PROVEN
        await asyncio.sleep(self._keep_s)  # a ``keep`` ends this task
        return ""

    async def _heard(self, within_s: float) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout(within_s):
                await self._news.wait()
        except TimeoutError:
            pass

    def _worse(self, trial: Trial) -> str:
        """What is in trouble that was not before it, in sentences."""
        now = self._house.pulse.health.troubles(time.monotonic())
        return "; ".join(sentence for part, sentence in now.items() if part not in trial.before)

    async def _kept(self) -> bool:
        """Whether it stands in the file by now; if so it is kept."""
        reloading = self._reloading
        async with reloading.busy:
            trial = self._trial
            if trial is None or trial.ended or self._phase != PROVEN:
                return False
            _, data = await asyncio.to_thread(take, reloading.source.path)
            if fingerprint(data) != trial.sha256:
                return False
            self._end(trial.over(trials.KEPT, ""))
            reloading.source = replace(reloading.source, running=FILE, trial=None)
            if not reloading.pending:
                await reloading.keep(data)
            await self._remember()
        reloading.tell("kept", data, self._found, {"by": trial.by})
        reloading.settle()
        log.info("the configuration on trial was kept")
        return True

    async def _roll_back(self, reason: str) -> None:
        reloading = self._reloading
        async with reloading.busy:
            trial = self._trial
            if trial is None or trial.ended:
                return
            log.warning("the configuration on trial is rolled back: %s", reason)
            self._end(trial.over(trials.ROLLED_BACK, reason))
            if self._undo is not None:
                reloading.back(*self._undo)
            await self._remember()
        reloading.tell("rolled back", reloading.source.data, self._found, {"by": trial.by}, reason)
        reloading.settle()
        if trial.restart:
            self._leave("the configuration before the trial comes back")

    def _end(self, trial: Trial) -> None:
        self._trial, self._phase = trial, ""
        self._reloading.on_trial = ""
        if self._watching is not None and self._watching is not asyncio.current_task():
            self._watching.cancel()

    def _leave(self, why: str) -> None:
        self._house.inbox.post(StopAsked(why))

    async def _mark(self, trial: Trial) -> None:
        try:
            await asyncio.to_thread(trials.write, self._runtime_dir, trial)
        except OSError as error:
            where = trials.marker(self._runtime_dir)
            raise ValueError(f"{where} cannot be written: {error.strerror}; nothing has changed") from error

    async def _remember(self) -> None:
        """Write down how it ended; when that cannot be, a start takes what it finds for ended, too."""
        assert self._trial is not None
        try:
            await self._mark(self._trial)
        except ValueError as error:
            log.warning("%s", error)


def seconds(request: Mapping[str, object], name: str, default: float, most: float) -> float:
    """A length of time in a request.

    Raises:
        ValueError: it is none, or too long; a sentence.
    """
    value = request.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
        raise ValueError(f"{name} is a number of seconds, at most {most:g}")
    return float(value)
