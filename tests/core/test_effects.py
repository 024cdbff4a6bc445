"""Effects are orders: frozen, small, and none of them is forgotten by the performer (tests/test_perform.py)."""

from __future__ import annotations

import pytest

from kioskd.core import effects as ef


def kinds() -> list[type[ef.Effect]]:
    return [kind for kind in vars(ef).values() if isinstance(kind, type) and ef.Effect in kind.__bases__]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_an_effect_cannot_be_changed_and_says_what_it_is(kind: type[ef.Effect]) -> None:
    assert vars(kind)["__dataclass_params__"].frozen
    assert "__slots__" in vars(kind) and kind.__doc__ and not kind.__doc__.startswith(f"{kind.__name__}(")
