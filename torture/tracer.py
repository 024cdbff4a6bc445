"""Ends a process by SIGKILL at its n-th write: right before the system call, or right after it. ptrace(2), Linux only.

The process itself carries no hook for this and knows nothing of it.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
from typing import Callable, NamedTuple

# sys/ptrace.h
_SYSCALL, _SEIZE, _INTERRUPT, _GET_SYSCALL_INFO = 24, 0x4206, 0x4207, 0x420E
_SYSGOOD, _TRACECLONE, _EXITKILL = 0x1, 0x8, 0x100000
_WALL = 0x40000000  # wait.h: threads too
_ENTRY, _EXIT = 1, 2
# What changes a file or waits until it is on the disk (asm/unistd.h).
_NAMES = "write pwrite64 writev fsync fdatasync ftruncate unlink unlinkat rename renameat renameat2".split()
_NUMBERS = {
    "x86_64": (1, 18, 20, 74, 75, 77, 87, 263, 82, 264, 316),
    "aarch64": (64, 68, 66, 82, 83, 46, -1, 35, -1, 38, 276),
}


class CannotTrace(Exception):
    """This machine does not let us; the text is a sentence."""


class Killed(NamedTuple):
    """How it went: ``at`` is where the process was killed, as ``before pwrite64``; empty when it ended by itself."""

    at: str
    boundaries: int
    status: int


class _Info(ctypes.Structure):
    """struct ptrace_syscall_info as far as it is needed."""

    _fields_ = [
        ("op", ctypes.c_uint8),
        ("pad", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("instruction_pointer", ctypes.c_uint64),
        ("stack_pointer", ctypes.c_uint64),
        ("nr", ctypes.c_uint64),
        ("rest", ctypes.c_uint64 * 8),
    ]


def _ptrace(request: int, pid: int, address: int = 0, data: int = 0) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    result = int(libc.ptrace(request, pid, address, data))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def run(life: Callable[[], int], kill_at: int) -> Killed:
    """Run ``life`` in a process of its own and kill it at this boundary, counted from 1. One thread at a time.

    Raises:
        CannotTrace: see there.
    """
    names = dict(zip(_NUMBERS.get(platform.machine(), ()), _NAMES))
    if not names:
        raise CannotTrace(f"system calls of {platform.machine()} are not known here; x86_64 and aarch64 are")
    gate, opened = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(opened)
        os.read(gate, 1)
        os._exit(life())
    os.close(gate)
    try:
        _ptrace(_SEIZE, pid, 0, _SYSGOOD | _TRACECLONE | _EXITKILL)
        _ptrace(_INTERRUPT, pid)
    except OSError as error:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise CannotTrace(f"ptrace is not allowed here ({error.strerror}); see kernel.yama.ptrace_scope") from error
    os.write(opened, b"x")
    os.close(opened)
    return _follow(pid, names, kill_at)


def _follow(pid: int, names: dict[int, str], kill_at: int) -> Killed:
    boundaries, at = 0, ""
    inside: dict[int, str] = {}
    while True:
        thread, status = os.waitpid(-1, _WALL)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            if thread == pid:
                return Killed(at, boundaries, os.waitstatus_to_exitcode(status))
            continue
        stopped = os.WSTOPSIG(status)
        if stopped == signal.SIGTRAP | 0x80 and not at:
            step = _step(thread, names, inside)
            boundaries += bool(step)
            if step and boundaries == kill_at:
                at = step
                os.kill(pid, signal.SIGKILL)
                continue
        # A trap of ptrace's own is not delivered; a real signal is.
        deliver = 0 if stopped & 0x7F == signal.SIGTRAP or status >> 16 else stopped
        try:
            _ptrace(_SYSCALL, thread, 0, deliver)
        except ProcessLookupError:
            pass  # killed meanwhile; the next wait tells


def _step(thread: int, names: dict[int, str], inside: dict[int, str]) -> str:
    """What this stop is a boundary of; empty: of nothing that is written."""
    info = _Info()
    try:
        _ptrace(_GET_SYSCALL_INFO, thread, ctypes.sizeof(info), ctypes.addressof(info))
    except ProcessLookupError:
        return ""
    if info.op == _ENTRY and int(info.nr) in names:
        inside[thread] = names[int(info.nr)]
        return f"before {inside[thread]}"
    if info.op == _EXIT and thread in inside:
        return f"after {inside.pop(thread)}"
    return ""
