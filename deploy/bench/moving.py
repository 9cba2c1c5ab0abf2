"""One transfer in a process of its own, for its time and its memory: ``python -m deploy.bench.moving``."""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.contract import Operation, Work

from .quiet import Quiet
from .storages import STORAGES, Storage


@dataclass(frozen=True)
class Moved:
    """How a transfer went."""

    seconds: float
    growth: int
    """Bytes by which the process grew at most while it ran."""


def move(storage: str, location: Mapping[str, Any], *, ours: bool, put: bool, files: Sequence[Path]) -> Moved:
    """Put files into a storage or bring them, under their names; ours, or by the SDK alone.

    :raises subprocess.CalledProcessError: when that fails.
    """
    told = {
        "storage": storage,
        "location": location,
        "ours": ours,
        "put": put,
        "files": [f"{file}" for file in files],
    }
    done = subprocess.run(
        [sys.executable, "-m", "deploy.bench.moving"],
        input=json.dumps(told),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        env={**os.environ, "ATHANOR_OUTBOUND_ALLOW": "127.0.0.0/8"},
    )
    return Moved(**json.loads(done.stdout))


def _main() -> None:
    told = json.load(sys.stdin)
    storage, files = STORAGES[told["storage"]], [Path(file) for file in told["files"]]
    begin = _ours if told["ours"] else _alone
    with tempfile.TemporaryDirectory(dir=files[0].parent) as into:
        small = Path(into, "warm-up")
        small.write_bytes(b"warm")
        # Libraries are imported and connections made, once and for all, before it counts.
        begin(storage, told["location"], [small], put=True, into=Path(into))()
        run = begin(storage, told["location"], files, put=told["put"], into=Path(into))
        before, begun = _resident(), time.perf_counter()
        run()
        seconds = time.perf_counter() - begun
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    json.dump({"seconds": seconds, "growth": max(0, grown)}, sys.stdout)


def _ours(
    storage: Storage, location: Mapping[str, Any], files: Sequence[Path], *, put: bool, into: Path
) -> Callable[[], object]:
    records = importlib.import_module(f"storage.{storage.module}").OPERATIONS
    record: Operation = next(
        each for each in records if each.name.startswith("export/" if put else "import/")
    )
    target = {storage.one: files[0].name} if len(files) == 1 else {storage.many: "many/"}
    known = {option.name: option for option in record.options}
    options = {name: option.default for name, option in known.items()}
    given = {**location, **target}
    options |= {name: known[name].read(value) for name, value in given.items() if name in known}
    work = Work(
        inputs=tuple(files) if put else (),
        names=tuple(file.name for file in files) if put else (),
        folders=("",) * len(files) if put else (),
        output_dir=into,
        options=options,
    )
    return lambda: record.run(work, Quiet())


def _alone(
    storage: Storage, location: Mapping[str, Any], files: Sequence[Path], *, put: bool, into: Path
) -> Callable[[], object]:
    sdk = storage.alone(location)
    before = "" if len(files) == 1 else "many/"

    def one(file: Path) -> None:
        if put:
            sdk.put(file, f"{before}{file.name}")
        else:
            sdk.get(into / file.name, f"{before}{file.name}")

    def run() -> None:
        if len(files) == 1 or storage.workers == 1:
            for file in files:
                one(file)
            return
        with ThreadPoolExecutor(storage.workers) as pool:
            list(pool.map(one, files))

    return run


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    _main()
