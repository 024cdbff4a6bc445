"""From a recorded take to the report that ``kioskctl doctor audio`` shows: JSON-ready, one shape for good and bad ends.

Imports numpy when it is called, not before. The daemon has it called in another process (apart.py).
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
from typing import Mapping

from kioskd import __version__
from kioskd.audio.doctor.kept import Kept
from kioskd.audio.doctor.take import Take
from kioskd.audio.doctor.verdict import Figures, Verdict, judge
from kioskd.audio.webrtc import EchoError, WebRtc
from kioskd.config.sections import Audio
from kioskd.core.resample import make_resampler

Report = dict[str, object]

# Outputs are opened at this rate where they take it: the daemon need not convert, and does not load numpy for it.
PLAY_HZ = 24_000


def prepare(volume: float) -> bytes:
    """What is played: S16_LE mono, PLAY_HZ."""
    from kioskd.audio.doctor.stimulus import RATE_HZ, programme
    from kioskd.audio.doctor.sweep import to_pcm

    converter = make_resampler(RATE_HZ, PLAY_HZ)
    return converter.process(to_pcm(programme(volume).samples)) + converter.drain()


def blank(audio: Audio) -> Report:
    """A report before anything is known."""
    return {
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "version": __version__,
        "input": audio.input,
        "output": audio.output,
        "echo": audio.echo,
        "volume": audio.volume,
        "figures": None,
        "curves": None,
        "verdict": None,
        "kept": "",
        "kept_note": "",
    }


def refused(sentence: str) -> Report:
    """The part of a report that says why there are no figures."""
    return {"verdict": asdict(Verdict("", False, (sentence,)))}


def diagnose(take: Take, audio: Audio) -> Report:
    """The parts of a report that were measured. Half a second on a PC, several on a small board."""
    from kioskd.audio.doctor.curves import curves
    from kioskd.audio.doctor.measure import MeasureError, measure

    missing = ""
    if take.clean is None:
        try:
            take = take._replace(clean=cancelled(take, audio))
        except EchoError as error:
            missing = str(error)
    try:
        measured = measure(take)
    except MeasureError as error:
        return refused(str(error))
    verdict = judge(measured.figures, audio.echo, missing)
    return {
        "figures": rounded(measured.figures),
        "verdict": asdict(verdict),
        "curves": curves(measured),
    }


def cancelled(take: Take, audio: Audio) -> bytes:
    """What ``echo: cancel`` would have made of it, sample by sample.

    Raises:
        EchoError: there is no canceller, or it failed.
    """
    from kioskd.audio.doctor.measure import reference
    from kioskd.audio.doctor.stimulus import RATE_HZ

    # Without the gain control: it lifts what is left of the echo, and levels would say nothing.
    canceller = WebRtc(audio.noise_suppression, audio.high_pass, gain_control=False)
    played, written_at = reference(take)
    lag = round((written_at - take.raw_at) * RATE_HZ) * 2
    far = (bytes(max(0, lag)) + played[max(0, -lag) :]).ljust(len(take.raw), b"\0")
    block = RATE_HZ // 100 * 2
    whole = len(take.raw) // block * block
    pieces = (canceller.clean(take.raw[at : at + block], far[at : at + block]) for at in range(0, whole, block))
    return b"".join(pieces)


def rounded(figures: Figures) -> dict[str, object]:
    """As JSON, with no more digits than were measured."""
    digits = {"clipped": 5, "distortion": 3}
    return {
        name: round(value, digits.get(name, 1)) if isinstance(value, float) else value
        for name, value in asdict(figures).items()
    }


def to_keep(report: Mapping[str, object]) -> Kept | None:
    """What of a report is kept for the unit; None when it recommends nothing, or heard no echo to go by."""
    figures, verdict = report.get("figures"), report.get("verdict")
    if not isinstance(figures, dict) or not isinstance(verdict, dict) or not verdict["mode"]:
        return None
    if figures["tail_ms"] is None:
        return None
    return Kept(
        tail_ms=figures["tail_ms"],
        delay_ms=figures["delay_ms"],
        return_loss_db=figures["return_loss_db"],
        erle_db=figures["erle_db"],
        noise_floor_dbfs=figures["noise_floor_dbfs"],
        mode=verdict["mode"],
        at=str(report["at"]),
        input=str(report["input"]),
        output=str(report["output"]),
        version=str(report["version"]),
    )
