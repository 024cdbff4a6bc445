"""The Debian package as far as a moment tells: what goes into it, where to, and what its scripts do with it.

That it installs, upgrades and goes again on Debian 12 and 13 is tried by ``scripts/package test``, in trees of its own.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import package
from benchmarks.figure import ProbeFailed

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("systemd", "packaging", "config", "docs", "README.md", "CHANGELOG.md")
# What the file's name says of its place.
PLACES = {
    ".service": "usr/lib/systemd/system",
    ".socket": "usr/lib/systemd/system",
    ".timer": "usr/lib/systemd/system",
    ".catalog": "usr/lib/systemd/catalog",
}


def stage(there: Path, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [str(root / "packaging" / "stage"), str(there), sys.executable]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    there = tmp_path_factory.mktemp("stage")
    done = stage(there)
    assert done.returncode == 0, done.stderr
    return there


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What packaging/stage reads, to be changed."""
    root = tmp_path / "project"
    root.mkdir()
    for name in PARTS:
        here = ROOT / name
        shutil.copytree(here, root / name) if here.is_dir() else shutil.copy(here, root / name)
    return root


def sources() -> list[Path]:
    return [path for path in (ROOT / "systemd").rglob("*") if path.is_file()]


def test_every_file_of_systemd_is_in_the_package(staged: Path) -> None:
    packed = {path.read_bytes() for path in staged.rglob("*") if path.is_file() and not path.is_symlink()}
    missing = [path.name for path in sources() if path.read_bytes() not in packed]
    assert missing == [] and len(sources()) >= 5


def test_what_systemd_reads_lies_where_systemd_looks(staged: Path) -> None:
    for path in sources():
        if path.parent.name != "systemd":
            # A drop-in lies ready, and changes nothing before its owner copies it.
            assert (staged / "usr/share/kioskd" / path.relative_to(ROOT / "systemd")).is_file()
        elif path.suffix in PLACES:
            assert (staged / PLACES[path.suffix] / path.name).is_file(), path.name
        else:
            kind, _, name = path.name.partition(".d-")
            place = f"usr/lib/{kind}.d/{name}" if kind in ("sysusers", "tmpfiles") else f"usr/share/kioskd/{path.name}"
            assert (staged / place).is_file(), path.name


def test_a_unit_that_is_added_comes_along_and_is_enabled(project: Path, tmp_path: Path) -> None:
    (project / "systemd" / "kioskd-new.timer").write_text("[Timer]\nOnBootSec=1\n\n[Install]\nWantedBy=timers.target\n")
    (project / "systemd" / "kioskd.service.d").mkdir()
    (project / "systemd" / "kioskd.service.d" / "quick.conf").write_text("[Service]\nNice=-5\n")
    assert stage(tmp_path / "out", project).returncode == 0
    assert (tmp_path / "out/usr/lib/systemd/system/kioskd-new.timer").is_file()
    assert (tmp_path / "out/usr/share/kioskd/kioskd.service.d/quick.conf").is_file()
    assert "for unit in kioskd-new.timer kioskd" in (tmp_path / "out/DEBIAN/postinst").read_text()


def test_a_file_whose_name_tells_no_place_is_refused(project: Path, tmp_path: Path) -> None:
    (project / "systemd" / "kioskd.surprise").write_text("")
    done = stage(tmp_path / "out", project)
    assert done.returncode == 1 and "systemd/kioskd.surprise" in done.stderr and done.stderr.count("\n") == 1


def test_the_scripts_of_the_package_are_whole(staged: Path) -> None:
    for name in ("postinst", "prerm", "postrm"):
        script = staged / "DEBIAN" / name
        text = script.read_text()
        assert subprocess.run(["sh", "-n", str(script)]).returncode == 0
        assert re.search("@[A-Z]+@", text) is None and os.access(script, os.X_OK)
        units = {path.name for path in (staged / "usr/lib/systemd/system").iterdir()}
        named = set(re.findall(r"kioskd[\w-]*@?\.(?:service|socket|timer)", text.replace("@*.", "@.")))
        assert named <= units, "a unit is named that is not there"
    assert "kioskd.service" in (staged / "DEBIAN/postinst").read_text()
    assert (staged / "DEBIAN/conffiles").read_text() == "/etc/kioskd/kioskd.yaml\n"


def test_pages_completion_and_rules_are_at_their_places(staged: Path) -> None:
    for page in ("man8/kioskd.8", "man1/kioskctl.1", "man5/kioskd.yaml.5"):
        assert b"SH NAME" in gzip.decompress((staged / "usr/share/man" / f"{page}.gz").read_bytes())
    script = "for name in kioskd kioskctl; do . ./$name; complete -p $name; done"
    folder = staged / "usr/share/bash-completion/completions"
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.count("complete ") == 2
    assert 'GROUP="gpio"' in (staged / "usr/lib/udev/rules.d/60-kioskd-gpio.rules").read_text()
    assert (staged / "etc/kioskd/kioskd.yaml").stat().st_mode & 0o777 == 0o640
    assert os.readlink(staged / "usr/bin/kioskctl") == "../lib/kioskd/venv/bin/kioskctl"


def test_every_override_of_lintian_has_its_reason() -> None:
    lines = (ROOT / "packaging" / "lintian-overrides").read_text().splitlines()
    for before, line in zip(["", *lines], lines):
        if not line.startswith("#"):
            assert before.startswith(("#", "kioskd")), f"no reason before: {line}"
    assert lines[0].startswith("#")


# -- scripts/package and scripts/install ---------------------------------------------------------------


def test_the_fingerprint_is_of_the_sources() -> None:
    command = [str(ROOT / "scripts" / "package"), "--fingerprint"]
    first = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert re.fullmatch("[0-9a-f]{32}", first)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--frobnicate",), "unknown option --frobnicate"),
        (("--out",), "--out wants a folder"),
        (("--revision", "A B"), "--revision wants"),
    ],
)
def test_a_mistaken_option_builds_nothing(words: tuple[str, ...], said: str) -> None:
    done = subprocess.run([str(ROOT / "scripts" / "package"), *words], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1


def test_only_root_installs() -> None:
    command = [str(ROOT / "scripts" / "install"), "kioskd.deb"]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid", "65534", "--clear-groups", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and done.stderr == "kioskd: root installs it: sudo scripts/install kioskd.deb\n"


def test_a_machine_that_cannot_emulate_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import package_trees

    other = "arm64" if package_trees.architecture() == "amd64" else "amd64"
    monkeypatch.setenv("PATH", f"{programs(tmp_path, 'debootstrap', 'unshare', 'nice')}:{os.environ['PATH']}")
    emulator = tmp_path / f"qemu-{package_trees.EMULATORS[other]}"
    for said in (None, "disabled\nflags: PF\n", "enabled\nflags: P\n"):
        if said is not None:
            emulator.write_text(said)
        with pytest.raises(package_trees.CannotBuild, match="apt-get install qemu-user-static") as failure:
            package_trees.check_machine(other, tmp_path)
    assert package_trees.answer(failure.value) == 75
    emulator.write_text("enabled\nflags: PF\n")
    package_trees.check_machine(other, tmp_path)


def programs(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).touch(mode=0o755)
    return folder


# -- the figure ----------------------------------------------------------------------------------------


def unpacked(tree: Path) -> Path:
    site = tree / "usr/lib/kioskd/venv/lib/python3.11/site-packages"
    for name, size in (
        ("numpy/core.so", 5),
        ("numpy.libs/blas.so", 20),
        ("pocketsphinx/model/en.bin", 30),
        ("a.py", 1),
    ):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(os.urandom(size * 100_000))
    (tree / "usr/share/doc/kioskd").mkdir(parents=True)
    (tree / "usr/share/doc/kioskd/README.md").write_bytes(os.urandom(2_000_000))
    return tree


def test_the_models_are_not_counted_and_libraries_are_named_with_what_they_bring(tmp_path: Path) -> None:
    measured = package.weigh(unpacked(tmp_path))
    mb: dict[str, Any] = dict(measured.detail["mb"])
    assert 4.6 < measured.value < 4.8 and 3.0 <= measured.detail["models_mb"] < 3.1
    assert 2.5 <= mb["numpy"] < 2.6 and 2.0 <= mb["documentation"] < 2.1 and mb["everything else"] < 0.3
    assert "numpy" in measured.story and "pocketsphinx" not in mb


def test_a_package_says_what_it_was_made_of(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        "Package: kioskd\nVersion: 1\nArchitecture: all\nMaintainer: a <a@a.invalid>\nDescription: a\n"
    )
    (tree / "usr/share/kioskd").mkdir(parents=True)
    for words, wanted in (("abc\n", "abc"), (None, "")):
        path = tree / "usr/share/kioskd/built-from"
        path.write_text(words) if words else path.unlink()
        subprocess.run(["dpkg-deb", "-b", str(tree), str(tmp_path / "k.deb")], check=True, capture_output=True)
        assert package.built_from(tmp_path / "k.deb") == wanted


def test_a_build_that_fails_is_a_failed_probe_with_its_sentence(tmp_path: Path) -> None:
    script = tmp_path / "package"
    script.write_text("#!/bin/sh\necho kioskd: fakeroot is missing >&2\nexit 1\n")
    script.chmod(0o755)
    with pytest.raises(ProbeFailed, match="package: kioskd: fakeroot is missing"):
        package.said(str(script))
