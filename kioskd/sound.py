"""From the configuration to the two audio threads: which parts of the wing this kiosk needs, joined."""

from __future__ import annotations

import dataclasses
import os
from typing import Callable, NamedTuple

from kioskd.announcing import shelf_lookup
from kioskd.audio import echo
from kioskd.audio.capture import Capture
from kioskd.audio.cards import Kernel
from kioskd.audio.detector import DOUBT_MS, open_detector
from kioskd.audio.devices import open_input, open_output
from kioskd.audio.echo import Canceller
from kioskd.audio.ownvoice import OwnVoice
from kioskd.audio.playback import Playback
from kioskd.audio.presence import doubt
from kioskd.audio.recorder import Recorder
from kioskd.audio.wakeword import open_spotter
from kioskd.config.sections import Config
from kioskd.core.gate import Gate
from kioskd.core.ports import Post
from kioskd.core.resample import make_resampler
from kioskd.lanes import PlaybackLane, UplinkLane


class Wing(NamedTuple):
    """The audio wing of a running kiosk."""

    canceller: Canceller | None
    playback: Playback
    capture: Capture
    recorder: Recorder


def furnish(
    config: Config,
    playback_lane: PlaybackLane,
    uplink: UplinkLane,
    post: Post,
    closes: Callable[[str, Callable[[], object]], None],
    end_s: float,
    muted: bool,
    tail_s: Callable[[], float],
) -> Wing:
    """Open the wing, its threads started.

    Args:
        closes: is told how each part is closed again, in the order of their opening.
        end_s: a thread is given so long to end.
        muted: the microphone is not opened at all.
        tail_s: how long a sound hangs in this room.
    """
    canceller = open_canceller(config, post)
    # A canceller tells by itself, by the block, what it cannot take away (audio/echo.py).
    voice = OwnVoice(tail_s) if config.audio.echo == "half_duplex" else None
    playback = open_playback(config, playback_lane, post, canceller, voice)
    playback.start()
    closes("playback", lambda: playback.stop(end_s))
    capture = open_capture(config, uplink, post, canceller, voice, playback.give_way)
    if muted:
        capture.mute(True)
    capture.start()
    closes("capture", lambda: capture.stop(end_s))
    recorder = Recorder(config.audio.record, capture, post)
    closes("recorder", lambda: recorder.stop(end_s))
    return Wing(canceller, playback, capture, recorder)


def open_canceller(config: Config, post: Post) -> Canceller | None:
    """What takes the kiosk's own voice out of its microphone, for both threads; None where nothing does so here."""
    return echo.open_canceller(config.audio, post)


def open_playback(
    config: Config,
    lane: PlaybackLane,
    post: Post,
    canceller: Canceller | None = None,
    voice: OwnVoice | None = None,
) -> Playback:
    """The speaker's thread, not started; ``canceller`` and ``voice`` are told what it plays."""
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
        announce_volume=config.announce.volume,
        spoken=shelf_lookup(config),
        doubt=lambda: doubt(audio.output, "output", Kernel(), os.environ),
        voice=voice,
    )
    if canceller is not None:
        playback.add_tap(lambda pcm, rate_hz, at: canceller.far(pcm, rate_hz))
        playback.on_rest = canceller.rest
    return playback


def open_capture(
    config: Config,
    lane: UplinkLane,
    post: Post,
    canceller: Canceller | None = None,
    voice: OwnVoice | None = None,
    give_way: Callable[[bool], object] = bool,
) -> Capture:
    """The microphone's thread, not started; what it hears goes through ``canceller``, and past ``voice``.

    Args:
        give_way: lowers the kiosk's own voice at once where a visitor speaks over it.
    """
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
        voice=voice,
        give_way=give_way,
    )
