"""Runs a program of ours as an engine is run, and says what it found out: ``python -m ... FOLDER FORBIDDEN``.

It runs in a process of its own, which can forbid itself the means of confinement first: what holds then is
the next tier, or a refusal.
"""

from __future__ import annotations

import ctypes
import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
PYTHON = "/usr/bin/python3"
"""Of the system, so that it is there inside."""
EPERM, ENOSYS = 1, 38
CLONE, CLONE3, UNSHARE, LANDLOCK = 56, 435, 272, (444, 445, 446)
NEW_USER = 0x10000000
KEPT = 128 * 1024


def run(
    folder: Path, code: str, *, forbidden: str = "nothing", seconds: float = 30, **more: str
) -> dict[str, Any]:
    """Run Python code as an engine with ``folder`` as its task's folder.

    The code finds the path of its input and of its output folder in ``sys.argv``, and prints JSON.

    :param forbidden: ``nothing``, ``namespaces``, or ``everything`` that can confine.
    :param more: what else stands in the environment of the service.
    """
    (folder / "out").mkdir(parents=True, exist_ok=True)
    (folder / "in.txt").write_text("input")
    done = subprocess.run(
        [sys.executable, "-m", __name__, f"{folder}", forbidden, f"{seconds}"],
        cwd=ROOT,
        input=code.encode(),
        capture_output=True,
        env={**os.environ, **more},
        timeout=seconds + 60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Run the code of standard input and print what became of it."""
    folder, forbidden, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    code = sys.stdin.read()
    if forbidden != "nothing":
        forbid(everything=forbidden == "everything")
    from engines._support import confinement, launcher
    from engines._support.cells import Cell
    from engines._support.room import INPUT, OUTPUT, Room
    from jobs.contract.errors import TaskError

    try:
        with Cell(Room(read={INPUT: folder}, write={OUTPUT: folder / "out"}, start=OUTPUT)) as cell:
            places = (cell.inside(folder / "in.txt"), cell.inside(folder / "out"))
            argv = [PYTHON, "-c", code, *map(str, places)]
            outcome = launcher.run(argv, cell=cell, deadline=time.monotonic() + seconds)
    except confinement.Unsafe as error:
        sys.stdout.write(json.dumps({"refused": "UNSAFE", "message": f"{error}"}))
        return
    except TaskError as error:
        sys.stdout.write(json.dumps({"refused": error.code, "message": error.message}))
        return
    lines = outcome.stdout.splitlines()
    found = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    sys.stdout.write(json.dumps({"status": outcome.returncode, "words": outcome.words[-KEPT:], **found}))


def forbid(*, everything: bool) -> None:
    """Forbid this process and its children new user namespaces, as many containers do; or Landlock too."""
    program = [_load(0)]
    for number in (UNSHARE, *(LANDLOCK if everything else ())):
        program += [_if_equal(number, skip=1), _answer(EPERM if number == UNSHARE else ENOSYS)]
    # The C library falls back from clone3, whose flags no filter can read, to clone.
    program += [_if_equal(CLONE3, skip=1), _answer(ENOSYS)]
    program += [_if_equal(CLONE, skip=3), _load(16), _if_has(NEW_USER, skip=1), _answer(EPERM)]
    program += [struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)]
    filters = ctypes.create_string_buffer(b"".join(program))
    whole = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(filters))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    if libc.prctl(22, 2, ctypes.create_string_buffer(whole), 0, 0):
        raise OSError(ctypes.get_errno(), "no filter")


def _load(offset: int) -> bytes:
    return struct.pack("HBBI", 0x20, 0, 0, offset)


def _if_equal(number: int, *, skip: int) -> bytes:
    return struct.pack("HBBI", 0x15, 0, skip, number)


def _if_has(bits: int, *, skip: int) -> bytes:
    return struct.pack("HBBI", 0x45, 0, skip, bits)


def _answer(errno: int) -> bytes:
    return struct.pack("HBBI", 0x06, 0, 0, 0x00050000 | errno)


if __name__ == "__main__":
    main()
