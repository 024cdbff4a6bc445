"""The section about announcements: ``kioskctl say``, and cues that are spoken (``audio.cues: say:TEXT``)."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.config.option import option
from kioskd.config.road import ServiceProxy
from kioskd.config.secretref import SecretRef
from kioskd.wire.lightning_offer import FASTEST, LANGUAGES, MODELS, SLOWEST, URL


@dataclass(frozen=True, kw_only=True)
class AnnounceService:
    """A hosted voice: Lightning live TTS, or ``kioskd voice``, which speaks the same at /waves/v1/tts/live."""

    url: str = option("where the voice is reached", URL)
    model: str = option("which model of it speaks", MODELS[0], choices=MODELS)
    key: SecretRef | None = option("where the API key lies", None)
    proxy: ServiceProxy | None = option("the way there; default: HTTPS_PROXY and NO_PROXY", None)
    deadline_s: float = option(
        "what it has not spoken whole within this time the local voice speaks", 15.0, low=1, high=60
    )


@dataclass(frozen=True, kw_only=True)
class Announce:
    """How the kiosk speaks when no model does."""

    service: AnnounceService | None = option(
        "the house's voice; leave it out and espeak-ng speaks on this device", None
    )
    voice: str | None = option("voice of the service; default: the usual one of its model", None)
    local_voice: str | None = option(
        "espeak-ng voice that speaks without the service; default: the usual one of the language", None
    )
    language: str = option(
        "language of the texts, a code of two letters",
        "en",
        choices=tuple(language for language in LANGUAGES if language != "auto"),
    )
    speed: float = option("1.0 is the voice's own pace", 1.0, low=SLOWEST, high=FASTEST)
    volume: float = option("1.0 is full scale; cues that are spoken have audio.cue_volume", 1.0, low=0.0, high=1.0)
    wait_s: float = option("an announcement waits so long for a conversation to end", 120.0, low=1, high=3600)
