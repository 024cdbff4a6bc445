"""``kioskctl say TEXT``: has the kiosk speak, waits until it has, and says what became of it.

Standard library only, as all of ``kioskctl``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping

from kioskd.ctl_page import number
from kioskd.ctl_watch import clean, say as put

Ask = Callable[[Mapping[str, object]], Mapping[str, object]]

# Each question is a line in the daemon's journal: soon at first, for a kiosk that is free, and seldom later.
FIRST_POLLS_S, POLL_S = (0.3, 0.3, 0.4, 0.5, 0.5, 1.0), 2.0
# Rendering has its own deadline (60 s and the local voice's 8 at most), and an announcement is half a minute of speech.
PATIENCE_S = 130.0
# The daemon takes 500 characters; what is much more need not travel.
MOST_TEXT = 4000
STEPS = {
    "renders": "is being rendered",
    "waits": "waits until nobody uses the kiosk",
    "plays": "is being spoken",
}

HELP = """examples:
  kioskctl say "The shop closes in ten minutes."
  echo "The lift is out of order." | kioskctl say -
  kioskctl say --voice sophia "Dinner is served."

It waits for the visitor's conversation to end (announce.wait_s) and returns when it was spoken: exit status 0. Exit
status 1: nobody heard it, or not all of it; why is said.
"""


def add(doors: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The verb on the command line."""
    say = doors.add_parser(
        "say",
        help="speak a text: an announcement, behind whatever the kiosk says just now",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    say.add_argument("text", metavar="TEXT", nargs="+", help="plain text, or - for standard input")
    say.add_argument("--voice", default="", help="another voice than announce.voice (without a service: espeak-ng's)")
    say.add_argument("--json", action="store_true", help="for scripts: what became of it")


def run(options: argparse.Namespace, ask: Ask) -> int:
    """The command; its exit status."""
    try:
        text = text_of(options.text, sys.stdin.read)
    except ValueError as error:
        print(f"kioskctl: {error}", file=sys.stderr)
        return 1
    try:
        became = announce(ask, text, options.voice, to_terminal)
    finally:
        end_progress()
    if options.json:
        put(json.dumps(became, indent=2))
    elif told := sentence(became):
        print(f"kioskctl: {told}", file=sys.stderr)
    return 0 if spoken(became) else 1


def text_of(words: list[str], read: Callable[[int], str]) -> str:
    """What is to be said; ``-`` alone reads it.

    Raises:
        ValueError: it cannot be read; a sentence.
    """
    if words != ["-"]:
        return " ".join(words)
    try:
        text = read(MOST_TEXT + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"standard input cannot be read as text: {error}") from error
    if len(text) > MOST_TEXT:
        raise ValueError(f"standard input holds more than {MOST_TEXT} characters; that is no announcement")
    return text


def announce(
    ask: Ask, text: str, voice: str, show: Callable[[str], None], pause: Callable[[float], None] = time.sleep
) -> Mapping[str, object]:
    """Have it spoken; how it stood when it was over, or when nobody can wait any longer.

    Args:
        ask: one question on the change socket.
        show: told each new step.
        pause: waits so many seconds.
    """
    answer = ask({"do": "say", "text": text, "voice": voice})
    question = {"do": "say", "run": answer.get("run")}
    left_s = number(answer, "longest_s") + PATIENCE_S
    polls, step = list(FIRST_POLLS_S), ""
    while answer.get("running") is True and left_s > 0:
        if answer.get("state") != step:
            step = str(answer.get("state", ""))
            show(STEPS.get(step, clean(step)))
        wait_s = polls.pop(0) if polls else POLL_S
        pause(wait_s)
        left_s -= wait_s
        answer = ask(question)
    return answer


def to_terminal(step: str) -> None:
    """Progress, where a person watches; what is printed stays clean for a script."""
    if sys.stderr.isatty():
        print(f"\r\033[K  it {step} ...", end="", file=sys.stderr, flush=True)


def end_progress() -> None:
    """Take the line of progress away."""
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def spoken(answer: Mapping[str, object]) -> bool:
    """Whether it was played to its end."""
    return answer.get("state") == "played"


def sentence(answer: Mapping[str, object]) -> str:
    """What a person should know; empty when all is as it should be."""
    note, state = clean(answer.get("note") or ""), str(answer.get("state", ""))
    if spoken(answer):
        return f"spoken by the local voice: {note}" if note else ""
    if answer.get("running") is True:
        return f"it {STEPS.get(state, clean(state))} still, and will be spoken without you; see: kioskctl status"
    return f"not spoken to its end ({clean(state)}){': ' + note if note else ''}"
