"""A code becomes a hash, and is kept nowhere."""

from __future__ import annotations

import subprocess
import sys

from kioskd.actions.codes import matches


def code(typed: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kioskd", "code"]
    return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60)


def test_a_code_from_a_pipe_becomes_a_hash_that_matches_it() -> None:
    done = code("471199\n")
    assert done.returncode == 0 and done.stderr == ""
    assert matches("471199", done.stdout.strip()) and "471199" not in done.stdout
    assert code("471199\n").stdout != done.stdout, "each has a salt of its own"


def test_what_is_no_code_is_a_sentence_that_does_not_repeat_it() -> None:
    for wrong in ("12\n", "0000\n", "pa55word\n", "\n"):
        done = code(wrong)
        assert done.returncode == 65 and done.stdout == "" and done.stderr.startswith("kioskd code: ")
        assert wrong.strip() == "" or wrong.strip() not in done.stderr
