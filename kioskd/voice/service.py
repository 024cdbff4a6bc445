"""The door of the local voice service: ``kioskd voice``, a process of its own, started by hand or by systemd.

Exit status: 0 after SIGTERM, SIGINT or --idle-exit; 69 something is not installed or the address cannot be had; 78 the
settings are wrong; 2 the command line is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Mapping, Sequence

from kioskd.voice import faults, recogniser, roster, synthesiser
from kioskd.voice.options import Options

if TYPE_CHECKING:
    from kioskd.voice.server import Server

EX_UNAVAILABLE = 69
EX_CONFIG = 78

# sd_listen_fds(3): inherited sockets begin at this descriptor.
FIRST_INHERITED_FD = 3

_EXAMPLE = """\
example:
  kioskd voice --listen 127.0.0.1:8715
  kioskd voice --listen 127.0.0.1:0 --fault tool-timeout=1 --fault late-deltas
  kioskd voice --list-faults
"""


class BadSetting(Exception):
    """A setting cannot be used; the text is a sentence."""


def main(argv: Sequence[str]) -> int:
    """Run ``kioskd voice``; ``argv`` without the program's name. Returns the exit status."""
    arguments = _parser().parse_args(argv)
    if arguments.list_faults:
        _list_faults(arguments.json)
        return 0
    logging.basicConfig(level=arguments.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
    missing = synthesiser.missing_program() or recogniser.missing_library()
    if missing:
        return _refuse(missing, EX_UNAVAILABLE)
    strange = roster.unknown_voice(arguments.voice)
    if strange:
        return _refuse(f"--voice: {strange}", EX_CONFIG)
    try:
        options = Options(
            token=read_token(arguments.token_file) if arguments.token_file else None,
            voice=arguments.voice,
            words_per_minute=arguments.speed,
            max_sessions=arguments.max_sessions,
            faults=faults.parse(arguments.fault),
        )
        host, port = parse_address(arguments.listen)
    except (BadSetting, faults.BadSwitch) as problem:
        return _refuse(str(problem), EX_CONFIG)
    inherited = inherited_socket(os.environ, os.getpid())
    return asyncio.run(_run(host, port, options, inherited, arguments.idle_exit))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kioskd voice",
        description="Serve realtime speech on this device, without any cloud.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, normal = parser.add_argument, Options()
    add("--listen", metavar="HOST:PORT", default="127.0.0.1:8715", help="address (default %(default)s); port 0: any")
    add("--token-file", metavar="FILE", help="what clients must know, in a 0600 file; needed to listen off loopback")
    add("--voice", default=normal.voice, help="espeak-ng voice of the answers (default %(default)s)")
    add("--speed", type=int, default=normal.words_per_minute, metavar="WPM", help="words a minute (%(default)s)")
    add("--max-sessions", type=int, default=normal.max_sessions, metavar="N", help="at once (default %(default)s)")
    add("--idle-exit", type=float, metavar="S", help="end when no session was open for so many seconds")
    add("--fault", action="append", default=[], metavar="NAME[=VALUE]", help="misbehave on purpose; may be repeated")
    add("--list-faults", action="store_true", help="show what --fault takes, and end")
    add("--json", action="store_true", help="with --list-faults: as JSON")
    add("--log-level", default="info", choices=("debug", "info", "warning", "error"), help="default %(default)s")
    return parser


def _list_faults(as_json: bool) -> None:
    rows = faults.table()
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        values = row["values"]
        shown = "|".join(values) if isinstance(values, list) else ""
        print(f"{row['name']}={shown} (default {row['default']})\n    {row['doc']}")


def _refuse(sentence: str, status: int) -> int:
    print(f"kioskd voice: {sentence}", file=sys.stderr)
    return status


def parse_address(text: str) -> tuple[str, int]:
    """``127.0.0.1:8715`` or ``[::1]:8715`` as host and port.

    Raises:
        BadSetting: it is no such thing.
    """
    host, colon, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise BadSetting(f"--listen takes HOST:PORT such as 127.0.0.1:8715, not {text!r}")
    return host, int(port)


def read_token(path: str) -> str:
    """The token in a file that only its owner can read. The token is in no message.

    Raises:
        BadSetting: the file is not there, open to others, or empty.
    """
    try:
        with open(path, encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            token = file.read(4096).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadSetting(f"cannot read the token file {path}: {reason}") from error
    if mode & 0o077:
        raise BadSetting(f"the token file {path} can be read by others (mode {mode:04o}); chmod 600 {path}")
    if not token:
        raise BadSetting(f"the token file {path} is empty; put a long random word into it")
    return token


def inherited_socket(environment: Mapping[str, str], pid: int) -> socket.socket | None:
    """The listening socket that systemd opened for this process, if it did (sd_listen_fds(3)).

    Only the first is used: the unit has one ListenStream.
    """
    if environment.get("LISTEN_PID") != str(pid) or environment.get("LISTEN_FDS", "0") in ("", "0"):
        return None
    inherited = socket.socket(fileno=FIRST_INHERITED_FD)
    os.set_inheritable(FIRST_INHERITED_FD, False)
    inherited.setblocking(False)
    return inherited


async def _run(host: str, port: int, options: Options, inherited: socket.socket | None, idle_s: float | None) -> int:
    # Imported here: --list-faults and a missing program need no websockets.
    from kioskd.voice.server import CannotListen, Exposed, serve

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        server = await serve(host, port, options, inherited)
    except Exposed as problem:
        return _refuse(str(problem), EX_CONFIG)
    except CannotListen as problem:
        return _refuse(str(problem), EX_UNAVAILABLE)
    print(f"listening on {server.url}", flush=True)
    try:
        await _until_done(server, stop, idle_s)
    finally:
        await server.aclose()
    return 0


async def _until_done(server: Server, stop: asyncio.Event, idle_s: float | None) -> None:
    """Until a signal came, or no session was open for ``idle_s`` seconds."""
    while not stop.is_set():
        left_s = idle_s
        if idle_s is not None and server.quiet_since is not None:
            left_s = server.quiet_since + idle_s - asyncio.get_running_loop().time()
        if left_s is not None and left_s <= 0:
            return
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), left_s)
