"""A unix socket's place in the file system: taken in one step, from the dead only, with the right group and mode."""

from __future__ import annotations

import errno
import logging
import os
import socket
import stat
import struct

log = logging.getLogger(__name__)

# What the kernel shows for a user or a group that this user namespace does not know: overflowuid and overflowgid, whose
# value nobody changes; user_namespaces(7). It is "nobody" and "nogroup" on Debian.
UNMAPPED = 65534


class Place:
    """The path of one listening socket: ``prepare``, then listen, then ``take``; at the end ``leave``. Any thread.

    The socket is made ready beside its place and moved there in one step: nobody meets one that does not listen yet
    or whose mode is wider than it should be, and what a dead daemon left behind is replaced.

    Its group it has from birth: where there is a folder ``group-GROUP`` beside it that gives what is made in it that
    group (setgid, inode(7); systemd/tmpfiles.d-kioskd.conf), it is made there. So a daemon whose sandbox knows no
    chown, and no other user of the machine, serves a group that it could not give anything to. Where there is none it
    is given to its group after birth.

    Args:
        path: at most 90 bytes or so; the kernel takes 107 (unix(7)), and a suffix is needed for a moment.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._fresh = ""
        self._inode: int | None = None

    def prepare(self, group: str, alone: int) -> socket.socket:
        """A bound socket that belongs to ``group``; where that cannot be, it has the mode ``alone`` instead of 0660.

        Raises:
            OSError: the path is another living daemon's, or cannot be used; the text is a sentence.
        """
        _look_for_another(self.path)
        folder, name = os.path.split(self.path)
        born_into = _birthplace(folder, group)
        self._fresh = os.path.join(born_into or folder, f"{name}.{os.getpid()}")
        listening = socket.socket(socket.AF_UNIX)
        try:
            if os.path.lexists(self._fresh):
                os.unlink(self._fresh)  # of a daemon with our own process id, so it is dead; containers repeat them
            listening.bind(self._fresh)
            self._inode = os.stat(self._fresh).st_ino
            if born_into:
                os.chmod(self._fresh, 0o660)
            else:
                _admit(self._fresh, group, alone)
        except OSError:
            listening.close()
            self.leave()
            raise
        return listening

    def take(self) -> None:
        """Let it be found. Call it once the socket listens.

        Raises:
            OSError: the folder does not allow it.
        """
        os.rename(self._fresh, self.path)

    def leave(self) -> None:
        """Take our socket away; another daemon's, put there meanwhile, stays."""
        for path in filter(None, (self._fresh, self.path)):
            try:
                if os.lstat(path).st_ino == self._inode:
                    os.unlink(path)
            except FileNotFoundError:
                pass
            except OSError as error:
                log.warning("%s stays behind: %s", path, error.strerror)
        self._inode = None


def user_of(asking: socket.socket) -> int:
    """Who is at the other end: SO_PEERCRED, unix(7); struct ucred is pid, uid, gid."""
    _, uid, _ = struct.unpack("3i", asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(uid)


def asker(asking: socket.socket) -> int | str:
    """Who asks, for the audit trail. Behind PrivateUsers= the kernel tells of root and of our own user only
    (user_namespaces(7)); anybody else is "other", and the socket's mode has decided that they may ask.
    """
    uid = user_of(asking)
    return "other" if uid == UNMAPPED else uid


def _look_for_another(path: str) -> None:
    """Raise OSError with a sentence when something that lives, or is not ours to replace, has this path."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise OSError(errno.EEXIST, f"{path} is in the way: it is no socket; remove it")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            probe.connect(path)
    except FileNotFoundError:
        return
    except ConnectionRefusedError:
        log.info("%s was left behind by a daemon that is gone; it is replaced", path)
        return
    except BlockingIOError:
        pass  # its queue is full: it lives, and is busy
    folder = os.path.dirname(path)
    raise OSError(
        errno.EADDRINUSE, f"another kioskd serves {folder}; stop it, or give this one its own ops.runtime_dir"
    )


def _birthplace(folder: str, group: str) -> str:
    """The folder where a socket is born with this group; empty where nobody made one."""
    import grp  # here alone: once at start

    place = os.path.join(folder, f"group-{group}")
    try:
        found = os.lstat(place)
        ours = (grp.getgrnam(group).gr_gid, UNMAPPED)
    except (FileNotFoundError, KeyError):
        return ""
    usable = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISGID and found.st_uid == os.geteuid()
    if usable and found.st_gid in ours:
        return place
    log.warning("%s does not give its group to what is made in it; see systemd/tmpfiles.d-kioskd.conf", place)
    return ""


def _admit(path: str, group: str, alone: int) -> None:
    """Give the socket to its group; where that cannot be, it gets the mode ``alone``."""
    import grp  # here and above alone: once at start

    mode = 0o660
    try:
        wanted = grp.getgrnam(group).gr_gid
        if os.stat(path).st_gid != wanted:  # it may have it from birth, and a sandbox may know no chown
            os.chown(path, -1, wanted)
    except KeyError:
        mode = alone
    except PermissionError:
        mode = alone
        log.warning(
            "%s cannot be given to the group %s: kioskd's user is not in it, or may not (and %s/group-%s is missing)",
            *(path, group, os.path.dirname(path), group),
        )
    os.chmod(path, mode)
