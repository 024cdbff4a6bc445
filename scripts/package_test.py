"""Tries the package in Debian trees: its whole life, scripts/install, and what lintian says of it.

scripts/package test                                         both releases, this machine's architecture
scripts/package test --release trixie --arch arm64           one of them, emulated if need be
scripts/package test --package FILE                          a package that is built already
scripts/package test --only life|board|lintian               a part
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Callable, Sequence

from appliance.host import ApplianceError, architecture
from package_board import board
from package_life import Row, live, older, variant
from package_trees import (
    EX_NOPERM,
    RELEASES,
    CannotBuild,
    StepFailed,
    Trees,
    answer,
    build,
    check_machine,
    common,
    enter,
    say,
)

PARTS = ("life", "board", "lintian")
NUMBERS = {"bookworm": "debian12", "trixie": "debian13"}


def linter(trees: Trees) -> Path:
    """A tree of this machine's architecture that has that release's lintian."""
    own = Trees(trees.release, architecture())
    if own.folder == trees.folder:
        return own.with_packages("lintian", "lintian")
    with own.lock():
        return own.with_packages("lintian", "lintian")


def lint(trees: Trees, package: Path, told: Callable[[Row], None]) -> None:
    """What that release's own lintian says; it reads packages of every architecture, so it is never emulated."""
    tree = linter(trees)
    words = ["--fail-on", "error,warning", "--tag-display-limit", "0", "--show-overrides", "--display-info"]
    done = enter(tree, "lintian", *words, f"/mnt/packages/{package.name}", binds={package.parent: "/mnt/packages"})
    kinds = Counter(line[:2] for line in done.stdout.splitlines())
    grave = [line for line in done.stdout.splitlines() if line[:2] in ("E:", "W:") or "unused-override" in line]
    for line in grave:
        print(f"    {line}", file=sys.stderr)
    version = enter(tree, "lintian", "--version").stdout.strip()
    said = (
        f"{version}: {kinds['E:']} errors, {kinds['W:']} warnings, {kinds['O:']} overridden with their reason; "
        f"{kinds['I:']} remarks, nearly all on what wheels bring"
    )
    # Status 2 says that there is something grave, and Debian 12's says so of what is overridden, too: the lines decide.
    told(Row(trees.folder.name, "lintian", done.returncode in (0, 2) and not grave and kinds["O:"] > 0, said))


def found(trees: Trees, given: Path | None) -> Path:
    """The package to be tried: the one that is given, or a fresh build."""
    return given.resolve() if given else build(trees, trees.folder / "packages", "--quick")


def attempt(trees: Trees, given: Path | None, parts: Sequence[str], told: Callable[[Row], None]) -> None:
    """Everything that is asked for, on one release."""
    new = found(trees, given)
    told(Row(trees.folder.name, "builds", True, f"{new.name}, {new.stat().st_size >> 20} MB"))
    if "lintian" in parts:
        lint(trees, new, told)
    if "life" in parts:
        live(trees, variant(new, f"0.0.9~{NUMBERS[trees.release]}", older), new, told)
    if "board" in parts:
        board(trees, new, trees.arch == architecture(), told)


def tell(row: Row) -> None:
    """As it comes."""
    print(f"{'ok  ' if row.ok else 'FAIL'} {row.where}: {row.clause}: {row.said}", flush=True)


def main(given: Sequence[str] | None = None) -> int:
    """Try it; exit status 0 when every clause held."""
    parser = common("scripts/package test")
    parser.add_argument("--package", type=Path, help="a package that is built already, of that release")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part; default: all")
    options = parser.parse_args(given)
    parts = options.only or PARTS
    rows: list[Row] = []

    def told(row: Row) -> None:
        rows.append(row)
        tell(row)

    began = time.monotonic()
    try:
        check_machine(options.arch)
        if os.geteuid() != 0:
            say("root makes the trees (debootstrap, chroot): sudo scripts/package test")
            return EX_NOPERM
        for release in [options.release] if options.release else RELEASES:
            trees = Trees(release, options.arch)
            with trees.lock():
                attempt(trees, options.package, parts, told)
    except (CannotBuild, StepFailed, ApplianceError) as error:
        return answer(error)
    bad = [row for row in rows if not row.ok]
    print(f"{len(rows) - len(bad)} of {len(rows)} clauses held, {time.monotonic() - began:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
