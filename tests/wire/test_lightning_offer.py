"""The catalogue hangs together."""

from __future__ import annotations

from kioskd.wire.lightning_offer import LANGUAGES, MODELS, RATES_HZ, URL, VOICES


def test_each_model_has_a_voice_and_the_address_is_encrypted() -> None:
    assert set(VOICES) == set(MODELS) and URL.startswith("wss://")
    assert len(set(LANGUAGES)) == len(LANGUAGES) > 30 and 24_000 in RATES_HZ
