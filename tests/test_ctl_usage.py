"""kioskctl usage: a page for people, the daemon's own answer for scripts, and the kept file where no daemon runs."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd import ctl, ctl_usage
from kioskd.config.budget import Budget, Limits
from kioskd.core.books import Books, Now
from kioskd.core.budget import judge
from kioskd.core.tally import Tally
from kioskd.core.usage_page import days_asked, page as made
from kioskd.ops.control import Control
from kioskd.ops.meter import NAME, Snapshot, save
from kioskd.ops.timeline import Timeline

SERVICES = {"hydra-1": False, "local-2": True}
NO_GROUPS = {"look.sock": "no-such-group-here", "change.sock": "no-such-group-here"}
BUDGET = Budget(
    when_spent="local", price_per_minute=0.05, day=Limits(session_minutes=60, cost=10), hour=Limits(turns=200)
)


def books() -> Books:
    wall, offset = time.time(), time.localtime().tm_gmtoff
    one = Books(Now(wall - 86400, offset, 100.0))
    one.book("hydra-1", Tally(60, 1, 3, 4, 1, 2_000_000, 3_000_000, {"total_tokens": 1234}))
    one.tick(Now(wall, offset, 86500.0))
    one.book("hydra-1", Tally(3000, 5, 5, 40, 2, 9_000_000, 12_000_000, {"total_tokens": 5000}))
    one.book("local-2", Tally(turns=2))
    return one


def answer(budget: Budget = BUDGET, days: int = 7) -> dict[str, Any]:
    kept = books()
    verdict = judge(budget, kept.this_hour, kept.today, SERVICES)
    return {"kiosk": "Front door", **made(kept, budget, verdict, SERVICES, days), "kept": {"problem": "", "note": ""}}


def plain(_: str, text: str) -> str:
    return text


def shown(usage: dict[str, Any]) -> list[str]:
    return list(ctl_usage.page(usage, plain))


def line(lines: list[str], begin: str) -> list[str]:
    """The cells of the row that begins so."""
    (found,) = [one for one in lines if one.strip().startswith(begin)]
    return found.strip().removeprefix(begin).split()


# -- the page ----------------------------------------------------------------------------------------


def test_the_budget_comes_first_with_a_bar_for_each_limit() -> None:
    lines = shown(answer())
    assert lines[0] == "Front door: usage"
    assert lines[1] == "  ! the budget is nearly spent: 50 of 60 session minutes of this day are used"
    assert lines[2] == "  all, hour  [####....................] 40 of 200 turns, 20 %"
    assert lines[3] == "  all, day   [####################....] 50 of 60 session minutes, 83 %"
    assert lines[4] == "  all, day   [######..................] 2.5 of 10 EUR, 25 %"


def test_today_this_hour_the_days_before_and_each_service_have_a_row() -> None:
    lines = shown(answer())
    assert line(lines, "today") == "5 50 min 0 s 42 2 9.0 MB 12.0 MB 2.50".split()
    assert line(lines, "this hour") == line(lines, "today")
    assert line(lines, "7 days") == "6 (+2 failed) 51 min 0 s 46 3 11.0 MB 15.0 MB 2.55".split()
    assert line(lines, "hydra-1, 7 days")[0] == "6" and line(lines, "local-2, today")[-1] == "0.00"
    assert line(lines, "hydra-1:") == ["total_tokens", "6234"]
    head = next(one for one in lines if "sessions" in one and "turns" in one)
    widths = {len(one) for one in lines[lines.index(head) :] if one.startswith("  ") and "hydra-1:" not in one}
    assert len({width for width in widths if width == len(head)}) == 1


def test_without_prices_there_is_no_cost_and_without_limits_that_is_said() -> None:
    lines = shown(answer(Budget()))
    assert "cost" not in "\n".join(lines) and "no budget is set" in lines[1]


def test_a_spent_budget_and_a_broken_file_are_told() -> None:
    usage = answer(Budget(when_spent="refuse", day=Limits(turns=10)))
    usage["kept"]["problem"] = "what was used cannot be written"
    text = "\n".join(shown(usage))
    assert "! the budget is spent: 42 of 10 turns of this day are used; no service is called before midnight" in text
    assert "[########################] 42 of 10 turns, 420 %" in text and "! what was used cannot be written" in text


def test_a_service_cannot_steer_the_terminal() -> None:
    usage = answer()
    usage["sum"]["services"]["hydra-1"]["usage"] = {"\x1b[31mtokens": 1}
    usage["kiosk"] = "\x1b]0;x"
    assert "\x1b" not in "\n".join(shown(usage))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from("today hour days sum services currency budget kept kiosk".split()), values)
def test_a_page_of_another_version_is_still_a_page(name: str, value: Any) -> None:
    assert shown({**json.loads(json.dumps(answer())), name: value})


# -- the command -------------------------------------------------------------------------------------


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime directory, short enough for a socket; nothing else is found."""
    path = Path(tempfile.mkdtemp(prefix="kioskd-"))
    monkeypatch.setattr(ctl, "SYSTEM_FOLDER", str(path / "system"))
    monkeypatch.delenv("KIOSKD_RUNTIME_DIR", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def daemon(folder: Path) -> Iterator[Path]:
    """Control in a thread of its own, as another process would be."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    looks = {"usage": lambda request: {"usage": answer(days=days_asked(request))}}
    control = Control(str(folder), dict, {}, Timeline(None, None, 0.0), looks=looks, groups=NO_GROUPS)

    def do(coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, loop).result(10)

    do(control.start())
    yield folder
    do(control.aclose())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def run(folder: Path, *arguments: str) -> int:
    return ctl.main(["--runtime-dir", str(folder), "usage", *arguments])


def test_people_get_a_page(daemon: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(daemon) == 0
    assert capsys.readouterr().out.startswith("Front door: usage\n")


def test_scripts_get_as_many_days_as_they_ask_for(daemon: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(daemon, "--json", "--days", "3") == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["days"]) == 3 and found["version"] == 1


@pytest.mark.parametrize("days", ["0", "401", "-1", "x", "1.5", "9999999"])
def test_days_that_are_not_kept_are_a_sentence(days: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(folder, f"--days={days}")
    assert ended.value.code == 2 and "1 to 400; that many days are kept" in capsys.readouterr().err


def test_without_a_daemon_the_kept_file_is_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = books()
    save(str(folder / NAME), Snapshot(kept.hours, kept.days))
    assert run(folder, "--state-dir", str(folder)) == 0
    out = capsys.readouterr().out
    assert "no kioskd runs here" in out and line(out.splitlines(), "today")[5] == "42"
    assert "budget" not in out, "nobody knows it without the configuration"
    assert run(folder, "--state-dir", str(folder), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kept"]["from_file"] is True and found["today"]["total"]["turns"] == 42


def test_a_kept_file_that_is_damaged_is_shown_as_far_as_it_goes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = books()
    save(str(folder / NAME), Snapshot(kept.hours, kept.days))
    (folder / NAME).write_bytes((folder / NAME).read_bytes()[:-5])
    assert run(folder, "--state-dir", str(folder)) == 0
    assert "1 of its lines cannot be understood" in capsys.readouterr().out


def test_without_a_daemon_and_without_a_file_it_says_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--state-dir", str(folder)) == ctl.EXIT_UNAVAILABLE
    told = capsys.readouterr().err
    assert "systemctl start kioskd" in told and f"{folder}/{NAME} cannot be read either (No such file" in told


def test_a_daemon_that_does_not_know_it_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def old() -> int:
        control = Control(str(folder), dict, {}, Timeline(None, None, 0.0), groups=NO_GROUPS)
        await control.start()
        code = await asyncio.to_thread(run, folder)
        await control.aclose()
        return code

    assert asyncio.run(old()) == 1
    assert "no such request" in capsys.readouterr().err


def test_its_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ctl.main(["usage", "--help"])
    assert "kioskctl usage --days 31" in capsys.readouterr().out


def test_asking_a_daemon_loads_nothing_heavy(daemon: Path) -> None:
    code = (
        "import sys; from kioskd import ctl; ctl.main(sys.argv[1:]);"
        "print(*sorted(set(sys.modules) & {'asyncio', 'dataclasses', 'datetime', 'yaml', 'kioskd.core.books'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--runtime-dir", str(daemon), "usage"], capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == ""
