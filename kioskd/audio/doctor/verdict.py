"""From the figures of a room to an echo mode, in sentences. Pure, without numpy."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

# A canceller works when the echo comes 2 to 500 ms after its reference (measured with AEC3: beyond it takes 3 dB away).
LATEST_MS = 500.0
# AEC3 takes 40 dB away in a good setup and 22 with a block of its reference lost each second (measured). Below that
# something is wrong with the setup, and the kiosk may take its own voice for a visitor's. Guess.
LEAST_ERLE_DB = 20.0
# ... or the rest is down in the noise: then nobody can tell whether it was cancelled any further.
NEAR_NOISE_DB = 3.0
# The echo of a setup that cancels by itself (echo: system, hardware) may stand this far above the noise: twice its
# power. Above, it is heard as a voice.
HEARD_DB = 6.0
# A clipped speaker costs AEC3 12 of 42 dB (measured with hard clipping); ten per cent is where that begins. Guess.
MOST_DISTORTION = 0.1
# One sample in a thousand at full scale: the crest of every syllable is cut off.
MOST_CLIPPED = 0.001
# Speech across a counter comes in at -20 to -30 dBFS; webrtcvad stays open on noise that is closer than 10 dB. Guess.
NOISY_DBFS = -40.0
# A visitor speaks as loud as the echo, about: one that stands no more than this over the noise is hardly heard at all.
FAINT_DB = 10.0
# audio.echo_tail_ms takes no more; a second and a half of deafness after each answer is a broken conversation anyway.
LONGEST_TAIL_MS = 1500
# Below it is jitter of the devices; a canceller loses its way by more (26 dB left after a jump of 40 ms, measured).
TORN_MS = 30.0
# The chunk in which the last of the echo lies, and one for the jitter of a thread.
TAIL_MARGIN_MS = 40
# Full-duplex modes that are somebody else's work.
ELSEWHERE = ("system", "hardware")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What was measured. Levels are averages in dBFS, where a full-scale square wave has 0.

    Attributes:
        noise_floor_dbfs: of the microphone before anything was played.
        heard: whether the sweep was found at all; without it the figures of the echo are None.
        delay_ms: from the moment at which a sample is written to its echo's arrival in what is captured.
        reference_dbfs, echo_dbfs: of the speech-like sound, as played and as captured.
        return_loss_db: the first less the second: what the way from speaker to microphone takes away.
        decay_ms: how long a voice that ends stays above ``noise_floor_dbfs`` + 10 dB, and above -40 dB of itself.
        tail_ms: what half duplex has to wait: decay, lateness and a margin.
        clipped: share of the samples at full scale, 0.0 to 1.0.
        peak_dbfs: of the loudest sample.
        lost_ms: sound that broke off while it was measured.
        distortion: of the speaker: harmonics 2 to 5 against the linear part, as a ratio of amplitudes.
        erle_db: how much softer the echo is after cancelling; None: there is no canceller.
        residual_dbfs: what is left of it.
    """

    noise_floor_dbfs: float
    heard: bool
    peak_dbfs: float
    clipped: float
    lost_ms: float = 0.0
    delay_ms: float | None = None
    reference_dbfs: float | None = None
    echo_dbfs: float | None = None
    return_loss_db: float | None = None
    decay_ms: float | None = None
    tail_ms: int | None = None
    distortion: float | None = None
    erle_db: float | None = None
    residual_dbfs: float | None = None


@dataclass(frozen=True)
class Verdict:
    """What the figures mean.

    Attributes:
        mode: the recommended ``audio.echo``; empty when nothing can be recommended.
        fit: the configured mode can be lived with.
        sentences: what to know and to do, most important first.
    """

    mode: str
    fit: bool
    sentences: tuple[str, ...]


def tail_ms(decay_ms: float, late_ms: float) -> int:
    """What half duplex waits after the last sample has been played, in whole tens of ms.

    Args:
        decay_ms: until the room is quiet.
        late_ms: what the echo comes later than the device's own latency tells.
    """
    return min(LONGEST_TAIL_MS, 10 * ceil((decay_ms + max(0.0, late_ms) + TAIL_MARGIN_MS) / 10))


def judge(figures: Figures, configured: str, canceller: str) -> Verdict:
    """Recommend an echo mode, or refuse with sentences.

    Args:
        figures: of this room.
        configured: the present ``audio.echo``.
        canceller: why the canceller could not be tried, a sentence; empty when it was.
    """
    refused = _unusable(figures, configured)
    if refused is not None:
        return refused
    against = _against_cancelling(figures, canceller)
    warnings = _warnings(figures)
    if configured in ELSEWHERE and _echo_over_noise_db(figures) <= HEARD_DB:
        return Verdict(configured, True, (f"echo: {configured} does its work: hardly any echo is left.", *warnings))
    elsewhere: tuple[str, ...] = ()
    if configured in ELSEWHERE:
        over = _echo_over_noise_db(figures)
        elsewhere = (f"echo: {configured} does not cancel: the echo is {over:.0f} dB above the noise.",)
    if against:
        waits = f"echo: half_duplex fits, deaf for {figures.tail_ms} ms after each answer."
        return Verdict("half_duplex", configured == "half_duplex", (*elsewhere, waits, *against, *warnings))
    fits = f"echo: cancel fits: it takes {figures.erle_db:.0f} dB of the echo away, visitors may interrupt."
    also = (f"echo: half_duplex would be deaf for {figures.tail_ms} ms after each answer.",)
    return Verdict("cancel", not elsewhere, (*elsewhere, fits, *also, *warnings))


def _unusable(figures: Figures, configured: str) -> Verdict | None:
    """The verdict where the figures say nothing about an echo."""
    if not figures.heard:
        if configured in ELSEWHERE:
            sentence = (
                f"No echo was heard. If you heard the sweep, echo: {configured} does its work; "
                "if you did not, the speaker is off or its volume is 0."
            )
            return Verdict(configured, True, (sentence, *_warnings(figures)))
        sentence = (
            "No echo was heard. If you heard no sweep either, look at the speaker: cable, power, volume, audio.output. "
            "If you did, look at the microphone: audio.input may name another one, its gain may be 0; or it cancels "
            "echo by itself, then set echo: hardware."
        )
        return Verdict("", False, (sentence,))
    if figures.clipped > MOST_CLIPPED:
        sentence = (
            f"The microphone clips ({figures.clipped:.1%} of the samples): lower its gain (alsamixer), "
            "or audio.volume, and measure again."
        )
        return Verdict("", False, (sentence,))
    if _echo_over_noise_db(figures) < FAINT_DB and figures.noise_floor_dbfs > NOISY_DBFS:
        sentence = (
            f"The room is too loud to be measured ({figures.noise_floor_dbfs:.0f} dBFS before the sweep): "
            "measure again when it is quiet, or lower the microphone's gain."
        )
        return Verdict("", False, (sentence,))
    if figures.tail_ms is not None and figures.tail_ms >= LONGEST_TAIL_MS and not _cancels(figures):
        sentence = (
            f"The echo hangs in the room for more than {LONGEST_TAIL_MS} ms: lower audio.volume or damp the room."
        )
        return Verdict("", False, (sentence,))
    return None


def _cancels(figures: Figures) -> bool:
    """Whether what the canceller left is little enough."""
    if figures.erle_db is None or figures.residual_dbfs is None:
        return False
    return figures.erle_db >= LEAST_ERLE_DB or figures.residual_dbfs <= figures.noise_floor_dbfs + NEAR_NOISE_DB


def _against_cancelling(figures: Figures, canceller: str) -> tuple[str, ...]:
    """Why echo: cancel is refused; empty when it is not."""
    if figures.delay_ms is not None and figures.delay_ms > LATEST_MS:
        return (
            f"echo: cancel is refused: the echo comes {figures.delay_ms:.0f} ms late, a canceller bears "
            f"{LATEST_MS:.0f} ms: name the card itself (alsa:CARD_ID) instead of a sound server or a wireless speaker.",
        )
    if canceller:
        return (f"echo: cancel was not tried: {canceller}",)
    if not _cancels(figures):
        if figures.lost_ms > TORN_MS:
            return (
                f"echo: cancel could not be judged: {figures.lost_ms:.0f} ms of the sound were lost on the way: "
                "is this board busy? Measure again.",
            )
        return (
            f"echo: cancel is refused: it takes only {figures.erle_db or 0:.0f} dB of the echo away "
            f"({LEAST_ERLE_DB:.0f} are needed): move speaker and microphone apart, or lower audio.volume.",
        )
    return ()


def _warnings(figures: Figures) -> tuple[str, ...]:
    """What does not decide the mode, and a person should know."""
    said = []
    if figures.distortion is not None and figures.distortion > MOST_DISTORTION:
        said.append(
            f"The speaker distorts ({figures.distortion:.0%}): lower audio.volume or the amplifier's gain; "
            "a canceller cannot take away what the speaker adds."
        )
    if figures.noise_floor_dbfs > NOISY_DBFS:
        said.append(
            f"The room is loud ({figures.noise_floor_dbfs:.0f} dBFS): visitors must speak up, "
            "talk.mode: push_to_talk is safer here than voice."
        )
    if figures.heard and _echo_over_noise_db(figures) < FAINT_DB:
        said.append(
            "The echo hardly rises above the noise, so its figures are uncertain: "
            "if answers are hard to understand, raise the speaker's volume."
        )
    return tuple(said)


def _echo_over_noise_db(figures: Figures) -> float:
    """How far the echo stands above the noise; far below it when there is none."""
    return -200.0 if figures.echo_dbfs is None else figures.echo_dbfs - figures.noise_floor_dbfs
