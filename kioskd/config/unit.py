"""The systemd unit that runs kioskd on this machine, as far as a configuration depends on it: where it lets the daemon
write, and which secrets it hands over. Read from its files: ``systemctl show`` would need a running systemd.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Iterator, Mapping, Sequence

from kioskd.config.files import read_at_most

NAME = "kioskd.service"
# systemd.unit(5): the earlier one wins, for the unit as for each drop-in.
FOLDERS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
MOST_BYTES = 256 << 10
# systemd.exec(5): below what each of them makes its folders.
MADE = {
    "StateDirectory": "/var/lib",
    "RuntimeDirectory": "/run",
    "LogsDirectory": "/var/log",
    "CacheDirectory": "/var/cache",
    "ConfigurationDirectory": "/etc",
}
_CREDENTIALS = ("LoadCredential", "LoadCredentialEncrypted", "SetCredential", "SetCredentialEncrypted")
HELPER = "kioskd.lines.safe"  # what ExecStopPost= runs; the next word is where it looks
_YES = ("yes", "true", "on", "1")

Directives = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Unit:
    """What the unit gives.

    Attributes:
        path: its file; empty: none is installed here, and the one that comes with kioskd is assumed.
        writable: the folders that may be written below; empty: all that the user may write.
        credentials: the file of each credential by the credential's name; empty where the unit holds it itself.
        imported: patterns of names that come from the system's credential stores.
        variables: names that Environment= sets; None: a file sets them, so nobody knows.
        private_tmp: /tmp is another one than everybody's.
        user: who it runs as.
        groups: which it is in beside its own.
        devices: the devices that it may use, beside the harmless ones; None: all.
        facts: where ExecStopPost= looks for the relays that it releases; empty: it releases none.
    """

    path: str
    writable: tuple[str, ...]
    credentials: Mapping[str, str]
    imported: tuple[str, ...] = ()
    variables: frozenset[str] | None = frozenset()
    private_tmp: bool = True
    user: str = "kioskd"
    groups: tuple[str, ...] = ()
    devices: tuple[str, ...] | None = None
    facts: str = ""

    def may_write(self, path: str) -> bool:
        """Whether its sandbox lets a file or folder be written."""
        path = os.path.normpath(path)
        return not self.writable or any(path == top or path.startswith(f"{top}/") for top in self.writable)

    def hands_over(self, credential: str) -> bool:
        """Whether the daemon gets this credential."""
        return credential in self.credentials or any(fnmatchcase(credential, one) for one in self.imported)


# What systemd/kioskd.service says (a test compares).
SHIPPED = Unit(
    "",
    ("/var/lib/kioskd", "/run/kioskd", "/var/log/kioskd", "/var/cache/kioskd"),
    {},
    variables=frozenset({"KIOSKD_TOOL_SOCKET", "LG_WD", "OPENBLAS_NUM_THREADS"}),
    groups=("audio", "gpio", "kioskd-admin"),
    devices=("char-alsa", "char-gpiochip"),
    facts="/run/kioskd/lines.json",
)


def installed(folders: Sequence[str] = FOLDERS) -> Unit:
    """The unit of this machine with its drop-ins; SHIPPED where there is none. Blocks on the disk."""
    paths = [path for folder in folders if os.path.isfile(path := os.path.join(folder, NAME))]
    if not paths:
        return SHIPPED
    texts = [_text(path) for path in (paths[0], *_drop_ins(folders))]
    return unit(paths[0], directives("\n".join(texts)))


def _drop_ins(folders: Sequence[str]) -> list[str]:
    found: dict[str, str] = {}
    for folder in folders:
        where = os.path.join(folder, f"{NAME}.d")
        for name in os.listdir(where) if os.path.isdir(where) else ():
            if name.endswith(".conf"):
                found.setdefault(name, os.path.join(where, name))
    return [found[name] for name in sorted(found)]


def _text(path: str) -> str:
    """A file that cannot be read says nothing: a drop-in may hold a secret (SetCredential=) and be root's alone."""
    try:
        data, _ = read_at_most(path, MOST_BYTES)
    except OSError:
        return ""
    return data.decode("utf-8", "replace") + "\n"


def directives(text: str) -> Directives:
    """All values of each directive below [Service], in their order; an empty one takes back those before it."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in _lines(text):
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line:
            name, _, value = (part.strip() for part in line.partition("="))
            found[name] = [*found.get(name, []), value] if value else []
    return found


def _lines(text: str) -> Iterator[str]:
    """systemd.syntax(7): a backslash at the end goes on in the next line, also across comments."""
    begun = ""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith(("#", ";")) or not stripped and not begun:
            continue
        if stripped.endswith("\\"):
            begun += stripped[:-1] + " "
            continue
        yield (begun + stripped).strip()
        begun = ""
    if begun:
        yield begun.strip()


def unit(path: str, given: Directives) -> Unit:
    """What the directives of a unit come to."""

    def words(name: str) -> list[str]:
        return [word for value in given.get(name, ()) for word in _split(value)]

    def last(name: str) -> str:
        return given.get(name, [""])[-1:][0] if given.get(name) else ""

    made = [os.path.join(top, word.partition(":")[0]) for name, top in MADE.items() for word in words(name)]
    opened = [word.lstrip("-+") for word in words("ReadWritePaths")]
    strict = last("ProtectSystem") == "strict"
    loaded = [value.partition(":") for name in _CREDENTIALS for value in given.get(name, ())]
    return Unit(
        path,
        tuple(os.path.normpath(one) for one in (*made, *opened)) if strict else (),
        {name.strip(): where.strip() if where.startswith("/") else "" for name, _, where in loaded},
        tuple(words("ImportCredential")),
        None if given.get("EnvironmentFile") else frozenset(word.partition("=")[0] for word in words("Environment")),
        last("PrivateTmp").lower() in _YES,
        last("User") or "root",
        tuple(words("SupplementaryGroups")),
        _devices(given),
        next((word for word, before in zip(words("ExecStopPost")[1:], words("ExecStopPost")) if before == HELPER), ""),
    )


def _devices(given: Directives) -> tuple[str, ...] | None:
    """systemd.resource-control(5): a list, or a policy that is not auto, closes what is not named."""
    allowed = tuple(value.split()[0] for value in given.get("DeviceAllow", ()) if value.split())
    policy = given.get("DevicePolicy", ["auto"])[-1:]
    return allowed if allowed or policy not in ([], ["auto"]) else None


def _split(value: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError:  # a quote that does not end
        return value.split()
