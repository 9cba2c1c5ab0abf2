"""The rows of the table: what is measured, and what is its floor."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from engines import libreoffice
from engines._support import launcher
from engines._support.cells import Cell
from engines._support.room import OUTPUT, Room
from jobs.contract import Context, Operation, Work

from .client import Client, new_text
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


@dataclass
class _Quiet:
    """A context for running an engine outside any worker."""

    owner: str = "bench"
    deadline: float = field(default_factory=lambda: time.monotonic() + 600)
    stopped: str | None = None

    def progress(self, percent: float, message: str | None = None) -> None:
        """Nobody looks."""

    def record(self, *, argv: object, output: str) -> None:
        """Nobody looks."""


def locking_in(bench: Bench) -> Row:
    """The smallest program, from its start in a room of its own to its end, over the same program bare."""

    def ours() -> float:
        with Cell(Room(write={OUTPUT: bench.folder}, start=OUTPUT)) as cell:
            deadline = time.monotonic() + 60
            return timed(lambda: launcher.run(["true"], cell=cell, deadline=deadline))

    took, floor = in_turn(bench.count, ours, lambda: bench.command("true"))
    return Row("locking a program in", took, floor, "true", 0.010, is_ratio=False, is_added=True)


def document(bench: Bench) -> Row:
    """DOCX to PDF, over the same conversion by the warm engine alone."""
    # The longest document among the samples, as a DOCX.
    made = bench.client.convert(bench.client.upload(SAMPLES / "jod_multi_page.doc"), output_format="docx")
    task = next(each["id"] for each in made["tasks"] if each["name"] == "convert")
    source = bench.folder / "pages.docx"
    _download(made, source)
    record = next(each for each in libreoffice.OPERATIONS if each.offers("docx", "pdf"))
    context: Context = _Quiet()
    ours, floor = in_turn(
        bench.count,
        lambda: timed(lambda: bench.client.convert(task, output_format="pdf")),
        lambda: _alone(record, source, context),
    )
    return Row("docx to pdf", ours, floor, "warm engine alone", 1.25, is_ratio=True)


def _alone(record: Operation, source: Path, context: Context) -> float:
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder, "in.docx")
        inside.write_bytes(source.read_bytes())
        out = Path(folder, "out")
        out.mkdir()
        options = {option.name: option.default for option in record.options}
        work = Work(
            inputs=(inside,), output_dir=out, input_format="docx", output_format="pdf", options=options
        )
        return timed(lambda: record.run(work, context))


def image(bench: Bench) -> Row:
    """A photo of 12 megapixels to WebP, 1920 pixels wide, over ImageMagick's command line."""
    from . import inputs

    source = inputs.photo(bench.folder)
    task = bench.client.upload(source)
    target = f"{bench.folder / 'floor.webp'}"
    ours, floor = in_turn(
        bench.count,
        lambda: timed(lambda: bench.client.convert(task, output_format="webp", width=1920)),
        lambda: bench.command("/usr/bin/convert", f"{source}", "-resize", "1920x", target),
    )
    return Row("12 MP jpg to webp 1920", ours, floor, "convert", 1.15, is_ratio=True)


def video(bench: Bench) -> Row:
    """Ten seconds of 1080p video, over ffmpeg with the same arguments."""
    from . import inputs

    source = inputs.clip(bench.folder)
    task = bench.client.upload(source)
    options = {"output_format": "mkv", "preset": "ultrafast", "height": 720}
    bench.client.convert(task, **options)
    argv = _arguments(bench, "ffmpeg", f"{source}", f"{bench.folder / 'floor.mkv'}")
    ours, floor = in_turn(
        bench.count,
        lambda: timed(lambda: bench.client.convert(task, **options)),
        lambda: bench.command(*argv),
    )
    return Row("10 s 1080p to 720p", ours, floor, "ffmpeg, same arguments", 1.05, is_ratio=True)


def pages(bench: Bench) -> Row:
    """A PDF of 20 pages to PNG pages, over pdftoppm."""
    source = _twenty_pages(bench)
    pdf = bench.client.upload(source)
    ours, floor = in_turn(
        bench.count,
        lambda: timed(lambda: bench.client.convert(pdf, output_format="png", pixel_density=150)),
        lambda: bench.command("pdftoppm", "-png", "-r", "150", f"{source}", f"{bench.folder / 'floor'}"),
    )
    return Row("20 pdf pages to png, 150 dpi", ours, floor, "pdftoppm", 0.33, is_ratio=True)


def _twenty_pages(bench: Bench) -> Path:
    from . import inputs

    made = bench.folder / "document.pdf"
    if not made.exists():
        task = bench.client.upload(SAMPLES / "jod_multi_page.doc")
        _download(bench.client.convert(task, output_format="pdf"), made)
    return inputs.repeated(made, times=5)


def _download(job: dict[str, object], into: Path) -> None:
    from urllib.request import urlopen

    tasks = job["tasks"]
    assert isinstance(tasks, list)
    url = next(each for each in tasks if each["name"] == "export")["result"]["files"][0]["url"]
    with urlopen(url) as answer:
        into.write_bytes(answer.read())


def _arguments(bench: Bench, program: str, source: str, target: str) -> list[str]:
    """Return the command line the worker used last, on files of ours."""
    import sqlite3

    with sqlite3.connect(f"file:{bench.about['database']}?mode=ro", uri=True) as database:
        query = "select arguments from jobs_task where engine = ? order by ended_at desc limit 1"
        [text] = database.execute(query, (program,)).fetchone()
    line = next(line for line in reversed(text.splitlines()) if line.startswith(program))
    argv = [source if word.endswith("/in.mp4") else word for word in line.split()]
    return [target if word.endswith("/in.mkv") else word for word in argv]


ROWS: tuple[Callable[[Bench], Row], ...] = (
    accepting,
    claiming,
    passing_through,
    locking_in,
    document,
    image,
    pages,
    video,
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
