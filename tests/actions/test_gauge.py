"""A number from a web service, and how old it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kioskd.actions.gauge import Gauge
from kioskd.actions.sources import Reading
from kioskd.config.action import SensorAction

NOW = 1_800_000_000.0


def gauge(peer: Any, token: Any = None, **keys: Any) -> Gauge:
    return Gauge("weather", SensorAction(url=peer.url, **keys), token, lambda: NOW)


def test_a_number_alone_and_a_number_in_a_document(peer: Any) -> None:
    peer.script = [
        peer.answer(200, b" 21.5\n"),
        peer.answer(200, b'{"air": [{"t": -3}]}'),
        peer.answer(200, b'["7.5"]'),
    ]
    assert gauge(peer).read() == Reading(21.5)
    assert gauge(peer, pointer="/air/0/t").read() == Reading(-3.0)
    assert gauge(peer, pointer="/0").read() == Reading(7.5)


def test_the_token_goes_along(peer: Any) -> None:
    peer.script = [peer.answer(200, b"1")]
    gauge(peer, lambda: "s3cr3t").read()
    assert peer.requests[0][1]["Authorization"] == "Bearer s3cr3t" and peer.methods == ["GET"]


@pytest.mark.parametrize(
    ("at", "age_s"),
    [(NOW - 60, 60.0), ("2027-01-15T07:59:00Z", 60.0), ("2027-01-15T08:59:00+01:00", 60.0), ("2027-01-15T07:59", 60.0)],
)
def test_the_document_may_say_when_it_was_measured(peer: Any, at: object, age_s: float) -> None:
    peer.script = [peer.answer(200, json.dumps({"t": 1, "at": at}).encode())]
    assert gauge(peer, pointer="/t", time_pointer="/at").read() == Reading(1.0, age_s)


def test_else_its_headers_do(peer: Any) -> None:
    peer.script = [
        peer.answer(200, b"1", Age="30"),
        peer.answer(200, b"1", Last_Modified="Fri, 15 Jan 2027 07:58:00 GMT"),
    ]
    assert gauge(peer).read().age_s == 30.0
    assert gauge(peer).read().age_s == 120.0


@pytest.mark.parametrize(
    ("body", "keys", "why"),
    [
        (b"warm", {}, "holds 'warm', which is not a number"),
        (b"<html>", {"pointer": "/t"}, "its answer is not JSON"),
        (b"{}", {"pointer": "/t"}, "in its answer there is nothing at /t"),
        (b'{"t": true}', {"pointer": "/t"}, "not a number"),
        (b'{"t": NaN}', {"pointer": "/t"}, "not a number"),
        (b'{"t": 1e999}', {"pointer": "/t"}, "not a number"),
        (b'{"t": 1}', {"pointer": "/t", "time_pointer": "/at"}, "nothing at /at, where its time should stand"),
        (b'{"t": 1, "at": "noon"}', {"pointer": "/t", "time_pointer": "/at"}, "neither seconds since 1970"),
        (b'{"t": 1, "at": null}', {"pointer": "/t", "time_pointer": "/at"}, "neither seconds since 1970"),
        (b'{"t": 1%s}' % (b"0" * 400), {"pointer": "/t"}, "too large for a number"),
        (b'{"t": 1, "at": 1%s}' % (b"0" * 400), {"pointer": "/t", "time_pointer": "/at"}, "too large for a number"),
        (b'{"t": 1, "at": NaN}', {"pointer": "/t", "time_pointer": "/at"}, "neither seconds since 1970"),
        (b"[" * 100_000, {"pointer": "/t"}, "its answer is not JSON"),
        (b" " * 300_000, {}, "longer than"),
    ],
)
def test_what_is_no_reading_is_a_sentence(peer: Any, body: bytes, keys: dict[str, Any], why: str) -> None:
    peer.script = [peer.answer(200, body)]
    with pytest.raises(ValueError, match=why):
        gauge(peer, **keys).read()


def test_a_service_in_trouble_is_a_sentence(peer: Any) -> None:
    peer.script = [peer.answer(500), peer.answer(401)]
    with pytest.raises(ValueError, match="the service answered HTTP 500"):
        gauge(peer).read()
    with pytest.raises(ValueError, match="refuses the token"):
        gauge(peer).read()
