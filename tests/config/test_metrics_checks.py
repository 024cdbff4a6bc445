"""What kioskd check says of the section about figures."""

from __future__ import annotations

from typing import Callable

import pytest

from kioskd.config.loader import Loaded

Judge = Callable[..., Loaded]


def test_a_file_and_a_port_on_this_device_are_fine(with_: Judge) -> None:
    assert with_("+", "metrics: {file: /var/lib/node/kioskd.prom, listen: '127.0.0.1:9109'}\n").problems == ()


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ("listen: '0.0.0.0:9109'", "not an address of this device alone"),
        ("listen: nonsense", "must be 127.0.0.1:PORT"),
        ("file: kioskd.prom", "an absolute path that ends in .prom"),
        ("file: /var/lib/node/kioskd.txt", "an absolute path that ends in .prom"),
    ],
)
def test_what_no_scraper_would_find_is_refused(with_: Judge, section: str, sentence: str) -> None:
    (problem,) = with_("+", f"metrics: {{{section}}}\n").problems
    assert sentence in problem.sentence


BROKER = "mqtt: {host: localhost, tls: false, "


def test_home_assistant_is_told_below_a_prefix_that_is_one(with_: Judge) -> None:
    assert with_("+", BROKER + "state: true, discovery: homeassistant}\n").problems == ()
    (problem,) = with_("+", BROKER + "state: true, discovery: 'home/#'}\n").problems
    assert "no wildcards" in problem.sentence


def test_discovery_without_a_state_is_warned_of(with_: Judge) -> None:
    found = with_("+", BROKER + "discovery: homeassistant}\n")
    assert any("nothing that ever speaks" in one.sentence for one in found.warnings)
