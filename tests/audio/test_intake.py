"""Periods in, chunks out: a reader that keeps up, one that fell behind, and devices with a rate of their own."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.audio.intake import MAX_AGE_S, PERIOD_S, Intake, Resampler
from kioskd.lanes import CHUNK_BYTES, Chunk

PERIOD = bytes(320)


class Thin:
    """Keeps one sample of ``keep``; holds back what does not fill a step, as real resamplers do."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        assert from_hz % to_hz == 0
        self.step = from_hz // to_hz
        self.held = array("h")

    def process(self, pcm: bytes) -> bytes:
        self.held.frombytes(pcm)
        whole = len(self.held) // self.step * self.step
        out, self.held = self.held[: whole : self.step], self.held[whole:]
        return out.tobytes()


def never(from_hz: int, to_hz: int) -> Resampler:
    raise AssertionError("a device at 16 kHz needs no resampler")


class Reader:
    """Plays a reader's clock: each read waits for ``wait_s``, then work takes ``work_s``."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.now = 0.0
        self.gaps: list[float] = []
        self.raw: list[Chunk] = []

    def read(self, pcm: bytes = PERIOD, wait_s: float = PERIOD_S, work_s: float = 0.0) -> list[Chunk]:
        asked_at = self.now
        self.now += wait_s
        chunks, gap_ms, self.raw = self.intake.take(pcm, asked_at, self.now)
        if gap_ms:
            self.gaps.append(gap_ms)
        self.now += work_s
        return chunks


def reader(rate_hz: int = 16000) -> Reader:
    return Reader(Intake(rate_hz, never if rate_hz == 16000 else Thin, 0.0))


def test_two_periods_make_a_chunk_stamped_with_its_last_sample() -> None:
    r = reader()
    assert r.read(b"\1" * 320) == []
    (chunk,) = r.read(b"\2" * 320)
    assert chunk == Chunk(b"\1" * 320 + b"\2" * 320, 0.02)


def test_a_device_at_another_rate_is_resampled() -> None:
    r = reader(48000)
    ramp = array("h", range(960)).tobytes()
    assert r.read(ramp[:960]) == []
    (chunk,) = r.read(ramp[960:])
    assert array("h", chunk.pcm).tolist() == list(range(0, 960, 3))


def test_chunks_that_came_together_are_stamped_each_with_its_own_time() -> None:
    intake = Intake(16000, never, 0.0)
    stamps = []
    for held in (3, 2, 1, 0):
        asked_at = 0.0 if held == 3 else 0.04
        stamps += [chunk.at for chunk in intake.take(PERIOD, asked_at, 0.04, held).chunks]
    assert stamps == pytest.approx([0.02, 0.04])


def test_a_chunk_that_ends_within_a_period_is_stamped_where_it_ends() -> None:
    r = reader()
    (chunk,) = r.read(bytes(CHUNK_BYTES + 64))
    assert chunk.at == pytest.approx(0.01 - 64 / 32000)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 1500), max_size=30))
def test_no_sample_is_lost_or_moved_by_cutting(lengths: list[int]) -> None:
    r = reader()
    samples = array("h", (n % 30000 for n in range(sum(lengths)))).tobytes()
    got, at = b"", 0
    for length in lengths:
        for chunk in r.read(samples[at : at + length * 2]):
            assert len(chunk.pcm) == CHUNK_BYTES
            got += chunk.pcm
        at += length * 2
    assert samples.startswith(got) and len(samples) - len(got) < CHUNK_BYTES


def test_a_reader_that_keeps_up_drops_nothing() -> None:
    r = reader()
    for _ in range(500):
        r.read(wait_s=0.006, work_s=0.004)
    assert r.intake.dropped_ms == 0 and r.gaps == []


def test_a_device_that_delivers_in_bursts_drops_nothing() -> None:
    r = reader()
    for _ in range(20):
        r.read(wait_s=0.2)
        for _ in range(19):
            r.read(wait_s=0.0)
    assert r.intake.dropped_ms == 0


@pytest.mark.parametrize("where", ["between two reads", "inside a read"])
def test_after_a_stall_of_the_reader_the_backlog_is_dropped_but_for_half_a_second(where: str) -> None:
    r = reader()
    for _ in range(10):
        r.read()
    stall_s = 6.0
    if where == "between two reads":
        r.now += stall_s
        waiting = int(stall_s / PERIOD_S)
    else:
        r.read(wait_s=stall_s)
        waiting = int(stall_s / PERIOD_S) - 1
    kept = [chunk for _ in range(waiting) for chunk in r.read(wait_s=0.0)]
    assert len(kept) * 20 == pytest.approx(MAX_AGE_S * 1000, abs=40)
    assert r.intake.dropped_ms == pytest.approx((stall_s - MAX_AGE_S) * 1000, abs=40)
    assert r.gaps == [r.intake.dropped_ms], "told once, when it is over"
    assert all(chunk.at <= r.now for chunk in kept) and kept[-1].at == pytest.approx(r.now, abs=0.03)


def test_a_reader_that_falls_behind_little_by_little_stays_within_half_a_second() -> None:
    r = reader()
    for number in range(1, 2000):
        dropped_ms = r.intake.dropped_ms
        captured_at = number * PERIOD_S
        for chunk in r.read(wait_s=max(0.0, captured_at - r.now)):
            assert chunk.at == pytest.approx(captured_at)
            assert r.now - captured_at <= MAX_AGE_S + 0.001
        if r.intake.dropped_ms == dropped_ms:
            r.now += 0.011
    assert r.intake.dropped_ms > 500


@pytest.mark.parametrize(("request_periods", "pause_s"), [(2, 0.003), (10, 0.003), (10, 0.019), (50, 0.019)])
def test_a_backlog_that_is_handed_over_in_requests_is_not_taken_for_new(request_periods: int, pause_s: float) -> None:
    r = reader()
    for _ in range(10):
        r.read()
    stall_s = 3.0
    captured_at = r.now + PERIOD_S
    r.read(wait_s=stall_s)
    for number in range(1, 1000):
        captured_at += PERIOD_S
        # What is not there yet is waited for; what is comes at once, or after the pause between two requests.
        wait_s = max(captured_at - r.now, pause_s if number % request_periods == 1 else 0.0)
        for chunk in r.read(wait_s=wait_s):
            assert r.now - captured_at <= MAX_AGE_S + 0.05, "what has grown old is never heard"
    assert r.now == pytest.approx(captured_at) and 2000 < r.intake.dropped_ms < 3100
    assert len(r.read() + r.read()) == 1, "and new sound is"


def test_a_device_that_had_nothing_for_a_while_loses_a_tenth_of_a_second() -> None:
    r = reader()
    r.read()
    r.read(wait_s=0.8)
    for _ in range(20):
        r.read()
    assert r.intake.dropped_ms == 90
    assert r.read(wait_s=PERIOD_S) + r.read(wait_s=PERIOD_S) != []


def test_a_short_hiccup_of_the_device_loses_nothing() -> None:
    r = reader()
    r.read()
    r.read(wait_s=0.4)
    r.read()
    assert r.intake.dropped_ms == 0


def test_stamps_never_run_backwards_and_never_into_the_future() -> None:
    r = reader()
    last = 0.0
    for wait_s, work_s in [(0.01, 0), (0, 0), (0, 0.3), (0, 0), (0.003, 0), (0.6, 0), (0, 0), (0.01, 0.7)] * 20:
        for chunk in r.read(wait_s=wait_s, work_s=work_s):
            assert last <= chunk.at <= r.now
            last = chunk.at


# -- with a canceller ----------------------------------------------------------------------------


class Halves:
    """A canceller that makes everything half as loud, 14 ms later; it takes whole periods only."""

    delay_s = 0.014

    def __init__(self) -> None:
        self.periods = 0

    def near(self, pcm: bytes) -> bytes:
        assert len(pcm) == 320
        self.periods += 1
        return array("h", (sample // 2 for sample in array("h", pcm))).tobytes()


def test_a_canceller_stands_before_the_ears_and_its_delay_is_in_the_stamp() -> None:
    halves = Halves()
    r = Reader(Intake(16000, never, 0.0, halves))
    loud = array("h", [1000] * 160).tobytes()
    r.read(loud)
    (chunk,) = r.read(loud)
    assert array("h", chunk.pcm).tolist() == [500] * 320
    assert chunk.at == pytest.approx(0.02 - 0.014)
    (raw,) = r.raw
    assert array("h", raw.pcm).tolist() == [1000] * 320 and raw.at == pytest.approx(0.02)


def test_without_a_canceller_raw_is_what_the_ears_hear() -> None:
    r = reader()
    r.read()
    assert r.read() == r.raw and r.raw


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 700), max_size=30))
def test_a_canceller_is_given_whole_periods_and_no_sample_is_lost(lengths: list[int]) -> None:
    halves = Halves()
    r = Reader(Intake(16000, never, 0.0, halves))
    samples = array("h", (2 * (n % 9000) for n in range(sum(lengths)))).tobytes()
    raw, clean, at = b"", b"", 0
    for length in lengths:
        clean += b"".join(chunk.pcm for chunk in r.read(samples[at : at + length * 2]))
        raw += b"".join(chunk.pcm for chunk in r.raw)
        at += length * 2
    assert samples.startswith(raw) and len(samples) - len(raw) < CHUNK_BYTES + 320
    assert array("h", clean).tolist() == [sample // 2 for sample in array("h", raw)]
    assert halves.periods == len(samples) // 320


def test_the_canceller_sees_what_is_thrown_away_for_its_age_too() -> None:
    halves = Halves()
    r = Reader(Intake(16000, never, 0.0, halves))
    for _ in range(10):
        r.read()
    r.now += 6.0
    kept = [chunk for _ in range(600) for chunk in r.read(wait_s=0.0)]
    assert halves.periods == 610
    assert len(kept) * 20 == pytest.approx(MAX_AGE_S * 1000, abs=40)
    assert r.gaps == [r.intake.dropped_ms]
