"""The status page as figures: what a real Prometheus parser makes of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from kioskd.core.words import Link
from kioskd.ops.exposition import ROWS, exposition

PAGE: dict[str, Any] = {
    "version": "1.2",
    "kiosk": "Foyer „Süd“ \\ 1\n",
    "uptime_s": 12.5,
    "muted": False,
    "health": {"ok": True},
    "link": {"state": "ready", "for_s": 3.0, "attempts": 7, "bytes_up": 10, "bytes_down": 2**40},
    "audio": {
        "capture": {"state": "absent", "periods": 5, "xruns": 1, "dropped_ms": 250.0, "level_dbfs": -41.25},
        "playback": {"state": "asleep", "xruns": 2},
    },
    "counters": {
        "turns": 3,
        "ledger": {"state": "running", "committed": 2},
        "actions": {"relays": {"unlock_door": {"pulses": 2, "on": True, "stuck": ""}}},
    },
    "power": {"going": False, "blips": 3, "supply": {"weak": True}},
    "panel": {"panel": {"talk": {"stuck": True, "presses": 9}, "lamp": "idle", "mute": None, "troubles": []}},
}


def figures(page: dict[str, Any]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    found = {}
    for family in text_string_to_metric_families(exposition(page)):
        for sample in family.samples:
            found[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return found


def test_a_page_becomes_figures_with_units_and_labels() -> None:
    found = figures(PAGE)
    assert found["kioskd_info", (("kiosk", PAGE["kiosk"]), ("version", "1.2"))] == 1
    assert found["kioskd_uptime_seconds", ()] == 12.5 and found["kioskd_healthy", ()] == 1
    assert found["kioskd_link_bytes_total", (("direction", "down"),)] == 2**40
    assert found["kioskd_audio_dropped_seconds_total", (("device", "microphone"),)] == 0.25
    assert found["kioskd_microphone_level_dbfs", ()] == -41.25
    assert found["kioskd_relay_pulses_total", (("tool", "unlock_door"),)] == 2
    assert found["kioskd_relay_on", (("tool", "unlock_door"),)] == 1
    assert found["kioskd_button_stuck", (("button", "talk"),)] == 1
    assert found["kioskd_supply_weak", ()] == 1 and found["kioskd_power_going", ()] == 0


def test_a_state_is_one_row_for_each_that_exists_and_one_of_them_holds() -> None:
    states = {
        dict(labels)["state"]: value for (name, labels), value in figures(PAGE).items() if name == "kioskd_link_state"
    }
    assert set(states) == {one.value for one in Link}
    assert [state for state, value in states.items() if value] == ["ready"]
    assert figures(PAGE)["kioskd_part_state", (("part", "capture"), ("state", "absent"))] == 1


def test_what_the_page_does_not_have_is_left_out() -> None:
    assert set(name for name, _ in figures({})) == {"kioskd_info"}


def test_each_name_is_told_once_and_its_rows_stand_together() -> None:
    names = re.findall(r"^# TYPE (\S+) (counter|gauge)$", exposition(PAGE), re.MULTILINE)
    assert len(names) == len({name for name, _ in names})
    assert all((kind == "counter") == name.endswith("_total") for name, kind in names)
    assert all(re.fullmatch(r"[a-z_]+", row.name) and row.text.endswith(".") for row in ROWS)


@given(
    st.text(max_size=30),
    st.dictionaries(st.text(max_size=8), st.floats() | st.none() | st.text(max_size=5), max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_no_name_and_no_value_breaks_the_format(name: str, rows: dict[str, object]) -> None:
    page = {**PAGE, "kiosk": name, "counters": {"actions": {"relays": {name: rows}}}}
    assert any(sample_name == "kioskd_info" for sample_name, _ in figures(page))


def known() -> set[str]:
    return {name for name, _ in figures(PAGE)} | {f"kioskd_{row.name}" for row in ROWS}


def test_the_rules_and_the_dashboard_ask_for_figures_that_exist() -> None:
    rules = yaml.safe_load(Path("config/prometheus/kioskd.rules.yml").read_text())["groups"][0]["rules"]
    board = json.loads(Path("config/grafana/kioskd.json").read_text())
    asked = [rule["expr"] for rule in rules] + [one["expr"] for panel in board["panels"] for one in panel["targets"]]
    assert len(asked) > 20
    for expression in asked:
        names = re.findall(r"\bkioskd_\w+", expression)
        assert names and set(names) <= known(), expression
    assert all(rule["annotations"]["action"] for rule in rules)
