"""``kioskctl doctor audio``: plays a sweep into the room, listens, and says which echo mode the place can bear.

It runs inside the daemon, whose devices it needs, and only while nobody uses the kiosk: the machine keeps it deaf
meanwhile and gives up for the first visitor who presses (core/examining.py). Arithmetic is done in another process.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Mapping

from kioskd.audio.doctor import kept as shelf
from kioskd.core.events import DoctorBegan, DoctorEnded
from kioskd.core.examining import hindrance

# What only an examination needs is imported by it: few kiosks are ever examined twice, and it is half a megabyte.
if TYPE_CHECKING:
    from kioskd.app import House
    from kioskd.audio.doctor.diagnosis import Report
    from kioskd.audio.doctor.take import Take

log = logging.getLogger(__name__)

# So long the kiosk is occupied at most; thirteen seconds are usual.
LONGEST_S = 20.0
# The arithmetic, while the kiosk serves again: half a second on a PC, a few on a small board (guess).
RECKON_S = 20.0
# The machine answers in the next turns of the loop; a second is for a loop in trouble.
ADMITTED_S = 1.0
IN_USE = "Somebody uses the kiosk: try again when it is idle."
# Devices that are in no room.
ROOMLESS = ("file", "null")


@dataclass
class Run:
    """One examination, for whoever asks how it goes."""

    number: int
    keep: bool
    step: str = "preparing the sweep"
    report: Report | None = None

    def show(self, step: str) -> None:
        """It goes on."""
        self.step = step


class Doctor:
    """Loop only.

    Args:
        house: whose microphone and speaker are measured.

    Attributes:
        kept: the result that is in force for these devices.
        kept_problem: why there is none though there was one, a sentence.
        faults: examinations that ended by a fault of ours.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._run: Run | None = None
        self._task: asyncio.Task[None] | None = None
        self.faults = 0
        self.kept: shelf.Kept | None = None
        self.kept_problem = ""
        audio = house.config.audio
        try:
            self.kept = shelf.read(house.config.ops.state_dir, audio.input, audio.output)
        except shelf.KeptError as error:
            self.kept_problem = str(error)
            log.warning("%s", error)

    # -- the change socket's side ----------------------------------------------------------------

    def change(self, request: Mapping[str, object]) -> Mapping[str, object]:
        """``{"what": "audio", "keep": true}`` begins and answers with a number; with ``run`` it asks for that one.

        Raises:
            ValueError: a sentence: what is asked for is unknown, or cannot be done now.
        """
        if request.get("what") != "audio":
            raise ValueError("the doctor knows one part: doctor audio")
        if "run" in request:
            return self._progress(request["run"])
        refusal = self._refusal()
        if refusal:
            raise ValueError(refusal)
        run = self._run = Run((self._run.number if self._run else 0) + 1, request.get("keep") is True)
        self._task = asyncio.create_task(self._examine(run), name="doctor")
        return {"run": run.number, "running": True, "step": run.step, "longest_s": LONGEST_S + RECKON_S}

    @property
    def running(self) -> bool:
        """Whether it is at work."""
        return self._task is not None and not self._task.done() and self._run is not None and self._run.report is None

    def _refusal(self) -> str:
        if self.running:
            return "The doctor is at work already: wait until it is done."
        house = self._house
        if not house.config.audio.volume:
            return "audio.volume is 0: nothing would be heard."
        audio = house.config.audio
        silent = [f"audio.{way}" for way in ("input", "output") if getattr(audio, way).partition(":")[0] in ROOMLESS]
        if silent:
            are = "is a file or null" if len(silent) == 1 else "are a file or null"
            return (
                f"There is nothing to measure: {' and '.join(silent)} {are}, and no device in a room "
                "(kioskd devices lists those)."
            )
        from kioskd.audio.doctor.audition import deaf, dumb

        return hindrance(house.machine.state) or deaf(house.capture) or dumb(house.playback)

    def _progress(self, number: object) -> Mapping[str, object]:
        run = self._run
        if run is None or run.number != number:
            raise ValueError("This examination is not remembered: begin another.")
        answer: dict[str, object] = {"run": run.number, "running": run.report is None, "step": run.step}
        return answer if run.report is None else {**answer, "report": run.report}

    def snapshot(self) -> dict[str, object]:
        """For status."""
        return {
            "running": self.running,
            "step": self._run.step if self._run else "",
            "faults": self.faults,
            "kept": asdict(self.kept) if self.kept else None,
            "kept_problem": self.kept_problem,
        }

    async def aclose(self) -> None:
        """Give up; also twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # -- one examination -------------------------------------------------------------------------

    async def _examine(self, run: Run) -> None:
        """From the question to the report. The boundary of its task."""
        from kioskd.audio.doctor.apart import diagnose_apart
        from kioskd.audio.doctor.audition import AuditionError
        from kioskd.audio.doctor.diagnosis import blank, refused

        report = blank(self._house.config.audio)
        try:
            async with asyncio.timeout(LONGEST_S):
                take = await self._record(run)
            run.show("working out the figures")
            async with asyncio.timeout(RECKON_S):
                report |= await diagnose_apart(take, self._house.config.audio)
            if run.keep:
                report |= await self._keep(report)
        except AuditionError as error:
            report |= refused(str(error))
        except TimeoutError:
            report |= refused(f"Given up: {run.step} took too long. Is this board busy? Try again.")
        except Exception as error:
            self.faults += 1
            log.exception("the doctor failed")
            report |= refused(f"A fault inside kioskd ({type(error).__name__}): its journal has the traceback.")
        run.report, run.step = report, ""
        verdict = report["verdict"]
        log.info("the doctor says: %s", " ".join(verdict["sentences"]) if isinstance(verdict, dict) else "nothing")

    async def _record(self, run: Run) -> Take:
        """Play and listen. Whatever happens, the kiosk is as it was afterwards.

        Raises:
            AuditionError: disturbed, or a device does not serve.
        """
        from kioskd.audio.doctor.apart import prepare_apart
        from kioskd.audio.doctor.audition import Audition

        house = self._house
        audio = house.config.audio
        pcm = await prepare_apart(audio.volume)
        reason = "given up"
        house.inbox.post(DoctorBegan())
        try:
            await self._admitted()
            cancels = audio.echo == "cancel"
            audition = Audition(house.capture, house.playback, house.playback_lane, cancels, self._disturbed, run.show)
            heard = await audition.perform(pcm)
            reason = ""
        finally:
            house.inbox.post(DoctorEnded(reason))
        return heard.take(audio.volume)

    async def _admitted(self) -> None:
        """Wait for the machine's word."""
        from kioskd.audio.doctor.audition import LOOK_S, AuditionError

        until = asyncio.get_running_loop().time() + ADMITTED_S
        while not self._house.machine.state.examining:
            if asyncio.get_running_loop().time() > until:
                raise AuditionError(hindrance(self._house.machine.state) or IN_USE)
            await asyncio.sleep(LOOK_S)

    def _disturbed(self) -> str:
        return "" if self._house.machine.state.examining else f"Given up. {IN_USE}"

    async def _keep(self, report: Report) -> Report:
        """Write the result down; what the report says of it."""
        from kioskd.audio.doctor.diagnosis import to_keep

        result = to_keep(report)
        if result is None:
            return {"kept_note": "Nothing is kept: there is no result to go by."}
        try:
            path = await asyncio.to_thread(shelf.write, self._house.config.ops.state_dir, result)
        except shelf.KeptError as error:
            return {"kept_note": f"Nothing is kept: {error}"}
        self.kept, self.kept_problem = result, ""
        return {"kept": path, "kept_note": f"Kept in {path}; in force from the next start on."}
