"""What Lightning live TTS offers (Hydra reference B1, B2, B6): data for the configuration too, without a codec."""

from __future__ import annotations

URL = "wss://api.smallest.ai/waves/v1/tts/live"
MODELS = ("lightning_v3.1", "lightning_v3.1_pro")
# Reference B6: the catalogue's usual voice of each model; a voice of another catalogue is not refused but gives wrong
# or invented sound (B2).
VOICES = {"lightning_v3.1": "magnus", "lightning_v3.1_pro": "meher"}
LANGUAGES = tuple(
    "auto en hi mr kn ta bn gu te ml pa or es de fr it nl sv pt ru el fi no pl ar zh id ja ko ms tr vi".split()
)
RATES_HZ = (8_000, 16_000, 24_000, 44_100)
SLOWEST, FASTEST = 0.5, 2.0
LONGEST_TEXT = 250  # characters of one request
