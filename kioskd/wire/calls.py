"""Tool calls, collected from their pieces: at most one for each call id of a session, whatever the service repeats."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.wire.counters import Counters
from kioskd.wire.errors import ProtocolError
from kioskd.wire.facts import ToolCalled
from kioskd.wire.text import clean_text, identifier

# Guesses with room to spare: a kiosk has a dozen tools with a few short arguments, and a session lasts minutes.
OPEN_CALLS = 64
ARGUMENTS_BYTES = 64 * 1024
CALLS_PER_SESSION = 1024


@dataclass(slots=True)
class Collected:
    """A call whose arguments are still coming."""

    response: str
    name: str
    pieces: list[str]
    size_bytes: int = 0


class Calls:
    """All tool calls of one session.

    Ids that were handed on are remembered for the whole session, across barge-ins: forgetting them is how others
    came to run a tool twice (dialects reference 8.5).
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._open: dict[str, Collected] = {}
        self._seen: set[str] = set()

    def started(self, call_id: str, response: str, name: str | None, delta: str | None) -> None:
        """A piece of the arguments, or an item that names a call.

        Raises:
            ProtocolError: too many calls, open ones or in all, or arguments beyond any sense.
            Malformed: an id that cannot be one.
        """
        if call_id in self._seen:
            self._counters.duplicate_calls += 1
            return
        call = self._open.get(call_id)
        if call is None:
            if len(self._open) >= OPEN_CALLS:
                raise ProtocolError(1008, f"The service opened more than {OPEN_CALLS} tool calls at once.")
            self._check_count()  # what is begun and never asked is remembered, too
            call = self._open[identifier(call_id)] = Collected(response, "", [])
        call.name = call.name or clean_text(name)
        if delta:
            call.size_bytes = _checked_size(call.size_bytes, delta)
            call.pieces.append(delta)

    def finished(self, call_id: str, response: str, name: str | None, arguments: str | None) -> ToolCalled | None:
        """The call is whole; None when it was handed on before.

        ``arguments`` wins over what was collected; a name that came earlier holds where this frame has none.

        Raises:
            ProtocolError: arguments beyond any sense, or more calls than a session can mean.
            Malformed: an id that cannot be one.
        """
        if call_id in self._seen:
            self._counters.duplicate_calls += 1
            return None
        self._check_count()
        _checked_size(0, arguments or "")
        self._seen.add(identifier(call_id))
        call = self._open.pop(call_id, None) or Collected(response, "", [])
        whole = "".join(call.pieces) if arguments is None else arguments
        return ToolCalled(response or call.response, call_id, clean_text(name) or call.name, whole)

    def dropped(self, response: str) -> None:
        """The response ended without being completed: what it had not finished asking is not asked."""
        for call_id in [call_id for call_id, call in self._open.items() if call.response == response]:
            del self._open[call_id]
            self._seen.add(call_id)
            self._counters.late_calls += 1

    def _check_count(self) -> None:
        if len(self._seen) >= CALLS_PER_SESSION:
            raise ProtocolError(1008, f"The service asked for more than {CALLS_PER_SESSION} tools in one session.")

    def handed_on(self, call_id: str) -> bool:
        """True for a call that is done with here: the service may go on repeating it."""
        return call_id in self._seen


def _checked_size(before_bytes: int, piece: str) -> int:
    size_bytes = before_bytes + len(piece.encode("utf-8", "surrogatepass"))
    if size_bytes > ARGUMENTS_BYTES:
        raise ProtocolError(1009, f"The arguments of a tool call are larger than {ARGUMENTS_BYTES // 1024} KiB.")
    return size_bytes
