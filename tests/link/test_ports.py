"""The bundle: only what every conversation needs is required."""

from __future__ import annotations

import dataclasses

from kioskd.link.ports import Ports


def test_trace_timing_and_what_outlives_a_session_may_be_left_out_and_nothing_else() -> None:
    optional = [field.name for field in dataclasses.fields(Ports) if field.default is not dataclasses.MISSING]
    assert optional == ["trace", "on_sent", "on_audio", "memory", "options", "wall"]
