"""Semantic checks of what confirms: that each tool can be confirmed by what it asks for, and what that means."""

from __future__ import annotations

import re
from typing import Iterator

from kioskd.config.addresses import is_loopback, split_url
from kioskd.config.confirm import GROUPS, Keypad, StaffConfirm
from kioskd.config.findings import Finding, Lines
from kioskd.config.keys import number, words
from kioskd.config.means import means
from kioskd.config.sections import Config, Lockout, Tool

# What keys may mean (panel/keys.py); a code is made of digits and letters.
KEYS = re.compile(r"[0-9A-D*#]+")
# All are compared, each for a quarter of a second on a small board that has much to do (core/codes.CHECK_S: 10 s).
MOST_CODES = 20
# Codes that somebody who tries all day may get through before it is said: of those with four digits, all in five days.
# The default lets 576.
MOST_A_DAY = 2000
_TOPIC = re.compile(r"[^+#\x00/][^+#\x00]{0,199}")


def confirmations(config: Config, lines: Lines) -> Iterator[Finding]:
    """Every finding about them."""
    asked = {kind for tool in config.tools for kind in means(tool).kinds}
    for index, tool in enumerate(config.tools):
        yield from _tool(f"tools[{index}]", tool, config)
    yield from _codes(config, "code" in asked)
    if config.confirm.staff is not None:
        yield from _staff("confirm.staff", config.confirm.staff, config)
    if config.confirm.keypad is not None:
        yield from _keypad("confirm.keypad", config.confirm.keypad)


def _tool(at: str, tool: Tool, config: Config) -> Iterator[Finding]:
    here, needed = f"{at}.policy.confirm", means(tool)
    group = tool.policy.confirm in GROUPS
    if tool.policy.confirm_by and not group:
        sentence = f"has no effect here: it is for confirm: {words(GROUPS)}"
        yield Finding(f"{at}.policy.confirm_by", sentence, (here,), warning=True)
    if group and len(needed.kinds) < 2:
        has = words(needed.kinds, "and") or "nothing"
        sentence = f"{tool.policy.confirm} wants at least two of button, code and staff, and confirm_by has {has}"
        yield Finding(f"{at}.policy.confirm_by", sentence, (here,))
    if "code" in needed.kinds and not config.confirm.codes:
        sentence = "a code confirms this tool, but there is none; add confirm.codes (kioskd code makes the hash)"
        yield Finding(here, sentence, ("confirm.codes",))
    if "code" in needed.kinds and config.confirm.keypad is None and config.panel.pins != "simulated":
        sentence = "a code confirms this tool, but it can be entered nowhere; add confirm.keypad"
        yield Finding(here, sentence, ("confirm.keypad", "panel.pins"))
    if "staff" in needed.kinds:
        yield from _by_staff(at, tool, config)


def _by_staff(at: str, tool: Tool, config: Config) -> Iterator[Finding]:
    here, policy = f"{at}.policy.confirm", tool.policy
    needed = means(tool)
    if config.confirm.staff is None:
        sentence = "staff confirm this tool, but nobody says where they are asked; add confirm.staff"
        yield Finding(here, sentence, ("confirm.staff",))
    if needed.needed > 1:
        return  # a hand at this panel is needed too
    if tool.class_ == "access":
        sentence = (
            f"somebody elsewhere can let people in by {tool.name}, with no hand at this kiosk: whoever has the key of "
            "confirm.staff, or is taken in by who asks"
        )
        yield Finding(here, sentence, (f"{at}.class",), warning=True)
    if policy.fresh_s < policy.confirm_s:
        sentence = (
            f"staff may take {number(policy.confirm_s)} s (confirm_s) to answer, and after {number(policy.fresh_s)} s "
            "the visitor no longer counts as present; raise fresh_s"
        )
        yield Finding(f"{at}.policy.fresh_s", sentence, (f"{at}.policy.confirm_s",))


def _codes(config: Config, asked: bool) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for index, code in enumerate(config.confirm.codes):
        at = f"confirm.codes[{index}].name"
        if not code.name.strip() or len(code.name) > 64:
            yield Finding(at, "must be 1 to 64 characters: whose code it is")
        elif first.setdefault(code.name, index) != index:
            yield Finding(at, f"'{code.name}' is also the name of another code; the trail could not tell them apart")
    if len(config.confirm.codes) > MOST_CODES:
        sentence = f"has {len(config.confirm.codes)} codes; comparing more than {MOST_CODES} keeps a visitor waiting"
        yield Finding("confirm.codes", sentence)
    a_day = tried_a_day(config.confirm.wrong_codes)
    if config.confirm.codes and a_day > MOST_A_DAY:
        sentence = (
            f"somebody who tries all day gets through {a_day:.0f} codes; raise per_s and for_s, or lower refusals"
        )
        yield Finding("confirm.wrong_codes", sentence, warning=True)
    if config.confirm.codes and not asked:
        yield Finding("confirm.codes", "no tool asks for a code (policy.confirm)", ("tools",), warning=True)


def tried_a_day(rule: Lockout) -> float:
    """Wrong codes that somebody gets through: all of them and then waiting, or all but one and no lock-out ever."""
    return 86_400 * max(rule.refusals / rule.for_s, (rule.refusals - 1) / rule.per_s)


def _staff(at: str, staff: StaffConfirm, config: Config) -> Iterator[Finding]:
    needs = (f"{at}.url", f"{at}.topic")
    if (staff.url is None) == (staff.topic is None):
        has = "neither url nor topic" if staff.url is None else "both url and topic"
        yield Finding(at, f"has {has}; give exactly one of them", needs)
    if staff.url is not None:
        scheme, host, trouble = split_url(staff.url)
        if trouble:
            yield Finding(f"{at}.url", trouble)
        elif scheme != "https" and not (scheme == "http" and is_loopback(host)):
            yield Finding(f"{at}.url", "must begin with https:// (or http:// for a service on this device)")
    if staff.topic is not None:
        if not _TOPIC.fullmatch(staff.topic):
            yield Finding(f"{at}.topic", "must be a topic without + and #, not beginning with /")
        if config.mqtt is None:
            sentence = "needs a broker, and there is none; add the section mqtt, or use url"
            yield Finding(f"{at}.topic", sentence, ("mqtt",))
    if not staff.device.strip() or len(staff.device) > 64 or not staff.device.isprintable():
        yield Finding(f"{at}.device", "must be 1 to 64 printable characters")


def _keypad(at: str, keypad: Keypad) -> Iterator[Finding]:
    needs = (f"{at}.rows", f"{at}.columns", f"{at}.device")
    matrix = bool(keypad.rows or keypad.columns)
    if matrix == (keypad.device is not None):
        has = "both lines and a device" if matrix else "neither lines nor a device"
        yield Finding(at, f"has {has}; give rows and columns, or device", needs)
        return
    if keypad.device is not None:
        if not keypad.device.startswith("/dev/input/"):
            yield Finding(f"{at}.device", "must be a file below /dev/input; ls /dev/input/by-id shows them")
        return
    printed = "".join(keypad.printed)
    if len(keypad.printed) != len(keypad.rows) or any(len(row) != len(keypad.columns) for row in keypad.printed):
        sentence = (
            f"{len(keypad.rows)} rows and {len(keypad.columns)} columns need as many texts as rows, each with as many "
            "characters as columns"
        )
        yield Finding(f"{at}.keys", sentence, needs)
    elif not KEYS.fullmatch(printed) or len(set(printed)) != len(printed):
        yield Finding(f"{at}.keys", "are 0 to 9, A to D, * and #, each once")
    elif "#" not in printed or not any(key.isdigit() for key in printed):
        yield Finding(f"{at}.keys", "needs digits, and # as enter")
