"""Values that have broken parsers before: words, numbers, whole frames."""

from __future__ import annotations

from typing import Any

from fuzz.tools import TOOLS

# Names that mean something, to put where another stood.
NAMES = tuple(tool.name for tool in TOOLS)
CALL_IDS = ("call_1", "call_2", "call_1 ", "")
STATUSES = ("completed", "cancelled", "incomplete", "failed", "in_progress", "")
WORDS: tuple[str, ...] = (
    *(
        "",
        " ",
        "\x00",
        "a\x1b[2Jb",
        "\u202eevil",
        "\ud800",
        "\udfff\ud800",
        "\U0001f600",
        "é" * 301,
        "x" * 300,
        "x" * 301,
    ),
    *(
        "null",
        "true",
        "NaN",
        "1e999",
        "../../etc/passwd",
        "'; drop table intents; --",
        "%s%n",
        "\u2028line\u2029",
        "A" * 70_000,
    ),
    *NAMES,
    *CALL_IDS,
    *STATUSES,
)
NUMBERS: tuple[Any, ...] = (
    *(0, -1, 1, 2**31, 2**53, 2**53 + 1, -(2**63) - 1, 2**64, 10**400, 0.5, -0.0, 1e308, 5e-324, 24_000, 47_999, 8_000),
    *(True, False, None),
)
# Written by hand: what json.dumps would never write.
RAW: tuple[bytes, ...] = (
    *(
        b"",
        b" ",
        b"{",
        b"}",
        b"[]",
        b"null",
        b"0",
        b'"x"',
        b"{}",
        b'{"type"}',
        b'{"type":}',
        b'{"type":null}',
        b"\xef\xbb\xbf{}",
    ),
    *(
        b'{"type":"ping"',
        b'{"type":"ping"}{}',
        b'{"type":"ping","type":"error"}',
        b"{'type':'ping'}",
        b'{"type":"\xff"}',
    ),
    *(
        b'{"type":"\\ud800"}',
        b'{"type":"error","error":{"code":NaN}}',
        b'{"type":"error","message":1e999}',
        b"[" * 5000,
    ),
    *(b'{"type":"response.done","response":' + b"[" * 2000 + b"]" * 2000 + b"}", b'{"a":' * 3000 + b"1" + b"}" * 3000),
    b'{"type":"response.done","response":' + b'{"output":[' * 600 + b"]}" * 600 + b"}",
)
ARGUMENTS = (
    "{}",
    "",
    "{",
    "null",
    "[]",
    '{"room": 7}',
    '{"room": "x", "room": "y"}',
    '{"times": 1e400}',
    '{"a":' * 200,
    "x" * 65_600,
)
# Base64, more or less.
AUDIO = ("AQABAAEA", "AQ", "AQ=", "AQ==", "A", "====", "AQAB AAEA\n", "-_-_", "é", "AQABAAE", "A" * 40_000, "")
