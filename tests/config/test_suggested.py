"""What is suggested is a key of its section, and takes the value that is shown."""

from __future__ import annotations

from kioskd.config.keys import keys
from kioskd.config.suggested import ACTIONS


def test_every_suggestion_is_for_a_key_that_has_no_telling_default() -> None:
    for (section, name), value in ACTIONS.items():
        (key,) = [key for key in keys(section) if key.name == name]
        assert not key.required and value is not None
        assert key.default in (None, (), {}), f"{section.__name__}.{name}"
