from __future__ import annotations

import dataclasses
import inspect

from kioskd.wire import facts
from kioskd.wire.profile import Trouble

KINDS = [kind for _, kind in inspect.getmembers(facts, inspect.isclass) if issubclass(kind, facts.Fact)]


def test_every_fact_is_frozen_and_small() -> None:
    assert len(KINDS) == 14
    for kind in KINDS:
        assert dataclasses.is_dataclass(kind), kind
        assert getattr(kind, "__dataclass_params__").frozen, kind
        assert "__dict__" not in dir(kind), kind


def test_equal_facts_are_equal() -> None:
    assert facts.Complaint(Trouble.FRAME, "a", "b", "", False) == facts.Complaint(Trouble.FRAME, "a", "b", "", False)
    assert facts.Began("r1") != facts.Began("r2")
