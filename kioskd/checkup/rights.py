"""Who may do what: the groups of the daemon's user, and the modes of its files and sockets."""

from __future__ import annotations

import os
import stat
from typing import Callable, Iterator, NamedTuple, Sequence

from kioskd.core.finding import Finding, fail, ok, unknown, warn

# What each group is for, in the daemon's words.
GROUPS: dict[str, str] = {
    "audio": "the sound card",
    "gpio": "the lines of button, lamp and relays",
    "kioskd-admin": "giving change.sock to those who may change the kiosk",
}


class Account(NamedTuple):
    """A user and the names of all groups it is in."""

    uid: int
    groups: frozenset[str]


def account(user: str) -> Account | None:
    """As this machine has it; None: there is no such user."""
    import grp
    import pwd

    try:
        found = pwd.getpwnam(user)
    except KeyError:
        return None
    names = set()
    for gid in os.getgrouplist(user, found.pw_gid):
        try:
            names.add(grp.getgrgid(gid).gr_name)
        except KeyError:
            continue  # a number without a name gives nothing that is asked for here
    return Account(found.pw_uid, frozenset(names))


def groups(
    user: str,
    wanted: Sequence[str] = tuple(GROUPS),
    given: Sequence[str] = (),
    look: Callable[[str], Account | None] = account,
) -> Iterator[Finding]:
    """Whether the daemon's user is in the groups that it needs.

    Args:
        user: whom the unit runs it as.
        wanted: the groups; of GROUPS.
        given: those that the unit adds by itself (SupplementaryGroups=).
        look: finds an account.
    """
    found = look(user)
    if found is None:
        advice = "systemd-sysusers makes it from /usr/lib/sysusers.d/kioskd.conf"
        yield unknown("groups", f"there is no user {user} here: kioskd is not installed as a service", advice)
        return
    missing = [name for name in wanted if name not in found.groups and name not in given]
    if found.uid == 0:
        yield warn("groups", "kioskd runs as root: whatever breaks into it has the machine", "User=kioskd in the unit")
    elif missing:
        sentence = "; ".join(f"{user} is not in {name}: {GROUPS.get(name, 'needed')}" for name in missing)
        advice = f"usermod -aG {','.join(missing)} {user}, and restart kioskd"
        yield fail("groups", sentence, advice, missing=missing)
    else:
        yield ok("groups", f"{user} is in {', '.join(wanted)}")


class Rule(NamedTuple):
    """What a file's mode must not have.

    Attributes:
        forbidden: bits of the mode.
        why: what they would let others do, a sentence's end.
        optional: that it is not there is nobody's mistake.
    """

    path: str
    forbidden: int
    why: str
    optional: bool = False


def rules(config: str, state_dir: str, runtime_dir: str, secrets: Sequence[str] = ()) -> list[Rule]:
    """What is looked at."""
    return [
        Rule(config, 0o022, "others can change what the kiosk does and opens"),
        Rule(state_dir, 0o022, "others can change the ledger"),
        Rule(os.path.join(state_dir, "ledger.db"), 0o027, "others can read who opened what, and when", True),
        Rule(os.path.join(runtime_dir, "change.sock"), 0o007, "everybody on this machine can open the door", True),
        Rule(os.path.join(runtime_dir, "look.sock"), 0o007, "everybody on this machine can look at the status", True),
        *(Rule(path, 0o077, "others can read the key", True) for path in secrets),
    ]


def modes(wanted: Sequence[Rule]) -> Iterator[Finding]:
    """Each file that is open to those it should not be; one line when none is."""
    wrong = 0
    for rule in wanted:
        try:
            found = os.stat(rule.path)
        except FileNotFoundError:
            if not rule.optional:
                wrong += 1
                yield fail(f"file {rule.path}", "is not there", "kioskd makes its own at the start; see -c and ops")
            continue
        except OSError as error:
            wrong += 1
            yield unknown(f"file {rule.path}", f"you may not look at it ({error.strerror})", "sudo kioskctl doctor")
            continue
        mode = stat.S_IMODE(found.st_mode)
        if mode & rule.forbidden:
            wrong += 1
            advice = f"chmod {mode & ~rule.forbidden:o} {rule.path}"
            yield fail(f"file {rule.path}", f"has mode {mode:04o}: {rule.why}", advice, mode=f"{mode:04o}")
    if not wrong:
        yield ok("files", f"{len(wanted)} looked at, none is open to those it should not be")
