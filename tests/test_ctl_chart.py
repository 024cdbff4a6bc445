"""Pictures that are well-formed whatever is drawn in them."""

from __future__ import annotations

from math import inf, nan
from xml.etree import ElementTree

import pytest

from kioskd.ctl_chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Chart


def parts(chart: Chart) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(chart.svg("a title")))


def lines(chart: Chart) -> list[list[tuple[float, float]]]:
    """Each drawn curve as its points."""
    found = [part.attrib["d"] for part in parts(chart) if part.attrib.get("class") == "line"]
    return [[(float(x), float(y)) for x, y in (pair.split() for pair in path[1:].split("L"))] for path in found]


def plain(octaves: bool = False) -> Chart:
    return Chart((1.0, 100.0), (-100.0, 0.0), (1, 10, 100), (-100, -50, 0), ("s", "dB"), octaves)


def test_corners_are_where_the_frame_is() -> None:
    chart = plain()
    chart.line("all", [(1, 0), (100, -100)])
    assert lines(chart) == [[(LEFT, TOP), (WIDTH - RIGHT, HEIGHT - BOTTOM)]]


def test_octaves_are_equally_wide() -> None:
    chart = plain(octaves=True)
    chart.line("all", [(1, 0), (10, 0), (100, 0)])
    (low, _), (middle, _), (high, _) = lines(chart)[0]
    assert middle - low == pytest.approx(high - middle, abs=0.2)


def test_what_lies_outside_stays_in_the_frame_and_what_is_no_number_is_left_out() -> None:
    chart = plain()
    chart.line("wild", [(-5, 50), (nan, 1), (3, inf), (1000, -1000)])
    assert lines(chart) == [[(LEFT, TOP), (WIDTH - RIGHT, HEIGHT - BOTTOM)]]


def test_nothing_to_draw_is_no_line() -> None:
    chart = plain()
    chart.line("none", [])
    assert lines(chart) == []


def test_words_are_escaped() -> None:
    chart = plain()
    chart.line("<b>&", [(1, 0)])
    chart.mark(5, "<script>")
    chart.level(-20, '"quoted"')
    texts = [part.text for part in parts(chart)]
    assert "<b>&" in texts and "<script>" in texts and '"quoted"' in texts
    assert 'aria-label="&lt;x&gt;"' in plain().svg("<x>")


def test_an_axis_without_length_is_drawn_all_the_same() -> None:
    chart = Chart((5.0, 5.0), (0.0, 0.0), (5,), (0,), ("s", "dB"))
    chart.line("point", [(5, 0)])
    assert lines(chart) == [[(LEFT, HEIGHT - BOTTOM)]]
