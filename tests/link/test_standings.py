"""Every endpoint's row, also of those that do not serve."""

from __future__ import annotations

from kioskd.link.failures import Failure
from kioskd.link.standings import SERVING, Standings
from kioskd.wire.profile import Trouble

NO_KEY = Failure(Trouble.FATAL, "the key file is not there")
LOST = Failure(Trouble.TRANSPORT, "the network is down")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_is_wrong_with_the_preferred_one_stays_shown_while_another_serves() -> None:
    clock = Clock()
    standings = Standings(["cloud", "local"], clock, wall=lambda: 1_763_740_800.0 + clock.now)
    standings.failed("cloud", NO_KEY)
    clock.now += 60.0
    standings.set("local", SERVING)
    standings.failed("cloud", NO_KEY)
    clock.now += 5.0
    cloud, local = standings.snapshot({})
    assert cloud == {
        "name": "cloud",
        "state": "refused",
        "reason": "the key file is not there",
        "since": "2025-11-21T16:01:40Z",
        "for_s": 65.0,
    }
    assert (local["state"], local["for_s"]) == ("serving", 5.0)
    assert standings.troubles() == {"cloud": "the key file is not there", "local": ""}


def test_a_probe_tells_of_the_network_and_not_of_the_key() -> None:
    standings = Standings(["a"], lambda: 0.0)
    standings.failed("a", NO_KEY)
    standings.probed("a", None)
    assert standings.snapshot({})[0]["state"] == "refused"
    standings.failed("a", LOST)
    standings.probed("a", None)
    assert standings.snapshot({})[0]["state"] == "recovering" and standings.troubles() == {"a": ""}
    standings.probed("a", LOST)
    assert standings.snapshot({})[0]["state"] == "failing"


def test_a_barred_one_says_why() -> None:
    standings = Standings(["a"], lambda: 0.0)
    row = standings.snapshot({"a": "the daily budget is spent"})[0]
    assert (row["state"], row["reason"]) == ("barred", "the daily budget is spent")


def test_with_another_configuration_refusals_are_forgotten_and_the_rest_is_known() -> None:
    standings = Standings(["a", "b"], lambda: 0.0)
    standings.failed("a", NO_KEY)
    standings.failed("b", LOST)
    standings.use(["b", "a", "c"])
    assert [(row["name"], row["state"]) for row in standings.snapshot({})] == [
        ("b", "failing"),
        ("a", "unknown"),
        ("c", "unknown"),
    ]
    standings.failed("gone", LOST)
    assert len(standings.snapshot({})) == 3
