"""What a visitor may say, made from the tools of a session: pure, and the same for ears and for text.

A phrase ``unlock the front door`` becomes a Request. Around it stand the polite words of everyday speech; beside it the
decoys, sentences close to a request that must not be taken for it ("do not unlock the front door", "lock the
front door", "is the front door open"). A recogniser without decoys would hear the nearest request instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice, product
from typing import Any, Iterable, Mapping, Sequence

from kioskd.core.phrases import phrases_in

Words = tuple[str, ...]

# Bounds what one session may ask of the decoder: search time grows with the grammar. A kiosk has a handful of tools.
MAX_REQUESTS = 200

ARTICLES = frozenset({"the", "a", "an", "my"})

# Said before a request. Longer ones first where one begins another; ``strip_manners`` takes them off repeatedly.
HAILS: tuple[str, ...] = ("good morning", "good afternoon", "good evening", "excuse me", "hello", "hi", "hey")
MANNERS: tuple[str, ...] = (
    "i would like you to",
    "i'd like you to",
    "i want you to",
    "i would like to",
    "i'd like to",
    "i want to",
    "i need to",
    "could you",
    "can you",
    "would you",
    "will you",
    "please",
    "kindly",
)
TAILS: tuple[str, ...] = ("thank you very much", "thank you", "thanks", "please")
JOINS: tuple[str, ...] = ("and then", "and", "then")
NEGATIONS: tuple[str, ...] = ("do not", "don't", "never")

# Questions that the service answers without any tool.
TIME: tuple[str, ...] = ("what time is it", "what is the time", "what's the time", "tell me the time")
HELP: tuple[str, ...] = ("what can you do", "what can i say", "how does this work", "help me", "help")
THANKS: tuple[str, ...] = ("thank you very much", "thank you", "thanks")

# One word against its opposites: what a visitor may want instead of what the tool does.
OPPOSITES: dict[str, Words] = {
    "unlock": ("lock",),
    "lock": ("unlock",),
    "open": ("close", "shut"),
    "close": ("open",),
    "shut": ("open",),
    "on": ("off",),
    "off": ("on",),
    "start": ("stop",),
    "stop": ("start",),
    "raise": ("lower",),
    "lower": ("raise",),
    "enable": ("disable",),
    "disable": ("enable",),
    "up": ("down",),
    "down": ("up",),
}
# A thing that can be opened is also asked about: "is the door open".
STATES: dict[str, Words] = {
    "unlock": ("open", "closed", "locked", "unlocked"),
    "lock": ("open", "closed", "locked", "unlocked"),
    "open": ("open", "closed", "locked", "unlocked"),
    "close": ("open", "closed", "locked", "unlocked"),
    "shut": ("open", "closed", "locked", "unlocked"),
}

_WORD = re.compile(r"[a-z0-9']+")
_SLOT = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Request:
    """One way of asking for one tool.

    Attributes:
        tool: the tool's name.
        words: as said, lower case, with articles.
        arguments: pairs that the call carries; only enumerated strings can come from speech.
    """

    tool: str
    words: Words
    arguments: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> Words:
        """The words without articles: "unlock door" and "unlock the door" are one request."""
        return bare(self.words)


@dataclass(frozen=True, slots=True)
class Grammar:
    """Everything that a session listens for.

    Attributes:
        requests: each key once; of two tools with one phrase the first wins.
        decoys: sentences that must not be taken for a request; none of them is one.
        refused: phrases that cannot be listened for, each with the reason in brackets.
    """

    requests: tuple[Request, ...] = ()
    decoys: tuple[Words, ...] = ()
    refused: tuple[str, ...] = ()


def words_of(text: str) -> Words:
    """Lower-case words; punctuation falls away, apostrophes stay."""
    lowered = text.lower().replace("’", "'")
    return tuple(word for word in (raw.strip("'") for raw in _WORD.findall(lowered)) if word)


def bare(words: Iterable[str]) -> Words:
    """The words without articles."""
    return tuple(word for word in words if word not in ARTICLES)


def split_all(phrases: Iterable[str]) -> tuple[Words, ...]:
    """Each phrase as words, the longest first, so that none hides a longer one."""
    return tuple(sorted((tuple(phrase.split()) for phrase in phrases), key=len, reverse=True))


_LEADS = split_all(HAILS + MANNERS)
_TAILS = split_all(TAILS)


def strip_manners(words: Words) -> Words:
    """Without the polite words around it. May be empty: then the words were nothing but manners."""
    changed = True
    while changed:
        changed = False
        for lead in _LEADS:
            if words[: len(lead)] == lead:
                words, changed = words[len(lead) :], True
        for tail in _TAILS:
            if words and words[-len(tail) :] == tail:
                words, changed = words[: -len(tail)], True
    return words


def build(tools: Sequence[Mapping[str, Any]]) -> Grammar:
    """The grammar of a ``session.configure``'s tools (Hydra reference A8).

    Args:
        tools: flat tool objects; what is not a proper one is passed over, since the service accepts anything here.
    """
    requests: dict[Words, Request] = {}
    refused: list[str] = []
    for tool in tools:
        for request in _requests_of(tool, refused):
            if len(requests) >= MAX_REQUESTS and request.key not in requests:
                # The rest of this tool is not even expanded: two long enumerations make a million requests.
                refused.append(f"{' '.join(request.words)} (more than {MAX_REQUESTS} phrases)")
                break
            requests.setdefault(request.key, request)
    kept = tuple(requests.values())
    return Grammar(kept, _decoys_of(kept), tuple(refused))


def _requests_of(tool: Mapping[str, Any], refused: list[str]) -> Iterable[Request]:
    name, description = tool.get("name"), tool.get("description")
    if not isinstance(name, str):
        return
    phrases = phrases_in(description) if isinstance(description, str) else ()
    enums = _enums_of(tool.get("parameters"))
    for phrase in phrases or _phrases_from_name(name):
        yield from _expand(name, phrase, enums, refused)


def _phrases_from_name(name: str) -> Words:
    """``unlock_door`` is asked for by "unlock door"; an article may always follow the first word (see ``spoken``)."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return (re.sub(r"[^A-Za-z]+", " ", words).strip(),)


def _enums_of(parameters: Any) -> dict[str, Words]:
    """Each parameter that is an enumeration of strings, with its values."""
    properties = parameters.get("properties") if isinstance(parameters, Mapping) else None
    found: dict[str, Words] = {}
    for name, schema in properties.items() if isinstance(properties, Mapping) else ():
        values = schema.get("enum") if isinstance(schema, Mapping) else None
        if isinstance(values, list) and values and all(isinstance(value, str) for value in values):
            found[str(name)] = tuple(values)
    return found


def _expand(tool: str, phrase: str, enums: Mapping[str, Words], refused: list[str]) -> Iterable[Request]:
    """One request for each way of filling the slots: "light in the {room}" with two rooms is two requests."""
    slots = tuple(dict.fromkeys(_SLOT.findall(phrase)))
    missing = [slot for slot in slots if slot not in enums]
    if missing:
        refused.append(f"{phrase} ({{{missing[0]}}} has no list of words to choose from)")
        return
    for values in islice(product(*(enums[slot] for slot in slots)), MAX_REQUESTS + 1):
        arguments = tuple(zip(slots, values))
        text = phrase
        for slot, value in arguments:
            text = text.replace("{" + slot + "}", value.replace("_", " "))
        said = words_of(text)
        words = strip_manners(said) or said
        if bare(words):
            yield Request(tool, words, arguments)
        else:
            refused.append(f"{phrase} (no words)")


def _decoys_of(requests: tuple[Request, ...]) -> tuple[Words, ...]:
    taken = {request.key for request in requests}
    decoys: dict[Words, Words] = {}
    for request in requests:
        for words in _contraries(request.words):
            if bare(words) not in taken:
                decoys.setdefault(bare(words), words)
    return tuple(decoys.values())


def _contraries(words: Words) -> Iterable[Words]:
    """The opposites of a request and the questions about its object."""
    for index, word in enumerate(words):
        for opposite in OPPOSITES.get(word, ()):
            yield words[:index] + (opposite,) + words[index + 1 :]
    thing = words[1:]
    if bare(thing):
        for state in STATES.get(words[0], ()):
            yield ("is",) + thing + (state,)
            yield thing + ("is", state)
