"""Finding the daemon and asking it: the control sockets, as ``kioskctl`` sees them.

Standard library only, without asyncio: it must answer at once on a small board, and beside a daemon that is in trouble.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping, Sequence

from kioskd.ctl_watch import clean

DEGRADED = 1
# sysexits(3)
EXIT_UNAVAILABLE, EXIT_CANTCREAT, EXIT_NOPERM = 69, 73, 77
LOOK, CHANGE = "look.sock", "change.sock"
SYSTEM_FOLDER = "/run/kioskd"
# The loop answers between two turns; a board that swaps may take a second or two. Guess.
ANSWER_S = 5.0


class CtlError(Exception):
    """Ends the command: a sentence for people, and the exit status."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.code = code


class NoDaemon(CtlError):
    """Nobody serves there. (One that lives and does not answer is a CtlError.)"""


def folders(given: str | None, env: Mapping[str, str]) -> list[str]:
    """Where to look for the daemon, best first."""
    named = given or env.get("KIOSKD_RUNTIME_DIR")
    if named:
        return [named]
    own = env.get("XDG_RUNTIME_DIR")
    return [SYSTEM_FOLDER, *([os.path.join(own, "kioskd")] if own else [])]


def reach(looked_in: Sequence[str], name: str) -> socket.socket:
    """A connection to the first daemon found.

    Raises:
        CtlError: none is there, it does not answer, or we may not ask it.
    """
    for folder in looked_in:
        asking = socket.socket(socket.AF_UNIX)
        asking.settimeout(ANSWER_S)
        try:
            asking.connect(os.path.join(folder, name))
            return asking
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            asking.close()
        except PermissionError as error:
            asking.close()
            group = "kioskd" if name == LOOK else "kioskd-admin"
            raise CtlError(
                f"you may not use {folder}/{name}: use sudo, or join the group {group} and log in again", EXIT_NOPERM
            ) from error
        except OSError as error:
            asking.close()
            raise CtlError(
                f"kioskd in {folder} does not answer: {error.strerror or error}", EXIT_UNAVAILABLE
            ) from error
    raise NoDaemon(
        f"no kioskd serves {' or '.join(looked_in)}; start one: systemctl start kioskd "
        "(scripts/run --serve says how to reach its own)",
        EXIT_UNAVAILABLE,
    )


def send(looked_in: Sequence[str], name: str, request: Mapping[str, object]) -> socket.socket:
    """Reach the daemon and ask; what it says is still to be read."""
    asking = reach(looked_in, name)
    try:
        asking.sendall(json.dumps(request).encode() + b"\n")
    except OSError as error:
        asking.close()
        raise CtlError(f"kioskd closed the connection: {error.strerror or error}", EXIT_UNAVAILABLE) from error
    return asking


def ask(
    looked_in: Sequence[str], name: str, request: Mapping[str, object], within_s: float | None = None
) -> dict[str, object]:
    """One request, one answer.

    Raises:
        CtlError: no daemon, no answer, or a refusal (exit status 1).
    """
    with send(looked_in, name, request) as asking:
        return heard(asking, within_s or ANSWER_S)


def heard(asking: socket.socket, within_s: float) -> dict[str, object]:
    """The answer to what was sent.

    Raises:
        CtlError: as ``ask``.
    """
    asking.settimeout(within_s)
    with asking.makefile("rb") as lines:
        try:
            answer = json.loads(lines.readline())
        except TimeoutError as error:
            raise CtlError(
                f"kioskd did not answer within {within_s:g} s: it stands still, its watchdog will start it afresh",
                EXIT_UNAVAILABLE,
            ) from error
        except (OSError, ValueError) as error:
            raise CtlError(
                "kioskd went away without an answer; see: journalctl -u kioskd -e", EXIT_UNAVAILABLE
            ) from error
    if not isinstance(answer, dict) or answer.get("ok") is not True:
        sentence = answer.get("error") if isinstance(answer, dict) else None
        raise CtlError(clean(sentence or "kioskd refused and did not say why"), DEGRADED)
    return answer


def whoever(env: Mapping[str, str]) -> str:
    """Who asks for a change, by their own word; the daemon adds the user id that the kernel vouches for."""
    user = env.get("SUDO_USER") or env.get("USER") or env.get("LOGNAME") or "somebody"
    far = env.get("SSH_CONNECTION", "").split(" ")[0]
    return f"{user} from {far}" if far else user
