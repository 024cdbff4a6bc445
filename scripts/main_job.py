"""kioskd's main job, played by real programs: a visitor's sentence goes in, a door opens, an answer comes out.

scripts/run                           the door opens once, after the button was held
scripts/run --say "what time is it"   another sentence; the door must stay shut
scripts/run --no-confirm              nobody holds the button; the door must stay shut, exit status 1
scripts/run --out DIR                 keep request.wav answer.wav timeline.jsonl wire.jsonl ledger.db there
scripts/run --live                    this machine's own microphone and speaker; Enter is the button
scripts/run --serve                   stay up as a daemon on simulated hardware, for kioskctl
"""

from __future__ import annotations

import argparse
import re
import sqlite3
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from listen_back import hear, words
from stage import (
    ANSWERS,
    DOOR,
    PHRASES,
    SERVE_CONFIRM_S,
    SERVE_EVERY_S,
    SERVE_TIMES,
    TOOLS,
    Stage,
    StageError,
)
from story import Story

from kioskd.voice.intents import Kind, expected_tool, understand
from kioskd.voice.sentences import CONTRARY, GREETING, NEGATED, NOT_UNDERSTOOD, WELCOME, spoken_time

REQUEST = "Please unlock the front door."
# The whole conversation takes about 15 s; a slow emulated board is given eight times that.
LONGEST_S = 120.0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", metavar="DIR", type=Path, help="where the files go (default: a temporary folder)")
    parser.add_argument("--say", metavar="TEXT", default=REQUEST, help=f"what the visitor says (default: {REQUEST!r})")
    parser.add_argument("--no-confirm", action="store_true", help="hold no button")
    parser.add_argument("--live", action="store_true", help="use this machine's microphone and speaker")
    parser.add_argument("--serve", action="store_true", help="stay up until Ctrl-C")
    return parser.parse_args()


def pulses(out: Path) -> tuple[int, int]:
    """From the ledger: intents of the door, and those that ended as done."""
    with sqlite3.connect(f"file:{out / 'ledger.db'}?mode=ro", uri=True) as ledger:
        rows = ledger.execute("SELECT outcome FROM calls WHERE tool = ? AND intent_at IS NOT NULL", (DOOR,)).fetchall()
    return len(rows), sum(1 for (outcome,) in rows if outcome == "done")


def judge(stage: Stage, asked: str | None, live: bool) -> tuple[bool, str]:
    """Whether what was asked happened, and the sentence that says so."""
    on, done = stage.relay_on, stage.relay_off
    intents, outcomes = pulses(stage.out)
    if stage.lost:
        return False, (
            f"the door stayed shut, the turn was {stage.lost}" if not on else f"the relay moved, yet {stage.lost}"
        )
    if asked != DOOR:
        if on:
            return False, f"the relay moved {on} times although nobody asked for the door"
        return answered(stage, "the door stayed shut, as it should: it was not asked for", other_answers(stage.say))
    if not stage.confirm:
        moved = f"the relay moved {on} times WITHOUT a confirmation" if on else "nobody held the button"
        return False, f"the door stayed shut: {moved}" if not on else moved
    if not stage.asked_hand:
        return False, "the door stayed shut: the tool call never came to the point of a confirmation"
    if (on, done, intents, outcomes) != (1, 1, 1, 1):
        return (
            False,
            f"the relay went on {on} times and off {done} times; the ledger has {intents} intents, {outcomes} done",
        )
    if live:
        return True, "the door opened exactly once"
    return answered(stage, "the door opened exactly once", [ANSWERS["door"]])


def other_answers(say: str) -> list[str]:
    """What the service may answer to a sentence that asks for no tool; any of these will do."""
    kind = understand(say, TOOLS).kind
    if kind is Kind.TIME:
        now = datetime.now()
        spoken = [now - timedelta(minutes=ago) for ago in (0, 1)]
        return [spoken_time(moment.hour, moment.minute) for moment in spoken]
    known = {Kind.GREETING: [GREETING], Kind.THANKS: [WELCOME]}
    return known.get(kind, [NOT_UNDERSTOOD, NEGATED, CONTRARY, "You can say: " + PHRASES[0] + "."])


def sentences(answer: str) -> list[str]:
    """Its sentences, as the recogniser writes them."""
    return [words(part) for part in re.split(r"[.?!]", answer) if words(part)]


def answered(stage: Stage, so_far: str, expected: list[str]) -> tuple[bool, str]:
    """Let the independent recogniser listen to answer.wav; any of the expected answers, whole, is enough."""
    wav = stage.out / "answer.wav"
    wanted = [sentences(answer) for answer in expected]
    heard = hear(wav, [text for answer in wanted for text in answer]) if wav.exists() else []
    stage.story.line(f"An independent recogniser hears in answer.wav: {heard or 'nothing it knows'}")
    if not any(set(answer) <= set(heard) for answer in wanted):
        return False, f"{so_far}, but the recogniser does not find the answer ({expected[0]!r})"
    return True, f"{so_far}, and the answer was heard"


def play(stage: Stage, options: argparse.Namespace) -> int:
    """The one conversation."""
    story = stage.story
    asked = expected_tool(options.say, TOOLS) if not options.live else DOOR
    if options.live:
        story.line(f'Say "{REQUEST}" and press Enter when you are asked to hold the button. Ctrl-C ends.')
    else:
        story.line(f'The visitor says: "{options.say}"')
    stage.conversation(LONGEST_S)
    stage.stop()
    good, sentence = judge(stage, asked, options.live)
    story.line()
    story.verdict(good, sentence)
    story.line(f"Files: {stage.out}")
    return 0 if good else 1


def serve(stage: Stage) -> int:
    """Stay up for kioskctl."""
    ctl = f".venv/bin/kioskctl --runtime-dir {stage.runtime}"
    stage.story.line("kioskd is up on simulated hardware. Try, in another terminal:")
    for command in ("status", "watch", "doctor", "audit tail", "panel press talk", "panel release talk"):
        stage.story.line(f"  {ctl} {command}")
    stage.story.line(f"Its configuration is {stage.out / 'kiosk.yaml'}: change a copy of it, then")
    stage.story.line(f"  {ctl} apply COPY --dry-run")
    stage.story.line(f"A visitor asks for the door {SERVE_TIMES} times, every {SERVE_EVERY_S:g} s. When the lamp says")
    stage.story.line(f"confirm, you have {SERVE_CONFIRM_S} s to press talk, and to release it after a second.")
    stage.story.line("Ctrl-C ends it.")
    return stage.stay()


def main() -> int:
    """Set the stage, play, judge."""
    options = arguments()
    out: Path = options.out or Path(tempfile.mkdtemp(prefix="kioskd-run-"))
    story = Story()
    try:
        stage = Stage(out, story, confirm=not options.no_confirm, live=options.live, serve=options.serve)
    except StageError as error:
        story.verdict(False, str(error))
        return 1
    try:
        stage.open(options.say)
        return serve(stage) if options.serve else play(stage, options)
    except StageError as error:
        stage.story.verdict(False, str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        stage.close()


if __name__ == "__main__":
    sys.exit(main())
