"""What a ``panel`` section of the right form may still get wrong."""

from __future__ import annotations

import json
import re
from typing import Iterator

from kioskd.config.findings import Finding, Lines
from kioskd.config.keys import words
from kioskd.config.panel import Button, Help, Panel, PushButton, Strip, deeds_of
from kioskd.config.pins import line_of, pins
from kioskd.config.sections import Config, Tool
from kioskd.core.arguments import check

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
SPI0 = ("GPIO9", "GPIO10", "GPIO11")  # data in, data out, clock; its select lines may be free
# The event loop shifts the bits out itself, and link and confirmations wait for it meanwhile. A guess: 300 lamps at
# 4 MHz take half of it.
LONGEST_STRIP_S = 0.005
# What status and kioskctl panel call other things.
TAKEN = ("talk", "mute", "lamp", "contacts", "troubles")


def panel(config: Config, lines: Lines) -> Iterator[Finding]:
    """Every finding about the panel but those about its pins."""
    for part in (_names, _deeds, _talk, _timing, _glitches, _help, _volume, _contacts, _lamp, _bus):
        yield from part(config, lines)


def _names(config: Config, lines: Lines) -> Iterator[Finding]:
    section = config.panel
    named = [(f"panel.buttons[{index}].name", one.name) for index, one in enumerate(section.buttons)]
    named += [(f"panel.contacts[{index}].name", one.name) for index, one in enumerate(section.contacts)]
    seen: dict[str, str] = {}
    for path, name in named:
        if not _NAME.fullmatch(name):
            yield Finding(path, f"{name!r} must be small letters, digits and underscore, 32 at most")
        elif name in TAKEN:
            yield Finding(path, f"{name} is what something else of the panel is called; take another name")
        elif name in seen:
            other = seen[name]
            yield Finding(path, f"{name} is the name of {other} (line {lines.of(other)}) too", (other,))
        else:
            seen[name] = path


def _deeds(config: Config, lines: Lines) -> Iterator[Finding]:
    """A button that does nothing, and a press that does what a longer gesture of the same button does as well."""
    deeds = deeds_of(config.panel)
    for index, button in enumerate(config.panel.buttons):
        at = f"panel.buttons[{index}]"
        own = {gesture: deed for (name, gesture), deed in deeds.items() if name == button.name}
        if not own:
            yield Finding(at, f"{button.name} does nothing; give press, tap, double, hold or long a deed", warning=True)
        elif "press" in own and len(own) > 1:
            others = words([gesture for gesture in own if gesture != "press"], "and")
            sentence = f"does {own['press']} at once, whatever becomes of it: {others} comes on top; use tap instead"
            yield Finding(f"{at}.press", sentence, warning=True)


def _talk(config: Config, lines: Lines) -> Iterator[Finding]:
    deeds, mode = deeds_of(config.panel), config.talk.mode
    clash = {"push_to_talk": ("tap", "hold", "long"), "tap_to_talk": ("tap",)}.get(mode, ())
    for gesture in clash:
        if deed := deeds.get(("talk", gesture)):
            sentence = f"does {deed}, but in talk.mode {mode} that is how people talk; use another gesture or button"
            yield Finding(f"panel.talk.{gesture}", sentence, ("talk.mode",))


def _timing(config: Config, lines: Lines) -> Iterator[Finding]:
    timing = config.panel.gestures
    if not timing.tap_ms <= timing.hold_ms < timing.long_ms:
        sentence = f"tap_ms {timing.tap_ms}, hold_ms {timing.hold_ms}, long_ms {timing.long_ms} must grow in this order"
        yield Finding("panel.gestures", sentence, tuple(f"panel.gestures.{one}_ms" for one in ("tap", "hold", "long")))
    if timing.long_ms >= 1000 * config.talk.longest_turn_s:
        sentence = (
            f"a button held for {config.talk.longest_turn_s:g} s is stuck (talk.longest_turn_s): long never comes"
        )
        yield Finding("panel.gestures.long_ms", sentence, ("talk.longest_turn_s",))


def _glitches(config: Config, lines: Lines) -> Iterator[Finding]:
    named: list[tuple[str, Button | PushButton]] = []
    if config.panel.talk is not None:
        named.append(("panel.talk", config.panel.talk))
    named += [(f"panel.buttons[{index}]", one) for index, one in enumerate(config.panel.buttons)]
    for at, button in named:
        if button.glitch_ms > button.debounce_ms:
            sentence = (
                f"{button.debounce_ms} ms (debounce_ms) counts: a press is not filtered for longer than a release"
            )
            yield Finding(f"{at}.glitch_ms", sentence, (f"{at}.debounce_ms",), warning=True)


def _help(config: Config, lines: Lines) -> Iterator[Finding]:
    wanted, at = config.panel.help, "panel.help"
    ways = [f"{name}, {gesture}" for (name, gesture), deed in deeds_of(config.panel).items() if deed == "help"]
    if wanted is None:
        if ways:
            yield Finding("panel", f"the deed help ({ways[0]}) asks for a tool: name it in panel.help.tool", (at,))
        return
    if not ways:
        yield Finding(at, "no gesture of any button has the deed help, so nobody can ask for it", warning=True)
    tool = next((tool for tool in config.tools if tool.name == wanted.tool), None)
    if tool is None:
        known = words([tool.name for tool in config.tools if tool.class_ == "notify"], "or")
        yield Finding(f"{at}.tool", f"there is no tool {wanted.tool}" + (f"; take {known}" if known else ""))
        return
    yield from _help_tool(wanted, tool)


def _help_tool(wanted: Help, tool: Tool) -> Iterator[Finding]:
    at = "panel.help"
    if tool.class_ != "notify":
        yield Finding(
            f"{at}.tool", f"{tool.name} is of class {tool.class_}; a button may only ask for one of class notify"
        )
    if not tool.policy.allow:
        yield Finding(f"{at}.tool", f"{tool.name} is not allowed: write policy.allow: true at the tool", warning=True)
    required = tool.parameters.get("required", ())
    known = tool.parameters.get("properties", {})
    missing = [name for name in required if name not in wanted.arguments] if isinstance(required, list) else []
    if missing:
        yield Finding(f"{at}.arguments", f"{tool.name} needs {words(missing, 'and')} as well")
    extra = [name for name in wanted.arguments if name not in known] if isinstance(known, dict) else []
    if extra:
        yield Finding(f"{at}.arguments", f"{tool.name} does not take {words(extra, 'and')}")
    if not (missing or extra):
        yield from _help_values(wanted, tool)


def _help_values(wanted: Help, tool: Tool) -> Iterator[Finding]:
    """As the button will ask: a value of another type would be found out by whoever needs help."""
    try:
        problem = check(tool.parameters, json.dumps(dict(wanted.arguments))).problem
    except (TypeError, ValueError, RecursionError):
        problem = "this cannot be written as JSON"
    if problem:
        yield Finding("panel.help.arguments", f"{tool.name} does not take this: {problem}")


def _volume(config: Config, lines: Lines) -> Iterator[Finding]:
    volume = config.panel.volume
    if volume.least >= volume.most:
        yield Finding("panel.volume", f"least {volume.least:g} must be below most {volume.most:g}")
    elif not volume.least <= config.audio.volume <= volume.most and _has_volume(config.panel):
        sentence = f"audio.volume {config.audio.volume:g} is outside of {volume.least:g} to {volume.most:g}"
        yield Finding("panel.volume", f"{sentence}; the first press would jump", ("audio.volume",), warning=True)


def _has_volume(section: Panel) -> bool:
    return any(deed in ("louder", "softer") for deed in deeds_of(section).values())


def _contacts(config: Config, lines: Lines) -> Iterator[Finding]:
    """One line has one pull, whoever names it."""
    for index, contact in enumerate(config.panel.contacts):
        for place, tool in enumerate(config.tools):
            for number, lock in enumerate(tool.policy.interlocks):
                if lock.pin == contact.pin and lock.pull != contact.pull:
                    other = f"tools[{place}].policy.interlocks[{number}].pull"
                    sentence = f"{contact.pull} here, but {lock.pull} at {lock.name} of {tool.name}, on the same line"
                    yield Finding(f"panel.contacts[{index}].pull", sentence, (other,))


def _lamp(config: Config, lines: Lines) -> Iterator[Finding]:
    lamp = config.panel.lamp
    if lamp is None:
        return
    colours = {name: getattr(lamp, name) for name in ("red", "green", "blue")}
    given = [name for name, pin in colours.items() if pin is not None]
    missing = [name for name, pin in colours.items() if pin is None]
    at, needs = "panel.lamp", tuple(f"panel.lamp.{name}" for name in ("single", "red", "green", "blue"))
    if lamp.strip is not None and (lamp.single is not None or given):
        yield Finding(at, "has a strip and lines; give exactly one of them", (*needs, "panel.lamp.strip"))
    elif lamp.strip is not None and not lamp.strip.spi.startswith("/dev/"):
        yield Finding("panel.lamp.strip.spi", "must be the device file of an SPI bus, as /dev/spidev0.0")
    elif lamp.strip is not None and strip_s(lamp.strip) > LONGEST_STRIP_S:
        took, most = (f"{1000 * seconds:.0f} ms" for seconds in (strip_s(lamp.strip), LONGEST_STRIP_S))
        sentence = f"{lamp.strip.count} lamps take {took} of the kiosk's time whenever they change; {most} are the most"
        yield Finding("panel.lamp.strip.speed_hz", sentence, ("panel.lamp.strip.count",))
    elif lamp.single is not None and given:
        yield Finding(at, f"has single and {words(given, 'and')}; it is either one lamp or three", needs)
    elif lamp.single is None and not given and lamp.strip is None:
        yield Finding(at, "has no line; give single, or red, green and blue", needs)
    elif given and missing:
        yield Finding(
            at, f"has {words(given, 'and')} but not {words(missing, 'and')}; a colour lamp needs three", needs
        )


def strip_s(strip: Strip) -> float:
    """So long a strip's bits are on the bus: 32 for each lamp, and what stands before and behind (lines/strip.py)."""
    return 8 * (4 * strip.count + 8 + strip.count / 16) / strip.speed_hz


def _bus(config: Config, lines: Lines) -> Iterator[Finding]:
    """The lines of the strip's bus cannot serve anything else."""
    lamp = config.panel.lamp
    if lamp is None or lamp.strip is None or not lamp.strip.spi.startswith("/dev/spidev0."):
        return
    for path, pin in pins(config):
        if line_of(pin)[0] in SPI0:
            sentence = f"{pin} belongs to the SPI bus of the lamps ({lamp.strip.spi}); take another line"
            yield Finding(path, sentence, ("panel.lamp.strip",))
