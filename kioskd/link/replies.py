"""When the model is asked to speak about the outputs of its tools: once, for all of them (Hydra reference A8)."""

from __future__ import annotations

# ``response.done`` of a tool turn has no documented place (Hydra reference A8); without it this long is waited.
DONE_WAIT_S = 0.5

# What OpenAI's family says to a ``response.create`` that came too early (dialects reference 4.7).
ANSWER_IN_FLIGHT = "conversation_already_has_active_response"


class Replies:
    """Debounces ``response.create``. Time comes in. Loop only.

    Args:
        debounce_s: quiet time after the last output (Hydra reference A8: about 200 ms).
        done_wait_s: how long the answer in flight may hold it up after the last output.
    """

    def __init__(self, debounce_s: float, done_wait_s: float = DONE_WAIT_S) -> None:
        self._debounce_s = debounce_s
        self._done_wait_s = done_wait_s
        self._open: set[str] = set()  # call ids that were asked and not answered
        self._generating = False
        self._wanted = False
        self._held_back = False  # until the answer in flight has ended
        self._repeated = False
        self._quiet_since = float("-inf")

    def asked(self, call_id: str, now: float) -> None:
        """The model called a tool."""
        self._open.add(call_id)
        self._quiet_since = now

    def answered(self, call_id: str, now: float) -> None:
        """Its output was sent."""
        self._open.discard(call_id)
        self._quiet_since = now

    def want(self, now: float) -> None:
        """The machine wants the model to speak."""
        self._wanted = True
        self._quiet_since = max(self._quiet_since, now)

    def began(self) -> None:
        """The service began an answer."""
        self._generating = True
        self._repeated = False

    def done(self) -> None:
        """The service ended an answer."""
        self._generating = False
        self._held_back = False

    def complained(self, code: str) -> None:
        """An answer was already in flight: ask once more when it has ended (dialects reference 8.5)."""
        if code == ANSWER_IN_FLIGHT and not self._repeated:
            self._wanted = self._held_back = self._repeated = True

    def interrupted(self) -> None:
        """The visitor speaks: the next turn of the model sees the outputs anyway, so nothing is asked."""
        self._wanted = self._held_back = False

    def fired(self) -> None:
        """``response.create`` went up."""
        self._wanted = False

    def due_at(self) -> float:
        """When to send ``response.create`` (monotonic seconds); infinity while there is no reason to."""
        if not self._wanted or self._open or self._held_back:
            return float("inf")
        held_s = max(self._debounce_s, self._done_wait_s) if self._generating else self._debounce_s
        return self._quiet_since + held_s
