"""What walks come to, in sentences."""

from __future__ import annotations

import pytest

from kioskd.checkup.journey import expiry_s, told
from kioskd.checkup.road import Walk
from kioskd.core.finding import Finding, Grade

NOW = 1_800_000_000.0
CERTIFICATE: dict[str, object] = {
    "notAfter": "Jan 16 08:00:00 2027 GMT",
    "issuer": ((("countryName", "US"),), (("organizationName", "Test House"),)),
}


def passed(ms: float = 40.0, **more: object) -> Walk:
    hops = {"dns": 5.0, "connect": ms / 2, "tls": ms / 2, "answer": ms}
    return Walk(took_ms=hops, addresses=("192.0.2.1",), certificate=CERTIFICATE, tls="TLSv1.3", status=401)


def judged(*walks: Walk, wall_s: float = NOW) -> dict[str, Finding]:
    return {one.name: one for one in told("hydra-1", walks, wall_s, lambda error: f"said {error}")}


def test_a_good_road_is_three_good_lines() -> None:
    found = judged(passed(), passed(60.0), passed(50.0), wall_s=(expiry_s(CERTIFICATE) or 0.0) - 86_400 * 40)
    assert {name: one.grade for name, one in found.items()} == dict.fromkeys(
        ("dns hydra-1", "tls hydra-1", "way hydra-1"), Grade.OK
    )
    assert "Test House" in found["tls hydra-1"].sentence and found["tls hydra-1"].data["days_left"] == 40.0
    assert found["way hydra-1"].data["handshakes_ms"] == [45.0, 55.0, 65.0]
    assert "HTTP 401 without a key" in found["way hydra-1"].sentence


@pytest.mark.parametrize(("days", "grade"), [(15, Grade.OK), (13, Grade.WARN), (1, Grade.FAIL), (-1, Grade.FAIL)])
def test_a_certificate_that_ends_soon_is_told(days: float, grade: Grade) -> None:
    until_s = expiry_s(CERTIFICATE)
    assert until_s is not None
    assert judged(passed(), wall_s=until_s - days * 86_400)["tls hydra-1"].grade is grade


def test_a_certificate_without_an_end_is_not_known() -> None:
    walk = passed()
    walk.certificate = {"subject": ()}
    assert (
        judged(walk)["tls hydra-1"].grade is Grade.UNKNOWN and "unnamed issuer" in judged(walk)["tls hydra-1"].sentence
    )


@pytest.mark.parametrize(
    ("hop", "names"),
    [
        ("dns", {"dns hydra-1"}),
        ("connect", {"dns hydra-1", "way hydra-1"}),
        ("tls", {"dns hydra-1", "tls hydra-1"}),
        ("answer", {"dns hydra-1", "way hydra-1"}),
    ],
)
def test_the_hop_that_fails_is_the_one_that_is_named(hop: str, names: set[str]) -> None:
    order = ["dns", "connect", "tls", "answer"]
    done = {name: 5.0 for name in order[: order.index(hop)]}
    found = judged(Walk(took_ms=done, failed=hop, error=OSError("no")))
    assert set(found) == names
    (bad,) = (one for one in found.values() if one.grade is Grade.FAIL)
    assert "said no" in bad.sentence and bad.advice


@pytest.mark.parametrize(
    ("times", "grade"),
    [
        ((40.0, 50.0), Grade.OK),
        ((350.0, 360.0), Grade.WARN),
        ((1500.0, 1600.0), Grade.WARN),
        ((40.0, 700.0), Grade.WARN),
    ],
)
def test_a_far_or_unsteady_service_is_warned_of(times: tuple[float, ...], grade: Grade) -> None:
    assert judged(*map(passed, times))["way hydra-1"].grade is grade


def test_a_walk_that_came_to_nothing_among_others_is_a_warning() -> None:
    lost = Walk(took_ms={"dns": 5.0}, failed="connect", error=TimeoutError())
    found = judged(passed(), lost, passed())["way hydra-1"]
    assert found.grade is Grade.WARN and "1 of 3 came to nothing" in found.sentence and found.data["lost"] == 1


def test_slow_name_servers_are_told() -> None:
    walk = passed()
    walk.took_ms["dns"] = 5000.0
    assert judged(walk)["dns hydra-1"].grade is Grade.WARN


@pytest.mark.parametrize(("host", "words"), [("127.0.0.1", "kioskd-voice"), ("hydra.example.org", "firewall")])
def test_the_advice_is_for_where_the_service_is(host: str, words: str) -> None:
    lost = Walk(took_ms={"dns": 1.0}, failed="connect", error=ConnectionRefusedError("no"))
    found = {one.name: one for one in told("x", [lost], NOW, str, host)}["way x"]
    assert words in found.advice and ("firewall" in found.advice) == (host != "127.0.0.1")
    assert "HOST" not in found.advice
