"""The sections about sound: when the visitor is heard (``talk``), microphone and speaker (``audio``)."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.config.option import option


@dataclass(frozen=True, kw_only=True)
class Talk:
    """When the visitor is heard."""

    mode: str = option(
        "how a conversation is opened",
        "push_to_talk",
        choices=("push_to_talk", "tap_to_talk", "voice", "wake_word", "open"),
    )
    wake_word: str = option(
        "the word that opens a conversation in mode wake_word",
        "okay_nabu",
        choices=("okay_nabu", "alexa", "hey_jarvis", "hey_mycroft"),
    )
    confirm_vad: str = option(
        "neural: what webrtcvad takes for speech must convince a neural detector too (8 MB; not used while the button "
        "alone decides); none: webrtcvad alone",
        "neural",
        choices=("neural", "none"),
    )
    preroll_ms: int = option("speech kept from before the gate opened or the button went down", 300, low=0, high=1000)
    start_ms: int = option("this much speech within start_window_ms opens the gate", 80, low=20, high=500)
    start_window_ms: int = option("window in which start_ms of speech is sought", 100, low=20, high=1000)
    hangover_ms: int = option("silence that closes the gate", 700, low=100, high=3000)
    vad_aggressiveness: int = option("webrtcvad mode; 3 rejects most noise", 3, low=0, high=3)
    min_dbfs: float = option("chunks quieter than this are never speech", -55.0, low=-90, high=-10)
    connect_buffer_s: float = option("speech kept while the link is opened", 10.0, low=1, high=60)
    end_of_turn_s: float = option("zeros sent after speech until the service ends the turn", 3.0, low=0.2, high=10)
    keepalive_s: float = option("a short burst of zeros this often while a session is open", 10.0, low=1, high=25)
    linger_s: float = option("the session is closed after this long without speech", 20.0, low=1, high=600)
    answer_s: float = option("how long an answer may be awaited", 15.0, low=2, high=120)
    longest_turn_s: float = option(
        "a turn is ended after this long (a stuck button, a noisy hall)", 45.0, low=5, high=300
    )


@dataclass(frozen=True, kw_only=True)
class Cues:
    """The short local sounds: each ``tone`` (a built-in one), ``silent``, the path of a WAV file, or ``say:TEXT``."""

    woken: str = option("the kiosk listens (after a tap or a wake word)", "silent", applies="live")
    understood: str = option("the visitor's word has ended and is on its way", "silent", applies="live")
    confirm: str = option("asks the visitor to press and hold the button", "tone", applies="live")
    refused: str = option("what was asked for is not allowed, or the kiosk is muted", "tone", applies="live")
    done: str = option("a device action was carried out", "tone", applies="live")
    again: str = option("the visitor must say it again", "tone", applies="live")
    offline: str = option("there is no connection to the service", "tone", applies="live")
    busy: str = option("the service has no room at the moment", "tone", applies="live")


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Recordings for support: raw, after echo cancelling, and sent. They stay on this box; the lamp announces them."""

    dir: str = option("folder for the WAV files")
    longest_s: float = option("a recording ends by itself after this long", 600.0, low=5, high=3600)
    most_mb: float = option("the oldest recordings are removed beyond this", 200.0, low=5, high=10000)


@dataclass(frozen=True, kw_only=True)
class Audio:
    """Microphone and speaker: ``alsa:CARD_ID pulse pulse:SERVER default file:PATH.wav null``."""

    input: str = option("where the visitor's voice comes from", "default")
    output: str = option("where answers go to", "default")
    echo: str = option(
        "half_duplex: deaf while speaking; cancel: the echo is cancelled here; system, hardware: outside kioskd",
        "half_duplex",
        choices=("half_duplex", "cancel", "system", "hardware"),
    )
    echo_tail_ms: int | None = option(
        "half_duplex: deaf for this long after the last sample; default: what kioskctl doctor audio measured, else 250",
        None,
        low=0,
        high=2000,
    )
    noise_suppression: bool = option("echo: cancel also takes steady noise away", True)
    high_pass: bool = option("echo: cancel also takes rumble below 100 Hz away", True)
    gain_control: bool = option("echo: cancel also evens out near and far voices", False)
    output_idle_s: float = option("the output is closed after this long without sound", 5.0, low=0.2, high=3600)
    volume: float = option("1.0 is full scale", 1.0, low=0.0, high=1.0, applies="live")
    cue_volume: float = option("volume of the short local sounds", 0.3, low=0.0, high=1.0, applies="live")
    lead_in_ms: int = option("silence before the first sound of a freshly opened output", 30, low=0, high=1000)
    longest_prebuffer_ms: int = option(
        "at most so much of an answer is held back at its start when the service delivers in bursts",
        240,
        low=0,
        high=1000,
        applies="session",
    )
    cues: Cues = option("the short local sounds: each tone, silent, the path of a WAV file, or say:TEXT", Cues())
    record: Recording | None = option("recordings for support; leave it out and none can be made", None)
    longest_answer_s: float = option("audio beyond this is refused", 120.0, low=5, high=600)
