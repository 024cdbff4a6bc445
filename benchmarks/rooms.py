"""The echo canceller in synthetic rooms: how much of the kiosk's own voice is left, what becomes of the visitor's, and
whether the kiosk ever takes itself for a visitor. No sound server: both audio threads are played in fast time.

``python -m benchmarks.rooms --table`` prints every room; ``--minutes N`` says how much of an hour of speaking each room
of the table is given (default 2).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from typing import Iterator, Mapping

import numpy as np

from benchmarks.acoustics import (
    BLOCK,
    CLIPPED,
    STANDARD,
    VISITOR_DBFS,
    Room,
    Threads,
    active,
    conversation,
    echo,
    level_db,
    noise,
)
from benchmarks.corpus import Sound, chunks, pcm
from benchmarks.figure import Measured, ProbeFailed
from benchmarks.host import often
from kioskd.audio.detector import DOUBT_MS, open_detector
from kioskd.audio.ears import Ears
from kioskd.audio.echo import Echo, EchoProgress, open_canceller
from kioskd.config.sound import Audio, Talk
from kioskd.core.events import Event, GateOpened, GateStirred
from kioskd.core.gate import Gate
from kioskd.core.resample import make_resampler
from kioskd.core.words import Feed
from kioskd.lanes import CHUNK_MS, UPLINK_HZ, Chunk, UplinkLane

# The filter finds the room in the first seconds; what is measured comes after.
SETTLE_S = 8
ERLE_S = 30
LEVELS_DBFS = (-20.0, -26.0, -32.0, -38.0)
HOUR_MIN = 60
PIECE_S = 30
# Between two answers the output is closed; when it opens again the way to the ear may be another.
REST_PERIODS = 300
REOPENED_MS = (0, 7, -4, 15, 2, -9)
ROOMS = (
    STANDARD,
    CLIPPED,
    *(
        replace(STANDARD, name=f"RT60 {rt} s, {m} m", rt60_s=rt, distance_m=m)
        for rt in (0.2, 0.3, 0.6)
        for m in (0.2, 1.0)
    ),
    replace(STANDARD, name="noisy, -50 dBFS", noise_dbfs=-50.0),
    replace(STANDARD, name="output at 48 kHz", device_hz=48_000),
    replace(STANDARD, name="output at 44.1 kHz", device_hz=44_100),
    replace(STANDARD, name="buffers of 35 ms", buffers_ms=35),
    replace(STANDARD, name="buffers of 200 ms", buffers_ms=200),
    replace(STANDARD, name="drift +100 ppm", drift_ppm=100.0),
    replace(STANDARD, name="drift -100 ppm", drift_ppm=-100.0),
    replace(STANDARD, name="+40 ms at 12 s", jump_ms=40, jump_s=12.0),
    replace(STANDARD, name="a block lost each s", lost_s=1.0),
)


def canceller(audio: Audio) -> Echo:
    """As the daemon makes it, and it works.

    Raises:
        ProbeFailed: it does not.
    """

    def taken(event: Event) -> bool:
        return True

    made = open_canceller(replace(audio, echo="cancel"), taken)
    assert made is not None
    made.prepare()
    if made.progress().mode != "cancel":
        raise ProbeFailed(made.progress().reason)
    return made


def played(far: Sound, room: Room) -> bytes:
    """What the device is handed."""
    if room.device_hz == UPLINK_HZ:
        return pcm(far)
    return make_resampler(UPLINK_HZ, room.device_hz).process(pcm(far))


def through(far: Sound, mic: Sound, room: Room, audio: Audio = Audio()) -> tuple[Sound, EchoProgress]:
    """What the canceller gives, its own delay taken out, and what it says of itself.

    Raises:
        ProbeFailed: it gave up on the way.
    """
    made = canceller(audio)
    out = np.frombuffer(Threads(room, made.far, made.near).run(played(far, room), pcm(mic)), "<i2") / 32768.0
    late = round(made.delay_s * UPLINK_HZ)
    if made.progress().faults:
        raise ProbeFailed(made.progress().reason)
    return np.concatenate((out[late:], np.zeros(late))), made.progress()


def erle(room: Room, audio: Audio = Audio()) -> tuple[float, EchoProgress]:
    """Echo return loss enhancement in dB while the kiosk speaks and nobody else does, SETTLE_S after the start."""
    far = conversation(ERLE_S, 1)
    heard = echo(far, room)
    out, progress = through(far, heard + noise(len(far), room), room, audio)
    where = active(heard)
    where[: SETTLE_S * 100] = False
    return level_db(heard, where) - level_db(out, where), progress


def alone(room: Room, dbfs: float, audio: Audio = Audio()) -> float:
    """By how many dB the level of a visitor changes who speaks when the kiosk has ended; its room is known by then."""
    half = ERLE_S // 2 * UPLINK_HZ
    far = conversation(ERLE_S, 1)
    far[half:] = 0.0
    visitor = np.zeros_like(far)
    visitor[half + UPLINK_HZ :] = conversation(ERLE_S - ERLE_S // 2 - 1, 7, dbfs)
    out, _ = through(far, echo(far, room) + visitor + noise(len(far), room), room, audio)
    where = active(visitor, 25.0)
    return level_db(out, where) - level_db(visitor, where)


def together(room: Room, dbfs: float, audio: Audio = Audio()) -> float:
    """By how many dB a visitor who talks over the kiosk comes out softer: what of the output is their voice."""
    half = ERLE_S // 2 * UPLINK_HZ
    far = conversation(ERLE_S, 1)
    visitor = np.zeros_like(far)
    visitor[half:] = conversation(ERLE_S - ERLE_S // 2, 7, dbfs)
    heard = echo(far, room)
    out, _ = through(far, heard + visitor + noise(len(far), room), room, audio)
    where = active(visitor, 25.0) & active(heard)
    theirs, ours = _blocks(visitor, where), _blocks(out, where)
    # Their voice passed a high-pass, which turns its phase; a lag of one sample finds most of it back.
    shared = max(abs(float(np.dot(np.roll(ours, lag), theirs))) for lag in (-2, -1, 0, 1, 2))
    return float(20.0 * np.log10(shared / float(np.dot(theirs, theirs)) + 1e-9))


def _blocks(sound: Sound, where: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Sound:
    return sound[: len(where) * BLOCK].reshape(-1, BLOCK)[where].ravel()


@dataclass
class Watched:
    """What the gate said while the kiosk spoke."""

    opened: int = 0
    stirred: int = 0
    windows: int = 0


def spoken_to(room: Room, minutes: float, visitor_dbfs: float | None = None) -> Watched:
    """The kiosk talks for so long; canceller, detector, gate and barge-in watch as the daemon has them.

    Args:
        visitor_dbfs: a visitor says a sentence in every ten seconds; None: nobody is there.
    """
    watched, talk = Watched(), Talk()

    def post(event: Event) -> bool:
        watched.opened += isinstance(event, GateOpened)
        watched.stirred += isinstance(event, GateStirred)
        return True

    made = canceller(Audio())
    detector = open_detector(talk)
    gate = Gate(talk.preroll_ms, talk.start_ms, talk.start_window_ms, talk.hangover_ms, DOUBT_MS)
    ears = Ears(UplinkLane(10.0, lambda ms: None), post, gate, detector)
    ears.feed(Feed.GATED, False, 0.0)
    ears.watch(True, 0.0)
    threads, at = Threads(room, made.far, made.near), 0.0
    for far, mic in _pieces(room, minutes, visitor_dbfs):
        for chunk in chunks(threads.run(far, mic) + threads.pause(made.rest, REST_PERIODS)):
            at += CHUNK_MS / 1000
            ears.hear(Chunk(chunk, at))
    if made.progress().faults or made.progress().mode != "cancel":
        raise ProbeFailed(made.progress().reason)
    watched.windows = detector.progress().windows
    return watched


def _pieces(room: Room, minutes: float, visitor_dbfs: float | None) -> Iterator[tuple[bytes, bytes]]:
    for number in range(max(1, round(minutes * 60 / PIECE_S))):
        far = conversation(PIECE_S, 100 + number)
        mic = echo(far, replace(room, buffers_ms=room.buffers_ms + REOPENED_MS[number % len(REOPENED_MS)]))
        mic += noise(len(far), room)
        if visitor_dbfs is not None:
            for second in range(5, PIECE_S, 10):
                said = conversation(1.5, 1000 + number * 10 + second, visitor_dbfs)
                mic[second * UPLINK_HZ : second * UPLINK_HZ + len(said)] += said
        yield played(far, room), pcm(mic)


# -- the figures ---------------------------------------------------------------------------------------


def erle_db() -> Mapping[str, Measured]:
    """Standard room and clipping speaker, with noise suppression and without; the lesser one counts."""
    figures = {}
    for name, room in (("erle_db", STANDARD), ("erle_clipped_db", CLIPPED)):
        with_ns, progress = erle(room)
        bare, _ = erle(room, Audio(noise_suppression=False))
        detail = {
            "with_noise_suppression_db": round(with_ns, 1),
            "without_db": round(bare, 1),
            "the_canceller_s_own_estimate_db": progress.erle_db,
            "room": {"rt60_s": room.rt60_s, "distance_m": room.distance_m, "clip": room.clip},
        }
        story = f"{room.name}: RT60 {room.rt60_s} s, {room.distance_m} m, echo 4.6 dB over the visitor"
        figures[name] = Measured(round(min(with_ns, bare), 2), story, detail)
    return figures


def near_end_db() -> Mapping[str, Measured]:
    """The largest change of level of a visitor who speaks alone, over LEVELS_DBFS."""
    changes = {f"{level:.0f} dBFS": round(alone(STANDARD, level), 3) for level in LEVELS_DBFS}
    over = {f"{level:.0f} dBFS": round(together(STANDARD, level), 1) for level in LEVELS_DBFS}
    worst = max(abs(change) for change in changes.values())
    story = "a visitor who speaks alone, largest change of level, from loud to hardly audible"
    return {"near_end_db": Measured(worst, story, {"change_db": changes, "talking_over_the_kiosk_db": over})}


def false_barge_in() -> Mapping[str, Measured]:
    """An hour of the kiosk's own voice in the standard room."""
    watched = spoken_to(STANDARD, often(HOUR_MIN, 1))
    heard = spoken_to(STANDARD, 2.0, VISITOR_DBFS)
    detail = {
        "stirred": watched.stirred,
        "neural_windows": watched.windows,
        "visitor_heard": f"{heard.opened} of 12 sentences spoken over the kiosk at {VISITOR_DBFS:.0f} dBFS",
    }
    story = "gate openings in an hour of the kiosk's own voice, nobody there"
    return {"false_barge_in": Measured(float(watched.opened), story, detail)}


def table(minutes: float) -> Iterator[str]:
    """A line for each room."""
    yield (
        f"{'room':<22} {'ERLE':>6} {'no NS':>6} {'alone':>6} {'talking over, dB at visitor dBFS':>34} "
        f"{'false':>6} {'heard':>6} {'lost':>5} {'doubled':>7}"
    )
    levels = " ".join(f"{level:>8.0f}" for level in LEVELS_DBFS)
    yield f"{'':<22} {'dB':>6} {'dB':>6} {'dB':>6} {levels:>34} {f'{minutes:g} min':>6} {'of 12':>6}"
    for room in ROOMS:
        with_ns, progress = erle(room)
        bare, _ = erle(room, Audio(noise_suppression=False))
        over = " ".join(f"{together(room, level):>8.1f}" for level in LEVELS_DBFS)
        false, heard = spoken_to(room, minutes).opened, spoken_to(room, 2.0, VISITOR_DBFS).opened
        yield (
            f"{room.name:<22} {with_ns:>6.1f} {bare:>6.1f} {alone(room, VISITOR_DBFS):>6.2f} {over:>34} "
            f"{false:>6} {heard:>6} {progress.lost:>5} {progress.doubled:>7}"
        )


def main(given: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rooms", description="The echo canceller, room by room.")
    parser.add_argument("--table", action="store_true", help="print every room (five minutes)")
    parser.add_argument("--minutes", type=float, default=2.0, help="of the kiosk's own voice in each room")
    options = parser.parse_args(given)
    if not options.table:
        parser.error("say --table; the figures are taken by: python -m benchmarks erle_db near_end_db false_barge_in")
    for line in table(options.minutes):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
