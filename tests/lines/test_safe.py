"""The helper that releases relays when the daemon is gone."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from kioskd.lines import safe
from kioskd.lines.lines import open_lines
from torture.wires import Wires

ROOT = Path(__file__).resolve().parent.parent.parent


def run(facts, board=None) -> tuple[int, str]:
    out = io.StringIO()
    chips = (lambda: board.seen()) if board is not None else safe.machine_chips
    return safe.release(str(facts), chips, out), out.getvalue()


@pytest.fixture
def facts(tmp_path):
    return tmp_path / "pins.json"


def die_with_relays_on(board, facts) -> None:
    """Two relays are on, and the process is gone: the kernel has its lines back, at the level they had."""
    lines = open_lines("gpio", None, board.seen())
    for pin, active in (("GPIO27", "high"), ("pcf8574:4", "low")):
        lines.relay(pin, active).on()
    lines.write_facts(str(facts))
    for pin, (relay, _) in lines._relays.items():
        relay.fuse.close()
        board.line(pin).request.release()


def test_every_relay_is_driven_to_the_level_that_releases_it(board, facts) -> None:
    die_with_relays_on(board, facts)
    assert run(facts, board) == (0, "")
    assert board.line("GPIO27").driven[-1] is False
    assert board.line("pcf8574:4").driven[-1] is True


def test_a_relay_that_cannot_be_released_is_told_and_the_others_are_released(board, facts) -> None:
    die_with_relays_on(board, facts)
    board.line("GPIO27").consumer = "gpio-hog"
    code, said = run(facts, board)
    assert code == 1 and "already taken by gpio-hog" in said and said.count("\n") == 1
    assert board.line("pcf8574:4").driven[-1] is True


def test_a_library_that_breaks_at_one_relay_does_not_keep_the_others_on(board, facts) -> None:
    die_with_relays_on(board, facts)
    seen = board.seen()
    request = seen.request

    def broken(pin, wish):
        if pin.endswith(":27"):
            raise RuntimeError("unexpected")
        return request(pin, wish)

    seen.request = broken
    out = io.StringIO()
    assert safe.release(str(facts), lambda: seen, out) == 1
    assert "unexpected" in out.getvalue() and board.line("pcf8574:4").driven[-1] is True


def test_a_machine_without_chip_is_told_in_one_sentence(board, facts) -> None:
    facts.write_text(json.dumps({"pins": "gpio", "relays": [{"pin": "GPIO27", "place": None, "active": "high"}]}))
    code, said = run(facts)
    assert code == 1
    assert said == (
        "A relay was not released: GPIO27 cannot be used: this machine has no GPIO chip (no /dev/gpiochip*).\n"
    )


def test_simulated_relays_need_nothing(facts) -> None:
    lines = open_lines("simulated", None)
    lines.relay("GPIO27", "high").on()
    lines.write_facts(str(facts))
    lines.close()
    assert run(facts) == (0, "")


def test_without_facts_there_is_nothing_to_release(facts) -> None:
    code, said = run(facts)
    assert code == 0 and "nothing to release" in said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"pins": "gpio"}',
        '{"pins": "gpio", "relays": 3}',
    ],
)
def test_facts_that_are_none_are_told(facts, text) -> None:
    facts.write_text(text)
    code, said = run(facts)
    assert code == 1 and "cannot be read, so no relay was released" in said


@pytest.mark.parametrize(
    "bad", [3, {"pin": "GPIO5", "place": None}, {"pin": "GPIO5", "place": None, "active": "on"}, {"active": "high"}]
)
def test_facts_of_which_one_relay_is_none_release_the_others(board, facts, bad) -> None:
    die_with_relays_on(board, facts)
    told = json.loads(facts.read_text())
    facts.write_text(json.dumps({**told, "relays": [bad, *told["relays"]]}))
    code, said = run(facts, board)
    assert code == 1 and said.startswith("A relay was not released: ") and said.count("\n") == 1
    assert board.line("GPIO27").driven[-1] is False and board.line("pcf8574:4").driven[-1] is True


def test_the_door_needs_neither_gpiozero_nor_yaml(facts) -> None:
    facts.write_text('{"pins": "simulated", "relays": []}')
    code = (
        "import sys, runpy; sys.argv = ['safe', sys.argv[1]]\n"
        "try:\n    runpy.run_module('kioskd.lines.safe', run_name='__main__')\n"
        "except SystemExit as end:\n    assert end.code == 0, end.code\n"
        "assert not {'gpiozero', 'yaml', 'gpiod', 'asyncio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(facts)], check=True, timeout=30)


def test_it_releases_where_neither_yaml_nor_gpiozero_can_be_imported(facts, tmp_path) -> None:
    wires = Wires.make(tmp_path / "gpiochip0")
    relays = [
        {"pin": "GPIO27", "place": "pinctrl-bcm2711:27", "active": "high"},
        {"pin": "GPIO5", "place": "pinctrl-bcm2711:5", "active": "low"},
    ]
    facts.write_text(json.dumps({"pins": "gpio", "relays": relays}))
    blocked = (
        "yaml",
        "gpiozero",
        "gpiozero.pins",
        "lgpio",
        "numpy",
        "asyncio",
        "kioskd.app",
        "kioskd.config",
        "kioskd.lines.zero",
    )
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked}))\n"
        "from torture.onwires import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, str(wires.folder), "safe", str(facts)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert [move.high for move in wires.moves(27)] == [False] and [move.high for move in wires.moves(5)] == [True]


def test_the_door_loads_little_because_a_door_is_open_meanwhile(facts) -> None:
    relays = [{"pin": "GPIO27", "place": "no-such-chip:27", "active": "high"}]
    facts.write_text(json.dumps({"pins": "gpio", "relays": relays}))
    code = (
        "import sys\nfrom kioskd.lines import kernel, safe\nkernel.drive = lambda place, high: True\n"
        "assert safe.main(['safe', sys.argv[1]]) == 0\n"
        "print(*{'gpiod', 'dataclasses', 'typing', 'logging', 'subprocess', 'socket'} & set(sys.modules))"
    )
    command = [sys.executable, "-S", "-c", code, str(facts)]
    env = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=env)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_the_door_says_how_it_is_used(capsys) -> None:
    assert safe.main(["safe"]) == 64
    assert "usage" in capsys.readouterr().err


def test_the_door_releases(facts, capsys) -> None:
    assert safe.main(["safe", str(facts)]) == 0
    assert "nothing to release" in capsys.readouterr().err
