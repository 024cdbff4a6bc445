"""A broker that floods is left."""

from __future__ import annotations

import pytest

from kioskd.bus.sieve import MOST_BEGUN, MOST_PACKET_BYTES, MOST_READ_BYTES, MOST_READS, Sieve


class Source:
    """Bytes without end, and a clock that is set."""

    def __init__(self) -> None:
        self.now = 0.0
        self.begun = 0
        self.why: list[str] = []
        self.sieve = Sieve(lambda most: b"x" * most, lambda: self.begun, self.why.append, lambda: self.now)


def test_what_comes_slowly_may_go_on_for_ever() -> None:
    source = Source()
    for _ in range(3):
        for _ in range(MOST_READS):
            assert source.sieve(1) == b"x"
        source.now += 1.0
    assert source.why == []


def test_too_many_reads_or_bytes_in_a_second_end_it() -> None:
    source = Source()
    for _ in range(MOST_READS):
        source.sieve(1)
    with pytest.raises(ConnectionError):
        source.sieve(1)
    assert source.why == ["the broker sends far too many messages; it is left, and tried again later"]
    source = Source()
    with pytest.raises(ConnectionError):
        for _ in range(MOST_READ_BYTES // 1024 + 1):
            source.sieve(1024)


def test_a_packet_that_is_too_long_is_not_even_begun() -> None:
    source = Source()
    assert len(source.sieve(MOST_PACKET_BYTES)) == MOST_PACKET_BYTES
    with pytest.raises(ConnectionError):
        source.sieve(MOST_PACKET_BYTES + 1)
    assert "far too long" in source.why[0]


def test_messages_that_are_begun_and_never_ended_end_it() -> None:
    source = Source()
    source.begun = MOST_BEGUN + 1
    with pytest.raises(ConnectionError):
        source.sieve(1)
