"""How an action ended."""

from __future__ import annotations

import json

from kioskd.actions.outcome import Outcome, failed


def test_a_failure_tells_the_model_what_it_tells_the_owner() -> None:
    outcome = failed("the webhook answered HTTP 500.")
    assert not outcome.ok and outcome.reason == "the webhook answered HTTP 500."
    assert json.loads(outcome.result) == {"error": outcome.reason}


def test_a_success_needs_no_words() -> None:
    assert Outcome(True) == (True, "", "", "")
