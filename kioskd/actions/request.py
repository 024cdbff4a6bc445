"""Asks a web service what the owner wrote down, with the arguments of the call in their places (core/template.py)."""

from __future__ import annotations

import json
from typing import Callable, Mapping

from kioskd.actions.jobs import once
from kioskd.actions.outcome import Outcome, failed
from kioskd.actions.summons import LONGEST_SAY, line
from kioskd.actions.web import Reply, WebError, Wish, ask, unsafe
from kioskd.actions.webhook import bearer
from kioskd.config.action import HttpAction
from kioskd.core.pointer import Missing, look_up
from kioskd.core.template import Unfilled, address, body
from kioskd.core.words import CallKey

TOKEN_KEY = "action.http.token"
# What the model is told of an answer: some seconds of speech, and not a novel. A guess.
MOST_TOLD = 2000


class Request:
    """One request. Any thread; ``run`` blocks up to ``timeout_s``.

    Args:
        name: the tool's name.
        action: what is asked.
        kiosk_name: may be filled in as ``{kiosk}``.
        token: reads the Bearer token; None: without one.

    Raises:
        ValueError: nothing may be sent to this address.
    """

    def __init__(self, name: str, action: HttpAction, kiosk_name: str, token: Callable[[], str] | None) -> None:
        trouble = unsafe(action.url, action.lan)
        if trouble:
            raise ValueError(trouble)
        self._name = name
        self._action = action
        self._kiosk_name = kiosk_name
        self._token = token

    def rename(self, kiosk_name: str) -> None:
        """The kiosk has another name from now on. Any thread."""
        self._kiosk_name = kiosk_name

    def run(self, key: CallKey, arguments: Mapping[str, object]) -> Outcome:
        """Ask once. It is never asked again by itself: nobody knows whether the first one was heard."""
        # Ours last: a tool that takes unknown arguments (additionalProperties) must not let the model be another kiosk.
        values = {**arguments, "kiosk": self._kiosk_name, "call_id": key.call_id}
        try:
            url = address(self._action.url, values)
            sent = json.dumps(body(self._action.body, values)).encode() if self._action.body else None
            token = bearer(self._token, f"the token for {self._name}", TOKEN_KEY)
        except Unfilled as unfilled:
            return failed(f"{self._name}: {unfilled}.")
        except ValueError as error:
            return failed(str(error))
        action = self._action
        headers = self._headers(key, token, sent is not None)
        most_bytes, lan = action.most_kb * 1024, action.lan
        wish = Wish(url, action.timeout_s, "the service", action.method, sent, headers, lan, most_bytes, TOKEN_KEY)
        try:
            reply = ask(wish)
            return self._told(reply, token)
        except WebError as error:
            return failed(f"{self._name}: {_without(token, str(error))}")

    def _headers(self, key: CallKey, token: str, with_body: bool) -> dict[str, str]:
        # From the owner alone; web.ask refuses a line break in any of them.
        headers = {name: str(value) for name, value in self._action.headers.items()}
        if with_body:
            headers["Content-Type"] = "application/json"
        if self._action.method != "GET":
            headers["Idempotency-Key"] = once(key)
        return headers | ({"Authorization": f"Bearer {token}"} if token else {})

    def _told(self, reply: Reply, token: str) -> Outcome:
        if reply.cut:
            # It was asked all the same, and what it did stays done.
            return Outcome(True, json.dumps({"status": reply.status}), "", f"{self._name}: {reply.cut}")
        text = reply.body.decode("utf-8", "replace")
        answer: object = text
        try:
            answer = json.loads(text) if text.strip() else None
            if self._action.pointer is not None:
                answer = look_up(answer, self._action.pointer)
        except Missing as missing:
            return Outcome(True, json.dumps({"status": reply.status}), "", f"{self._name}: in the answer {missing}.")
        except (ValueError, RecursionError):
            if self._action.pointer is not None:
                return Outcome(True, json.dumps({"status": reply.status}), "", f"{self._name}: the answer is not JSON.")
        # Taken out of what was read, not of what was sent: JSON may write the same token in other characters.
        answer = _without_token(token, answer)
        say = line(answer.get("say"), LONGEST_SAY) if isinstance(answer, dict) else ""
        return Outcome(True, told({"status": reply.status}, "answer", answer), say)


def told(facts: Mapping[str, object], name: str, value: object) -> str:
    """JSON for the model, with ``value`` cut to MOST_TOLD characters: as it is where it fits, else as text."""
    whole = json.dumps({**facts, name: value}, ensure_ascii=False)
    if len(whole) <= MOST_TOLD:
        return whole
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return json.dumps({**facts, name: text[:MOST_TOLD], "cut": True}, ensure_ascii=False)


def _without(token: str, text: str) -> str:
    return text.replace(token, "***") if token else text


def _without_token(token: str, value: object) -> object:
    """As deep as JSON goes; what is deeper than Python goes was refused when it was read."""
    if isinstance(value, str):
        return _without(token, value)
    if isinstance(value, list):
        return [_without_token(token, inner) for inner in value]
    if isinstance(value, dict):
        return {_without(token, name): _without_token(token, inner) for name, inner in value.items()}
    return value
