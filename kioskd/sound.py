"""From the configuration to the two audio threads: which parts of the wing this kiosk needs, joined."""

from __future__ import annotations

import dataclasses

from kioskd.audio import echo
from kioskd.audio.capture import Capture
from kioskd.audio.detector import DOUBT_MS, open_detector
from kioskd.audio.devices import open_input, open_output
from kioskd.audio.echo import Canceller
from kioskd.audio.playback import Playback
from kioskd.audio.wakeword import open_spotter
from kioskd.config.sections import Config
from kioskd.core.gate import Gate
from kioskd.core.ports import Post
from kioskd.core.resample import make_resampler
from kioskd.lanes import PlaybackLane, UplinkLane


def open_canceller(config: Config, post: Post) -> Canceller | None:
    """What takes the kiosk's own voice out of its microphone, for both threads; None where nothing does so here."""
    return echo.open_canceller(config.audio, post)


def open_playback(config: Config, lane: PlaybackLane, post: Post, canceller: Canceller | None = None) -> Playback:
    """The speaker's thread, not started; ``canceller`` is told what it plays."""
    audio = config.audio
    playback = Playback(
        audio.output,
        lane,
        post,
        open_output,
        audio.output_idle_s,
        audio.volume,
        audio.cue_volume,
        cues=dataclasses.asdict(audio.cues),
        lead_in_ms=audio.lead_in_ms,
        prebuffer_most_ms=audio.longest_prebuffer_ms,
    )
    if canceller is not None:
        playback.add_tap(lambda pcm, rate_hz, at: canceller.far(pcm, rate_hz))
        playback.on_rest = canceller.rest
    return playback


def open_capture(config: Config, lane: UplinkLane, post: Post, canceller: Canceller | None = None) -> Capture:
    """The microphone's thread, not started; what it hears goes through ``canceller``."""
    talk = config.talk
    gate = Gate(talk.preroll_ms, talk.start_ms, talk.start_window_ms, talk.hangover_ms, DOUBT_MS)
    spotter = open_spotter(talk.mode, talk.wake_word)
    detector = open_detector(talk)
    return Capture(
        config.audio.input,
        lane,
        post,
        open_input,
        gate,
        detector,
        make_resampler,
        spotter=spotter,
        canceller=canceller,
    )
