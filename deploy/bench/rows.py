"""The rows of the table: what is measured, and what is its floor."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from deploy.client import Client, new_text
from engines._support import launcher
from engines._support.cells import Cell
from engines._support.room import OUTPUT, Room

from .measure import Row, in_turn, timed

SAMPLES = Path(__file__).resolve().parent.parent.parent / "samples"


@dataclass
class Bench:
    """What the rows need: a client of the running stack, a folder, and how often to measure."""

    about: dict[str, str]
    folder: Path
    count: int
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.about)

    def healthz(self) -> float:
        """Time the smallest answer there is."""
        return timed(lambda: self.client.call("GET", "/healthz"))

    def command(self, *argv: str) -> float:
        """Time a bare program."""
        devnull = subprocess.DEVNULL
        return timed(lambda: subprocess.run(argv, check=True, stdin=devnull, stdout=devnull, stderr=devnull))


def _hello() -> dict[str, object]:
    return {
        "tasks": {
            "in": {"operation": "import/raw", "file": new_text(), "filename": "a.txt"},
            "out": {"operation": "export/url", "input": "in"},
        }
    }


def accepting(bench: Bench) -> Row:
    """POST /v2/jobs, until its answer, with nothing else to do."""

    def post() -> float:
        jobs = []
        took = timed(lambda: jobs.append(bench.client.call("POST", "/v2/jobs", _hello())["data"]["id"]))
        bench.client.call("GET", f"/v2/jobs/{jobs[0]}", sync=True)
        return took

    ours, floor = in_turn(bench.count, post, bench.healthz)
    return Row("POST /v2/jobs answered", ours, floor, "GET /healthz", 0.025, is_ratio=False)


def claiming(bench: Bench) -> Row:
    """From the answer until a worker has claimed the first task."""

    def ours() -> float:
        job = bench.client.call("POST", "/v2/jobs", _hello())["data"]
        answered = time.time()
        bench.client.call("GET", f"/v2/jobs/{job['id']}", sync=True)
        started = _claimed_at(bench, job["id"])
        return max(0.0, started - answered)

    took, floor = in_turn(bench.count, ours, bench.healthz)
    return Row("from answer to first claim", took, floor, "GET /healthz", 0.020, is_ratio=False)


def _claimed_at(bench: Bench, job: str) -> float:
    # The API tells whole seconds; the database knows milliseconds.
    import sqlite3

    with sqlite3.connect(f"file:{bench.about['database']}?mode=ro", uri=True) as database:
        query = "select min(started_at) from jobs_task where job_id = ?"
        [text] = database.execute(query, (job.replace("-", ""),)).fetchone()
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


def passing_through(bench: Bench) -> Row:
    """A job without any conversion, from POST until it has finished."""
    ours, floor = in_turn(
        bench.count,
        lambda: timed(lambda: bench.client.call("POST", "/v2/jobs", _hello(), sync=True)),
        bench.healthz,
    )
    return Row("import/raw to export/url", ours, floor, "GET /healthz", 0.120, is_ratio=False)


def locking_in(bench: Bench) -> Row:
    """The smallest program, from its start in a room of its own to its end, over the same program bare."""

    def ours() -> float:
        with Cell(Room(write={OUTPUT: bench.folder}, start=OUTPUT)) as cell:
            deadline = time.monotonic() + 60
            return timed(lambda: launcher.run(["true"], cell=cell, deadline=deadline))

    took, floor = in_turn(bench.count, ours, lambda: bench.command("true"))
    return Row("locking a program in", took, floor, "true", 0.010, is_ratio=False, is_added=True)


ROWS: tuple[Callable[[Bench], Row], ...] = (
    accepting,
    claiming,
    passing_through,
    locking_in,
)


def accepted_per_second(bench: Bench, *, seconds: float = 5.0, clients: int = 8) -> float:
    """Return how many jobs one ASGI process accepts in a second, asked by several clients at once."""
    counts = [0] * clients
    until = time.monotonic() + seconds

    def post(number: int) -> None:
        client = Client(bench.about)
        while time.monotonic() < until:
            client.call("POST", "/v2/jobs", _hello())
            counts[number] += 1

    threads = [threading.Thread(target=post, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def resident_bytes(supervisor: int) -> int:
    """Return the memory of a process and all below it; pages shared by several count once (PSS)."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    total, todo = 0, [supervisor]
    while todo:
        pid = todo.pop()
        todo += children.get(pid, [])
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
    return total


def about(folder: Path) -> dict[str, str]:
    """Return what a running stack wrote down about itself, and where its database lies."""
    written: dict[str, str] = json.loads((folder / "athanor.json").read_text())
    return {**written, "database": os.fspath(folder / "athanor.sqlite3")}
