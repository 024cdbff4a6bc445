"""Who is shown what the device took."""

from __future__ import annotations

from kioskd.audio.taps import Taps


def test_each_tap_is_shown_each_period_until_it_is_removed() -> None:
    taps = Taps()
    second: list[bytes] = []
    shown: list[tuple[bytes, int, float]] = []

    def tap(pcm: bytes, rate_hz: int, at: float) -> None:
        shown.append((pcm, rate_hz, at))

    def other(pcm: bytes, rate_hz: int, at: float) -> None:
        second.append(pcm)

    taps.show(b"0", 8000, 0.0)
    assert taps.empty
    taps.add(tap)
    assert not taps.empty
    taps.show(b"1", 8000, 1.0)
    taps.add(other)
    taps.show(b"2", 8000, 2.0)
    taps.remove(tap)
    taps.remove(tap)
    taps.show(b"3", 8000, 3.0)
    assert shown == [(b"1", 8000, 1.0), (b"2", 8000, 2.0)]
    assert second == [b"2", b"3"]


def test_a_tap_may_take_itself_away() -> None:
    taps = Taps()
    calls: list[bytes] = []

    def once(pcm: bytes, rate_hz: int, at: float) -> None:
        calls.append(pcm)
        taps.remove(once)

    taps.add(once)
    taps.show(b"1", 8000, 1.0)
    taps.show(b"2", 8000, 2.0)
    assert calls == [b"1"]
