"""Secrets, fetched from where the file says that they lie, and kept out of everything that is written or shown."""

from __future__ import annotations

import errno
import os
import re
from typing import Collection, Mapping

from kioskd.config.files import read_at_most
from kioskd.config.sections import SecretRef

MOST_BYTES = 8 << 10  # a key has some hundred bytes, a signed token a few thousand
MASK = "***"

# The prefixes of the services' keys, or a long mixture of cases and digits that is no path: somebody pasted the secret
# where the name of its place belongs.
LOOKS_SECRET = re.compile(
    r"(sk|hyb)[-_][\w-]{8,}|(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9+=_-][A-Za-z0-9+/=_-]{31,}"
)

_CREDENTIAL_NAME = re.compile(r"[A-Za-z0-9_@-][A-Za-z0-9._@-]*")
_TOKEN = r"[^\s\"'&,;<>\\)\]}]+"
# Where keys ride on the wire: in the URL, in a subprotocol, in headers (dialects reference 8.8).
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?P<keep>\b(?:api[_-]key|access_token)[\"']?\s*(?:=|%3D|:)\s*[\"']?){_TOKEN}",
        rf"(?P<keep>\bBearer(?:\s|%20|\+)+){_TOKEN}",
        rf"(?P<keep>\bBasic\s+){_TOKEN[:-1]}{{8,}}",  # a common word: only before something long
        rf"(?P<keep>\bmythicdot-api-key\.){_TOKEN}",
        r"(?P<keep>://)[^\s/@\"']+(?=@)",  # a proxy's user and password
    )
)


class SecretError(ValueError):
    """A secret cannot be had; the text is a sentence for people and never holds any of the secret."""


def read_secret(ref: SecretRef, env: Mapping[str, str], reader: int | None = None) -> str:
    """The secret that ``ref`` points at. Blocks on the disk; any thread.

    Args:
        ref: one of credential (a file in ``$CREDENTIALS_DIRECTORY``, systemd.exec(5)), env or file.
        env: the environment.
        reader: the number of the user who must be able to read it, where root looks for somebody else; None: us.

    Raises:
        SecretError: it is not there, not fit for use, or lies where others can read it.
    """
    given = [name for name in ("credential", "env", "file") if getattr(ref, name) is not None]
    if len(given) != 1:
        raise SecretError("a secret needs exactly one of credential, env or file")
    if ref.credential is not None:
        return _credential(ref.credential, env)
    if ref.env is not None:
        # the name is not quoted until it is known to be one: somebody may have pasted the key itself here
        if ref.env not in env:
            raise SecretError(_shown("the environment variable", ref.env, f" is not set; {_instead(ref.env)}"))
        return _fit(env[ref.env].encode("utf-8", "surrogateescape"), _shown("the environment variable", ref.env))
    assert ref.file is not None
    return _private_file(ref.file, reader)


def secret_path(ref: SecretRef, env: Mapping[str, str]) -> str | None:
    """The file that ``ref`` points at, to notice when it changes; None: it points at none that could."""
    if ref.file is not None:
        return ref.file
    directory = env.get("CREDENTIALS_DIRECTORY")
    if ref.credential is None or not directory or not _CREDENTIAL_NAME.fullmatch(ref.credential):
        return None
    return os.path.join(directory, ref.credential)


def redact(text: str, secrets: Collection[str]) -> str:
    """``text`` without the secrets (also as they stand in an address), and without whatever looks like a key in
    ``api_key=...``, ``Bearer ...`` or ``mythicdot-api-key....``. Any thread.
    """
    if secrets:
        forms = {
            form
            for secret in secrets
            if secret
            for form in (secret, _quoted(secret), _quoted(secret).replace("%20", "+"))
        }
        for form in sorted(forms, key=len, reverse=True):
            text = text.replace(form, MASK)
    for pattern in _PATTERNS:
        text = pattern.sub(lambda match: match["keep"] + MASK, text)
    return text


def _quoted(secret: str) -> str:
    from urllib.parse import quote  # only where there is a secret

    return quote(secret, safe="", errors="replace")


def _credential(name: str, env: Mapping[str, str]) -> str:
    directory = env.get("CREDENTIALS_DIRECTORY")
    if not _CREDENTIAL_NAME.fullmatch(name) or LOOKS_SECRET.fullmatch(name):
        raise SecretError("the name of the credential is not one: letters, digits and _ - . @ only")
    if not directory:
        raise SecretError(
            f"there is no credential {name}, for systemd gave kioskd none: {how_to_load(name)}; "
            "where systemd does not start kioskd, use env: or file: instead"
        )
    what = f"the credential {name}"
    # No look at the mode: systemd gives a service's user access by an ACL, which shows as 0440.
    data, _ = _read(os.path.join(directory, name), what, f": {how_to_load(name)}")
    return _fit(data, what)


def how_to_load(name: str) -> str:
    """What makes a credential, for a sentence; the same place for its file everywhere."""
    path = f"/etc/kioskd/{name}"
    return (
        f"put the secret into {path} (mode 600), write LoadCredential={name}:{path} below [Service] with "
        "systemctl edit kioskd, and restart kioskd"
    )


def _instead(env_name: str) -> str:
    """For a variable that is not set; names none but what is known to be a name."""
    name = env_name.lower().replace("_", "-") if re.fullmatch(r"[A-Z_][A-Z0-9_]{0,63}", env_name) else "NAME"
    return f"set it in the unit's environment, or better make it a credential (credential: {name}): {how_to_load(name)}"


def _private_file(path: str, reader: int | None) -> str:
    """The secret in a file that only we or root can read. A symlink is as good as the file that it leads to: what was
    opened is what is judged."""
    what = f"the file {path}" if path.startswith("/") else "the file that key: file: names"
    data, found = _read(path, what, "")
    if reader is not None and found.st_uid != reader:
        raise SecretError(f"{what} is not the daemon's own, and with mode 0600 it cannot read it; chown it to its user")
    if found.st_uid not in (0, os.geteuid() if reader is None else reader):
        raise SecretError(f"{what} belongs to another user, who could change it; chown it to root")
    if found.st_mode & 0o077:
        raise SecretError(f"{what} can be read or changed by others (mode {found.st_mode & 0o777:04o}); chmod 600 it")
    return _fit(data, what)


def _read(path: str, what: str, missing: str) -> tuple[bytes, os.stat_result]:
    try:
        return read_at_most(path, MOST_BYTES)
    except OSError as error:
        hint = missing if error.errno == errno.ENOENT else ""
        raise SecretError(f"{what} cannot be read: {(error.strerror or 'unknown fault').lower()}{hint}") from None
    except ValueError:
        raise SecretError("the path of the secret holds a character that no path can have") from None


def _fit(data: bytes, what: str) -> str:
    """The secret in the bytes, without the newline that an editor adds. It must fit on one line of a header."""
    if len(data) > MOST_BYTES:
        raise SecretError(f"{what} holds more than {MOST_BYTES >> 10} KiB; that is no key")
    try:
        secret = data.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretError(f"{what} does not hold text") from None
    if not secret:
        raise SecretError(f"{what} is empty; put the secret into it")
    if not secret.isprintable() or secret != secret.strip():
        raise SecretError(f"{what} holds spaces around the secret, or more than one line; it must be the secret alone")
    return secret


def _shown(what: str, name: str, rest: str = "") -> str:
    named = re.fullmatch(r"[A-Z_][A-Z0-9_]{0,63}", name) is not None
    return f"{what} {name}{rest}" if named else f"{what} that key: env: names{rest}"
