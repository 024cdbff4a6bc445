"""One process, one environment, one sound server."""

from __future__ import annotations

import os

import pytest

from kioskd.audio.servers import Servers
from kioskd.audio.streams import DeviceError


def test_a_named_server_is_put_where_libpulse_looks_and_taken_away_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for usual in (None, "tcp:usual"):
        monkeypatch.delenv("PULSE_SERVER", raising=False)
        if usual is not None:
            monkeypatch.setenv("PULSE_SERVER", usual)
        servers = Servers()
        assert servers.choose("pulse:unix:/a") == "unix:/a" and os.environ["PULSE_SERVER"] == "unix:/a"
        assert servers.choose("pulse:unix:/b") == "unix:/b" and os.environ["PULSE_SERVER"] == "unix:/b"
        assert servers.choose("pulse") == "" and os.environ.get("PULSE_SERVER") == usual


def test_other_devices_leave_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_SERVER", "tcp:usual")
    assert Servers().choose("alsa:pulse") is None and os.environ["PULSE_SERVER"] == "tcp:usual"


def test_two_servers_at_once_are_refused_and_the_first_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULSE_SERVER", raising=False)
    servers, stream = Servers(), object()
    servers.note(stream, servers.choose("pulse:unix:/a"))
    for other in ("pulse:unix:/b", "pulse"):
        with pytest.raises(DeviceError, match=rf"{other} is another sound server than the one in use \(unix:/a\)"):
            servers.choose(other)
    assert os.environ["PULSE_SERVER"] == "unix:/a"
    servers.note(object(), servers.choose("pulse:unix:/a"))
    assert servers.choose("default") is None


def test_a_closed_stream_holds_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULSE_SERVER", raising=False)
    servers, stream = Servers(), object()
    servers.note(stream, servers.choose("pulse:unix:/a"))
    servers.forget(stream)
    assert servers.choose("pulse:unix:/b") == "unix:/b"
