"""A number from a web service: an answer that is one, or that holds one (JSON pointer), and how old it is."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Callable, Mapping

from kioskd.actions.sources import Reading, number
from kioskd.actions.web import WebError, Wish, ask
from kioskd.actions.webhook import bearer
from kioskd.config.action import SensorAction
from kioskd.core.pointer import Missing, look_up

MOST_BYTES = 256 * 1024
TOKEN_KEY = "action.sensor.token"


class Gauge:
    """One address. Any thread; ``read`` blocks up to ``timeout_s``.

    Args:
        name: the tool's name.
        action: address, pointers, bounds.
        token: reads the Bearer token; None: without one.
        wall: seconds since 1970.
    """

    def __init__(
        self,
        name: str,
        action: SensorAction,
        token: Callable[[], str] | None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._name = name
        self._action = action
        self._token = token
        self._wall = wall

    def read(self) -> Reading:
        """Ask now.

        Raises:
            ValueError: there is no number; the text is a piece of a sentence.
        """
        action = self._action
        token = bearer(self._token, f"the token for {self._name}", TOKEN_KEY)
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        wish = Wish(action.url or "", action.timeout_s, headers=headers, lan=action.lan, most_bytes=MOST_BYTES)
        try:
            reply = ask(wish)
        except WebError as error:
            raise ValueError(str(error).removesuffix(".")) from error
        if reply.cut:
            raise ValueError(reply.cut.removesuffix("."))
        text = reply.body.decode("utf-8", "replace")
        if action.pointer is None:
            return Reading(number(text[:256]), self._age_s(reply.headers, None))
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError("its answer is not JSON") from None
        try:
            value = look_up(document, action.pointer)
        except Missing as missing:
            raise ValueError(f"in its answer {missing}") from missing
        return Reading(_number(value), self._age_s(reply.headers, document))

    def _age_s(self, headers: Mapping[str, str], document: object) -> float:
        """By the time in the document, else by the headers Age and Last-Modified (RFC 9111 section 5.1)."""
        pointer = self._action.time_pointer
        if pointer is not None:
            try:
                return self._wall() - _moment(look_up(document, pointer))
            except Missing as missing:
                raise ValueError(f"in its answer {missing}, where its time should stand") from missing
        age_s = float(headers["age"]) if headers.get("age", "").isdecimal() else 0.0
        if "last-modified" in headers:
            try:
                age_s = max(age_s, self._wall() - parsedate_to_datetime(headers["last-modified"]).timestamp())
            except ValueError:
                pass  # a header that nobody can read says nothing
        return age_s


def _number(value: object) -> float:
    if isinstance(value, str):
        return number(value[:256])
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < float("inf"):
        raise ValueError("what stands there is not a number")
    return _float(value)


def _moment(value: object) -> float:
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("its time is neither seconds since 1970 nor ISO 8601") from None
        return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).timestamp()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("its time is neither seconds since 1970 nor ISO 8601")
    moment = _float(value)
    if moment != moment:  # json reads NaN, which is neither too old nor too new
        raise ValueError("its time is neither seconds since 1970 nor ISO 8601")
    return moment


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError("what stands there is too large for a number") from None
