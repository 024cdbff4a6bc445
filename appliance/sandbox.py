"""Tries what kioskd.service must be refused, inside its sandbox: sandbox.py OUT. Prints what was not refused.

Started by a drop-in as ExecStartPre= of the unit: whatever the daemon may not do, this may not do either.
"""

import ctypes
import json
import mmap
import os
import socket
import sys
import time
from typing import Callable

libc = ctypes.CDLL(None, use_errno=True)


def called(result: int) -> None:
    """Of libc: -1 is a refusal."""
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def written(path: str) -> Callable[[], object]:
    """Opening that file for writing, or making it."""
    return lambda: os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))


def read(path: str) -> Callable[[], object]:
    """Reading from it."""
    return lambda: open(path, "rb").read(1)


def set_user_id() -> None:
    """A file that makes whoever runs it somebody else."""
    path = "/run/kioskd/sandbox-suid"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o700))
    try:
        os.chmod(path, 0o4755)
    finally:
        os.unlink(path)


ATTEMPTS: dict[str, Callable[[], object]] = {
    "write /etc/kioskd/kioskd.yaml": written("/etc/kioskd/kioskd.yaml"),
    "write /etc/passwd": written("/etc/passwd"),
    "make a file in /usr": written("/usr/lib/kioskd/new"),
    "make a file in /root": written("/root/new"),
    "list /root": lambda: os.listdir("/root"),
    "list /home": lambda: os.listdir("/home/nobody"),
    "read /etc/shadow": read("/etc/shadow"),
    "read the disk": read("/dev/vda"),
    "read memory": read("/dev/mem"),
    "read the kernel's log": read("/dev/kmsg"),
    "write a kernel tunable": written("/proc/sys/kernel/panic"),
    "write /sys": written("/sys/power/state"),
    "read PID 1's environment": read("/proc/1/environ"),
    "signal PID 1": lambda: os.kill(1, 0),
    "be root": lambda: os.setuid(0),
    "a set-user-id file": set_user_id,
    "a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
    "a packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "a socket of another family": lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM),
    "a namespace of users": lambda: called(libc.unshare(0x10000000)),
    "mount": lambda: called(libc.mount(b"none", b"/run/kioskd", b"tmpfs", 0, None)),
    "set the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
    "the host's name": lambda: called(libc.sethostname(b"other", 5)),
    "load a module": lambda: called(libc.syscall(175 if os.uname().machine == "x86_64" else 105, 0, 0, b"")),
    "real-time scheduling": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10)),
    "memory to write and to run": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    "trace another process": lambda: called(libc.ptrace(16, os.getppid(), 0, 0)),
    "reboot": lambda: called(libc.reboot(0x89ABCDEF)),
    "swap": lambda: called(libc.swapoff(b"/dev/vda")),
    "be more important": lambda: os.nice(-5),
    "another personality": lambda: called(libc.personality(0x0040000)),
}


def main() -> None:
    """All of them; what came of each goes to the file."""
    told: dict[str, str] = {}
    for name, attempt in ATTEMPTS.items():
        try:
            attempt()
            told[name] = ""
        except OSError as error:
            told[name] = error.strerror or str(error)
    with open(sys.argv[1], "w") as out:
        json.dump(told, out)


if __name__ == "__main__":
    main()
