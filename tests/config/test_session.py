"""The section's defaults cost nothing."""

from __future__ import annotations

import dataclasses

from kioskd.config.sections import Config
from kioskd.config.session import Session


def test_nothing_is_kept_open_unless_the_owner_says_so() -> None:
    assert Session().policy == "on_demand" and Config().session == Session()


def test_the_option_says_what_an_idle_session_costs() -> None:
    fields = {field.name: field.metadata for field in dataclasses.fields(Session)}
    assert "1.6 MB an hour" in fields["policy"]["doc"] and "minutes" in fields["policy"]["doc"]
    assert fields["policy"]["choices"] == ("on_demand", "warm", "always")
