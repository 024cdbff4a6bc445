"""The manual pages and bash's completion, made from what the command lines and the configuration say of themselves.

``python -m kioskd.manual FOLDER`` writes kioskd.8, kioskctl.1 and kioskd.yaml.5, in the language of man(7), and
kioskd.bash.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from typing import Any, Iterator, Sequence

from kioskd import __version__, cli, ctl
from kioskd.config.keys import Key, join, keys, number, words
from kioskd.config.sections import Config

_MOMENTS = {"live": "at once", "session": "with the next session", "restart": "with the next start"}
_FILES = (
    ("/etc/kioskd/kioskd.yaml", "the configuration; see kioskd.yaml(5)"),
    ("/var/lib/kioskd", "the ledger of tool calls, and what must survive a restart"),
    ("/run/kioskd/look.sock, change.sock", "where kioskctl(1) asks; the groups kioskd and kioskd-admin may"),
)
_EXIT_KIOSKD = (
    ("0", "an orderly end"),
    ("69", "something that is needed does not serve"),
    ("70", "a part stood still or died; the journal says which, and systemd starts it again"),
    ("75", "another kioskd has this runtime folder"),
    ("78", "the configuration has mistakes, and none was good before"),
)


def pages() -> dict[str, str]:
    """File name to text."""
    return {
        "kioskd.8": kioskd_8(),
        "kioskctl.1": kioskctl_1(),
        "kioskd.yaml.5": kioskd_yaml_5(),
        "kioskd.bash": completion(),
    }


def kioskd_8() -> str:
    """The daemon."""
    return _page(
        "kioskd",
        8,
        "voice kiosk daemon",
        [
            *_synopsis("kioskd", cli.parser()),
            *_heading("DESCRIPTION"),
            "kioskd makes a voice appliance of a small board: it listens, it asks a speech service, it answers, and it",
            "does what the service asks for as far as its own policy allows. systemd runs it; kioskctl(1) looks at it.",
            *_commands(cli.parser()),
            *_pairs("FILES", _FILES),
            *_pairs("EXIT STATUS", _EXIT_KIOSKD),
            *_heading("SEE ALSO"),
            ".BR kioskctl (1),",
            ".BR kioskd.yaml (5)",
        ],
    )


def kioskctl_1() -> str:
    """The side door."""
    return _page(
        "kioskctl",
        1,
        "look at a running kioskd, and change it",
        [
            *_synopsis("kioskctl", ctl.parser()),
            *_commands(ctl.parser()),
            *_heading("EXAMPLES AND EXIT STATUS"),
            *_verbatim(ctl.EPILOG),
            *_heading("SEE ALSO"),
            ".BR kioskd (8),",
            ".BR kioskd.yaml (5)",
        ],
    )


def kioskd_yaml_5() -> str:
    """The configuration."""
    return _page(
        "kioskd.yaml",
        5,
        "configuration of kioskd",
        [
            *_heading("DESCRIPTION"),
            "One YAML file. A key that is not known, or a value out of its bounds, is a mistake;",
            ".B kioskd check",
            "names all of them at once, each with its line and the way out. Every key but those marked",
            ".I required",
            "may be left out.",
            *_heading("KEYS"),
            *(line for path, key in schema() for line in _described(path, key)),
            *_heading("SEE ALSO"),
            ".BR kioskd (8),",
            ".BR kioskctl (1)",
        ],
    )


def completion() -> str:
    """For bash: commands, then their options; files behind both."""
    lines = ["# Completion for bash: source it, or put it into /usr/share/bash-completion/completions."]
    for name, top in (("kioskd", cli.parser()), ("kioskctl", ctl.parser())):
        commands = _subcommands(top)
        lines += [f"_{name}() {{", "    local words"]
        lines += ["    case ${COMP_WORDS[1]} in"]
        for command, parser in commands.items():
            offered = sorted({word for action in parser._actions for word in _offered(action)})
            lines.append(f'        {command}) words="{" ".join(offered)}" ;;')
        lines += ["        *) words= ;;", "    esac"]
        lines.append(f'    [ "$COMP_CWORD" -gt 1 ] || words="{" ".join(commands)}"')
        lines.append('    COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))')
        lines += ["}", f"complete -o default -F _{name} {name}"]
    return "\n".join([*lines, ""])


def _offered(action: argparse.Action) -> list[str]:
    return [word for word in action.option_strings if word.startswith("--")] or list(action.choices or ())


def schema(section: type = Config, path: str = "") -> Iterator[tuple[str, Key]]:
    """Each key with its path, a list's items as ``[]``; what stands within itself is followed once."""
    for key in keys(section):
        here = join(path, key.name) + ("[]" if key.many else "")
        yield here, key
        if key.is_section:
            yield from schema(key.kind, here)


def _described(path: str, key: Key) -> Iterator[str]:
    yield ".TP"
    yield f".B {_escaped(path)}"
    yield _escaped(f"{key.doc[:1].upper()}{key.doc[1:]}.")
    yield _escaped(f"({'; '.join(_facts(key))})")


def _facts(key: Key) -> Iterator[str]:
    if key.is_section:
        yield "a list of groups" if key.many else "a group"
    else:
        kind = {str: "text", int: "whole number", float: "number", bool: "true or false"}.get(key.kind, "a group")
        yield words(key.choices) if key.choices else f"list of {kind}" if key.many else kind
        if key.bounds:
            yield key.bounds
    if key.required:
        yield "required"
    elif (shown := _default(key.default)) is not None and "default" not in key.doc:
        yield f"default: {shown}"
    yield f"takes effect {_MOMENTS[key.applies]}"


def _default(value: Any) -> str | None:
    """A default as the file would write it; None where a line has no room for it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, str):
        return value if value and "\n" not in value and len(value) < 60 else None
    if dataclasses.is_dataclass(value) or isinstance(value, (tuple, dict)):
        return None
    return str(value)


# -- the language of man(7) ---------------------------------------------------------------------------


def _page(name: str, section: int, purpose: str, body: Sequence[str]) -> str:
    head = [f'.TH {name.upper()} {section} "" "kioskd {__version__}" "kioskd"', *_heading("NAME")]
    return "\n".join([*head, f"{name} \\- {purpose}", *body, ""])


def _heading(text: str) -> list[str]:
    return [f".SH {text}"]


def _synopsis(name: str, top: argparse.ArgumentParser) -> Iterator[str]:
    yield from _heading("SYNOPSIS")
    for command, parser in _subcommands(top).items():
        usage = " ".join(parser.format_usage().split()[1:]) if parser.add_help else f"{name} {command} [options]"
        yield f".B {_escaped(name)}"
        yield _escaped(usage.removeprefix(f"{name} ").replace("[-h] ", "").removesuffix("[-h]").strip())
        yield ".br"


def _commands(top: argparse.ArgumentParser) -> Iterator[str]:
    yield from _heading("COMMANDS")
    for command, parser in _subcommands(top).items():
        yield f".SS {_escaped(command)}"
        yield from _verbatim(parser.format_help()) if parser.add_help else [f"See {_escaped(parser.prog)} \\-\\-help."]


def _subcommands(top: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    # argparse has no public way to ask for them.
    return next(action.choices for action in top._actions if isinstance(action, argparse._SubParsersAction))


def _pairs(heading: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    yield from _heading(heading)
    for name, text in rows:
        yield from (".TP", f".B {_escaped(name)}", _escaped(f"{text}."))


def _verbatim(text: str) -> Iterator[str]:
    yield ".nf"
    yield from (_escaped(line) for line in text.rstrip().splitlines())
    yield ".fi"


def _escaped(text: str) -> str:
    """A line that man(7) takes for text and nothing else."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text[:1] in (".", "'") else text


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages into a folder."""
    parser = argparse.ArgumentParser(prog="python -m kioskd.manual", description="Write the manual pages.")
    parser.add_argument("folder", metavar="FOLDER")
    folder = parser.parse_args(arguments).folder
    # Help texts are as wide as the terminal otherwise, and a page would be another one on another screen.
    os.environ["COLUMNS"] = "80"
    try:
        os.makedirs(folder, exist_ok=True)
        for name, text in pages().items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        print(f"{error.filename} cannot be written: {error.strerror}", file=sys.stderr)
        return 73
    print(f"{folder}: {', '.join(pages())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
