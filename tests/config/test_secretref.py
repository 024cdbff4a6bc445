"""Where a secret lies."""

from __future__ import annotations

import dataclasses

from kioskd.config import sections
from kioskd.config.secretref import SecretRef


def test_a_secret_has_three_places_and_no_value_and_the_sections_give_it_on() -> None:
    assert [field.name for field in dataclasses.fields(SecretRef)] == ["credential", "env", "file"]
    assert sections.SecretRef is SecretRef
