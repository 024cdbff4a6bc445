"""The door: ``kioskd run | check | config | devices | wiring | lines | code | voice``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from typing import Callable, Mapping, Sequence

from kioskd import __version__, cli_code, cli_lines

# sysexits(3): something is wrong with the configuration.
EXIT_CONFIG = 78
# sysexits(3): something that is needed does not serve.
EXIT_UNAVAILABLE = 69
# What a shell reports of a program that SIGPIPE ended: 128 + 13.
EXIT_PIPE = 141
DEFAULT_CONFIG = "/etc/kioskd/kioskd.yaml"
EXAMPLES = """examples:
  kioskd check /etc/kioskd/kioskd.yaml      every mistake, each with its line
  kioskd run -c /etc/kioskd/kioskd.yaml     what the systemd unit runs
  kioskd devices                            what to write for audio.input and audio.output
  kioskd wiring kioskd.yaml -o wiring.svg   what to connect where
  kioskd wiring kioskd.yaml --boot-lines    gpio= lines for config.txt
  kioskd config kiosk.yaml                  what it comes to, with every default
  kioskd code                               the hash of a code, for confirm.codes
  kioskd lines probe GPIO22                 what a line does when kioskd is killed
  kioskd voice --listen 127.0.0.1:8715      the voice service on this device
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="kioskd",
        description="A voice kiosk daemon: it listens, it answers, it opens a door.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"kioskd {__version__}")
    doors = top.add_subparsers(dest="door", required=True, metavar="COMMAND")
    run = doors.add_parser("run", help="run the kiosk until SIGTERM")
    run.epilog = "example: kioskd run -c kiosk.yaml; without hardware: panel.pins: simulated, or scripts/run --serve"
    add_file(run)
    check = doors.add_parser("check", help="check a configuration: exit status 0, or 78 with every mistake")
    add_file(check)
    check.add_argument("--json", action="store_true", help="for scripts")
    check.epilog = "example: kioskd check kiosk.yaml"
    config = doors.add_parser("config", help="print the effective configuration, secrets masked")
    config.epilog = "example: kioskd config kiosk.yaml | less"
    add_file(config)
    devices = doors.add_parser("devices", help="list sound devices and what to write in the configuration")
    devices.epilog = "example: kioskd devices; then audio: {input: alsa:Device, output: alsa:Device}"
    devices.add_argument("--json", action="store_true", help="for scripts")
    wiring = doors.add_parser("wiring", help="draw what hangs on the board's header, as SVG")
    wiring.add_argument("file", nargs="?", default=DEFAULT_CONFIG, metavar="FILE", help=f"default: {DEFAULT_CONFIG}")
    wiring.add_argument("-o", "--out", metavar="OUT.svg", help="write it there instead of to standard output")
    form = wiring.add_mutually_exclusive_group()
    form.add_argument("--text", action="store_true", help="a list instead of a picture")
    wiring.epilog = "example: kioskd wiring kiosk.yaml -o wiring.svg"
    form.add_argument("--boot-lines", action="store_true", help="what config.txt wants: each line's state from boot on")
    cli_lines.arguments(doors)
    cli_code.arguments(doors)
    voice = doors.add_parser("voice", help="run the local voice service", add_help=False)
    voice.add_argument("rest", nargs=argparse.REMAINDER)
    return top


def add_file(door: argparse.ArgumentParser) -> None:
    """Let a configuration be named, with ``-c`` or without."""
    door.add_argument("file", nargs="?", metavar="FILE", help=f"default: {DEFAULT_CONFIG}")
    door.add_argument("-c", "--config", dest="named", metavar="FILE", help="the same")


def file_of(options: argparse.Namespace) -> str:
    """The configuration that was named in either way; ends the process where two were."""
    if options.file and options.named and options.file != options.named:
        parser().error(f"two files are named, {options.file} and {options.named}: name one")
    return str(options.file or options.named or DEFAULT_CONFIG)


def check(options: argparse.Namespace) -> int:
    """``kioskd check FILE``."""
    from kioskd.cli_check import report

    return 0 if report(file_of(options), options.json) else EXIT_CONFIG


def config(options: argparse.Namespace) -> int:
    """``kioskd config``."""
    from kioskd.config.loader import load
    from kioskd.config.show import effective

    loaded = load(file_of(options))
    for problem in loaded.problems:
        print(problem, file=sys.stderr)
    if loaded.config is None:
        return EXIT_CONFIG
    print(effective(loaded.config), end="")
    return 0


def devices(options: argparse.Namespace) -> int:
    """``kioskd devices``."""
    from kioskd.audio.inventory import describe, table
    from kioskd.audio.streams import DeviceError

    try:
        rows = describe()
    except DeviceError as error:
        print(f"kioskd: {error}", file=sys.stderr)
        return EXIT_UNAVAILABLE
    print(json.dumps(rows, indent=2) if options.json else table(rows))
    return 0


def wiring(options: argparse.Namespace) -> int:
    """``kioskd wiring FILE``."""
    from kioskd.config.boot_lines import boot_lines
    from kioskd.config.loader import load
    from kioskd.config.wiring import parts, table
    from kioskd.config.wiring_svg import drawing

    loaded = load(options.file)
    for problem in loaded.problems:
        print(problem, file=sys.stderr)
    if loaded.config is None:
        return EXIT_CONFIG
    found = parts(loaded.config)
    if options.boot_lines:
        page = boot_lines(loaded.config)
    else:
        page = f"{table(found)}\n" if options.text else drawing(found, f"{loaded.config.kiosk.name}: its wiring")
    if options.out is None:
        print(page, end="")
        return 0
    try:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write(page)
    except OSError as error:
        print(f"kioskd: cannot write {options.out}: {error.strerror}", file=sys.stderr)
        return EXIT_UNAVAILABLE
    print(f"{options.out}: {len(found)} parts")
    return 0


def voice(arguments: Sequence[str]) -> int:
    """``kioskd voice``: the other process."""
    from kioskd.voice.service import main as serve

    return serve(list(arguments))


def run(options: argparse.Namespace, started_at: float) -> int:
    """``kioskd run``: the daemon."""
    # Until the rooms take them over: nothing has moved yet, so this is an orderly end too.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    # Set before numpy is first imported: its BLAS would start a thread and a pool of memory for each core, and
    # nothing here multiplies matrices that large.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from kioskd.boot import NothingRuns, choose

    path = os.path.abspath(file_of(options))
    try:
        config, source = choose(path, os.environ)
    except NothingRuns as nothing:
        for problem in nothing.problems:
            print(problem, file=sys.stderr)
        print(f"kioskd: {path} does not check, and none was good before; mend what stands above.", file=sys.stderr)
        return EXIT_CONFIG
    from kioskd.app import run as live
    from kioskd.audio.asound import slim
    from kioskd.closing import Loop
    from kioskd.config.secrets import redact
    from kioskd.ops.systemd import setup_logging

    # Its own way to where standard error goes: PortAudio's libraries write to descriptor 2, which is turned away while
    # they look for cards (audio/port.py), and a traceback of ours must not be lost with their noise.
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    secrets: set[str] = set()
    ops = config.ops
    setup_logging(ops.log_level, os.environ, sys.stderr, redact=lambda text: redact(text, secrets))
    for folder in (ops.state_dir, ops.runtime_dir):
        try:
            os.makedirs(folder, mode=0o750, exist_ok=True)
        except OSError as error:
            print(f"kioskd: cannot make {folder}: {error.strerror}; see ops in {path}", file=sys.stderr)
            return EXIT_CONFIG
    devices = (config.audio.input, config.audio.output)
    if not all(spec == "null" or spec.startswith("file:") for spec in devices):
        slim(ops.runtime_dir, devices, os.environ)
    loop = Loop()
    try:
        code = loop.run_until_complete(live(config, source, started_at, secrets))
    finally:
        # It has ended in order; a second SIGTERM must not make a failure of it while the interpreter cleans up.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        loop.close()
    return leave(code)


def leave(code: int) -> int:
    """The exit status, unless a thread would keep the process: then it ends here and now.

    A name that a dead resolver looks up blocks its thread for half a minute, a wedged sound card for ever, and the
    interpreter would wait for them. Everything that could be closed in order has been closed by then.
    """
    import logging
    import threading

    left = [thread for thread in threading.enumerate() if thread is not threading.main_thread() and not thread.daemon]
    for thread in left:
        thread.join(0.1)
    stuck = [thread.name for thread in left if thread.is_alive()]
    if stuck:
        logging.getLogger(__name__).warning("leaving threads that do not end: %s", ", ".join(stuck))
        logging.shutdown()
        os._exit(code)
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and open that door; the exit status."""
    started_at = time.monotonic()
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return open_door(given, started_at)
    except BrokenPipeError:
        # The reader of our output has gone (``kioskd config | head``). What Python flushes at its end must not
        # complain a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE


def open_door(given: list[str], started_at: float) -> int:
    """The command behind that name."""
    if given[:1] == ["voice"]:
        # its own command line, so that the daemon's door need not load the voice room
        return voice(given[1:])
    options = parser().parse_args(given)
    doors: Mapping[str, Callable[[argparse.Namespace], int]] = {
        "check": check,
        "config": config,
        "devices": devices,
        "wiring": wiring,
        "lines": cli_lines.probe,
        "code": cli_code.code,
        "run": lambda options: run(options, started_at),
    }
    return doors[options.door](options)


if __name__ == "__main__":
    sys.exit(main())
