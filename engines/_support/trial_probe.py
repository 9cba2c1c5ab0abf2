"""Runs inside and tries what must not work; prints, as JSON, what did. Standard library only."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

NEW_USER_NAMESPACE = 0x10000000
TRACE_ME = 0
SYSTEM = ("/", "/usr", "/etc", "/dev")
_libc = ctypes.CDLL(None, use_errno=True)


def _works(attempt: Callable[[], object]) -> bool:
    try:
        return attempt() is not False
    except OSError:
        return False


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
        return file.read()


def _write(path: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123
        file.write("x")


def _connect(family: int, address: Any) -> None:
    with socket.socket(family) as client:
        client.settimeout(2)
        client.connect(address)


def _sees_others(worker: int, marks: list[str]) -> bool:
    # Our numbers may mean other processes inside, so what matters is whether they are ours.
    if _works(lambda: any(mark in _read(f"/proc/{worker}/environ") for mark in marks)):
        return True
    return _works(lambda: "athanor" in _read(f"/proc/{worker}/cmdline"))


def main() -> None:
    """Try everything."""
    asked = json.loads(sys.argv[1])
    environ = _read("/proc/1/environ") if _works(lambda: _read("/proc/1/environ")) else ""
    mine = " ".join(os.environ)
    found = {
        "could_read": _works(lambda: _read(f"{asked['input']}/in.txt") == "given"),
        "could_write": _works(lambda: _write(f"{asked['output']}/made")),
        "root": os.getuid() == 0 or os.geteuid() == 0,
        "environment": any(mark in environ or mark in mine for mark in asked["marks"]),
        "outside": _works(lambda: _read(asked["outside"])),
        "private": _works(lambda: _read(asked["private"])),
        "input": _works(lambda: _write(f"{asked['input']}/in.txt")),
        "system": any(_works(partial(_write, f"{folder}/trial")) for folder in SYSTEM),
        "processes": _sees_others(asked["worker"], asked["marks"]),
        "tcp": _works(lambda: _connect(socket.AF_INET, ("127.0.0.1", asked["port"]))),
        "abstract": _works(lambda: _connect(socket.AF_UNIX, "\0" + asked["abstract"])),
        "named": _works(lambda: _connect(socket.AF_UNIX, asked["named"])),
        "namespaces": _works(lambda: _libc.unshare(NEW_USER_NAMESPACE) == 0),
        "tracing": _works(lambda: _libc.ptrace(TRACE_ME, 0, None, None) == 0),
    }
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
