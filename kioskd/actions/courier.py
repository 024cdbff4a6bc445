"""Calls a person over the broker of the house, and hears there who answers. What is heard moves nothing."""

from __future__ import annotations

from typing import Callable

from kioskd.actions.summons import Summons, Taken
from kioskd.config.action import StaffMqtt
from kioskd.core.ports import Courier


class Messenger:
    """One topic. Any thread.

    Args:
        action: topic and timeout.
        courier: the broker; None: there is none.
    """

    def __init__(self, action: StaffMqtt, courier: Courier | None) -> None:
        if courier is None:
            raise LookupError("there is no broker: the section mqtt is missing")
        self._action = action
        self._courier = courier

    def call(self, summons: Summons) -> Taken:
        """Publish, and wait until the broker has taken it. A call is never kept for later: by then it is stale."""
        return Taken(self._courier.deliver(self._action.topic, summons.body(), self._action.timeout_s))


def heard_by(put: Callable[[bytes], None]) -> Callable[[bytes, bool], None]:
    """For ``Courier.subscribe``: what the broker kept from before (retained) is no answer to a call of now."""

    def heard(payload: bytes, retained: bool) -> None:
        if not retained:
            put(payload)

    return heard
