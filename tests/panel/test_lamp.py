"""The lamp writes what changed, and nothing else."""

from __future__ import annotations

import pytest

from kioskd.core.lamp import Light, glow
from kioskd.panel.lamp import Lamp


class Bulb:
    """A lamp line that keeps what it was set to, and may be broken."""

    def __init__(self) -> None:
        self.shown: list[tuple[float, float, float]] = []
        self.broken = False

    def set(self, red: float, green: float, blue: float) -> None:
        if self.broken:
            raise OSError("the wire is off")
        self.shown.append((red, green, blue))


def test_the_same_colour_is_written_once() -> None:
    bulb = Bulb()
    lamp = Lamp(bulb)
    for t in (0.0, 0.1, 0.2):
        lamp.show(glow("listening", t))
    assert bulb.shown == [(0.0, 0.0, 1.0)] and lamp.writes == 1


def test_ticks_carry_the_rhythm_on_and_say_when_to_come_back() -> None:
    bulb = Bulb()
    lamp = Lamp(bulb)
    lamp.show(glow("confirm", 0.0))
    t, seen = 0.0, []
    for _ in range(4):
        again = lamp.tick(t)
        assert again is not None and again > t
        seen.append(again)
        t = again
    assert seen == [0.5, 1.0, 1.5, 2.0]
    assert bulb.shown == [(1.0, 1.0, 1.0), (0.0, 0.0, 0.0)] * 2


def test_a_steady_light_needs_no_tick() -> None:
    lamp = Lamp(Bulb())
    lamp.show(glow("listening", 0.0))
    assert lamp.tick(1.0) is None


def test_before_the_first_light_there_is_nothing_to_tick() -> None:
    assert Lamp(Bulb()).tick(1.0) is None


def test_a_kiosk_without_lamp_is_never_woken_for_it() -> None:
    lamp = Lamp(None)
    lamp.show(glow("idle", 0.0))
    assert lamp.tick(1.0) is None
    assert lamp.light is not None and lamp.light.name == "idle"


def test_a_lamp_that_failed_is_written_to_again() -> None:
    bulb = Bulb()
    lamp = Lamp(bulb)
    lamp.show(glow("listening", 0.0))
    bulb.broken = True
    with pytest.raises(OSError):
        lamp.show(glow("acting", 0.0))
    bulb.broken = False
    lamp.show(glow("listening", 1.0))
    assert bulb.shown == [(0.0, 0.0, 1.0)] * 2


def test_brightness_dims_what_is_lit_and_leaves_dark_dark() -> None:
    bulb = Bulb()
    lamp = Lamp(bulb, 0.25)
    lamp.show(Light(1.0, 0.0, 1.0, "muted", None))
    lamp.show(Light(0.0, 0.0, 0.0, "muted", None))
    assert bulb.shown == [(0.25, 0.0, 0.25), (0.0, 0.0, 0.0)]
