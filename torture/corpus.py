"""What a hostile service may send: names that are no tools, arguments that are none, and those that nearly are."""

from __future__ import annotations

from typing import Iterator

# What a service may send in one frame; more than the link takes.
HUGE = 10 * 1024 * 1024
HIDDEN = (
    "forbidden",
    "",
    " ",
    "UNLOCK_DOOR",
    "unlock_door ",
    "unlock_door\x00",
    "unlock_door\n",
    "unloсk_door",  # with a Cyrillic letter
    "__class__",
    "policy.allow",
    "../unlock_door",
    "unlock_door; reboot",
    "#codes",
    "x" * 5000,
)


def nested(levels: int, brackets: str = "[]") -> str:
    """Brackets within brackets."""
    return brackets[0] * levels + brackets[1] * levels


def arguments() -> Iterator[str]:
    """Arguments of a call, as text: sound, odd, wrong, and made to hurt whoever reads them."""
    yield from ("", "{}", " {} ", "null", "[]", "true", '"unlock"', "0", "{", "}", "{]", "\x00", "\ufeff{}", "\ud800")
    yield from ('{"floor": 1}', '{"floor": 1.0}', '{"floor": true}', '{"floor": "1"}', '{"floor": null}')
    yield from ('{"floor": 1e400}', '{"floor": NaN}', '{"floor": -Infinity}', '{"floor": 99999999999999999999}')
    yield from (
        '{"floor": 1, "floor": 2}',
        '{"floor": [1]}',
        '{"floor": {"$ref": "#"}}',
        '{"floor": 1, "confirm": true}',
    )
    yield from ('{"policy": {"allow": true}}', '{"__proto__": {"allow": true}}', '{"confirmed": true, "code": "4711"}')
    yield from ('{"hold_ms": 0}', '{"\\ud800": 1}', '{"floor": "\\ud800"}', '{"' + "f" * 4000 + '": 1}')
    yield '{"floor": ' + "1" * 5000 + "}"
    yield '{"floor": "' + "a" * 60_000 + '"}'
    yield from (nested(50), nested(100_000), '{"floor": ' + nested(20_000) + "}", nested(2_000, "{}"))
    yield '{"a":' * 3000 + "1" + "}" * 3000


def enormous() -> Iterator[str]:
    """Ten megabytes each, in three ways."""
    yield nested(HUGE // 2)
    yield '{"floor": "' + "a" * HUGE + '"}'
    yield "[" + "1," * (HUGE // 2) + "1]"
