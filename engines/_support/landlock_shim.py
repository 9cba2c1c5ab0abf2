"""The second tier's inner side: gives up root, locks itself in, and becomes the program.

Standard library only. Started by ``tiers.py`` as root, with a number: the descriptor its orders come from.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import struct
import sys

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""The system calls of Landlock; every kind of machine has the same numbers."""
ASK_VERSION, RULE_PATH_BENEATH = 1, 1
NO_NEW_PRIVILEGES, DEATH_SIGNAL, SECCOMP, FILTER = 38, 1, 22, 2

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_FILE, MAKE_SOCK = 1, 2, 4, 8, 1 << 5, 1 << 9
IOCTL_DEVICE = 1 << 15
FILE_ONLY = EXECUTE | WRITE_FILE | READ_FILE | 1 << 14 | IOCTL_DEVICE
READ = EXECUTE | READ_FILE | READ_DIR
FILE_RIGHTS = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF}
"""Everything each version of Landlock can forbid in the file system; 0xFFFF since the fifth."""
NETWORK_RIGHTS, SCOPES = 0b11, 0b11
"""Binding and connecting over TCP; abstract sockets and signals of those outside."""

_libc = ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: object) -> int:
    result = _libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(result)


def _prctl(*arguments: object) -> None:
    if _libc.prctl(*arguments):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def lock_in(rules: list[tuple[str, int]]) -> None:
    """Let this process, and all it starts, reach nothing but these paths, with these rights each."""
    version = _call(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(ASK_VERSION))
    handled = FILE_RIGHTS.get(version, 0xFFFF)
    network = NETWORK_RIGHTS if version >= 4 else 0
    scopes = SCOPES if version >= 6 else 0
    attributes = struct.pack("QQQ", handled, network, scopes)[
        : 8 if version < 4 else 16 if version < 6 else 24
    ]
    ruleset = _call(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    for path, rights in rules:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        allowed = rights & handled if os.path.isdir(path) else rights & handled & FILE_ONLY  # noqa: PTH112
        rule = struct.pack("=Qi", allowed, fd)
        _call(ADD_RULE, ruleset, ctypes.c_uint32(RULE_PATH_BENEATH), rule, ctypes.c_uint32(0))
        os.close(fd)
    _call(RESTRICT_SELF, ruleset, ctypes.c_uint32(0))
    os.close(ruleset)


def filter_calls(program: bytes) -> None:
    """Let this process make no system call that the filter denies."""
    buffer = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    wanted = Program(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    _prctl(SECCOMP, FILTER, ctypes.byref(wanted), 0, 0)


def main() -> None:
    """Do what the orders say, and become the program."""
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        orders = json.load(file)
    for name, value in orders["bounds"].items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (value, value))
    os.setgroups([])
    os.setresgid(*[orders["gid"]] * 3)
    os.setresuid(*[orders["uid"]] * 3)
    _prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != orders["parent"]:
        raise SystemExit("The worker has gone.")
    _prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    os.chdir(orders["start"])
    # Of /proc only what is its own: the process keeps its number when it becomes the program.
    lock_in([*map(tuple, orders["rules"]), (f"/proc/{os.getpid()}", READ)])
    filter_calls(bytes.fromhex(orders["filter"]))
    os.execve(orders["argv"][0], orders["argv"], orders["environment"])  # noqa: S606


if __name__ == "__main__":
    main()
