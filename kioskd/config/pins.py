"""GPIO lines as the file names them: ``GPIO17`` or ``CHIP_LABEL:OFFSET``."""

from __future__ import annotations

import re
from typing import Iterator

from kioskd.config.sections import Config, Lamp

_LAST_GPIO = 27  # the 40-pin header ends there
_LABEL = re.compile(r"\S(.{0,29}\S)?")  # the kernel keeps 31 characters (GPIO_MAX_NAME_SIZE)


def pins(config: Config) -> Iterator[tuple[str, str]]:
    """Each GPIO line that the configuration uses: its path and what is written there."""
    panel = config.panel
    for name, button in (("talk", panel.talk), ("mute", panel.mute)):
        if button is not None:
            yield f"panel.{name}.pin", button.pin
    for index, push in enumerate(panel.buttons):
        yield f"panel.buttons[{index}].pin", push.pin
    lamp = panel.lamp if panel.lamp is not None else Lamp()
    for name in ("single", "red", "green", "blue"):
        if getattr(lamp, name) is not None:
            yield f"panel.lamp.{name}", getattr(lamp, name)
    for index, tool in enumerate(config.tools):
        for name, action in (("relay", tool.action.relay), ("sensor", tool.action.sensor)):
            if action is not None and action.pin is not None:
                yield f"tools[{index}].action.{name}.pin", action.pin
        staff = tool.action.staff
        if staff is not None and staff.bell is not None and staff.bell.pin is not None:
            yield f"tools[{index}].action.staff.bell.pin", staff.bell.pin
    yield from _inputs(config)
    keypad = config.confirm.keypad
    if keypad is not None:
        for name, lines in (("rows", keypad.rows), ("columns", keypad.columns)):
            yield from ((f"confirm.keypad.{name}[{place}]", pin) for place, pin in enumerate(lines))
    if config.power.pin is not None:
        yield "power.pin", config.power.pin


def _inputs(config: Config) -> Iterator[tuple[str, str]]:
    """Each line once: the fire alarm's contact may forbid several tools, sensor and panel may tell of the door's."""
    seen = {tool.action.sensor.pin for tool in config.tools if tool.action.sensor is not None}
    for index, contact in enumerate(config.panel.contacts):
        if contact.pin not in seen:
            seen.add(contact.pin)
            yield f"panel.contacts[{index}].pin", contact.pin
    for index, tool in enumerate(config.tools):
        for place, interlock in enumerate(tool.policy.interlocks):
            if interlock.pin not in seen:
                seen.add(interlock.pin)
                yield f"tools[{index}].policy.interlocks[{place}].pin", interlock.pin


def line_of(pin: str) -> tuple[str, str]:
    """The line that a pin names, the same for two spellings of one line, and what is wrong with it ("" if nothing)."""
    match = re.fullmatch(r"GPIO(0|[1-9][0-9]?)", pin, re.ASCII)
    if match:
        if int(match[1]) > _LAST_GPIO:
            return "", f"{pin} is not on the header; GPIO0 to GPIO{_LAST_GPIO} are"
        return pin, ""
    label, _, offset = pin.rpartition(":")
    if not _LABEL.fullmatch(label) or not re.fullmatch(r"0|[1-9][0-9]{0,3}", offset, re.ASCII):
        return "", f"must be GPIO0 to GPIO{_LAST_GPIO}, or CHIP_LABEL:OFFSET as gpioinfo shows them (pinctrl-rp1:17)"
    if label.startswith("pinctrl-") and int(offset) <= _LAST_GPIO:
        return f"GPIO{offset}", ""  # the chip behind the header of a Raspberry Pi
    return pin, ""
