"""Devices that only keep time: no period early, none lost, and no drift."""

from __future__ import annotations

from pathlib import Path

import pytest

from kioskd.audio.paced import NullInput, NullOutput


class Hand:
    """A clock that only moves when somebody waits, or when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def test_no_period_before_its_time(tmp_path: Path) -> None:
    hand = Hand()
    stream = NullInput(16000, hand, hand.wait)
    assert stream.read(0.004) is None
    assert stream.read(0.004) is None
    assert hand.now == pytest.approx(100.008)
    assert stream.read(0.004) == bytes(320)
    assert stream.read(0.0) is None
    stream.close()


def test_a_reader_that_was_held_up_catches_up(tmp_path: Path) -> None:
    hand = Hand()
    stream = NullInput(16000, hand, hand.wait)
    hand.now += 0.1
    for older in reversed(range(10)):
        assert stream.read(0.0) is not None and stream.held == older
    assert stream.read(0.0) is None


def test_an_output_takes_three_periods_and_then_ten_ms_every_ten_ms() -> None:
    hand = Hand()
    stream = NullOutput(24000, hand, hand.wait)
    assert all(stream.write(bytes(480), 0.0) for _ in range(3))
    assert not stream.write(bytes(480), 0.0)
    assert not stream.write(bytes(480), 0.004)
    assert stream.write(bytes(480), 0.1)
    assert hand.now == pytest.approx(100.01, abs=1e-5)
    for _ in range(100):
        assert stream.write(bytes(480), 0.1)
    assert hand.now == pytest.approx(101.01, abs=1e-5)
    assert stream.latency_s == pytest.approx(0.03)
    assert stream.xruns == 0


def test_an_output_that_ran_dry_counts_it() -> None:
    hand = Hand()
    stream = NullOutput(24000, hand, hand.wait)
    stream.write(bytes(480), 0.0)
    hand.now += 0.05
    stream.write(bytes(480), 0.0)
    stream.write(bytes(480), 0.0)
    assert stream.xruns == 1
