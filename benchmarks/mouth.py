"""From the visitor's mouth to the service and from the service to the visitor's ear, over the bare PyAudio loop.

A visitor says words with a marker behind each; the service (mirror.py) begins an answer with a marker when it has
heard one, after a time that is taken off. So each turn goes the whole way: microphone, capture, detector, lane, pump,
socket, service, socket, lane, playback, speaker; also in half-duplex, where the kiosk is deaf while it answers. Both
ends are tapped in the sound server (taps.py), for the daemon and for the bare loop alike.

From the first sample of what is said to the first sample of what answers it: the rest of its chunk (0 to 20 ms) is in
the figure. ``as_an_echo_ms`` in the detail is what it would be for a service that plays each chunk back: all 20 ms.

The kiosk is in mode ``open`` without preroll: what a preroll costs is the price of speech that came before the gate
opened, and the pace that the service allows (core/uplink.py).
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Mapping, NamedTuple, Sequence

from benchmarks import markers
from benchmarks.bare import PRIMED_PERIODS, bare
from benchmarks.daemon import Daemon, daemon
from benchmarks.figure import Measured, ProbeFailed, percentile, spread
from benchmarks.host import often
from benchmarks.markers import Pair
from benchmarks.mirror import ANSWER_MS
from benchmarks.peer import Peer
from benchmarks.sound import Sound, sound
from benchmarks.taps import Tap, taps
from kioskd.core.resample import make_resampler
from kioskd.lanes import CHUNK_MS, UPLINK_HZ

WORD = "hello"
# A bare loop in which each start has its own luck with the phases of the server: several are needed.
LOOPS, LOOP_WORDS, LOOP_CYCLE_S = 2, 8, 0.4
PARTS, PART_TURNS = 2, 50
# A word, the service's thinking, its answer, the tail of the echo, and a rest in which the kiosk listens again.
CYCLE_S = 0.95
TAIL_MS = 50
SETTLE_S = 2.0
BARE_S, TURN_S = 0.3, 0.6  # a marker comes back within this
LEAST_SHARE = 0.8  # of the turns must have been answered


class Turn(NamedTuple):
    """One marker's way, in ms, without the service's time.

    Attributes:
        whole: from the microphone to the speaker.
        up: from the last sample of its chunk to the service.
        down: from the service to the speaker.
        echo: ``whole``, and where in its chunk the marker began.
    """

    whole: float
    up: float
    down: float
    echo: float


def spoken(word: str) -> bytes:
    """A word, quickly, as S16_LE mono at 16 kHz."""
    command = ["espeak-ng", "-v", "en-us", "-s", "300", "--stdout", word]
    try:
        wav = subprocess.run(command, capture_output=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ProbeFailed(f"espeak-ng cannot speak for the visitor ({error}); apt-get install espeak-ng") from error
    return make_resampler(int.from_bytes(wav[24:28], "little"), UPLINK_HZ).process(wav[44:])


@contextmanager
def visitor(devices: Sound, count: int, cycle_s: float, seed: int) -> Iterator[float]:
    """Somebody who says so many marked words while the ``with`` lasts; gives the seconds that it takes."""
    pcm = markers.said(spoken(WORD), UPLINK_HZ, count, cycle_s, seed)
    with tempfile.NamedTemporaryFile(prefix="kioskd-bench-", suffix=".raw") as file:
        file.write(pcm)
        file.flush()
        with devices.saying(Path(file.name)):
            yield len(pcm) / 2 / UPLINK_HZ


def met(ears: tuple[Tap, Tap], within_s: float) -> list[Pair]:
    """The markers that were heard at both ends."""
    spoken_at, heard_at = ([tap.at(frame) for frame in markers.find(tap.pcm, tap.rate_hz)] for tap in ears)
    return markers.pairs(spoken_at, heard_at, within_s)


# -- the bare loop -------------------------------------------------------------------------------


class Loops(NamedTuple):
    """What bare loops took."""

    ms: list[float]  # all of them
    starts: list[float]  # the median of each
    underruns: int


def bare_loops(devices: Sound, count: int, seed: int) -> Loops:
    """``count`` bare loops, one after the other."""
    ms: list[float] = []
    starts, underruns = [], 0
    for number in range(count):
        words = often(LOOP_WORDS, 3)
        with taps(devices) as ears, bare(devices, words * (LOOP_CYCLE_S + 0.04) + 1.0) as loop:
            with visitor(devices, words, LOOP_CYCLE_S, seed + number):
                underruns += loop.line()["underruns"]
        one = [(pair.heard_at - pair.spoken_at) * 1000 for pair in met(ears, BARE_S)]
        if one:
            starts.append(round(percentile(one, 0.5), 2))
        ms += one
    return Loops(ms, starts, underruns)


def joined(loops: Sequence[Loops]) -> Loops:
    """As if they had been one run."""
    ms, starts = [ms for one in loops for ms in one.ms], [start for one in loops for start in one.starts]
    return Loops(ms, starts, sum(one.underruns for one in loops))


def base(loops: Loops) -> tuple[float, dict[str, object]]:
    """What is taken off, in ms, and what stands behind it."""
    if not loops.starts:
        raise ProbeFailed("the bare loop brought no marker from the microphone to the speaker")
    detail: dict[str, object] = {
        "ms": spread(loops.ms, 2),
        "median_of_each_start_ms": loops.starts,
        "underruns": loops.underruns,
        "period_ms": 10,
        "primed_periods": PRIMED_PERIODS,
    }
    return percentile(loops.starts, 0.5), detail


# -- the daemon ----------------------------------------------------------------------------------


class Talk(NamedTuple):
    """What a part of a conversation brought."""

    turns: list[Turn]
    asked: int
    device_underruns: int
    holes: int
    reopened: int


def conversation(devices: Sound, echo: str, seed: int) -> Talk:
    """A daemon and its service, PART_TURNS marked words."""
    asked = often(PART_TURNS, 4)
    audio = {"echo": echo, "echo_tail_ms": TAIL_MS}
    with Peer("benchmarks.mirror") as peer, daemon(peer.url, devices, audio, mode="open", preroll_ms=0) as running:
        time.sleep(SETTLE_S)
        with taps(devices) as ears, visitor(devices, asked, CYCLE_S, seed) as seconds:
            time.sleep(seconds + TURN_S)
        page, stamps = settled(running), peer.ask("turns")["turns"]
    pairs = met(ears, TURN_S)
    speaker = ears[1]
    gone = sum(
        markers.holes(speaker.pcm, speaker.rate_hz, speaker.frame(pair.heard_at), speaker.frame(end))
        for pair in pairs
        for end in [pair.heard_at + ANSWER_MS / 1000]
    )
    return Talk(timed(pairs, stamps), asked, page["xruns"], gone, page["reopened"])


def settled(running: Daemon) -> Mapping[str, int]:
    """The page's playback."""
    page: Mapping[str, int] = running.status()["audio"]["playback"]
    return page


def timed(pairs: Sequence[Pair], stamps: Sequence[Sequence[float]]) -> list[Turn]:
    """The turns that were answered: each pair with the service's stamps in it (see mirror.Mirror.turns)."""
    turns = []
    for pair in pairs:
        for arrived_at, left_at, offset_s in stamps:
            if pair.spoken_at < arrived_at < left_at < pair.heard_at:
                up = arrived_at - pair.spoken_at - (CHUNK_MS / 1000 - offset_s)
                whole = pair.heard_at - pair.spoken_at - (left_at - arrived_at)
                turns.append(Turn(*(1000 * s for s in (whole, up, pair.heard_at - left_at, whole + offset_s))))
                break
    return turns


def measured(echo: str, name: str) -> Mapping[str, Measured]:
    """Bare loops, half of the turns, bare loops, the other half, bare loops."""
    with sound() as devices:
        loops, talks, count = [bare_loops(devices, often(LOOPS, 1), 100)], [], often(PARTS, 1)
        for part in range(count):
            talks.append(conversation(devices, echo, part))
            loops.append(bare_loops(devices, often(LOOPS, 1), 200 + 10 * part))
        why = devices.why
    turns = [turn for talk in talks for turn in talk.turns]
    asked = sum(talk.asked for talk in talks)
    if len(turns) < LEAST_SHARE * asked:
        raise ProbeFailed(f"{asked} words were said and {len(turns)} answers heard; {why}")
    bare_ms, bare_detail = base(joined(loops))
    parts = {"whole": "ms", "up": "of_this_up_ms", "down": "of_this_down_ms", "echo": "as_an_echo_ms"}
    underruns = {
        "counted_by_the_device": sum(talk.device_underruns for talk in talks),
        "holes_heard_at_the_speaker": sum(talk.holes for talk in talks),
        "streams_opened_again": sum(talk.reopened for talk in talks),
    }
    detail: dict[str, object] = {
        "devices": why,
        "echo": echo,
        "asked": asked,
        **{key: spread([getattr(turn, part) for turn in turns], 2) for part, key in parts.items()},
        "chunk_ms": CHUNK_MS,
        "bare_loop": bare_detail,
        "underruns": underruns,
    }
    whole = [turn.whole for turn in turns]
    values = {share: round(percentile(whole, share) - bare_ms, 2) for share in (0.5, 0.99)}
    story = f"of {len(turns)} turns over a bare loop of {bare_ms:.1f} ms (echo: {echo})"
    return {
        f"{name}_ms": Measured(values[0.5], f"median {story}", detail),
        f"{name}_p99_ms": Measured(values[0.99], f"p99 {story}", detail),
        f"{name}_underruns": Measured(sum(underruns.values()), f"in {len(turns)} answers (echo: {echo})", underruns),
    }


def half_duplex() -> Mapping[str, Measured]:
    """Deaf while speaking."""
    return measured("half_duplex", "mouth_to_ear")


def cancel() -> Mapping[str, Measured]:
    """With the echo canceller in the way."""
    return measured("cancel", "mouth_to_ear_cancel")
