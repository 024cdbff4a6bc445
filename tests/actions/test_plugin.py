"""Somebody else's code behaves as it likes; the call is answered all the same."""

from __future__ import annotations

import json
from typing import Any, Callable

import pytest

from kioskd.actions import plugin as module
from kioskd.actions.plugin import Plugin
from kioskd.config.action import PluginAction
from kioskd.config.plugins import Kind
from kioskd.core.words import CallKey

KEY = CallKey("hydra", "sess_1", "call_1")


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plugin]:
    """A tool whose kind calls this."""

    def bring(call: Callable[[Any], object], **settings: object) -> Plugin:
        schema = {"type": "object", "properties": {"shaft": {"type": "integer"}}}
        monkeypatch.setattr(module, "load", lambda name: Kind(lambda given: lambda a: call({**given, **a}), schema))
        return Plugin("call_lift", PluginAction(kind="lift", settings=settings))

    return bring


def test_settings_and_arguments_arrive_and_the_answer_is_told(brought: Callable[..., Plugin]) -> None:
    outcome = brought(lambda given: {"got": given, "say": "It comes."}, shaft=2).run(KEY, {"floor": 3})
    assert outcome.ok and outcome.say == "It comes."
    assert json.loads(outcome.result) == {"answer": {"got": {"shaft": 2, "floor": 3}, "say": "It comes."}}
    assert json.loads(brought(lambda given: "soon").run(KEY, {}).result) == {"answer": "soon"}
    assert brought(lambda given: None).run(KEY, {}) == (True, "{}", "", "")


def test_an_exception_is_a_sentence_and_a_trace_in_the_journal(brought: Callable[..., Plugin], caplog: Any) -> None:
    def fail(given: Any) -> object:
        raise LookupError("the lift\nis stuck")

    outcome = brought(fail).run(KEY, {})
    assert outcome.reason == "call_lift: the lift is stuck." and "Traceback" in caplog.text


def test_an_answer_that_is_no_answer_is_a_failure(brought: Callable[..., Plugin]) -> None:
    assert "not JSON serializable" in brought(lambda given: {"x": object()}).run(KEY, {}).reason


def test_settings_that_do_not_fit_make_no_tool(brought: Callable[..., Plugin]) -> None:
    with pytest.raises(ValueError, match="setting"):
        brought(lambda given: None, shaft="two")


def test_a_kind_that_does_not_take_its_settings_makes_no_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(settings: Any) -> Any:
        raise OSError("no serial port")

    monkeypatch.setattr(module, "load", lambda name: Kind(make))
    with pytest.raises(ValueError, match="does not take its settings .OSError: no serial port"):
        Plugin("call_lift", PluginAction(kind="lift"))


def test_a_kind_that_nobody_brings_makes_no_tool() -> None:
    with pytest.raises(ValueError, match="no installed package brings the kind nothing"):
        Plugin("call_lift", PluginAction(kind="nothing"))


def test_a_kind_that_ends_like_a_program_ends_only_its_call(brought: Callable[..., Plugin]) -> None:
    def leave(given: Any) -> object:
        raise SystemExit("no lift")

    assert brought(leave).run(KEY, {}).reason == "call_lift: no lift."
