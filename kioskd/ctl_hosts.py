"""``kioskctl --host user@box ...``: the same command on another box, through ssh.

The remote shell sees one word for each of ours. Of a file that is applied the content travels, with its fingerprint.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from kioskd.ctl_reach import DEGRADED, EXIT_UNAVAILABLE, CtlError

# What ssh(1) itself ends with when the connection failed.
SSH_FAILED = 255
# The options of ``apply`` that have a value (ctl_config.add); they may be abbreviated.
VALUED = ("-c", "--config", "--watch", "--confirm-within", "--sha256")
SSH, REMOTE = "KIOSKCTL_SSH", "KIOSKCTL_REMOTE"


def split(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """The host, and the command without it; the host is empty when none is named before the verb.

    Raises:
        CtlError: ``--host`` without a host, or with one that ssh would take for an option.
    """
    rest, host, at = list(arguments), "", 0
    while at < len(rest) and rest[at].startswith("-"):
        name, equals, value = rest[at].partition("=")
        if name == "--runtime-dir" and not equals:
            at += 2
        elif name == "--host":
            if not equals:
                value = rest.pop(at + 1) if at + 1 < len(rest) else ""
            del rest[at]
            if not value or value.startswith("-") or not value.isprintable() or " " in value:
                raise CtlError("say which box: kioskctl --host user@box ...", 2)
            host = value
        else:
            at += 1
    return host, rest


def run(host: str, arguments: Sequence[str], env: Mapping[str, str], file: str | None = None) -> int:
    """Have it done there; its exit status.

    Args:
        file: see ``sent``.

    Raises:
        CtlError: the box cannot be reached; or a file of ours cannot be sent.
    """
    import subprocess  # nobody else pays for it

    arguments, content = sent(arguments, file)
    command = ssh(host, arguments, env, terminal=content is None and sys.stdin.isatty() and sys.stdout.isatty())
    try:
        code = subprocess.run(command, input=content).returncode
    except OSError as error:
        raise CtlError(
            f"{command[0]} cannot be run: {error.strerror}; install openssh-client", EXIT_UNAVAILABLE
        ) from error
    except KeyboardInterrupt:
        return 130
    if code == SSH_FAILED:
        raise CtlError(f"{host} cannot be reached by ssh; what it said stands above", EXIT_UNAVAILABLE)
    return code if code >= 0 else 128 - code


def ssh(host: str, arguments: Sequence[str], env: Mapping[str, str], terminal: bool = False) -> list[str]:
    """The local command: an argument vector, so that nothing is quoted here but for the shell over there.

    ``KIOSKCTL_SSH`` is ssh with options of yours, ``KIOSKCTL_REMOTE`` what to run there (``sudo kioskctl``).
    """
    import shlex

    far = [*shlex.split(env.get(REMOTE) or "kioskctl"), *arguments]
    return [*shlex.split(env.get(SSH) or "ssh"), *(["-t"] if terminal else []), "--", host, shlex.join(far)]


def sent(arguments: Sequence[str], file: str | None) -> tuple[list[str], bytes | None]:
    """The command as it is run over there, and what goes to its standard input.

    Args:
        file: of ours, that is to be applied there; None: there is none.

    Raises:
        CtlError: it may not be.
    """
    if file in (None, "-"):
        return list(arguments), None
    from kioskd.config.goods import fingerprint
    from kioskd.config.staging import Refused, doubted, from_file

    assert file is not None
    try:
        data = doubted(from_file(file, {0, os.geteuid()}), file)
    except Refused as error:
        raise CtlError(str(error), DEGRADED) from error
    verb, at = _places(arguments, file)
    # Right behind the verb: a fingerprint that was given by hand comes later, and the last one counts.
    words = [
        *arguments[: verb + 1],
        "--sha256",
        fingerprint(data),
        *arguments[verb + 1 : at],
        "-",
        *arguments[at + 1 :],
    ]
    return words, data


def _places(arguments: Sequence[str], file: str) -> tuple[int, int]:
    """Where the verb and the file stand; an option's value may look like either."""
    verb = 0
    while arguments[verb].startswith("-"):
        verb += 2 if arguments[verb] == "--runtime-dir" else 1
    for at in range(verb + 1, len(arguments)):
        before = arguments[at - 1]
        is_value = before.startswith("-") and before != "--" and any(one.startswith(before) for one in VALUED)
        if arguments[at] == file and not is_value:
            return verb, at
    raise AssertionError("argparse has found the file among these words")
