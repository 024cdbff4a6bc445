"""Which configuration a start runs."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import pytest

from kioskd.boot import FILE, LAST_GOOD, ON_TRIAL, RESTART_S, NothingRuns, choose
from kioskd.config import trial as trials
from kioskd.config.goods import Goods, fingerprint
from kioskd.config.trial import KEPT, RUNNING, STARTING, Trial

BROKEN = "volume: [\n"


def keep(kiosk: Any, text: str) -> None:
    Goods(str(kiosk.folder / "state")).keep(text.encode())


def on_trial(kiosk: Any, text: str, state: str = STARTING, ago_s: float = 1.0, **more: Any) -> None:
    Path(f"{kiosk.path}.trial").write_text(text)
    began = time.clock_gettime(time.CLOCK_BOOTTIME) - ago_s
    marker = Trial(fingerprint(text.encode()), state, began, 15.0, 0.0, restart=True, boot=trials.boot_id())
    trials.write(str(kiosk.folder / "run"), dataclasses.replace(marker, **more))


def marker(kiosk: Any) -> Trial:
    found = trials.read(str(kiosk.folder / "run"), trials.boot_id())
    assert found is not None
    return found


def test_the_file_runs_when_it_checks(kiosk_file: Any) -> None:
    config, source = choose(str(kiosk_file.path), {})
    assert config.kiosk.name == "Front door" and source.running == FILE and not source.problem
    assert source.data == kiosk_file.path.read_bytes() and source.trial is None


@pytest.mark.parametrize("spoil", ["broken", "empty", "gone", "torn", "binary"])
def test_the_last_good_one_runs_in_place_of_one_that_does_not_check(kiosk_file: Any, spoil: str) -> None:
    env = {"STATE_DIRECTORY": str(kiosk_file.folder / "state")}
    keep(kiosk_file, kiosk_file.but("Front door", "Good door"))
    if spoil == "gone":
        kiosk_file.path.unlink()
    else:
        whole = kiosk_file.text.encode()
        texts = {
            "broken": whole + BROKEN.encode(),
            "empty": b"",
            "torn": whole[: whole.index(b'"ws:') + 9],
            "binary": b"\xff\x00" * 50,
        }
        kiosk_file.path.write_bytes(texts[spoil])
    config, source = choose(str(kiosk_file.path), env)
    assert config.kiosk.name == "Good door" and source.running == LAST_GOOD
    assert "The last good configuration runs in its place" in source.problem and str(kiosk_file.path) in source.problem


def test_a_broken_file_still_says_where_its_state_is(kiosk_file: Any) -> None:
    keep(kiosk_file, kiosk_file.but("Front door", "Good door"))
    folder = kiosk_file.folder
    kiosk_file.path.write_text(f'ops:\n  state_dir: "{folder}/state"\n  runtime_dir: {folder}/run\n{BROKEN}')
    assert choose(str(kiosk_file.path), {})[0].kiosk.name == "Good door"


def test_a_good_one_that_this_version_does_not_take_is_passed_over(kiosk_file: Any) -> None:
    keep(kiosk_file, kiosk_file.but("Front door", "Older door"))
    keep(kiosk_file, kiosk_file.text + BROKEN)
    kiosk_file.path.write_text(BROKEN)
    env = {"STATE_DIRECTORY": f"{kiosk_file.folder}/state:/elsewhere"}
    assert choose(str(kiosk_file.path), env)[0].kiosk.name == "Older door"


def test_without_any_good_one_nothing_runs_and_the_mistakes_are_told(kiosk_file: Any) -> None:
    kiosk_file.path.write_text(kiosk_file.text + BROKEN)
    with pytest.raises(NothingRuns) as nothing:
        choose(str(kiosk_file.path), {})
    assert nothing.value.problems and str(kiosk_file.path) in str(nothing.value.problems[0])


def test_an_empty_file_runs_with_defaults_only_where_nothing_was_good(kiosk_file: Any) -> None:
    kiosk_file.path.write_text("")
    assert choose(str(kiosk_file.path), {})[1].running == FILE


def test_what_is_on_trial_runs_once(kiosk_file: Any) -> None:
    on_trial(kiosk_file, kiosk_file.but("Front door", "New door"))
    config, source = choose(str(kiosk_file.path), {})
    assert config.kiosk.name == "New door" and source.running == ON_TRIAL
    assert source.trial is not None and source.trial.state == RUNNING and source.trial.until > source.trial.began + 15
    config, source = choose(str(kiosk_file.path), {})
    assert config.kiosk.name == "Front door" and source.running == FILE
    assert marker(kiosk_file).reason == "kioskd ended while it was on trial"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"ago_s": RESTART_S + 1}, "not started again within 120 s"),
        ({"sha256": "00" * 32}, "not there any more"),
        ({"state": RUNNING}, "ended while it was on trial"),
    ],
)
def test_a_trial_that_is_over_does_not_run(kiosk_file: Any, more: dict[str, Any], said: str) -> None:
    on_trial(kiosk_file, kiosk_file.but("Front door", "New door"), **more)
    config, source = choose(str(kiosk_file.path), {})
    assert config.kiosk.name == "Front door" and source.trial is not None and said in source.trial.reason
    assert marker(kiosk_file).ended


def test_a_trial_that_does_not_check_does_not_run(kiosk_file: Any) -> None:
    on_trial(kiosk_file, kiosk_file.text + BROKEN)
    config, source = choose(str(kiosk_file.path), {})
    assert config.kiosk.name == "Front door" and source.trial is not None
    assert source.trial.reason.startswith("it does not check: ")


def test_a_trial_does_not_survive_a_power_cut(kiosk_file: Any) -> None:
    on_trial(kiosk_file, kiosk_file.but("Front door", "New door"), boot="the one before")
    config, source = choose(str(kiosk_file.path), {})
    assert config.kiosk.name == "Front door" and source.trial is None


def test_a_trial_mends_what_the_last_good_one_runs_in_place_of(kiosk_file: Any) -> None:
    keep(kiosk_file, kiosk_file.text)
    kiosk_file.path.write_text(kiosk_file.text + BROKEN)
    on_trial(kiosk_file, kiosk_file.but("Front door", "New door"))
    assert choose(str(kiosk_file.path), {})[0].kiosk.name == "New door"


def test_a_daemon_that_ends_right_after_the_move_says_that_it_was_kept(kiosk_file: Any) -> None:
    """Else the hand, which asks the next one, is told that it went back, and puts the old file under the new kiosk."""
    new = kiosk_file.but("Front door", "New door")
    on_trial(kiosk_file, new, RUNNING, until=time.clock_gettime(time.CLOCK_BOOTTIME) - 1)
    Path(f"{kiosk_file.path}.trial").rename(kiosk_file.path)
    config, source = choose(str(kiosk_file.path), {})
    assert config.kiosk.name == "New door" and source.running == FILE
    assert source.trial is not None and source.trial.state == KEPT == marker(kiosk_file).state


def test_the_same_file_tried_anew_is_not_kept_by_a_daemon_that_it_ended(kiosk_file: Any) -> None:
    on_trial(kiosk_file, kiosk_file.text, RUNNING, until=time.clock_gettime(time.CLOCK_BOOTTIME) + 9)
    source = choose(str(kiosk_file.path), {})[1]
    assert source.trial is not None and source.trial.reason == "kioskd ended while it was on trial"
