from __future__ import annotations

import pytest

from kioskd.wire.profile import Profile


@pytest.mark.parametrize("model, rate_hz", [("hydra-v1.1", 24000), ("hydra-v1.0", 48000), ("hydra", 48000)])
def test_the_output_rate_by_model_tag(hydra: Profile, model: str, rate_hz: int) -> None:
    assert hydra.out_rate_of(model) == rate_hz


def test_a_voice_of_the_tags_own_roster_is_sent_when_the_owner_named_none(hydra: Profile) -> None:
    assert hydra.default_voice("hydra-v1.1") == "zoe"
    assert hydra.default_voice("hydra-v1.0") == "sterling"
    assert hydra.default_voice("hydra") is None
    rosters = list(hydra.voices_by_model.values())
    assert not set(rosters[0]) & set(rosters[1]) and [len(roster) for roster in rosters] == [10, 14]


def test_profiles_are_data_that_nobody_can_change(hydra: Profile) -> None:
    with pytest.raises(AttributeError):
        setattr(hydra, "url", "wss://elsewhere")
