"""`make bench`: start a stack of its own, measure, print the table."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from deploy.stack import Stack

from . import engine_rows, rows, storage_rows
from .measure import say, table

IDLE_TARGET = 700 * 1024**2


def main() -> int:
    """Measure; the exit status says whether it could be done, not whether targets were met."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="Counted runs of each row.")
    parser.add_argument("--only", default="", help="Only rows whose function has this in its name.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="athanor-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # as a data folder is: engines' users pass through
        stack = Stack(folder / "var", ports=(None, None), say=say)
        stack.start()
        try:
            _measure(folder, asked.count, asked.only)
        finally:
            stack.stop()
    return 0


def _measure(folder: Path, count: int, only: str) -> None:
    time.sleep(3)  # what start-up leaves to do would count as ours
    idle = rows.resident_bytes(os.getpid())
    bench = rows.Bench(rows.about(folder / "var"), folder, count)
    done = []
    for row in (*rows.ROWS, *engine_rows.ROWS):
        if only in row.__name__:
            say(f"measuring: {(row.__doc__ or '').splitlines()[0]}")
            done.append(row(bench))
    for rows_of in storage_rows.ROWS:
        if only in rows_of.__name__:
            say(f"measuring: {rows_of.__doc__}")
            done += rows_of(bench)
    print(table(done))
    print(f"\nidle stack, no engine warm: {idle / 1024**2:.0f} MB (target {IDLE_TARGET / 1024**2:.0f} MB)")
    if only in "accepted_per_second":
        print(f"jobs accepted by one ASGI process, 8 clients: {rows.accepted_per_second(bench):.0f} a second")


if __name__ == "__main__":
    sys.exit(main())
