"""``python -m kioskd.actions.runner CONFIG``: runs one declared program of a tool. For ``kioskd-tool@.service`` alone.

Its standard input is the connection of the daemon, which is not believed: the program must be a tool's in CONFIG or in
the configuration on trial beside it, both root's own, and it must be root's own itself. Then it runs as another user,
without any privilege, and ends when the connection does.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import pwd
import socket
import stat
import sys
import time
from typing import Callable, Iterator, Mapping, Sequence

from kioskd.actions.delegate import MOST_BYTES
from kioskd.actions.outcome import Outcome, failed
from kioskd.actions.program import Program
from kioskd.config.action import ProgramAction
from kioskd.config.loader import weigh
from kioskd.config.staging import TRIAL, Refused, from_file
from kioskd.core.words import CallKey

# Who runs it where the configuration names nobody (systemd/sysusers.d-kioskd.conf).
USER = "kioskd-tool"
# The daemon sends its one line at once; somebody else does not keep an instance for long.
SPEAK_S = 5.0
ROOT = 0
MOST_LINKS = 40  # as the kernel's own (path_resolution(7))
NOBODYS = CallKey("", "", "")  # a program is told nothing of the call


class Unheard(Exception):
    """What was asked is not done; the text is a sentence."""


def asked(connection: socket.socket) -> Mapping[str, object]:
    """The request.

    Raises:
        Unheard: there is none.
    """
    until, data = time.monotonic() + SPEAK_S, b""
    while not data.endswith(b"\n"):
        connection.settimeout(max(0.01, until - time.monotonic()))
        try:
            more = connection.recv(65536)
        except OSError as error:
            raise Unheard(f"nothing was asked ({error})") from error
        data += more
        if not more or len(data) > MOST_BYTES or time.monotonic() >= until:
            raise Unheard("this is no request: one line of JSON")
    try:
        request = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unheard("this is no request: one line of JSON") from error
    if isinstance(request, dict) and isinstance(request.get("arguments"), dict):
        return request
    raise Unheard("this is no request: tool, command and arguments")


def declared(path: str, name: object, command: object, owner: int = ROOT) -> ProgramAction:
    """What the configuration says of that tool's program.

    Raises:
        Unheard: it declares no such program.
    """
    why = f"{path} declares no tool of that name with this program"
    for file in (path, path + TRIAL):
        try:
            loaded = weigh(from_file(file, (owner,)), file)
            trusted(file, owner)  # who may write it, or beside it, would say what is run, and as whom
        except Refused as refused:
            why = str(refused) if file == path else why
            continue
        tools = loaded.config.tools if loaded.config is not None else ()
        for tool in tools:
            action = tool.action.program
            if tool.name == name and action is not None and list(action.command) == command:
                return action
        if loaded.config is None and file == path:
            why = f"{loaded.problems[0]}; until it is mended no program is run"
    raise Unheard(why)


def trusted(path: str, owner: int = ROOT) -> None:
    """See whether nobody but root can change this file, or put another in its place: also by a link on the way to it.

    Raises:
        Unheard: somebody can; a sentence.
    """
    try:
        for place, found in _way(path):
            link, sticky = stat.S_ISLNK(found.st_mode), stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
            if found.st_uid not in (ROOT, owner):
                raise Unheard(f"{place} does not belong to root, and so {path} does not count: chown -h root {place}")
            if found.st_mode & 0o022 and not (link or sticky):  # a link has no mode of its own
                raise Unheard(f"{place} may be written by others, and so {path} does not count: chmod go-w {place}")
    except OSError as error:
        raise Unheard(f"{path} cannot be run: {error.strerror}") from error


def _way(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Every folder, link and file that the kernel meets on the way to it, from the root on (path_resolution(7))."""
    here, left, links = "/", path.split("/")[::-1], 0
    yield here, os.lstat(here)
    while left:
        there = os.path.normpath(os.path.join(here, left.pop()))  # there is no link in ``here``
        found = os.lstat(there)
        yield there, found
        if not stat.S_ISLNK(found.st_mode):
            here = there
            continue
        links += 1
        if links > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = os.readlink(there)
        left += target.split("/")[::-1]
        here = "/" if target.startswith("/") else here


def gone(connection: socket.socket) -> Callable[[], bool]:
    """Whether the daemon has closed the connection: it ends, or nobody waits any more."""
    connection.setblocking(False)  # with a time of its own, recv would wait for that

    def look() -> bool:
        try:
            return connection.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    return look


def serve(connection: socket.socket, path: str, user: str | None = USER, owner: int = ROOT) -> Outcome:
    """Do what one connection asks.

    Args:
        user: who runs it where nobody is named; None: whoever we are.
        owner: whose the configuration and the program may be, beside root's.
    """
    name = "kioskd-tool"
    try:
        request = asked(connection)
        name = str(request["tool"])[:64] if "tool" in request else name
        action = declared(path, request.get("tool"), request.get("command"), owner)
        trusted(action.command[0], owner)
        action = dataclasses.replace(action, user=action.user or user)
        if action.user is not None and _is_root(action.user):
            raise Unheard("a program is not run as root; name another user: or none")
        left = gone(connection)
        if left():
            raise Unheard("who asked has gone meanwhile")
        program = Program(name, action, left)
        arguments = request["arguments"]
        assert isinstance(arguments, dict)
        return program.run(NOBODYS, arguments)
    except (Unheard, ValueError) as error:
        return failed(f"{name} was not run: {error}.")


def _is_root(user: str) -> bool:
    try:
        return pwd.getpwnam(user).pw_uid == ROOT
    except KeyError:
        return False  # setpriv says that there is no such user


def main(argv: Sequence[str]) -> int:
    """Serve standard input; exit status 0 also when the program failed: that is the daemon's to tell."""
    with socket.socket(fileno=os.dup(0)) as connection:
        outcome = serve(connection, argv[0])
        connection.settimeout(SPEAK_S)
        try:
            connection.sendall(json.dumps(outcome._asdict()).encode() + b"\n")
        except OSError:
            # Nobody waits any more: what the program did stays done, and the daemon has said that it does not know.
            print("<4>the daemon did not wait for the answer", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
