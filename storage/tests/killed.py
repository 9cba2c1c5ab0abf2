"""An export that is killed when some bytes have moved; what to export comes on standard input."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from jobs.contract import Work
from storage._support.lanes import Lanes

from .conftest import RunContext


class Doomed(RunContext):
    """Tells outside what is begun, as a worker tells its database."""

    def begun(self, loose_end: str) -> None:
        sys.stdout.write(f"{json.dumps(loose_end)}\n")
        sys.stdout.flush()


def main() -> None:
    told = json.load(sys.stdin)
    moved = Lanes.moved
    total = 0

    def count(lanes: Lanes, size: int) -> None:
        nonlocal total
        total += size
        if total > told["bytes"]:
            os.kill(os.getpid(), signal.SIGKILL)
        moved(lanes, size)

    Lanes.moved = count  # type: ignore[method-assign]
    module = importlib.import_module(told["module"])
    [record] = [each for each in module.OPERATIONS if each.name.startswith("export/")]
    source = Path(told["source"])
    with tempfile.TemporaryDirectory() as folder:
        work = Work(
            inputs=(source,),
            names=(source.name,),
            folders=("",),
            output_dir=Path(folder),
            options=told["options"],
        )
        record.run(work, Doomed(seconds=120))


main()
