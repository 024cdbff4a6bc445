"""What a sentence asks for: pure. The recogniser's hypotheses and typed sentences go the same way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Mapping, Sequence

from kioskd.voice.grammar import HAILS, HELP, JOINS, THANKS, TIME, Grammar, Request, Words
from kioskd.voice.grammar import bare, build, split_all, strip_manners, words_of


class Kind(Enum):
    """What the visitor wants."""

    CALLS = "calls"  # one or more tools
    TIME = "time"
    HELP = "help"
    GREETING = "greeting"
    THANKS = "thanks"
    NEGATED = "negated"  # a request with a "not" in it: nothing is called
    CONTRARY = "contrary"  # the opposite of a request, or a question about its object: nothing is called
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Intent:
    """What a sentence asks for. ``calls`` is empty unless ``kind`` is CALLS."""

    kind: Kind
    calls: tuple[Request, ...] = ()


_JOINS = split_all(JOINS)
_NEGATIVE_WORDS = frozenset({"not", "don't", "never", "no", "without", "cannot", "can't", "won't"})
_BUILT_IN: dict[Words, Kind] = {
    **{bare(words): Kind.TIME for words in split_all(TIME)},
    **{bare(words): Kind.HELP for words in split_all(HELP)},
}
_THANKS = split_all(THANKS)
_HAILS = split_all(HAILS)
# Nobody asks for more in one breath; bounds the search in ``_calls``.
MAX_CALLS = 4


def understand(text: str, tools: Sequence[Mapping[str, Any]]) -> Intent:
    """What ``text`` asks of these tools (flat objects as in ``session.configure``)."""
    return interpret(text, build(tools))


def expected_tool(text: str, tools: Sequence[Mapping[str, Any]]) -> str | None:
    """The tool that this sentence asks for, the first if several; None if it asks for none.

    ``expected_tool("Do not unlock the door", tools)`` is None.
    """
    calls = understand(text, tools).calls
    return calls[0].tool if calls else None


def interpret(text: str, grammar: Grammar) -> Intent:
    """As ``understand``, with the grammar made before."""
    said = words_of(text)
    requests = {request.key: request for request in grammar.requests}
    words = bare(strip_manners(said))
    calls = _calls(bare(said), requests) or _calls(words, requests)
    if calls:
        return Intent(Kind.CALLS, calls)
    if _NEGATIVE_WORDS.intersection(said):
        return Intent(Kind.NEGATED)
    if words in {bare(decoy) for decoy in grammar.decoys}:
        return Intent(Kind.CONTRARY)
    return Intent(_built_in(said, words))


def _calls(words: Words, requests: Mapping[Words, Request], depth: int = MAX_CALLS) -> tuple[Request, ...]:
    """The requests that the words consist of, joined by "and" or "then"; empty if anything else is among them."""
    for key in (words, bare(strip_manners(words))):
        if key in requests:
            return (requests[key],)
    if depth == 1:
        return ()
    for index in range(1, len(words) - 1):
        join = next((join for join in _JOINS if words[index : index + len(join)] == join), None)
        if join is None:
            continue
        first = requests.get(bare(strip_manners(words[:index])))
        rest = _calls(words[index + len(join) :], requests, depth - 1) if first else ()
        if first and rest:
            return (first, *rest)
    return ()


def _built_in(said: Words, words: Words) -> Kind:
    if bare(said) in _BUILT_IN:
        return _BUILT_IN[bare(said)]
    if words:
        return _BUILT_IN.get(words, Kind.UNKNOWN)
    if any(said[-len(thanks) :] == thanks for thanks in _THANKS):
        return Kind.THANKS
    # Only manners: "hello" greets, a lone "please" asks for nothing that could be understood.
    return Kind.GREETING if any(said[: len(hail)] == hail for hail in _HAILS) else Kind.UNKNOWN
