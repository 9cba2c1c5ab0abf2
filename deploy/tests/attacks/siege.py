"""The stack under attack: jobs are posted all at once and then awaited, and nothing may come of them."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deploy.tests.conftest import Running

from .bait import Bait, shows
from .canary import Canary

PATIENCE = 200.0
ENDED = {"finished", "error"}
TASK_SECONDS = 60
"""What a hostile task may take, unless the test says otherwise."""


class Watching:
    """Takes its ``look`` at what goes on, again and again, while the block lasts."""

    seconds = 0.1
    """Between two looks."""

    def __init__(self, siege: Siege) -> None:
        self.siege = siege
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self.seconds):
            self.look()


@dataclass(frozen=True)
class End:
    """How a job ended: its task ``made``, and the files that ``out`` exported."""

    job: dict[str, Any]
    files: dict[str, bytes]

    @property
    def made(self) -> dict[str, Any]:
        """The task the attack is about."""
        found: dict[str, Any] = next(task for task in self.job["tasks"] if task["name"] == "made")
        return found

    @property
    def failed(self) -> bool:
        """Whether that task ended in an error."""
        return bool(self.made["status"] == "error")

    @property
    def words(self) -> str:
        """All that the customer is told."""
        return " ".join(f"{task['code'] or ''} {task['message'] or ''}" for task in self.job["tasks"])


@dataclass
class Siege:
    """A stack, what watches over it, and the means to attack it."""

    stack: Running
    bait: Bait
    canary: Canary
    origin: Canary
    """The only address that the operator allows."""
    worker: int
    """The process that must survive everything."""

    @property
    def logs(self) -> str:
        """Everything that any program of the stack logged."""
        return "\n".join(
            path.read_text(errors="replace") for path in sorted(self.stack.data_dir.glob("log/*.log*"))
        )

    def post(self, tasks: Mapping[str, Any], **more: Any) -> str:
        """Post a job and return its id."""
        answer = self.stack.api.post("/v2/jobs", json={"tasks": tasks, **more})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["data"]["id"])

    def end(self, job: str, *, files: bool = True) -> End:
        """Wait for a job's end."""
        until = time.monotonic() + PATIENCE
        while True:
            answer = self.stack.sync.get(f"/v2/jobs/{job}")
            assert answer.status_code == 200, answer.text
            shown = answer.json()["data"]
            if shown["status"] in ENDED:
                break
            assert time.monotonic() < until, f"The job does not end: {shown}"
        return End(shown, self._files(shown) if files else {})

    def ends(self, jobs: Mapping[str, Mapping[str, Any]], *, files: bool = True) -> dict[str, End]:
        """Run jobs, many at a time, and return how each ended."""
        ids = {name: self.post(tasks) for name, tasks in jobs.items()}
        return {name: self.end(job, files=files) for name, job in ids.items()}

    def run(self, tasks: Mapping[str, Any]) -> End:
        """Run one job."""
        return self.end(self.post(tasks))

    @staticmethod
    def _files(job: Mapping[str, Any]) -> dict[str, bytes]:
        found = {}
        for task in job["tasks"]:
            for file in (task["result"] or {}).get("files", ()):
                if "url" in file:
                    found[file["filename"]] = httpx.get(file["url"], timeout=60).content
        return found

    def harmless(self, end: End, *, pixels: bool = False) -> None:
        """Hold what came out against everything that must not be in it."""
        for name, data in end.files.items():
            assert not self.bait.traces(data), (name, end.words)
            assert not self.bait.traces(name.encode()), name
            assert not (pixels and shows(data)), f"{name} shows the secret picture"
        assert not self.bait.traces(end.words.encode()), end.words
        assert not self.places(end.words), end.words

    def places(self, words: str) -> list[str]:
        """Return the folders and machines of ours that a text names."""
        paths = re.findall(r"(?<![\w/.:])/(?:tmp|usr|var|proc|home|root|work|input|output|etc)/\S*", words)
        names = (f"{self.stack.data_dir}", os.uname().nodename)
        return [*paths, *(name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", words))]

    def unharmed(self) -> None:
        """Hold the service against what it was before the attack; wait for what ends by itself."""
        heard, self.canary.heard[:] = list(self.canary.heard), []
        assert not heard, f"the canary heard: {heard}"
        assert self.bait.strays() == [], "somebody wrote into the folder of the bait"
        assert self.worker == self.worker_now(), "the worker died"
        assert httpx.get(f"{self.stack.about['url']}/readyz").json()["workers"] > 0
        settled(lambda: not self.at_work(), self.at_work)
        settled(lambda: not self.left_behind(), self.left_behind)

    def worker_now(self) -> int:
        """Return the process id of the stack's worker."""
        return next(pid for pid in _pids() if _is_worker(pid, self.stack.data_dir))

    def at_work(self) -> list[str]:
        """Return the command lines of programs that run for a task; warm children at rest do not."""
        lines = [_line(pid) for pid in _children(self.worker)]
        return [line for line in lines if line and "_child.py" not in line]

    def left_behind(self) -> list[str]:
        """Return what lies in the work folder although nothing runs; a warm child's slot may."""
        planted = self.bait.work.parents[1].name if self.bait.work.name else ""
        names = [path.name for path in (self.stack.data_dir / "work").iterdir()]
        # Programs asked for their version make themselves at home.
        usual = {planted, ".cache", ".config", ".local", ".pki"}
        return [name for name in names if name not in usual and not name.startswith("athanor-")]

    def largest(self) -> int:
        """Return the memory of the largest process below the worker, in bytes."""
        return max((_resident(pid) for pid in _below(self.worker)), default=0)


def settled(condition: Callable[[], bool], what: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for something that happens by itself."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"still there after {seconds} s: {what()}"
        time.sleep(0.05)


def import_of(data: bytes | str, name: str) -> dict[str, Any]:
    """Return an import of a file that the customer sends along."""
    content = data.encode() if isinstance(data, str) else data
    return {"operation": "import/base64", "file": base64.b64encode(content).decode(), "filename": name}


def conversion(
    data: bytes | str, name: str, target: str, *, operation: str = "convert", **options: Any
) -> dict[str, Any]:
    """Return the tasks that convert a file and give out the result."""
    made = {"operation": operation, "input": "in", "output_format": target, "timeout": TASK_SECONDS}
    return {
        "in": import_of(data, name),
        "made": made | options,
        "out": {"operation": "export/url", "input": "made"},
    }


def _pids() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]


def _line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _is_worker(pid: int, data_dir: Path) -> bool:
    if not _line(pid).endswith("manage.py worker"):
        return False
    try:
        return f"ATHANOR_DATA_DIR={data_dir}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(
            b"\0"
        )
    except OSError:
        return False


def _parents() -> dict[int, int]:
    found = {}
    for pid in _pids():
        with contextlib.suppress(OSError, IndexError):
            state, parent, *_ = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            if state != "Z":
                found[pid] = int(parent)
    return found


def _children(pid: int) -> list[int]:
    return [child for child, parent in _parents().items() if parent == pid]


def _below(ancestor: int) -> list[int]:
    parents = _parents()
    found, fresh = set[int](), {ancestor}
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return sorted(found)


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0
