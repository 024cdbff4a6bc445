"""Semantic checks of the tools: names, the door, policies, and what the model is told of them."""

from __future__ import annotations

import json
import re
from typing import Any, Iterator

from kioskd.config.action_checks import actions
from kioskd.config.findings import Finding, Lines, confirms
from kioskd.config.means import means
from kioskd.config.keys import number, words
from kioskd.config.schema import check_schema
from kioskd.config.sections import Config, Tool

# Above about this much in session.configure Hydra answers without sound and without an error (Hydra reference A8).
MOST_SESSION_BYTES = 32_000

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def tools(config: Config, lines: Lines) -> Iterator[Finding]:
    """Every finding about the tools and what they say to the model."""
    if not config.tools:
        yield Finding("tools", "there is no tool: the kiosk can talk, but do nothing", warning=True)
    yield from _names(config, lines)
    yield from _phrases(config, lines)
    yield from _size(config)
    for index, tool in enumerate(config.tools):
        at = f"tools[{index}]"
        yield from actions(at, tool, config)
        yield from _policy(at, tool, config)
        yield from check_schema(f"{at}.parameters", tool.parameters)


def _names(config: Config, lines: Lines) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for index, tool in enumerate(config.tools):
        at = f"tools[{index}].name"
        if not _NAME.fullmatch(tool.name):
            yield Finding(at, "must be 1 to 64 letters, digits or underscores, not beginning with a digit")
        elif tool.name in first:
            other = first[tool.name]
            yield Finding(at, f"'{tool.name}' is also the name of the tool in line {lines.of(other)}", (other,))
        else:
            first[tool.name] = at
        if not tool.description.strip():
            sentence = "is empty; the model decides by it when to call the tool"
            yield Finding(f"tools[{index}].description", sentence, warning=True)


def _phrases(config: Config, lines: Lines) -> Iterator[Finding]:
    first: dict[str, str] = {}
    local = any(endpoint.dialect == "local" for endpoint in config.service)
    for index, tool in enumerate(config.tools):
        at = f"tools[{index}].phrases"
        if local and not tool.phrases:
            sentence = "is empty: the local voice service knows this tool only by its phrases, and never calls it"
            yield Finding(at, sentence, ("service",), warning=True)
        for place, phrase in enumerate(tool.phrases):
            said = " ".join(phrase.lower().split())
            here = f"{at}[{place}]"
            if not said:
                yield Finding(here, "is empty; write what a visitor might say")
            elif first.setdefault(said, at) != at:
                other = first[said]
                sentence = f"is also a phrase of the tool in line {lines.of(other)}; only one of them is called"
                yield Finding(here, sentence, (other,), warning=True)


def _size(config: Config) -> Iterator[Finding]:
    sizes = {f"tool {tool.name}": _bytes(_declared(tool)) for tool in config.tools}
    sizes["persona.instructions"] = _bytes(config.persona.instructions)
    total = _bytes(
        {"instructions": config.persona.instructions, "tools": [_declared(tool) for tool in config.tools]},
    )
    if total > MOST_SESSION_BYTES:
        largest = sorted(sizes.items(), key=lambda item: -item[1])[:3]
        named = words([f"{name} ({size})" for name, size in largest], "and")
        sentence = (
            f"instructions and tools are {total} bytes of JSON together; above {MOST_SESSION_BYTES} the service "
            f"answers without any sound; the largest are {named}"
        )
        yield Finding("tools" if config.tools else "persona.instructions", sentence)


def _declared(tool: Tool) -> dict[str, Any]:
    """As the model gets it (Hydra reference A8)."""
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters or {"type": "object", "properties": {}},
    }


def _bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _policy(at: str, tool: Tool, config: Config) -> Iterator[Finding]:
    policy, here = tool.policy, f"{at}.policy"
    judged = (f"{at}.class", f"{here}.confirm")
    if not policy.allow:
        yield Finding(f"{here}.allow", "is not true: this tool will never run", (), warning=True)
    if "button" in means(tool).kinds:
        if config.panel.talk is None:
            sentence = "the talk button confirms this tool, but there is none; add panel.talk with its pin"
            yield Finding(f"{here}.confirm", sentence, (f"{at}.class", "panel.talk"))
        if policy.hold_ms >= policy.confirm_s * 1000:
            sentence = f"nobody can hold {policy.hold_ms} ms within confirm_s ({number(policy.confirm_s)} s)"
            yield Finding(f"{here}.hold_ms", sentence, (f"{here}.confirm_s",))
        if policy.hold_ms >= config.talk.longest_turn_s * 1000:
            longest = number(config.talk.longest_turn_s)
            sentence = f"a button held for {longest} s is stuck and confirms nothing (talk.longest_turn_s)"
            yield Finding(f"{here}.hold_ms", sentence, ("talk.longest_turn_s",))
    elif tool.class_ == "access" and not confirms(tool):
        yield from _unconfirmed(here, tool, judged)
    if policy.access_without_confirmation and (tool.class_ != "access" or confirms(tool)):
        sentence = "has no effect here: it is for class access with confirm: none"
        yield Finding(f"{here}.access_without_confirmation", sentence, judged, warning=True)


def _unconfirmed(here: str, tool: Tool, judged: tuple[str, ...]) -> Iterator[Finding]:
    allowed = f"{here}.access_without_confirmation"
    if tool.policy.access_without_confirmation:
        sentence = f"voice alone runs {tool.name}: whoever can be heard by the microphone gets in, and nobody presses"
        yield Finding(allowed, sentence, judged, warning=True)
        return
    sentence = (
        "this tool gives access, and without confirmation voice alone opens it: a visitor, a recording, or a mistake "
        "of the model; use confirm: button, or write access_without_confirmation: true if that is what you want"
    )
    yield Finding(f"{here}.confirm", sentence, (*judged, allowed))
